"""Whatever is ordered, no money appears and none is lost."""

from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from app.sandbox import state
from app.sandbox.account import Account
from app.sandbox.errors import VenueError
from app.sandbox.limits import Limits
from app.sandbox.markets import MARKETS
from app.sandbox.money import ZERO
from app.sandbox.orders import NewOrder, OrderType, SelfTrade, Side, TimeInForce
from app.sandbox.venue import Venue

FUNDS = {"USDT": Decimal(3_000_000), "BTC": Decimal(50), "ETH": Decimal(500), "DMG": Decimal(5_000)}
RULES = {rules.symbol: rules for rules in MARKETS}

# Basis points away from the house's price: few and near, so that most orders meet others.
prices = st.integers(-20, 20)
sizes = st.integers(1, 400)


@st.composite
def orders(draw: st.DrawFn) -> tuple[str, NewOrder]:
    symbol = draw(st.sampled_from(sorted(RULES)))
    rules = RULES[symbol]
    kind = draw(st.sampled_from([OrderType.LIMIT, *OrderType]))
    price, budget = ZERO, ZERO
    quantity = rules.quoting.lot * draw(sizes) / 100 // rules.step * rules.step
    if kind is OrderType.MARKET:
        if draw(st.booleans()):
            quantity, budget = ZERO, Decimal(draw(st.integers(1, 10**8))) / 1000
    else:
        price = rules.start_price * (1 + Decimal(draw(prices)) / 10_000)
        price = price // rules.tick * rules.tick
    limit = kind is OrderType.LIMIT
    return symbol, NewOrder(
        client_order_id=draw(st.sampled_from(["a", "b", "c"])) + str(draw(st.integers(0, 999))),
        side=draw(st.sampled_from(Side)),
        type=kind,
        time_in_force=draw(st.sampled_from(TimeInForce)) if limit else TimeInForce.GTC,
        price=price,
        quantity=quantity,
        quote_quantity=budget,
        self_trade=draw(st.sampled_from(SelfTrade)),
    )


step = st.one_of(
    st.tuples(st.just("place"), st.integers(0, 2), orders()),
    st.tuples(st.just("cancel"), st.integers(0, 2), st.integers(0, 20)),
    st.tuples(st.just("move"), st.just(0), prices),
)


def check(venue: Venue) -> None:
    accounts = venue.exchange.accounts.values()
    for asset, credited in venue.exchange.credited.items():
        held = [account.balances[asset] for account in accounts]
        assert all(balance.free >= 0 <= balance.locked for balance in held)
        assert sum(balance.free + balance.locked for balance in held) == credited
    for account in accounts:
        reserved: dict[str, Decimal] = dict.fromkeys(venue.exchange.credited, ZERO)
        for order in account.open_orders.values():
            assert order.is_open
            assert order.remaining > 0
            rules = venue.exchange.market(order.symbol).rules
            reserved[rules.quote if order.side is Side.BUY else rules.base] += order.reserved
        assert reserved == {asset: account.balances[asset].locked for asset in reserved}
    for live in venue.exchange.markets.values():
        bid, ask = live.book.bids.best(), live.book.asks.best()
        assert bid is None or ask is None or bid < ask, "a book is never left crossed"


def run(venue: Venue, trader: Account, what: str, argument: object) -> None:
    if what == "place":
        assert isinstance(argument, tuple)
        symbol, new = argument
        try:
            venue.exchange.place(trader, symbol, new)
        except VenueError:
            return
        venue.house.refill(symbol)
    elif what == "cancel" and trader.open_orders:
        assert isinstance(argument, int)
        resting = list(trader.open_orders.values())
        venue.exchange.cancel(resting[argument % len(resting)])
    elif what == "move":
        assert isinstance(argument, int)
        rules = venue.exchange.market("ETHBTC").rules
        price = rules.start_price * (1 + Decimal(argument) / 2_000)
        venue.house.move("ETHBTC", price // rules.tick * rules.tick)


@settings(deadline=None, max_examples=50)
@given(st.lists(step, min_size=20, max_size=60))
def test_balances_are_conserved_over_any_sequence_of_orders(
    steps: list[tuple[str, int, object]],
) -> None:
    venue = Venue(seed=1, limits=Limits(), clock=lambda: 1_700_000_000_000)
    venue.house.open_markets()
    traders = [venue.exchange.open_account(str(uid)) for uid in (1, 2, 3)]
    for trader in traders:
        for asset, amount in FUNDS.items():
            venue.exchange.credit(trader, asset, amount)
    for what, who, argument in steps:
        run(venue, traders[who], what, argument)
        check(venue)
    again = Venue(seed=1, limits=Limits(), clock=lambda: 1_700_000_000_000)
    state.restore(again, state.encode(venue))
    again.house.open_markets()
    check(again)
