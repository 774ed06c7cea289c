"""Coinbase's answers: money in strings, times in RFC 3339, refusals inside a 200."""

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
    "PENDING": OrderState.ACCEPTED,
    "QUEUED": OrderState.ACCEPTED,
    "CANCEL_QUEUED": OrderState.ACCEPTED,
    "FILLED": OrderState.FILLED,
    "CANCELLED": OrderState.CANCELLED,
    "EXPIRED": OrderState.CANCELLED,
    "FAILED": OrderState.REJECTED,
}
_DECIDED = frozenset({
    "UNSUPPORTED_ORDER_CONFIGURATION", "INVALID_SIDE", "INVALID_PRODUCT_ID",
    "INVALID_SIZE_PRECISION", "INVALID_PRICE_PRECISION", "INSUFFICIENT_FUND", "INSUFFICIENT_FUNDS",
    "ORDER_ENTRY_DISABLED", "INELIGIBLE_PAIR", "INVALID_LIMIT_PRICE",
    "INVALID_LIMIT_PRICE_POST_ONLY", "INVALID_NO_LIQUIDITY", "INVALID_REQUEST", "PERMISSION_DENIED",
})  # fmt: skip
_NOT_RIGHTS = frozenset({"portfolio_uuid", "portfolio_type"})
_NEEDED = frozenset({"can_view", "can_trade"})
_PRODUCT = "/api/v3/brokerage/market/products/"
_KEEP = ("product_id", "product_type", "base_currency_id", "quote_currency_id", "status",
         "trading_disabled", "is_disabled", "view_only", "price_increment", "base_increment",
         "base_min_size", "base_max_size", "quote_min_size", "quote_max_size")  # fmt: skip


class CoinbaseAnswers(reading.Reading):
    def _unwrap(self, status: int, body: bytes) -> dict[str, Any]:
        answer = strictjson.table(strictjson.decode(body))
        if status != reading.OK:
            raise VenueAnswerUnknown(rule=f"http-{status}")
        if answer.get("success", True) is not True:
            told = strictjson.table(answer.get("error_response"))
            code = strictjson.text(told, "error")
            raise VenueSaidNo(code, decided=code in _DECIDED)
        return answer

    def _outcome(self, inside: dict[str, Any], verb: Verb) -> OrderOutcome:
        if verb == "status":
            return _told(strictjson.table(inside.get("order")))
        if verb == "order":
            row = strictjson.table(inside.get("success_response"))
            return reading.accepted(
                strictjson.text(row, "order_id"),
                of_wire_uuid(strictjson.text(row, "client_order_id")),
            )
        row = reading.only(strictjson.rows(inside.get("results")), "results")
        if row.get("success") is not True:
            raise VenueSaidNo(strictjson.text(row, "failure_reason"), decided=False)
        # The cancel is under way; what became of the order is a question of its own.
        return OrderOutcome(
            state=OrderState.UNKNOWN, venue_order_id=strictjson.text(row, "order_id")
        )

    def parse_permissions(self, status: int, body: bytes) -> VenuePermissions:
        row = self._unwrap(status, body)
        strictjson.text(row, "portfolio_uuid")
        granted = [
            name for name, value in row.items() if name not in _NOT_RIGHTS and value is not False
        ]
        rights = reading.check_rights(granted, needed=_NEEDED, allowed=frozenset())
        if any(row[name] is not True for name in rights):
            raise VenueAnswerUnknown(rule="rights")
        # The answer does not tell whether the key is bound to addresses.
        return VenuePermissions(
            rights=rights, ip_restricted=False, created_at=None, trading_expires_at=None
        )

    def parse_balances(self, status: int, body: bytes) -> tuple[VenueBalance, ...]:
        inside = self._unwrap(status, body)
        return reading.balances_of(
            [
                VenueBalance(
                    asset=strictjson.text(row, "currency"),
                    free=strictjson.decimal(
                        strictjson.table(row.get("available_balance")), "value"
                    ),
                    locked=strictjson.decimal(strictjson.table(row.get("hold")), "value"),
                )
                for row in _whole(inside, "accounts")
            ]
        )

    def parse_open_orders(self, status: int, body: bytes) -> tuple[OpenOrder, ...]:
        return tuple(_open_order(row) for row in _whole(self._unwrap(status, body), "orders"))

    def parse_trades(self, status: int, body: bytes) -> tuple[VenueTrade, ...]:
        rows = strictjson.rows(self._unwrap(status, body).get("fills"))
        return tuple(_trade(row) for row in rows)

    def parse_ticker(self, status: int, body: bytes, *, market: str) -> VenueTicker:
        inside = self._unwrap(status, body)
        newest = reading.only(strictjson.rows(inside.get("trades")), "trades")
        if newest.get("product_id") != market:
            raise VenueAnswerUnknown(rule="product_id")
        bid, ask = strictjson.decimal(inside, "best_bid"), strictjson.decimal(inside, "best_ask")
        return reading.ticker_of(market, bid, ask, strictjson.decimal(newest, "price"))

    def parse_market(
        self, status: int, body: bytes, *, market: str, as_of: datetime
    ) -> MarketSnapshot:
        return pinning.snapshot_of(
            self.venue,
            self._unwrap(status, body),
            describe,
            market=market,
            keep=_KEEP,
            as_of=as_of,
        )

    def ticker_request(self, market: str) -> PublicRequest:
        return PublicRequest(path_and_query=f"{_PRODUCT}{_id(market)}/ticker?limit=1")

    def market_request(self, market: str) -> PublicRequest:
        return PublicRequest(path_and_query=f"{_PRODUCT}{_id(market)}")


def describe(entry: dict[str, Any]) -> Description:
    if entry.get("product_type") != "SPOT":
        raise VenueAnswerUnknown(rule="product_type")
    closed = [entry.get(name) for name in ("trading_disabled", "is_disabled", "view_only")]
    return Description(
        market=strictjson.text(entry, "product_id"),
        base=strictjson.text(entry, "base_currency_id"),
        quote=strictjson.text(entry, "quote_currency_id"),
        trading=entry.get("status") == "online" and closed == [False, False, False],
        order_types=("limit", "market"),
        filters=pinning.filters(
            tick_size=strictjson.decimal(entry, "price_increment"),
            step_size=strictjson.decimal(entry, "base_increment"),
            min_quantity=strictjson.optional_decimal(entry, "base_min_size"),
            max_quantity=strictjson.optional_decimal(entry, "base_max_size"),
            min_notional=strictjson.optional_decimal(entry, "quote_min_size"),
            max_notional=strictjson.optional_decimal(entry, "quote_max_size"),
        ),
    )


def _whole(inside: dict[str, Any], name: str) -> list[dict[str, Any]]:
    """All rows: a list that goes on elsewhere is not the list that was asked for."""
    if inside.get("has_next") is not False:
        raise VenueAnswerUnknown(rule="more_pages")
    return strictjson.rows(inside.get(name))


def _id(market: str) -> str:
    if not market.isascii() or not market.replace("-", "").isalnum():
        raise VenueAnswerUnknown(rule="product_id")
    return market


def _told(row: dict[str, Any]) -> OrderOutcome:
    state = reading.state_of(row, "status", _STATES)
    filled, quote = strictjson.decimal(row, "filled_size"), strictjson.decimal(row, "filled_value")
    if state is OrderState.ACCEPTED and filled:
        state = OrderState.PARTIALLY_FILLED
    return OrderOutcome(
        state=state,
        market=strictjson.text(row, "product_id"),
        client_order_id=of_wire_uuid(strictjson.text(row, "client_order_id")),
        venue_order_id=strictjson.text(row, "order_id"),
        filled_quantity=filled,
        filled_quote=quote,
        average_price=strictjson.optional_decimal(row, "average_filled_price"),
    )


def _open_order(row: dict[str, Any]) -> OpenOrder:
    configured = strictjson.table(row.get("order_configuration"))
    if len(configured) != 1:
        raise VenueAnswerUnknown(rule="order_configuration")
    ((kind, values),) = configured.items()
    inner = strictjson.table(values)
    return OpenOrder(
        market=strictjson.text(row, "product_id"),
        venue_order_id=strictjson.text(row, "order_id"),
        client_order_id=of_wire_uuid(strictjson.text(row, "client_order_id")),
        side=reading.side_of(row, "side", "BUY", "SELL"),
        type=kind,
        protective=kind.startswith(("stop_", "trigger_", "twap_")) and "stop" in str(inner),
        quantity=strictjson.decimal(inner, "base_size"),
        filled_quantity=strictjson.decimal(row, "filled_size"),
        price=strictjson.optional_decimal(inner, "limit_price"),
        time_in_force=strictjson.text(row, "time_in_force"),
        created_at=strictjson.moment_in_iso(row, "created_time"),
    )


def _trade(row: dict[str, Any]) -> VenueTrade:
    price, size = strictjson.decimal(row, "price"), strictjson.decimal(row, "size")
    if not price or not isinstance(row.get("size_in_quote"), bool):
        raise VenueAnswerUnknown(rule="price")
    market, in_quote = strictjson.text(row, "product_id"), row["size_in_quote"]
    quantity = reading.average(size, price) if in_quote else size
    return VenueTrade(
        market=market,
        venue_order_id=strictjson.text(row, "order_id"),
        venue_trade_id=strictjson.text(row, "trade_id"),
        side=reading.side_of(row, "side", "BUY", "SELL"),
        price=price,
        quantity=quantity or size,
        quote_quantity=size if in_quote else reading.product(price, size),
        fee=Fee(asset=market.rpartition("-")[2], amount=strictjson.decimal(row, "commission")),
        executed_at=strictjson.moment_in_iso(row, "trade_time"),
    )
