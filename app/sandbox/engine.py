"""The exchange: accounts, markets, and the two things a client can do to them.

An order is (1) checked against the filters, (2) planned, (3) covered by a lock on the account's
funds, (4) executed, (5) left on the book, filled or expired. Nothing moves before (3), and (3)
refuses without a trace.
"""

import secrets
from collections import defaultdict
from collections.abc import Callable
from decimal import Decimal

from app.sandbox.account import Account
from app.sandbox.book import Book
from app.sandbox.errors import bad_symbol, rejected
from app.sandbox.filters import check_order
from app.sandbox.markets import FEE_RATE, Market
from app.sandbox.matching import Plan, PlannedFill, plan_match
from app.sandbox.money import ZERO, trunc8
from app.sandbox.orders import NewOrder, Order, OrderType, Side, Status, TimeInForce, Trade
from app.sandbox.ticker import Ticker

HOUSE = "house"
FEES = "fees"


class LiveMarket:
    """One symbol at run time. Order and trade ids count up per symbol, as on the venue."""

    def __init__(self, rules: Market) -> None:
        self.rules = rules
        self.book = Book()
        self.ticker = Ticker(rules.start_price)
        self.base_price = rules.start_price
        self.next_order_id = 1
        self.next_trade_id = 1
        self.update_id = 1  # grows with every change of the book


class Exchange:
    """Not thread-safe; every method runs to its end without awaiting."""

    def __init__(self, markets: tuple[Market, ...], *, clock: Callable[[], int]) -> None:
        self.clock = clock
        self.markets = {market.symbol: LiveMarket(market) for market in markets}
        self.accounts: dict[str, Account] = {
            HOUSE: Account(HOUSE, history=0),
            FEES: Account(FEES, history=0),
        }
        self.credited: defaultdict[str, Decimal] = defaultdict(Decimal)

    def market(self, symbol: str) -> LiveMarket:
        live = self.markets.get(symbol)
        if live is None:
            raise bad_symbol()
        return live

    def open_account(self, account_id: str | None = None) -> Account:
        account = Account(account_id or str(10_000_000 + secrets.randbelow(90_000_000)))
        self.accounts[account.account_id] = account
        return account

    def credit(self, account: Account, asset: str, amount: Decimal) -> None:
        """Money from nowhere: the only place where the sum per asset grows."""
        account.credit(asset, amount)
        self.credited[asset] += amount

    def place(self, account: Account, symbol: str, new: NewOrder) -> tuple[Order, list[Trade]]:
        """Take an order; return it as it stands afterwards, with the taker's trades."""
        live, now = self.market(symbol), self.clock()
        if account.account_id != HOUSE:
            check_order(  # (1)
                live.rules,
                new,
                last_price=live.ticker.last_price,
                open_orders=account.open_count(symbol),
            )
            twin = account.order_by_client_id(symbol, new.client_order_id)
            if twin is not None and twin.is_open:
                raise rejected("Duplicate order sent.")
        if new.type is OrderType.LIMIT_MAKER and live.book.crosses(new.side, new.price):
            raise rejected("Order would immediately match and take.")
        plan = plan_match(  # (2)
            live.book, new, account_id=account.account_id, step=live.rules.step
        )
        if new.time_in_force is TimeInForce.FOK and plan.quantity < new.quantity:
            plan = Plan(fills=[], expired_makers=[])
        order = self._admit(account, live, new, plan, now)  # (3)
        for maker in plan.expired_makers:
            self._close(live, maker, Status.EXPIRED_IN_MATCH, now)
        trades = [self._execute(live, order, fill, now) for fill in plan.fills]  # (4)
        self._rest_or_expire(live, order, plan, now)  # (5)
        account.add_order(order)
        account.update_time = now
        live.update_id += 1
        return order, trades

    def cancel(self, order: Order) -> None:
        self._close(self.market(order.symbol), order, Status.CANCELED, self.clock())

    def _admit(
        self, account: Account, live: LiveMarket, new: NewOrder, plan: Plan, now: int
    ) -> Order:
        rules = live.rules
        by_quote = not new.quantity
        quantity = plan.quantity if by_quote else new.quantity
        if new.side is Side.SELL:
            asset, reserve = rules.base, quantity
        elif new.type is not OrderType.MARKET:
            asset, reserve = rules.quote, trunc8(new.price * quantity)
        else:
            # The budget has to be there even where the book is too thin to spend it.
            if account.balances[rules.quote].free < new.quote_quantity:
                account.lock(rules.quote, new.quote_quantity)
            asset, reserve = rules.quote, plan.cost
        account.lock(asset, reserve)
        order = Order(
            symbol=rules.symbol,
            order_id=live.next_order_id,
            account_id=account.account_id,
            client_order_id=new.client_order_id,
            side=new.side,
            type=new.type,
            time_in_force=new.time_in_force,
            price=new.price,
            quantity=quantity,
            quote_quantity=new.quote_quantity,
            self_trade=new.self_trade,
            time=now,
            update_time=now,
            reserved=reserve,
        )
        live.next_order_id += 1
        return order

    def _execute(self, live: LiveMarket, taker: Order, fill: PlannedFill, now: int) -> Trade:
        trade_id, price = live.next_trade_id, fill.maker.price
        live.next_trade_id += 1
        taken = self._settle(live, taker, fill, trade_id, now)
        self._settle(live, fill.maker, fill, trade_id, now)
        live.ticker.trade(
            price=price, quantity=fill.quantity, quote=fill.cost, trade_id=trade_id, now=now
        )
        if fill.maker.remaining == 0:
            self._close(live, fill.maker, Status.FILLED, now)
        return taken

    def _settle(
        self, live: LiveMarket, order: Order, fill: PlannedFill, trade_id: int, now: int
    ) -> Trade:
        """Move one side's money: out of its reserve, into its free balance, less the fee."""
        rules, account = live.rules, self.accounts[order.account_id]
        buys = order.side is Side.BUY
        paid_asset, got_asset = (rules.quote, rules.base) if buys else (rules.base, rules.quote)
        paid, got = (fill.cost, fill.quantity) if buys else (fill.quantity, fill.cost)
        fee = trunc8(got * FEE_RATE)
        account.pay_from_locked(paid_asset, paid)
        order.reserved -= paid
        account.credit(got_asset, got - fee)
        self.accounts[FEES].credit(got_asset, fee)
        order.executed += fill.quantity
        order.cumulative_quote += fill.cost
        order.status = Status.PARTIALLY_FILLED if order.remaining else Status.FILLED
        order.update_time = account.update_time = now
        if buys and order.type is not OrderType.MARKET:
            # A better price than the limit leaves a rest: it is free again now. Never less than
            # nothing, because floor(x) - floor(y) >= floor(x - y).
            self._release(live, order, keep=trunc8(order.price * order.remaining))
        trade = Trade(
            symbol=rules.symbol,
            trade_id=trade_id,
            order_id=order.order_id,
            account_id=order.account_id,
            price=fill.maker.price,
            quantity=fill.quantity,
            quote=fill.cost,
            commission=fee,
            commission_asset=got_asset,
            time=now,
            is_buyer=buys,
            is_maker=order is fill.maker,
        )
        account.add_trade(trade)
        return trade

    def _rest_or_expire(self, live: LiveMarket, order: Order, plan: Plan, now: int) -> None:
        rests = order.time_in_force is TimeInForce.GTC and order.type is not OrderType.MARKET
        if plan.taker_expired:
            order.status = Status.EXPIRED_IN_MATCH
        elif order.executed and order.remaining == 0 and not plan.exhausted:
            order.status = Status.FILLED
        elif rests:
            live.book.side(order.side).add(order)
            return
        else:
            order.status = Status.EXPIRED
        order.update_time = now
        self._release(live, order, keep=ZERO)

    def _close(self, live: LiveMarket, order: Order, status: Status, now: int) -> None:
        """Take a resting order off the book and give back what it still holds."""
        live.book.side(order.side).remove(order)
        live.update_id += 1
        order.status, order.update_time = status, now
        self._release(live, order, keep=ZERO)
        account = self.accounts[order.account_id]
        account.update_time = now
        account.order_closed(order)

    def _release(self, live: LiveMarket, order: Order, *, keep: Decimal) -> None:
        asset = live.rules.quote if order.side is Side.BUY else live.rules.base
        self.accounts[order.account_id].unlock(asset, order.reserved - keep)
        order.reserved = keep
