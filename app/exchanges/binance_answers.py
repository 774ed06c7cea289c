"""Answers in the Binance spot dialect. Reads HTTP status and body; knows no secret and no ccxt."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from app.exchanges import binance_outcome, binance_rights, reading, strictjson
from app.exchanges.binance_market import snapshot_of
from app.exchanges.dialect import Verb
from app.exchanges.errors import VenueAnswerUnknown
from app.exchanges.models import (
    Fee,
    MarketSnapshot,
    OpenOrder,
    OrderOutcome,
    PublicRequest,
    VenueBalance,
    VenuePermissions,
    VenueTicker,
    VenueTrade,
)

_OK = 200
_PROTECTIVE = frozenset({"STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT", "TAKE_PROFIT_LIMIT"})


class BinanceAnswers:
    """The half of the dialect that reads. One instance per venue row."""

    def __init__(self, venue: str) -> None:
        self.venue = venue

    def parse_outcome(self, status: int, body: bytes, *, verb: Verb = "order") -> OrderOutcome:
        return binance_outcome.outcome_of(status, body, verb=verb)

    def parse_permissions(self, status: int, body: bytes) -> VenuePermissions:
        return binance_rights.permissions_of(strictjson.table(_answer(status, body)))

    def parse_balances(self, status: int, body: bytes) -> tuple[VenueBalance, ...]:
        rows = strictjson.rows(strictjson.table(_answer(status, body)).get("balances"))
        return reading.balances_of(
            [
                VenueBalance(
                    asset=strictjson.text(row, "asset"),
                    free=strictjson.decimal(row, "free"),
                    locked=strictjson.decimal(row, "locked"),
                )
                for row in rows
            ]
        )

    def parse_open_orders(self, status: int, body: bytes) -> tuple[OpenOrder, ...]:
        return tuple(_open_order(row) for row in strictjson.rows(_answer(status, body)))

    def parse_trades(self, status: int, body: bytes) -> tuple[VenueTrade, ...]:
        return tuple(_trade(row) for row in strictjson.rows(_answer(status, body)))

    def parse_ticker(self, status: int, body: bytes, *, market: str) -> VenueTicker:
        row = strictjson.table(_answer(status, body))
        bid, ask = strictjson.decimal(row, "bidPrice"), strictjson.decimal(row, "askPrice")
        last = strictjson.decimal(row, "lastPrice") if "lastPrice" in row else None
        if row.get("symbol") != market:
            raise VenueAnswerUnknown(rule="symbol")
        return reading.ticker_of(market, bid, ask, last)

    def parse_market(
        self, status: int, body: bytes, *, market: str, as_of: datetime
    ) -> MarketSnapshot:
        return snapshot_of(self.venue, _answer(status, body), market=market, as_of=as_of)

    def ticker_request(self, market: str) -> PublicRequest:
        return PublicRequest(path_and_query=f"/api/v3/ticker/bookTicker?symbol={_id(market)}")

    def market_request(self, market: str) -> PublicRequest:
        return PublicRequest(path_and_query=f"/api/v3/exchangeInfo?symbol={_id(market)}")


def _answer(status: int, body: bytes) -> Any:
    if status != _OK:
        raise VenueAnswerUnknown(rule=f"http-{status}")
    return strictjson.decode(body)


def _id(market: str) -> str:
    if not market.isascii() or not market.isalnum():
        raise VenueAnswerUnknown(rule="symbol")
    return market


def _open_order(row: dict[str, Any]) -> OpenOrder:
    kind = strictjson.text(row, "type")
    return OpenOrder(
        market=strictjson.text(row, "symbol"),
        venue_order_id=str(strictjson.number(row, "orderId")),
        client_order_id=strictjson.text(row, "clientOrderId"),
        side=reading.side_of(row, "side", "BUY", "SELL"),
        type=kind.lower(),
        protective=kind in _PROTECTIVE,
        quantity=strictjson.decimal(row, "origQty"),
        filled_quantity=strictjson.decimal(row, "executedQty"),
        price=strictjson.decimal(row, "price") or None,
        time_in_force=strictjson.text(row, "timeInForce"),
        created_at=strictjson.moment(row, "time"),
    )


def _trade(row: dict[str, Any]) -> VenueTrade:
    buyer = row.get("isBuyer")
    if not isinstance(buyer, bool):
        raise VenueAnswerUnknown(rule="isBuyer")
    fee: Decimal = strictjson.decimal(row, "commission")
    return VenueTrade(
        market=strictjson.text(row, "symbol"),
        venue_order_id=str(strictjson.number(row, "orderId")),
        venue_trade_id=str(strictjson.number(row, "id")),
        side="buy" if buyer else "sell",
        price=strictjson.decimal(row, "price"),
        quantity=strictjson.decimal(row, "qty"),
        quote_quantity=strictjson.decimal(row, "quoteQty"),
        fee=Fee(asset=strictjson.text(row, "commissionAsset"), amount=fee),
        executed_at=strictjson.moment(row, "time"),
    )
