"""One Trading's answers: money in strings, times in RFC 3339, order and trades side by side."""

from datetime import datetime
from typing import Any

from app.exchanges import pinning, reading, strictjson
from app.exchanges.client_ids import of_wire_uuid
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

_STATES = {
    "OPEN": OrderState.ACCEPTED,
    "FILLED": OrderState.PARTIALLY_FILLED,
    "FILLED_FULLY": OrderState.FILLED,
    "FILLED_CLOSED": OrderState.CANCELLED,
    "CLOSED": OrderState.CANCELLED,
    "REJECTED": OrderState.REJECTED,
}
_DECIDED = frozenset({
    "INSUFFICIENT_FUNDS", "INVALID_INSTRUMENT_CODE", "INSTRUMENT_NOT_FOUND", "INVALID_PRICE",
    "INVALID_AMOUNT", "MIN_SIZE_NOT_SATISFIED", "BAD_AMOUNT_PRECISION", "BAD_PRICE_PRECISION",
    "INVALID_TIME_IN_FORCE", "INVALID_APIKEY", "INVALID_SCOPES", "INVALID_IP",
})  # fmt: skip
_OK = frozenset({200, 201})
_KEEP = ("id", "state", "base", "quote", "amount_precision", "market_precision", "min_size", "type")


class OneTradingAnswers(reading.Reading):
    def _unwrap(self, status: int, body: bytes) -> Any:
        answer = strictjson.decode(body)
        if status in _OK:
            return answer
        code = strictjson.text(strictjson.table(answer), "error")
        client_error = 400 <= status < 500  # noqa: PLR2004
        raise VenueSaidNo(code, decided=client_error and code in _DECIDED)

    def _outcome(self, inside: Any, verb: Verb) -> OrderOutcome:
        row = strictjson.table(inside)
        if verb == "order":
            return reading.accepted(strictjson.text(row, "order_id"), _client_id(row))
        if verb == "cancel":
            raise VenueAnswerUnknown(rule="cancel")
        told = strictjson.table(row.get("order"))
        filled = strictjson.decimal(told, "filled_amount")
        price = strictjson.optional_decimal(told, "average_price")
        return OrderOutcome(
            state=reading.state_of(told, "status", _STATES),
            market=strictjson.text(told, "instrument_code"),
            client_order_id=_client_id(told),
            venue_order_id=strictjson.text(told, "order_id"),
            filled_quantity=filled,
            filled_quote=None if price is None else reading.product(price, filled),
            average_price=price,
        )

    def parse_permissions(self, status: int, body: bytes) -> VenuePermissions:
        del status, body
        raise VenueAnswerUnknown(rule="permissions")  # nothing there tells the rights of a token

    def parse_balances(self, status: int, body: bytes) -> tuple[VenueBalance, ...]:
        inside = strictjson.table(self._unwrap(status, body))
        return reading.balances_of(
            [
                VenueBalance(
                    asset=strictjson.text(row, "currency_code"),
                    free=strictjson.decimal(row, "available"),
                    locked=strictjson.decimal(row, "locked"),
                )
                for row in strictjson.rows(inside.get("balances"))
            ]
        )

    def parse_open_orders(self, status: int, body: bytes) -> tuple[OpenOrder, ...]:
        inside = strictjson.table(self._unwrap(status, body))
        if inside.get("cursor"):
            raise VenueAnswerUnknown(rule="more_pages")
        rows = strictjson.rows(inside.get("order_history"))
        return tuple(_open_order(strictjson.table(row.get("order"))) for row in rows)

    def parse_trades(self, status: int, body: bytes) -> tuple[VenueTrade, ...]:
        inside = strictjson.table(self._unwrap(status, body))
        return tuple(_trade(row) for row in strictjson.rows(inside.get("trade_history")))

    def parse_ticker(self, status: int, body: bytes, *, market: str) -> VenueTicker:
        row = strictjson.table(self._unwrap(status, body))
        if row.get("instrument_code") != market:
            raise VenueAnswerUnknown(rule="instrument_code")
        tops = [strictjson.decimal(row, name) for name in ("best_bid", "best_ask", "last_price")]
        return reading.ticker_of(market, *tops)

    def parse_market(
        self, status: int, body: bytes, *, market: str, as_of: datetime
    ) -> MarketSnapshot:
        every = strictjson.rows(self._unwrap(status, body))
        entry = reading.only([row for row in every if row.get("id") == market], "id")
        return pinning.snapshot_of(
            self.venue, entry, describe, market=market, keep=_KEEP, as_of=as_of
        )

    def ticker_request(self, market: str) -> PublicRequest:
        if not market.isascii() or not market.replace("_", "").isalnum():
            raise VenueAnswerUnknown(rule="instrument_code")
        return PublicRequest(path_and_query=f"/fast/v1/market-ticker/{market}")

    def market_request(self, market: str) -> PublicRequest:
        """The whole list: this interface describes no single market."""
        self.ticker_request(market)
        return PublicRequest(path_and_query="/fast/v1/instruments")


def describe(entry: dict[str, Any]) -> Description:
    if entry.get("type", "SPOT") != "SPOT":
        raise VenueAnswerUnknown(rule="type")
    return Description(
        market=strictjson.text(entry, "id"),
        base=strictjson.text(strictjson.table(entry.get("base")), "code"),
        quote=strictjson.text(strictjson.table(entry.get("quote")), "code"),
        trading=entry.get("state") == "ACTIVE",
        order_types=pinning.BOTH,
        filters=pinning.filters(
            tick_size=pinning.power_of_ten(entry.get("market_precision"), "market_precision"),
            step_size=pinning.power_of_ten(entry.get("amount_precision"), "amount_precision"),
            min_notional=strictjson.optional_decimal(entry, "min_size"),
        ),
    )


def _client_id(row: dict[str, Any]) -> str | None:
    text = row.get("client_id")
    return of_wire_uuid(strictjson.text(row, "client_id")) if text else None


def _open_order(row: dict[str, Any]) -> OpenOrder:
    kind = strictjson.text(row, "type")
    return OpenOrder(
        market=strictjson.text(row, "instrument_code"),
        venue_order_id=strictjson.text(row, "order_id"),
        client_order_id=_client_id(row) or "",
        side=reading.side_of(row, "side", "BUY", "SELL"),
        type=kind.lower(),
        protective=kind not in {"LIMIT", "MARKET"},
        quantity=strictjson.decimal(row, "amount"),
        filled_quantity=strictjson.decimal(row, "filled_amount"),
        price=strictjson.optional_decimal(row, "price"),
        time_in_force=strictjson.text(row, "time_in_force"),
        created_at=strictjson.moment_in_iso(row, "time"),
    )


def _trade(pair: dict[str, Any]) -> VenueTrade:
    row, fee = strictjson.table(pair.get("trade")), strictjson.table(pair.get("fee"))
    price, quantity = strictjson.decimal(row, "price"), strictjson.decimal(row, "amount")
    return VenueTrade(
        market=strictjson.text(row, "instrument_code"),
        venue_order_id=strictjson.text(row, "order_id"),
        venue_trade_id=strictjson.text(row, "trade_id"),
        side=reading.side_of(row, "side", "BUY", "SELL"),
        price=price,
        quantity=quantity,
        quote_quantity=reading.product(price, quantity),
        fee=Fee(
            asset=strictjson.text(fee, "fee_currency"),
            amount=strictjson.signed_decimal(fee, "fee_amount"),
        ),
        executed_at=strictjson.moment_in_iso(row, "time"),
    )
