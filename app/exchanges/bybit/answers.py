"""Bybit's answers: `{"retCode": 0, "result": …}`, everything in strings."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from app.exchanges import pinning, reading, strictjson
from app.exchanges.bybit.table import MAX_OPEN_ORDERS
from app.exchanges.dialect import Verb
from app.exchanges.errors import VenueAnswerUnknown, VenueSaidNo
from app.exchanges.models import (
    Fee,
    MarketSnapshot,
    OpenOrder,
    OrderOutcome,
    OrderState,
    PublicRequest,
    VenueBalance,
    VenuePermissions,
    VenueTicker,
    VenueTrade,
)
from app.exchanges.pinning import Description
from app.exchanges.venues import Venue

_STATES = {
    "New": OrderState.ACCEPTED,
    "Untriggered": OrderState.ACCEPTED,
    "PartiallyFilled": OrderState.PARTIALLY_FILLED,
    "Filled": OrderState.FILLED,
    "Cancelled": OrderState.CANCELLED,
    "PartiallyFilledCanceled": OrderState.CANCELLED,
    "Deactivated": OrderState.CANCELLED,
    "Rejected": OrderState.REJECTED,
}
_DECIDED = frozenset(
    {10001, 10002, 10003, 10004, 10005, 10006, 10007, 10009, 10010, 10024, 10027, 10028, 10029,
     33004, 110003, 110004, 110006, 110007, 110012, 110017, 110020, 110021, 110023, 110032, 110044,
     110045, 110051, 110052, 110053, 110066, 110070, 110074, 170005, 170031, 170033, 170105, 170115,
     170116, 170117, 170121, 170124, 170130, 170131, 170132, 170133, 170134, 170136, 170137, 170140,
     170148, 170151, 170157, 170192, 170193, 170194, 170210}
)  # fmt: skip
"""From the document "Error Codes": refusals of what was asked, or of who asks. Timeouts, server
errors and duplicates are not among them."""
_RIGHTS = {
    "spot": frozenset({"Spot:SpotTrade"}),
    "linear": frozenset({"ContractTrade:Order", "ContractTrade:Position"}),
    "inverse": frozenset({"ContractTrade:Order", "ContractTrade:Position"}),
}
_ALLOWED = frozenset({"Derivatives:DerivativesTrade"})
"""A unified account always has it; without a right of the product it trades nothing there."""
_KEEP = ("symbol", "contractType", "status", "baseCoin", "quoteCoin", "settleCoin", "priceFilter",
         "lotSizeFilter")  # fmt: skip


class BybitAnswers(reading.Reading):
    def __init__(self, row: Venue) -> None:
        super().__init__(row.id)
        self._row = row

    def _unwrap(self, status: int, body: bytes) -> dict[str, Any]:
        answer = strictjson.table(strictjson.decode(body))
        code = answer.get("retCode")
        if type(code) is not int or status != reading.OK:
            raise VenueAnswerUnknown(rule=f"http-{status}")
        if code != 0:
            raise VenueSaidNo(str(code), decided=code in _DECIDED)
        return strictjson.table(answer.get("result"))

    def _rows(self, status: int, body: bytes) -> list[dict[str, Any]]:
        return strictjson.rows(self._unwrap(status, body).get("list"))

    def _outcome(self, inside: dict[str, Any], verb: Verb) -> OrderOutcome:
        if verb == "status":
            row = reading.only(strictjson.rows(inside.get("list")), "list")
            return self._told(row)
        ids = strictjson.text(inside, "orderId"), strictjson.text(inside, "orderLinkId")
        if verb == "order":
            return reading.accepted(*ids)
        # A cancel is carried out later; what became of the order is a question of its own.
        return OrderOutcome(state=OrderState.UNKNOWN, venue_order_id=ids[0], client_order_id=ids[1])

    def _told(self, row: dict[str, Any]) -> OrderOutcome:
        filled = strictjson.decimal(row, "cumExecQty")
        # A contract of the inverse kind is one unit of quote currency.
        inverse = self._row.product == "inverse"
        return OrderOutcome(
            state=reading.state_of(row, "orderStatus", _STATES),
            market=strictjson.text(row, "symbol"),
            client_order_id=strictjson.optional_text(row, "orderLinkId"),
            venue_order_id=strictjson.text(row, "orderId"),
            filled_quantity=filled,
            filled_quote=filled if inverse else strictjson.decimal(row, "cumExecValue"),
            average_price=strictjson.optional_decimal(row, "avgPrice"),
        )

    def parse_permissions(self, status: int, body: bytes) -> VenuePermissions:
        inside = self._unwrap(status, body)
        granted, addresses = strictjson.table(inside.get("permissions")), inside.get("ips")
        if not isinstance(addresses, list) or type(inside.get("readOnly")) is not int:
            raise VenueAnswerUnknown(rule="ips")
        names = [f"{kind}:{right}" for kind, rights in granted.items() for right in _list(rights)]
        if inside["readOnly"] != 0:
            names = ["readOnly", *names]
        rights = reading.check_rights(names, needed=_RIGHTS[self._row.product], allowed=_ALLOWED)
        return VenuePermissions(
            rights=rights,
            ip_restricted=bool(addresses) and addresses != ["*"],
            created_at=strictjson.moment_in_iso(inside, "createdAt"),
            trading_expires_at=_expiry(inside),
        )

    def parse_balances(self, status: int, body: bytes) -> tuple[VenueBalance, ...]:
        account = reading.only(self._rows(status, body), "list")
        found = []
        for row in strictjson.rows(account.get("coin")):
            held, locked = (
                strictjson.decimal(row, "walletBalance"),
                strictjson.decimal(row, "locked"),
            )
            if locked > held:
                raise VenueAnswerUnknown(rule="locked")
            asset = strictjson.text(row, "coin")
            found.append(VenueBalance(asset=asset, free=held - locked, locked=locked))
        return reading.balances_of(found)

    def parse_open_orders(self, status: int, body: bytes) -> tuple[OpenOrder, ...]:
        rows = self._rows(status, body)
        if len(rows) >= MAX_OPEN_ORDERS:
            raise VenueAnswerUnknown(rule="more_pages")
        return tuple(_open_order(row) for row in rows)

    def parse_trades(self, status: int, body: bytes) -> tuple[VenueTrade, ...]:
        return tuple(self._trade(row) for row in self._rows(status, body))

    def parse_ticker(self, status: int, body: bytes, *, market: str) -> VenueTicker:
        row = reading.only(self._rows(status, body), "list")
        if row.get("symbol") != market:
            raise VenueAnswerUnknown(rule="symbol")
        tops = [strictjson.decimal(row, name) for name in ("bid1Price", "ask1Price", "lastPrice")]
        return reading.ticker_of(market, *tops)

    def parse_market(
        self, status: int, body: bytes, *, market: str, as_of: datetime
    ) -> MarketSnapshot:
        entry = reading.only(self._rows(status, body), "list")
        return pinning.snapshot_of(
            self.venue, entry, self._describe, market=market, keep=_KEEP, as_of=as_of
        )

    def ticker_request(self, market: str) -> PublicRequest:
        return self._public("/v5/market/tickers", market)

    def market_request(self, market: str) -> PublicRequest:
        return self._public("/v5/market/instruments-info", market)

    def _public(self, path: str, market: str) -> PublicRequest:
        if not market.isascii() or not market.isalnum():
            raise VenueAnswerUnknown(rule="symbol")
        query = f"category={self._row.product}&symbol={market}"
        return PublicRequest(path_and_query=f"{path}?{query}")

    def _describe(self, entry: dict[str, Any]) -> Description:
        product, lot = self._row.product, strictjson.table(entry.get("lotSizeFilter"))
        price = strictjson.table(entry.get("priceFilter"))
        spot = product == "spot"
        base, quote = strictjson.text(entry, "baseCoin"), strictjson.text(entry, "quoteCoin")
        kind = {"spot": None, "linear": "LinearPerpetual", "inverse": "InversePerpetual"}[product]
        settle = None if spot else strictjson.text(entry, "settleCoin")
        expected = {"spot": None, "linear": self._row.settles_in, "inverse": base}[product]
        if (entry.get("contractType"), settle) != (kind, expected):
            raise VenueAnswerUnknown(rule="contractType")
        return Description(
            market=strictjson.text(entry, "symbol"),
            base=base,
            quote=quote,
            trading=entry.get("status") == "Trading",
            order_types=("limit", "market"),
            product=product,
            settle=settle,
            # Linear: quantities are in base currency. Inverse: one contract is one US dollar.
            contract_size=None if spot else Decimal(1),
            filters=pinning.filters(
                tick_size=strictjson.optional_decimal(price, "tickSize"),
                min_price=strictjson.optional_decimal(price, "minPrice"),
                max_price=strictjson.optional_decimal(price, "maxPrice"),
                step_size=strictjson.decimal(lot, "basePrecision" if spot else "qtyStep"),
                min_quantity=strictjson.optional_decimal(lot, "minOrderQty"),
                max_quantity=strictjson.optional_decimal(lot, "maxOrderQty")
                or strictjson.optional_decimal(lot, "maxLimitOrderQty"),
                min_notional=strictjson.optional_decimal(
                    lot, "minOrderAmt" if spot else "minNotionalValue"
                ),
            ),
        )

    def _trade(self, row: dict[str, Any]) -> VenueTrade:
        market, quantity = strictjson.text(row, "symbol"), strictjson.decimal(row, "execQty")
        inverse = self._row.product == "inverse"
        settle = market.removesuffix("USD") if inverse else self._row.settles_in
        fee = row.get("feeCurrency") or settle
        return VenueTrade(
            market=market,
            venue_order_id=strictjson.text(row, "orderId"),
            venue_trade_id=strictjson.text(row, "execId"),
            side=reading.side_of(row, "side", "Buy", "Sell"),
            price=strictjson.decimal(row, "execPrice"),
            quantity=quantity,
            quote_quantity=quantity if inverse else strictjson.decimal(row, "execValue"),
            fee=Fee(
                asset=strictjson.text({"feeCurrency": fee}, "feeCurrency"),
                amount=strictjson.signed_decimal(row, "execFee"),
            ),
            executed_at=strictjson.moment_in_text(row, "execTime"),
        )


def _list(rights: Any) -> list[str]:
    """Names of rights; anything that is no list of names is itself a right nobody knows."""
    if isinstance(rights, list) and all(isinstance(name, str) for name in rights):
        return rights
    return ["unknown"]


def _expiry(inside: dict[str, Any]) -> datetime | None:
    if inside.get("expiredAt") == "1970-01-01T00:00:00Z":  # bound to addresses: does not expire
        return None
    return strictjson.moment_in_iso(inside, "expiredAt").astimezone(UTC)


def _open_order(row: dict[str, Any]) -> OpenOrder:
    stop = row.get("stopOrderType")
    protective = stop not in (None, "", "UNKNOWN")
    kind = strictjson.text(row, "orderType").lower()
    return OpenOrder(
        market=strictjson.text(row, "symbol"),
        venue_order_id=strictjson.text(row, "orderId"),
        client_order_id=strictjson.optional_text(row, "orderLinkId") or "",
        side=reading.side_of(row, "side", "Buy", "Sell"),
        type=f"{stop}_{kind}".lower() if protective else kind,
        protective=protective or row.get("reduceOnly") is True,
        quantity=strictjson.decimal(row, "qty"),
        filled_quantity=strictjson.decimal(row, "cumExecQty"),
        price=strictjson.optional_decimal(row, "price"),
        time_in_force=strictjson.text(row, "timeInForce"),
        created_at=strictjson.moment_in_text(row, "createdTime"),
    )
