"""BingX's answers: `{"code": 0, "data": …}`, money in strings here and in numbers there."""

from datetime import datetime
from typing import Any

from app.exchanges import binance_rights, pinning, reading, strictjson
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
    "NEW": OrderState.ACCEPTED,
    "PENDING": OrderState.ACCEPTED,
    "PARTIALLY_FILLED": OrderState.PARTIALLY_FILLED,
    "FILLED": OrderState.FILLED,
    "CANCELED": OrderState.CANCELLED,
    "FAILED": OrderState.REJECTED,
}
_DECIDED = frozenset({100001, 100004, 100202, 100400, 100404, 100410, 100412, 100413, 100419,
                      100421, 100440, 100441, 100490, 101402})  # fmt: skip
"""From the document "Error Codes". A busy system (100500) and a used client id are not here."""
_KEEP = ("symbol", "status", "apiStateBuy", "apiStateSell", "tickSize", "stepSize", "minNotional",
         "maxNotional")  # fmt: skip
_ONLINE = 1


class BingxAnswers(reading.Reading):
    def _unwrap(self, status: int, body: bytes) -> Any:
        answer = strictjson.table(strictjson.decode(body))
        code = answer.get("code")
        if type(code) is not int or status != reading.OK:
            raise VenueAnswerUnknown(rule=f"http-{status}")
        if code != 0:
            raise VenueSaidNo(str(code), decided=code in _DECIDED)
        return answer.get("data")

    def _outcome(self, inside: Any, verb: Verb) -> OrderOutcome:
        del verb  # all three answer with the order itself
        row = strictjson.table(inside)
        filled = strictjson.numeral(row, "executedQty")
        quote = strictjson.numeral(row, "cummulativeQuoteQty")  # the venue's own spelling
        return OrderOutcome(
            state=reading.state_of(row, "status", _STATES),
            market=strictjson.text(row, "symbol"),
            client_order_id=_client_id(row),
            venue_order_id=str(strictjson.number(row, "orderId")),
            filled_quantity=filled,
            filled_quote=quote,
            average_price=reading.average(quote, filled),
        )

    def parse_permissions(self, status: int, body: bytes) -> VenuePermissions:
        # The same names as Binance's, down to the spelling.
        return binance_rights.permissions_of(strictjson.table(self._unwrap(status, body)))

    def parse_balances(self, status: int, body: bytes) -> tuple[VenueBalance, ...]:
        inside = strictjson.table(self._unwrap(status, body))
        return reading.balances_of(
            [
                VenueBalance(
                    asset=strictjson.text(row, "asset"),
                    free=strictjson.numeral(row, "free"),
                    locked=strictjson.numeral(row, "locked"),
                )
                for row in strictjson.rows(inside.get("balances"))
            ]
        )

    def parse_open_orders(self, status: int, body: bytes) -> tuple[OpenOrder, ...]:
        inside = strictjson.table(self._unwrap(status, body))
        return tuple(_open_order(row) for row in strictjson.rows(inside.get("orders")))

    def parse_trades(self, status: int, body: bytes) -> tuple[VenueTrade, ...]:
        inside = strictjson.table(self._unwrap(status, body))
        return tuple(_trade(row) for row in strictjson.rows(inside.get("fills")))

    def parse_ticker(self, status: int, body: bytes, *, market: str) -> VenueTicker:
        row = reading.only(strictjson.rows(self._unwrap(status, body)), "data")
        if row.get("symbol") != market:
            raise VenueAnswerUnknown(rule="symbol")
        tops = [strictjson.numeral(row, name) for name in ("bidPrice", "askPrice", "lastPrice")]
        return reading.ticker_of(market, *tops)

    def parse_market(
        self, status: int, body: bytes, *, market: str, as_of: datetime
    ) -> MarketSnapshot:
        inside = strictjson.table(self._unwrap(status, body))
        entry = reading.only(strictjson.rows(inside.get("symbols")), "symbols")
        return pinning.snapshot_of(
            self.venue, entry, describe, market=market, keep=_KEEP, as_of=as_of
        )

    def ticker_request(self, market: str) -> PublicRequest:
        path = "/openApi/spot/v1/ticker/24hr"
        return PublicRequest(path_and_query=f"{path}?symbol={_name(market)}")

    def market_request(self, market: str) -> PublicRequest:
        path = "/openApi/spot/v1/common/symbols"
        return PublicRequest(path_and_query=f"{path}?symbol={_name(market)}")


def describe(entry: dict[str, Any]) -> Description:
    market = strictjson.text(entry, "symbol")
    base, dash, quote = market.partition("-")
    if not base or not dash or not quote:
        raise VenueAnswerUnknown(rule="symbol")
    open_both_ways = (entry.get("apiStateBuy"), entry.get("apiStateSell")) == (True, True)
    return Description(
        market=market,
        base=base,
        quote=quote,
        trading=entry.get("status") == _ONLINE and open_both_ways,
        order_types=("limit", "market"),
        filters=pinning.filters(
            tick_size=strictjson.numeral(entry, "tickSize"),
            step_size=strictjson.numeral(entry, "stepSize"),
            min_notional=strictjson.numeral(entry, "minNotional") or None,
            max_notional=strictjson.numeral(entry, "maxNotional") or None,
        ),
    )


def _name(market: str) -> str:
    if not market.isascii() or not market.replace("-", "").isalnum():
        raise VenueAnswerUnknown(rule="symbol")
    return market


def _client_id(row: dict[str, Any]) -> str | None:
    text = row.get("clientOrderID")
    return of_wire_uuid(strictjson.text(row, "clientOrderID")) if text else None


def _open_order(row: dict[str, Any]) -> OpenOrder:
    kind = strictjson.text(row, "type")
    return OpenOrder(
        market=strictjson.text(row, "symbol"),
        venue_order_id=str(strictjson.number(row, "orderId")),
        client_order_id=_client_id(row) or "",
        side=reading.side_of(row, "side", "BUY", "SELL"),
        type=kind.lower(),
        protective=kind not in {"LIMIT", "MARKET"},
        quantity=strictjson.numeral(row, "origQty"),
        filled_quantity=strictjson.numeral(row, "executedQty"),
        price=strictjson.numeral(row, "price") or None,
        time_in_force="GTC",
        created_at=strictjson.moment(row, "time"),
    )


def _trade(row: dict[str, Any]) -> VenueTrade:
    buyer = row.get("isBuyer")
    if not isinstance(buyer, bool):
        raise VenueAnswerUnknown(rule="isBuyer")
    return VenueTrade(
        market=strictjson.text(row, "symbol"),
        venue_order_id=str(strictjson.number(row, "orderId")),
        venue_trade_id=str(strictjson.number(row, "id")),
        side="buy" if buyer else "sell",
        price=strictjson.numeral(row, "price"),
        quantity=strictjson.numeral(row, "qty"),
        quote_quantity=strictjson.numeral(row, "quoteQty"),
        # What was taken is a negative number there.
        fee=Fee(
            asset=strictjson.text(row, "commissionAsset"),
            amount=-strictjson.signed_numeral(row, "commission"),
        ),
        executed_at=strictjson.moment(row, "time"),
    )
