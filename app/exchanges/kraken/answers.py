"""Kraken's answers: `{"error": […], "result": …}`, money in strings, times in seconds."""

from datetime import UTC, datetime
from typing import Any

from app.exchanges import pinning, reading, strictjson
from app.exchanges.client_ids import of_wire_uuid
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

_NEEDED = frozenset({"query-funds", "query-open-trades", "query-closed-trades", "modify-trades"})
_ALLOWED = frozenset({"close-trades", "query-ledger", "export-data", "create-ws-token"})
"""Names from the document "Get API Key Info". Deposit, withdraw, earn and the address book are not
here: the first three move money, the last is the step before."""

_REFUSED_BEFORE_MATCHING = (
    "EGeneral:Invalid arguments", "EGeneral:Permission denied", "EAPI:Invalid key",
    "EAPI:Invalid signature", "EAPI:Invalid nonce", "EAPI:Rate limit exceeded",
    "EQuery:Unknown asset pair", "EOrder:Insufficient funds", "EOrder:Order minimum not met",
    "EOrder:Cost minimum not met", "EOrder:Tick size check failed", "EOrder:Invalid price",
    "EOrder:Orders limit exceeded", "EOrder:Rate limit exceeded", "EService:Market in",
)  # fmt: skip
_PROTECTIVE = frozenset({"stop-loss", "stop-loss-limit", "take-profit", "take-profit-limit",
                         "trailing-stop", "trailing-stop-limit"})  # fmt: skip
_KEEP = ("altname", "base", "quote", "status", "tick_size", "pair_decimals", "lot_decimals",
         "ordermin", "costmin")  # fmt: skip
_LEGACY = frozenset({"XXBT", "XETH", "XLTC", "XXRP", "XXLM", "XXMR", "XREP", "XZEC", "XETC",
                     "XMLN", "XXDG", "ZUSD", "ZEUR", "ZGBP", "ZCAD", "ZJPY", "ZAUD"})  # fmt: skip
"""Asset codes of Kraken's first years, which carry a prefix in pair ids and not in `altname`."""


class KrakenAnswers(reading.Reading):
    def _unwrap(self, status: int, body: bytes) -> Any:
        answer = strictjson.table(strictjson.decode(body))
        errors = answer.get("error")
        if not isinstance(errors, list) or status != reading.OK:
            raise VenueAnswerUnknown(rule=f"http-{status}")
        for error in errors:
            # A warning begins with "W" and leaves the result as it is.
            if not isinstance(error, str) or not error.startswith("W"):
                code = str(error)[:64]
                raise VenueSaidNo(code, decided=code.startswith(_REFUSED_BEFORE_MATCHING))
        return strictjson.table(answer.get("result"))

    def _outcome(self, inside: Any, verb: Verb) -> OrderOutcome:
        if verb == "order":
            ids = inside.get("txid")
            if not isinstance(ids, list) or len(ids) != 1:
                raise VenueAnswerUnknown(rule="txid")
            return reading.accepted(strictjson.text({"txid": ids[0]}, "txid"))
        if verb == "cancel":
            if strictjson.number(inside, "count") != 1 or inside.get("pending", False) is not False:
                raise VenueAnswerUnknown(rule="count")
            return OrderOutcome(state=OrderState.CANCELLED)
        return _closed(*_one_named(inside.get("closed"), "closed"))

    def parse_permissions(self, status: int, body: bytes) -> VenuePermissions:
        inside = self._unwrap(status, body)
        granted, addresses = inside.get("permissions"), inside.get("ipAllowlist")
        if not isinstance(granted, list) or not isinstance(addresses, list):
            raise VenueAnswerUnknown(rule="permissions")
        if not all(isinstance(name, str) for name in granted):
            raise PermissionsRefused(rule="permissions")
        rights = reading.check_rights(granted, needed=_NEEDED, allowed=_ALLOWED)
        return VenuePermissions(
            rights=rights,
            ip_restricted=bool(addresses),
            created_at=_seconds(inside, "createdTime"),
            trading_expires_at=_seconds(inside, "validUntil"),
        )

    def parse_balances(self, status: int, body: bytes) -> tuple[VenueBalance, ...]:
        found = []
        for asset, row in _named(self._unwrap(status, body)):
            held = strictjson.decimal(row, "balance")
            locked = strictjson.decimal(row, "hold_trade")
            if locked > held:
                raise VenueAnswerUnknown(rule="hold_trade")
            found.append(VenueBalance(asset=asset, free=held - locked, locked=locked))
        return reading.balances_of(found)

    def parse_open_orders(self, status: int, body: bytes) -> tuple[OpenOrder, ...]:
        orders = _named(self._unwrap(status, body).get("open"))
        return tuple(_open_order(txid, row) for txid, row in orders)

    def parse_trades(self, status: int, body: bytes) -> tuple[VenueTrade, ...]:
        trades = _named(self._unwrap(status, body).get("trades"))
        return tuple(_trade(trade_id, row) for trade_id, row in trades)

    def parse_ticker(self, status: int, body: bytes, *, market: str) -> VenueTicker:
        pair, row = _one_named(self._unwrap(status, body), "pair")
        if altname_of(pair) != market:
            raise VenueAnswerUnknown(rule="pair")
        tops = [strictjson.decimal({name: _first(row, name)}, name) for name in ("b", "a", "c")]
        return reading.ticker_of(market, *tops)

    def parse_market(
        self, status: int, body: bytes, *, market: str, as_of: datetime
    ) -> MarketSnapshot:
        _, entry = _one_named(self._unwrap(status, body), "pair")
        return pinning.snapshot_of(
            self.venue, entry, describe, market=market, keep=_KEEP, as_of=as_of
        )

    def ticker_request(self, market: str) -> PublicRequest:
        return PublicRequest(path_and_query=f"/0/public/Ticker?pair={_id(market)}")

    def market_request(self, market: str) -> PublicRequest:
        return PublicRequest(path_and_query=f"/0/public/AssetPairs?pair={_id(market)}")


def describe(entry: dict[str, Any]) -> Description:
    """One entry of `AssetPairs`. Kraken names base and quote with its legacy prefixes."""
    return Description(
        market=strictjson.text(entry, "altname"),
        base=strictjson.text(entry, "base"),
        quote=strictjson.text(entry, "quote"),
        trading=entry.get("status") == "online",
        order_types=("limit", "market"),
        filters=pinning.filters(
            tick_size=strictjson.optional_decimal(entry, "tick_size")
            or pinning.power_of_ten(entry.get("pair_decimals"), "pair_decimals"),
            step_size=pinning.power_of_ten(entry.get("lot_decimals"), "lot_decimals"),
            min_quantity=strictjson.optional_decimal(entry, "ordermin"),
            min_notional=strictjson.optional_decimal(entry, "costmin"),
        ),
    )


def altname_of(pair: str) -> str:
    """The name of a pair without the prefixes that only ids have ("XXBTZUSD" is "XBTUSD")."""
    base, quote = pair[:4], pair[4:]
    if base in _LEGACY and quote in _LEGACY:
        return base[1:] + quote[1:]
    return "USDTUSD" if pair == "USDTZUSD" else pair


def _id(market: str) -> str:
    if not market.isascii() or not market.replace(".", "").isalnum():
        raise VenueAnswerUnknown(rule="pair")
    return market


def _named(value: Any) -> list[tuple[str, dict[str, Any]]]:
    """Kraken lists things as objects under their id."""
    return [(name, strictjson.table(row)) for name, row in strictjson.table(value).items()]


def _one_named(value: Any, rule: str) -> tuple[str, dict[str, Any]]:
    found = _named(value)
    if len(found) != 1:
        raise VenueAnswerUnknown(rule=rule)
    return found[0]


def _first(row: dict[str, Any], name: str) -> Any:
    values = row.get(name)
    return values[0] if isinstance(values, list) and values else None


def _seconds(inside: dict[str, Any], name: str) -> datetime | None:
    """Seconds in a string; "0" means that there is no such time."""
    text = inside.get(name)
    if not isinstance(text, str) or not text.isascii() or not text.isdecimal():
        raise VenueAnswerUnknown(rule=name)
    return datetime.fromtimestamp(int(text[:10]), tz=UTC) if int(text) else None


def _client_id(row: dict[str, Any]) -> str | None:
    """Our own spelling of our ids; anybody else's as it is."""
    if row.get("cl_ord_id") in (None, ""):
        return None
    return of_wire_uuid(strictjson.text(row, "cl_ord_id"))


def _closed(txid: str, row: dict[str, Any]) -> OrderOutcome:
    filled, whole = strictjson.decimal(row, "vol_exec"), strictjson.decimal(row, "vol")
    quote = strictjson.decimal(row, "cost")
    states = {"closed": OrderState.FILLED, "canceled": OrderState.CANCELLED,
              "expired": OrderState.CANCELLED}  # fmt: skip
    state = reading.state_of(row, "status", states)
    if state is OrderState.FILLED and filled < whole:
        state = OrderState.CANCELLED
    return OrderOutcome(
        state=state,
        market=strictjson.text(strictjson.table(row.get("descr")), "pair"),
        client_order_id=_client_id(row),
        venue_order_id=txid,
        filled_quantity=filled,
        filled_quote=quote,
        average_price=reading.average(quote, filled),
    )


def _open_order(txid: str, row: dict[str, Any]) -> OpenOrder:
    told = strictjson.table(row.get("descr"))
    kind = strictjson.text(told, "ordertype")
    return OpenOrder(
        market=strictjson.text(told, "pair"),
        venue_order_id=txid,
        client_order_id=_client_id(row) or "",
        side=reading.side_of(told, "type", "buy", "sell"),
        type=kind.replace("-", "_"),
        protective=kind in _PROTECTIVE,
        quantity=strictjson.decimal(row, "vol"),
        filled_quantity=strictjson.decimal(row, "vol_exec"),
        price=strictjson.decimal(told, "price") or None,
        time_in_force="GTC",  # what rests there was not immediate
        created_at=strictjson.moment_in_seconds(row, "opentm"),
    )


def _trade(trade_id: str, row: dict[str, Any]) -> VenueTrade:
    pair = strictjson.text(row, "pair")
    return VenueTrade(
        market=altname_of(pair),
        venue_order_id=strictjson.text(row, "ordertxid"),
        venue_trade_id=trade_id,
        side=reading.side_of(row, "type", "buy", "sell"),
        price=strictjson.decimal(row, "price"),
        quantity=strictjson.decimal(row, "vol"),
        quote_quantity=strictjson.decimal(row, "cost"),
        # Kraken tells the fee in quote currency here, and not which one that is.
        fee=Fee(asset=f"quote of {altname_of(pair)}", amount=strictjson.decimal(row, "fee")),
        executed_at=strictjson.moment_in_seconds(row, "time"),
    )
