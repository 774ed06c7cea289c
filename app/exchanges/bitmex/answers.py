"""BitMEX's answers: numbers are JSON numbers, bitcoin is counted in satoshi (XBt)."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from app.exchanges import pinning, reading, strictjson
from app.exchanges.bitmex.table import MAX_ROWS
from app.exchanges.dialect import Verb
from app.exchanges.errors import PermissionsRefused, VenueAnswerUnknown, VenueSaidNo
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

_STATES = {
    "New": OrderState.ACCEPTED,
    "PartiallyFilled": OrderState.PARTIALLY_FILLED,
    "Filled": OrderState.FILLED,
    "Canceled": OrderState.CANCELLED,
    "Expired": OrderState.CANCELLED,
    "Rejected": OrderState.REJECTED,
}
_DECIDED = frozenset({400, 401, 403, 429})
_NEEDED = frozenset({"order"})
_ALLOWED = frozenset({"orderCancel"})
_SATOSHI = -8
_PERPETUAL = "FFWCSX"
_KEEP = ("symbol", "typ", "state", "underlying", "quoteCurrency", "settlCurrency", "isInverse",
         "isQuanto", "multiplier", "lotSize", "tickSize", "maxPrice", "maxOrderQty")  # fmt: skip
_ONE_DOLLAR = -100_000_000
"""`multiplier` of a contract that is one US dollar, in satoshi; negative because it is inverse."""


class BitmexAnswers(reading.Reading):
    def _unwrap(self, status: int, body: bytes) -> Any:
        answer = strictjson.decode(body)
        if status == reading.OK:
            return answer
        told = strictjson.table(strictjson.table(answer).get("error"))
        name = strictjson.text(told, "name")
        # A duplicate is refused because the first one arrived.
        duplicate = "duplicate" in str(told.get("message", "")).lower()
        decided = status in _DECIDED and not duplicate
        raise VenueSaidNo(f"{status}:{name}", decided=decided)

    def _outcome(self, inside: Any, verb: Verb) -> OrderOutcome:
        rows = [inside] if verb == "order" else inside
        row = reading.only(strictjson.rows(rows), "order")
        if row.get("error"):
            raise VenueSaidNo("error", decided=False)
        filled = strictjson.numeral(row, "cumQty")
        return OrderOutcome(
            state=reading.state_of(row, "ordStatus", _STATES),
            market=strictjson.text(row, "symbol"),
            client_order_id=strictjson.optional_text(row, "clOrdID"),
            venue_order_id=strictjson.text(row, "orderID"),
            filled_quantity=filled,
            filled_quote=filled,  # a contract is one unit of quote currency
            average_price=_number_or_none(row, "avgPx"),
        )

    def parse_permissions(self, status: int, body: bytes) -> VenuePermissions:
        # The list has every key of the account, and the answer does not say which one asked.
        row = reading.only(strictjson.rows(self._unwrap(status, body)), "several_keys")
        granted, addresses = row.get("permissions"), row.get("cidr")
        if not isinstance(granted, list) or not isinstance(addresses, str):
            raise VenueAnswerUnknown(rule="permissions")
        if row.get("enabled") is not True:
            raise PermissionsRefused(rule="enabled")
        names = [name if isinstance(name, str) else "unknown" for name in granted]
        return VenuePermissions(
            rights=reading.check_rights(names, needed=_NEEDED, allowed=_ALLOWED),
            ip_restricted=addresses not in {"", "0.0.0.0/0", "::/0"},
            created_at=strictjson.moment_in_iso(row, "created"),
            trading_expires_at=None,
        )

    def parse_balances(self, status: int, body: bytes) -> tuple[VenueBalance, ...]:
        row = strictjson.table(self._unwrap(status, body))
        if row.get("currency") != "XBt":
            raise VenueAnswerUnknown(rule="currency")
        return reading.balances_of(
            [
                VenueBalance(
                    asset="XBT",
                    free=Decimal(strictjson.number(row, "availableMargin")).scaleb(_SATOSHI),
                    locked=Decimal(strictjson.number(row, "initMargin")).scaleb(_SATOSHI),
                )
            ]
        )

    def parse_open_orders(self, status: int, body: bytes) -> tuple[OpenOrder, ...]:
        rows = strictjson.rows(self._unwrap(status, body))
        if len(rows) >= MAX_ROWS:
            raise VenueAnswerUnknown(rule="more_pages")
        return tuple(_open_order(row) for row in rows)

    def parse_trades(self, status: int, body: bytes) -> tuple[VenueTrade, ...]:
        return tuple(_trade(row) for row in strictjson.rows(self._unwrap(status, body)))

    def parse_ticker(self, status: int, body: bytes, *, market: str) -> VenueTicker:
        row = reading.only(strictjson.rows(self._unwrap(status, body)), "instrument")
        if row.get("symbol") != market:
            raise VenueAnswerUnknown(rule="symbol")
        tops = [strictjson.numeral(row, name) for name in ("bidPrice", "askPrice", "lastPrice")]
        return reading.ticker_of(market, *tops)

    def parse_market(
        self, status: int, body: bytes, *, market: str, as_of: datetime
    ) -> MarketSnapshot:
        entry = reading.only(strictjson.rows(self._unwrap(status, body)), "instrument")
        return pinning.snapshot_of(
            self.venue, entry, describe, market=market, keep=_KEEP, as_of=as_of
        )

    def ticker_request(self, market: str) -> PublicRequest:
        return self.market_request(market)

    def market_request(self, market: str) -> PublicRequest:
        if not market.isascii() or not market.isalnum():
            raise VenueAnswerUnknown(rule="symbol")
        return PublicRequest(path_and_query=f"/api/v1/instrument?symbol={market}")


def describe(entry: dict[str, Any]) -> Description:
    """An inverse perpetual whose contract is one dollar; anything else is not offered."""
    kind = tuple(entry.get(name) for name in ("typ", "isInverse", "isQuanto", "multiplier"))
    if kind != (_PERPETUAL, True, False, _ONE_DOLLAR):
        raise VenueAnswerUnknown(rule="not_inverse")
    if (entry.get("settlCurrency"), entry.get("quoteCurrency")) != ("XBt", "USD"):
        raise VenueAnswerUnknown(rule="settlCurrency")
    return Description(
        market=strictjson.text(entry, "symbol"),
        base=strictjson.text(entry, "underlying"),
        quote="USD",
        settle="XBT",
        product="inverse",
        contract_size=Decimal(1),
        trading=entry.get("state") == "Open",
        order_types=pinning.BOTH,
        filters=pinning.filters(
            tick_size=strictjson.numeral(entry, "tickSize"),
            max_price=strictjson.numeral(entry, "maxPrice"),
            step_size=strictjson.numeral(entry, "lotSize"),
            min_quantity=strictjson.numeral(entry, "lotSize"),
            max_quantity=strictjson.numeral(entry, "maxOrderQty"),
        ),
    )


def _number_or_none(row: dict[str, Any], name: str) -> Decimal | None:
    return None if row.get(name) is None else strictjson.numeral(row, name)


def _open_order(row: dict[str, Any]) -> OpenOrder:
    kind, how = strictjson.text(row, "ordType"), str(row.get("execInst") or "")
    closes = "ReduceOnly" in how or "Close" in how
    return OpenOrder(
        market=strictjson.text(row, "symbol"),
        venue_order_id=strictjson.text(row, "orderID"),
        client_order_id=strictjson.optional_text(row, "clOrdID") or "",
        side=reading.side_of(row, "side", "Buy", "Sell"),
        type=kind.lower(),
        protective=closes or kind not in {"Limit", "Market"},
        quantity=strictjson.numeral(row, "orderQty"),
        filled_quantity=strictjson.numeral(row, "cumQty"),
        price=_number_or_none(row, "price"),
        time_in_force=strictjson.text(row, "timeInForce"),
        created_at=strictjson.moment_in_iso(row, "timestamp"),
    )


def _trade(row: dict[str, Any]) -> VenueTrade:
    quantity = strictjson.numeral(row, "lastQty")
    if row.get("settlCurrency") != "XBt":
        raise VenueAnswerUnknown(rule="settlCurrency")
    return VenueTrade(
        market=strictjson.text(row, "symbol"),
        venue_order_id=strictjson.text(row, "orderID"),
        venue_trade_id=strictjson.text(row, "execID"),
        side=reading.side_of(row, "side", "Buy", "Sell"),
        price=strictjson.numeral(row, "lastPx"),
        quantity=quantity,
        quote_quantity=quantity,
        fee=Fee(asset="XBT", amount=strictjson.signed_numeral(row, "execComm").scaleb(_SATOSHI)),
        executed_at=strictjson.moment_in_iso(row, "transactTime"),
    )
