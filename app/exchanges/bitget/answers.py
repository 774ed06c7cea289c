"""Bitget's answers: `{"code": "00000", "data": …}`, everything in strings."""

from datetime import datetime
from typing import Any

from app.exchanges import pinning, reading, strictjson
from app.exchanges.bitget.table import MAX_ROWS
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
    "init": OrderState.ACCEPTED,
    "live": OrderState.ACCEPTED,
    "partially_filled": OrderState.PARTIALLY_FILLED,
    "filled": OrderState.FILLED,
    "cancelled": OrderState.CANCELLED,
}
_DECIDED = frozenset({
    "40001", "40002", "40003", "40004", "40005", "40006", "40008", "40009", "40011", "40012",
    "40014", "40016", "40017", "40018", "40019", "40037", "40085", "40706", "40762", "40808",
    "43012", "45110",
})  # fmt: skip
"""Refusals of what was asked, or of who asks. System errors (40015) are not among them."""
_NEEDED = frozenset({"stow"})
_ALLOWED = frozenset({"stor", "coor", "cpor", "smor", "taxr"})
"""From the document "Get Account Information": read only. `wtow` and `wwow` move money, `chow`
manages sub-accounts, `coow` and `smow` are futures and margin."""
_KEEP = ("symbol", "baseCoin", "quoteCoin", "status", "pricePrecision", "quantityPrecision",
         "minTradeAmount", "maxTradeAmount", "minTradeUSDT")  # fmt: skip


class BitgetAnswers(reading.Reading):
    def _unwrap(self, status: int, body: bytes) -> Any:
        answer = strictjson.table(strictjson.decode(body))
        code = strictjson.text(answer, "code")
        if code != "00000":
            known = status in {reading.OK, 400, 401, 403}
            raise VenueSaidNo(code, decided=known and code in _DECIDED)
        if status != reading.OK:
            raise VenueAnswerUnknown(rule=f"http-{status}")
        return answer.get("data")

    def _rows(self, status: int, body: bytes) -> list[dict[str, Any]]:
        rows = strictjson.rows(self._unwrap(status, body))
        if len(rows) >= MAX_ROWS:
            raise VenueAnswerUnknown(rule="more_pages")
        return rows

    def _outcome(self, inside: Any, verb: Verb) -> OrderOutcome:
        if verb == "status":
            return _told(reading.only(strictjson.rows(inside), "data"))
        row = strictjson.table(inside)
        ids = strictjson.text(row, "orderId"), strictjson.text(row, "clientOid")
        if verb == "order":
            return reading.accepted(*ids)
        # The cancel is accepted; what became of the order is a question of its own.
        return OrderOutcome(state=OrderState.UNKNOWN, venue_order_id=ids[0], client_order_id=ids[1])

    def parse_permissions(self, status: int, body: bytes) -> VenuePermissions:
        row = strictjson.table(self._unwrap(status, body))
        granted, addresses = row.get("authorities"), row.get("ips")
        if not isinstance(granted, list) or not isinstance(addresses, str):
            raise VenueAnswerUnknown(rule="authorities")
        names = [name if isinstance(name, str) else "unknown" for name in granted]
        return VenuePermissions(
            rights=reading.check_rights(names, needed=_NEEDED, allowed=_ALLOWED),
            ip_restricted=bool(addresses),
            created_at=None,
            trading_expires_at=None,
        )

    def parse_balances(self, status: int, body: bytes) -> tuple[VenueBalance, ...]:
        return reading.balances_of(
            [
                VenueBalance(
                    asset=strictjson.text(row, "coin"),
                    free=strictjson.decimal(row, "available"),
                    locked=reading.total(row, "frozen", "locked"),
                )
                for row in strictjson.rows(self._unwrap(status, body))
            ]
        )

    def parse_open_orders(self, status: int, body: bytes) -> tuple[OpenOrder, ...]:
        return tuple(_open_order(row) for row in self._rows(status, body))

    def parse_trades(self, status: int, body: bytes) -> tuple[VenueTrade, ...]:
        return tuple(_trade(row) for row in strictjson.rows(self._unwrap(status, body)))

    def parse_ticker(self, status: int, body: bytes, *, market: str) -> VenueTicker:
        row = reading.only(self._rows(status, body), "data")
        if row.get("symbol") != market:
            raise VenueAnswerUnknown(rule="symbol")
        tops = [strictjson.decimal(row, name) for name in ("bidPr", "askPr", "lastPr")]
        return reading.ticker_of(market, *tops)

    def parse_market(
        self, status: int, body: bytes, *, market: str, as_of: datetime
    ) -> MarketSnapshot:
        entry = reading.only(self._rows(status, body), "data")
        return pinning.snapshot_of(
            self.venue, entry, describe, market=market, keep=_KEEP, as_of=as_of
        )

    def ticker_request(self, market: str) -> PublicRequest:
        return PublicRequest(path_and_query=f"/api/v2/spot/market/tickers?symbol={_name(market)}")

    def market_request(self, market: str) -> PublicRequest:
        return PublicRequest(path_and_query=f"/api/v2/spot/public/symbols?symbol={_name(market)}")


def describe(entry: dict[str, Any]) -> Description:
    return Description(
        market=strictjson.text(entry, "symbol"),
        base=strictjson.text(entry, "baseCoin"),
        quote=strictjson.text(entry, "quoteCoin"),
        trading=entry.get("status") == "online",
        order_types=("limit", "market"),
        filters=pinning.filters(
            tick_size=pinning.power_of_ten(entry.get("pricePrecision"), "pricePrecision"),
            step_size=pinning.power_of_ten(entry.get("quantityPrecision"), "quantityPrecision"),
            min_quantity=strictjson.optional_decimal(entry, "minTradeAmount"),
            max_quantity=strictjson.optional_decimal(entry, "maxTradeAmount"),
            min_notional=strictjson.optional_decimal(entry, "minTradeUSDT"),
        ),
    )


def _name(market: str) -> str:
    if not market.isascii() or not market.isalnum():
        raise VenueAnswerUnknown(rule="symbol")
    return market


def _told(row: dict[str, Any]) -> OrderOutcome:
    return OrderOutcome(
        state=reading.state_of(row, "status", _STATES),
        market=strictjson.text(row, "symbol"),
        client_order_id=strictjson.text(row, "clientOid"),
        venue_order_id=strictjson.text(row, "orderId"),
        filled_quantity=strictjson.decimal(row, "baseVolume"),
        filled_quote=strictjson.decimal(row, "quoteVolume"),
        average_price=strictjson.optional_decimal(row, "priceAvg"),
    )


def _open_order(row: dict[str, Any]) -> OpenOrder:
    planned = row.get("tpslType", "normal") != "normal"
    return OpenOrder(
        market=strictjson.text(row, "symbol"),
        venue_order_id=strictjson.text(row, "orderId"),
        client_order_id=strictjson.optional_text(row, "clientOid") or "",
        side=reading.side_of(row, "side", "buy", "sell"),
        type=strictjson.text(row, "orderType"),
        protective=planned,
        quantity=strictjson.decimal(row, "size"),
        filled_quantity=strictjson.decimal(row, "baseVolume"),
        # The price of a resting order is in `priceAvg` of this list, as ccxt found.
        price=strictjson.optional_decimal(row, "price")
        or strictjson.optional_decimal(row, "priceAvg"),
        time_in_force="GTC",
        created_at=strictjson.moment_in_text(row, "cTime"),
    )


def _trade(row: dict[str, Any]) -> VenueTrade:
    paid = strictjson.table(row.get("feeDetail"))
    return VenueTrade(
        market=strictjson.text(row, "symbol"),
        venue_order_id=strictjson.text(row, "orderId"),
        venue_trade_id=strictjson.text(row, "tradeId"),
        side=reading.side_of(row, "side", "buy", "sell"),
        price=strictjson.decimal(row, "priceAvg"),
        quantity=strictjson.decimal(row, "size"),
        quote_quantity=strictjson.decimal(row, "amount"),
        # What was taken is a negative number there.
        fee=Fee(
            asset=strictjson.text(paid, "feeCoin"),
            amount=-strictjson.signed_decimal(paid, "totalFee"),
        ),
        executed_at=strictjson.moment_in_text(row, "cTime"),
    )
