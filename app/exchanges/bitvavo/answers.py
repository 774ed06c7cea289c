"""Bitvavo's answers: plain objects and lists, money in strings, `{"errorCode": …}` for a no."""

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
    "new": OrderState.ACCEPTED,
    "awaitingTrigger": OrderState.ACCEPTED,
    "partiallyFilled": OrderState.PARTIALLY_FILLED,
    "filled": OrderState.FILLED,
    "canceled": OrderState.CANCELLED,
    "canceledAuction": OrderState.CANCELLED,
    "canceledSelfTradePrevention": OrderState.CANCELLED,
    "canceledIOC": OrderState.CANCELLED,
    "canceledFOK": OrderState.CANCELLED,
    "canceledMarketProtection": OrderState.CANCELLED,
    "canceledPostOnly": OrderState.CANCELLED,
    "expired": OrderState.CANCELLED,
    "rejected": OrderState.REJECTED,
}
_DECIDED = frozenset({
    103, 104, 110, 200, 201, 202, 203, 204, 205, 206, 210, 211, 212, 213, 214, 215, 216, 217, 230,
    231, 235, 300, 301, 302, 303, 304, 305, 306, 307, 308, 309, 310, 311, 317,
})  # fmt: skip
"""Refusals of what was asked, or of who asks. Of 101 and 109 Bitvavo itself says that the order may
or may not have succeeded."""
_KEEP = ("market", "status", "base", "quote", "tickSize", "quantityDecimals",
         "minOrderInBaseAsset", "maxOrderInBaseAsset", "minOrderInQuoteAsset",
         "maxOrderInQuoteAsset", "orderTypes")  # fmt: skip


class BitvavoAnswers(reading.Reading):
    def _unwrap(self, status: int, body: bytes) -> Any:
        answer = strictjson.decode(body)
        if status == reading.OK:
            return answer
        code = strictjson.table(answer).get("errorCode")
        if type(code) is not int:
            raise VenueAnswerUnknown(rule=f"http-{status}")
        client_error = 400 <= status < 500  # noqa: PLR2004
        raise VenueSaidNo(str(code), decided=client_error and code in _DECIDED)

    def _outcome(self, inside: Any, verb: Verb) -> OrderOutcome:
        row = strictjson.table(inside)
        if verb == "cancel":  # tells the id and not what became of the order
            return OrderOutcome(
                state=OrderState.UNKNOWN,
                venue_order_id=strictjson.text(row, "orderId"),
                client_order_id=_client_id(row),
            )
        filled = strictjson.decimal(row, "filledAmount")
        quote = strictjson.decimal(row, "filledAmountQuote")
        fee = strictjson.optional_decimal(row, "feePaid")
        return OrderOutcome(
            state=reading.state_of(row, "status", _STATES),
            market=strictjson.text(row, "market"),
            client_order_id=_client_id(row),
            venue_order_id=strictjson.text(row, "orderId"),
            filled_quantity=filled,
            filled_quote=quote,
            average_price=reading.average(quote, filled),
            fees=(Fee(asset=strictjson.text(row, "feeCurrency"), amount=fee),) if fee else (),
        )

    def parse_permissions(self, status: int, body: bytes) -> VenuePermissions:
        del status, body
        raise VenueAnswerUnknown(rule="permissions")  # nothing there tells the rights of a key

    def parse_balances(self, status: int, body: bytes) -> tuple[VenueBalance, ...]:
        return reading.balances_of(
            [
                VenueBalance(
                    asset=strictjson.text(row, "symbol"),
                    free=strictjson.decimal(row, "available"),
                    locked=strictjson.decimal(row, "inOrder"),
                )
                for row in strictjson.rows(self._unwrap(status, body))
            ]
        )

    def parse_open_orders(self, status: int, body: bytes) -> tuple[OpenOrder, ...]:
        return tuple(_open_order(row) for row in strictjson.rows(self._unwrap(status, body)))

    def parse_trades(self, status: int, body: bytes) -> tuple[VenueTrade, ...]:
        return tuple(_trade(row) for row in strictjson.rows(self._unwrap(status, body)))

    def parse_ticker(self, status: int, body: bytes, *, market: str) -> VenueTicker:
        row = strictjson.table(self._unwrap(status, body))
        if row.get("market") != market:
            raise VenueAnswerUnknown(rule="market")
        bid, ask = strictjson.decimal(row, "bid"), strictjson.decimal(row, "ask")
        return reading.ticker_of(market, bid, ask, None)

    def parse_market(
        self, status: int, body: bytes, *, market: str, as_of: datetime
    ) -> MarketSnapshot:
        entry = strictjson.table(self._unwrap(status, body))
        return pinning.snapshot_of(
            self.venue, entry, describe, market=market, keep=_KEEP, as_of=as_of
        )

    def ticker_request(self, market: str) -> PublicRequest:
        return PublicRequest(path_and_query=f"/v2/ticker/book?market={_name(market)}")

    def market_request(self, market: str) -> PublicRequest:
        return PublicRequest(path_and_query=f"/v2/markets?market={_name(market)}")


def describe(entry: dict[str, Any]) -> Description:
    types = entry.get("orderTypes")
    if not isinstance(types, list):
        raise VenueAnswerUnknown(rule="orderTypes")
    return Description(
        market=strictjson.text(entry, "market"),
        base=strictjson.text(entry, "base"),
        quote=strictjson.text(entry, "quote"),
        trading=entry.get("status") == "trading",
        order_types=tuple(kind for kind in pinning.BOTH if kind in types),
        filters=pinning.filters(
            tick_size=strictjson.decimal(entry, "tickSize"),
            step_size=pinning.power_of_ten(entry.get("quantityDecimals"), "quantityDecimals"),
            min_quantity=strictjson.optional_decimal(entry, "minOrderInBaseAsset"),
            max_quantity=strictjson.optional_decimal(entry, "maxOrderInBaseAsset"),
            min_notional=strictjson.optional_decimal(entry, "minOrderInQuoteAsset"),
            max_notional=strictjson.optional_decimal(entry, "maxOrderInQuoteAsset"),
        ),
    )


def _name(market: str) -> str:
    if not market.isascii() or not market.replace("-", "").isalnum():
        raise VenueAnswerUnknown(rule="market")
    return market


def _client_id(row: dict[str, Any]) -> str | None:
    text = row.get("clientOrderId")
    return of_wire_uuid(strictjson.text(row, "clientOrderId")) if text else None


def _open_order(row: dict[str, Any]) -> OpenOrder:
    kind = strictjson.text(row, "orderType")
    return OpenOrder(
        market=strictjson.text(row, "market"),
        venue_order_id=strictjson.text(row, "orderId"),
        client_order_id=_client_id(row) or "",
        side=reading.side_of(row, "side", "buy", "sell"),
        type=kind,
        protective=kind not in {"limit", "market"},
        quantity=strictjson.decimal(row, "amount"),
        filled_quantity=strictjson.decimal(row, "filledAmount"),
        price=strictjson.optional_decimal(row, "price"),
        time_in_force=strictjson.text(row, "timeInForce"),
        created_at=strictjson.moment(row, "created"),
    )


def _trade(row: dict[str, Any]) -> VenueTrade:
    price, quantity = strictjson.decimal(row, "price"), strictjson.decimal(row, "amount")
    return VenueTrade(
        market=strictjson.text(row, "market"),
        venue_order_id=strictjson.text(row, "orderId"),
        venue_trade_id=strictjson.text(row, "id"),
        side=reading.side_of(row, "side", "buy", "sell"),
        price=price,
        quantity=quantity,
        quote_quantity=reading.product(price, quantity),
        fee=Fee(
            asset=strictjson.text(row, "feeCurrency"), amount=strictjson.signed_decimal(row, "fee")
        ),
        executed_at=strictjson.moment(row, "timestamp"),
    )
