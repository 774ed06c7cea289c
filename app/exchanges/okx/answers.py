"""OKX's answers: `{"code": "0", "data": […]}`, everything in strings."""

from datetime import datetime
from typing import Any

from app.exchanges import pinning, reading, strictjson
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
from app.exchanges.okx.table import MAX_ROWS
from app.exchanges.pinning import Description

_STATES = {
    "live": OrderState.ACCEPTED,
    "partially_filled": OrderState.PARTIALLY_FILLED,
    "filled": OrderState.FILLED,
    "canceled": OrderState.CANCELLED,
    "mmp_canceled": OrderState.CANCELLED,
}
_DECIDED = frozenset({
    "50011", "50014", "50061", "50100", "50101", "50102", "50103", "50104", "50105", "50106",
    "50107", "50110", "50111", "50112", "50113", "50114", "51000", "51001", "51004", "51005",
    "51006", "51008", "51009", "51010", "51012", "51015", "51020", "51021", "51022", "51024",
    "51025", "51116", "51118", "51119", "51120", "51121", "51122", "51127", "51131", "51137",
    "51138", "51201", "51202", "51203",
})  # fmt: skip
"""Refusals of what was asked, or of who asks. Timeouts (50004), maintenance, system errors and a
duplicate client id (51016: the first one arrived) are not among them."""
_NEEDED = frozenset({"read_only", "trade"})
_KEEP = ("instId", "instType", "baseCcy", "quoteCcy", "state", "tickSz", "lotSz", "minSz",
         "maxLmtSz")  # fmt: skip


class OkxAnswers(reading.Reading):
    def _unwrap(self, status: int, body: bytes) -> list[dict[str, Any]]:
        answer = strictjson.table(strictjson.decode(body))
        code = strictjson.text(answer, "code")
        rows = answer.get("data")
        if code != "0":
            # An order's own refusal is inside; around it is only "1" for "not all went well".
            said = strictjson.text({"code": _inner_code(rows) or code}, "code")
            known = status in {reading.OK, 400, 401}
            raise VenueSaidNo(said, decided=known and said in _DECIDED)
        if status != reading.OK:
            raise VenueAnswerUnknown(rule=f"http-{status}")
        found = strictjson.rows(rows)
        for row in found:
            if row.get("sCode", "0") != "0":
                raise VenueSaidNo(strictjson.text(row, "sCode"), decided=row["sCode"] in _DECIDED)
        return found

    def _outcome(self, inside: list[dict[str, Any]], verb: Verb) -> OrderOutcome:
        row = reading.only(inside, "data")
        if verb == "status":
            return _told(row)
        ids = strictjson.text(row, "ordId"), strictjson.text(row, "clOrdId")
        if verb == "order":
            return reading.accepted(*ids)
        # Only the request to cancel is accepted; what became of the order is another question.
        return OrderOutcome(state=OrderState.UNKNOWN, venue_order_id=ids[0], client_order_id=ids[1])

    def parse_permissions(self, status: int, body: bytes) -> VenuePermissions:
        row = reading.only(self._unwrap(status, body), "data")
        addresses = row.get("ip")
        if not isinstance(addresses, str):
            raise VenueAnswerUnknown(rule="ip")
        granted = strictjson.text(row, "perm").split(",")
        return VenuePermissions(
            rights=reading.check_rights(granted, needed=_NEEDED, allowed=frozenset()),
            ip_restricted=bool(addresses),
            created_at=None,
            trading_expires_at=None,
        )

    def parse_balances(self, status: int, body: bytes) -> tuple[VenueBalance, ...]:
        account = reading.only(self._unwrap(status, body), "data")
        return reading.balances_of(
            [
                VenueBalance(
                    asset=strictjson.text(row, "ccy"),
                    free=strictjson.decimal(row, "availBal"),
                    locked=strictjson.decimal(row, "frozenBal"),
                )
                for row in strictjson.rows(account.get("details"))
            ]
        )

    def parse_open_orders(self, status: int, body: bytes) -> tuple[OpenOrder, ...]:
        rows = self._unwrap(status, body)
        if len(rows) >= MAX_ROWS:
            raise VenueAnswerUnknown(rule="more_pages")
        return tuple(_open_order(row) for row in rows)

    def parse_trades(self, status: int, body: bytes) -> tuple[VenueTrade, ...]:
        return tuple(_trade(row) for row in self._unwrap(status, body))

    def parse_ticker(self, status: int, body: bytes, *, market: str) -> VenueTicker:
        row = reading.only(self._unwrap(status, body), "data")
        if row.get("instId") != market:
            raise VenueAnswerUnknown(rule="instId")
        tops = [strictjson.decimal(row, name) for name in ("bidPx", "askPx", "last")]
        return reading.ticker_of(market, *tops)

    def parse_market(
        self, status: int, body: bytes, *, market: str, as_of: datetime
    ) -> MarketSnapshot:
        entry = reading.only(self._unwrap(status, body), "data")
        return pinning.snapshot_of(
            self.venue, entry, describe, market=market, keep=_KEEP, as_of=as_of
        )

    def ticker_request(self, market: str) -> PublicRequest:
        return PublicRequest(path_and_query=f"/api/v5/market/ticker?instId={_id(market)}")

    def market_request(self, market: str) -> PublicRequest:
        query = f"instType=SPOT&instId={_id(market)}"
        return PublicRequest(path_and_query=f"/api/v5/public/instruments?{query}")


def describe(entry: dict[str, Any]) -> Description:
    if entry.get("instType") != "SPOT":
        raise VenueAnswerUnknown(rule="instType")
    return Description(
        market=strictjson.text(entry, "instId"),
        base=strictjson.text(entry, "baseCcy"),
        quote=strictjson.text(entry, "quoteCcy"),
        trading=entry.get("state") == "live",
        order_types=("limit", "market"),
        filters=pinning.filters(
            tick_size=strictjson.decimal(entry, "tickSz"),
            step_size=strictjson.decimal(entry, "lotSz"),
            min_quantity=strictjson.optional_decimal(entry, "minSz"),
            max_quantity=strictjson.optional_decimal(entry, "maxLmtSz"),
        ),
    )


def _inner_code(rows: Any) -> Any:
    alone = isinstance(rows, list) and len(rows) == 1 and isinstance(rows[0], dict)
    return rows[0].get("sCode") if alone else None


def _id(market: str) -> str:
    if not market.isascii() or not market.replace("-", "").isalnum():
        raise VenueAnswerUnknown(rule="instId")
    return market


def _told(row: dict[str, Any]) -> OrderOutcome:
    filled = strictjson.decimal(row, "accFillSz")
    price = strictjson.optional_decimal(row, "avgPx")
    return OrderOutcome(
        state=reading.state_of(row, "state", _STATES),
        market=strictjson.text(row, "instId"),
        client_order_id=strictjson.optional_text(row, "clOrdId"),
        venue_order_id=strictjson.text(row, "ordId"),
        filled_quantity=filled,
        filled_quote=reading.product(filled, price) if price is not None else filled * 0,
        average_price=price,
    )


def _open_order(row: dict[str, Any]) -> OpenOrder:
    kind = strictjson.text(row, "ordType")
    return OpenOrder(
        market=strictjson.text(row, "instId"),
        venue_order_id=strictjson.text(row, "ordId"),
        client_order_id=strictjson.optional_text(row, "clOrdId") or "",
        side=reading.side_of(row, "side", "buy", "sell"),
        type=kind,
        protective=False,  # stops are algo orders there, in a list of their own
        quantity=strictjson.decimal(row, "sz"),
        filled_quantity=strictjson.decimal(row, "accFillSz"),
        price=strictjson.optional_decimal(row, "px"),
        time_in_force="GTC",
        created_at=strictjson.moment_in_text(row, "cTime"),
    )


def _trade(row: dict[str, Any]) -> VenueTrade:
    price, quantity = strictjson.decimal(row, "fillPx"), strictjson.decimal(row, "fillSz")
    return VenueTrade(
        market=strictjson.text(row, "instId"),
        venue_order_id=strictjson.text(row, "ordId"),
        venue_trade_id=strictjson.text(row, "tradeId"),
        side=reading.side_of(row, "side", "buy", "sell"),
        price=price,
        quantity=quantity,
        quote_quantity=reading.product(price, quantity),
        # OKX writes what was taken as a negative number.
        fee=Fee(
            asset=strictjson.text(row, "feeCcy"), amount=-strictjson.signed_decimal(row, "fee")
        ),
        executed_at=strictjson.moment_in_text(row, "ts"),
    )
