"""Answers of Binance's futures. Alike in both kinds, but for what is counted in which currency."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from app.exchanges import binance_outcome, binance_rights, pinning, reading, strictjson
from app.exchanges.dialect import Verb
from app.exchanges.errors import VenueAnswerUnknown, VenueSaidNo
from app.exchanges.models import (
    Fee,
    MarketSnapshot,
    OpenOrder,
    OrderOutcome,
    OrderType,
    PublicRequest,
    VenueBalance,
    VenuePermissions,
    VenueTicker,
    VenueTrade,
)
from app.exchanges.pinning import Description
from app.exchanges.venues import Venue

_NEEDED = frozenset({"enableReading", "enableFutures"})
_ORDER_TYPES: tuple[tuple[str, OrderType], ...] = (("LIMIT", "limit"), ("MARKET", "market"))
_KEEP = ("symbol", "contractType", "status", "contractStatus", "contractSize", "baseAsset",
         "quoteAsset", "marginAsset", "pricePrecision", "quantityPrecision", "baseAssetPrecision",
         "quotePrecision", "deliveryDate", "onboardDate", "orderTypes", "OrderType",
         "filters")  # fmt: skip


class FuturesAnswers(reading.Reading):
    def __init__(self, row: Venue) -> None:
        super().__init__(row.id)
        self._row = row
        self._linear = row.product == "linear"

    def _unwrap(self, status: int, body: bytes) -> Any:
        answer = strictjson.decode(body)
        if status == reading.OK:
            return answer
        code = strictjson.table(answer).get("code")
        if type(code) is not int or code >= 0:
            raise VenueAnswerUnknown(rule=f"http-{status}")
        decided = binance_outcome.is_decided(status, code, str(answer.get("msg", "")))
        raise VenueSaidNo(str(code), decided=decided)

    def _outcome(self, inside: Any, verb: Verb) -> OrderOutcome:
        del verb  # all three answer with the order itself
        row = strictjson.table(inside)
        filled = strictjson.decimal(row, "executedQty")
        price = strictjson.optional_decimal(row, "avgPrice")
        return OrderOutcome(
            state=reading.state_of(row, "status", binance_outcome.STATES),
            market=strictjson.text(row, "symbol"),
            client_order_id=strictjson.text(row, "clientOrderId"),
            venue_order_id=str(strictjson.number(row, "orderId")),
            filled_quantity=filled,
            # COIN-M tells the base currency instead; its contracts are in the market's row.
            filled_quote=strictjson.decimal(row, "cumQuote") if self._linear else None,
            average_price=price,
        )

    def parse_permissions(self, status: int, body: bytes) -> VenuePermissions:
        answer = strictjson.table(self._unwrap(status, body))
        return binance_rights.permissions_of(answer, needed=_NEEDED)

    def parse_balances(self, status: int, body: bytes) -> tuple[VenueBalance, ...]:
        account = strictjson.table(self._unwrap(status, body))
        return reading.balances_of(
            [
                VenueBalance(
                    asset=strictjson.text(row, "asset"),
                    free=strictjson.decimal(row, "availableBalance"),
                    locked=strictjson.decimal(row, "initialMargin"),
                )
                for row in strictjson.rows(account.get("assets"))
            ]
        )

    def parse_open_orders(self, status: int, body: bytes) -> tuple[OpenOrder, ...]:
        return tuple(_open_order(row) for row in strictjson.rows(self._unwrap(status, body)))

    def parse_trades(self, status: int, body: bytes) -> tuple[VenueTrade, ...]:
        return tuple(self._trade(row) for row in strictjson.rows(self._unwrap(status, body)))

    def parse_ticker(self, status: int, body: bytes, *, market: str) -> VenueTicker:
        answer = self._unwrap(status, body)
        # COIN-M answers one market with a list of one.
        row = reading.only(strictjson.rows(answer if isinstance(answer, list) else [answer]), "one")
        if row.get("symbol") != market:
            raise VenueAnswerUnknown(rule="symbol")
        bid, ask = strictjson.decimal(row, "bidPrice"), strictjson.decimal(row, "askPrice")
        return reading.ticker_of(market, bid, ask, None)

    def parse_market(
        self, status: int, body: bytes, *, market: str, as_of: datetime
    ) -> MarketSnapshot:
        every = strictjson.rows(strictjson.table(self._unwrap(status, body)).get("symbols"))
        entry = reading.only([row for row in every if row.get("symbol") == market], "symbol")
        return pinning.snapshot_of(
            self.venue, entry, self._describe, market=market, keep=_KEEP, as_of=as_of
        )

    def ticker_request(self, market: str) -> PublicRequest:
        if not market.isascii() or not market.replace("_", "").isalnum():
            raise VenueAnswerUnknown(rule="symbol")
        path = "/fapi/v1" if self._linear else "/dapi/v1"
        return PublicRequest(path_and_query=f"{path}/ticker/bookTicker?symbol={market}")

    def market_request(self, market: str) -> PublicRequest:
        """The whole list: this interface describes no single market."""
        self.ticker_request(market)
        path = "/fapi/v1" if self._linear else "/dapi/v1"
        return PublicRequest(path_and_query=f"{path}/exchangeInfo")

    def _describe(self, entry: dict[str, Any]) -> Description:
        base, quote = strictjson.text(entry, "baseAsset"), strictjson.text(entry, "quoteAsset")
        settle = strictjson.text(entry, "marginAsset")
        if (entry.get("contractType"), settle) != ("PERPETUAL", quote if self._linear else base):
            raise VenueAnswerUnknown(rule="contractType")
        size = Decimal(1) if self._linear else Decimal(strictjson.number(entry, "contractSize"))
        types = entry.get("orderTypes", entry.get("OrderType"))
        if not isinstance(types, list) or not size:
            raise VenueAnswerUnknown(rule="orderTypes")
        rows = strictjson.rows(entry.get("filters"))
        by_type = {strictjson.text(row, "filterType"): row for row in rows}
        price, lot = by_type.get("PRICE_FILTER", {}), by_type.get("LOT_SIZE", {})
        return Description(
            market=strictjson.text(entry, "symbol"),
            base=base,
            quote=quote,
            settle=settle,
            product=self._row.product,
            contract_size=size,
            trading=entry.get("status", entry.get("contractStatus")) == "TRADING",
            order_types=tuple(ours for theirs, ours in _ORDER_TYPES if theirs in types),
            filters=pinning.filters(
                tick_size=strictjson.decimal(price, "tickSize"),
                min_price=strictjson.optional_decimal(price, "minPrice"),
                max_price=strictjson.optional_decimal(price, "maxPrice"),
                step_size=strictjson.decimal(lot, "stepSize"),
                min_quantity=strictjson.optional_decimal(lot, "minQty"),
                max_quantity=strictjson.optional_decimal(lot, "maxQty"),
                min_notional=strictjson.optional_decimal(
                    by_type.get("MIN_NOTIONAL", {}), "notional"
                ),
            ),
        )

    def _trade(self, row: dict[str, Any]) -> VenueTrade:
        price = strictjson.decimal(row, "price")
        if self._linear:
            quote = strictjson.decimal(row, "quoteQty")
        else:  # from the base quantity, as Binance rounds it
            quote = reading.product(price, strictjson.decimal(row, "baseQty"))
        return VenueTrade(
            market=strictjson.text(row, "symbol"),
            venue_order_id=str(strictjson.number(row, "orderId")),
            venue_trade_id=str(strictjson.number(row, "id")),
            side=reading.side_of(row, "side", "BUY", "SELL"),
            price=price,
            quantity=strictjson.decimal(row, "qty"),
            quote_quantity=quote,
            fee=Fee(
                asset=strictjson.text(row, "commissionAsset"),
                amount=strictjson.signed_decimal(row, "commission"),
            ),
            executed_at=strictjson.moment(row, "time"),
        )


def _open_order(row: dict[str, Any]) -> OpenOrder:
    kind = strictjson.text(row, "type")
    closes = row.get("reduceOnly") is True or row.get("closePosition") is True
    return OpenOrder(
        market=strictjson.text(row, "symbol"),
        venue_order_id=str(strictjson.number(row, "orderId")),
        client_order_id=strictjson.text(row, "clientOrderId"),
        side=reading.side_of(row, "side", "BUY", "SELL"),
        type=kind.lower(),
        protective=closes or kind.startswith(("STOP", "TAKE_PROFIT", "TRAILING")),
        quantity=strictjson.decimal(row, "origQty"),
        filled_quantity=strictjson.decimal(row, "executedQty"),
        price=strictjson.optional_decimal(row, "price"),
        time_in_force=strictjson.text(row, "timeInForce"),
        created_at=strictjson.moment(row, "time"),
    )
