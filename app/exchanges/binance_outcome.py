"""What a Binance answer says about one order. Whatever is not plain is unknown."""

from decimal import Context, Decimal
from typing import Any

from app.exchanges import reading, strictjson
from app.exchanges.dialect import Verb
from app.exchanges.errors import VenueAnswerUnknown
from app.exchanges.models import Fee, OrderOutcome, OrderState

_OK = 200
STATES = {
    "NEW": OrderState.ACCEPTED,
    "PENDING_NEW": OrderState.ACCEPTED,
    "PARTIALLY_FILLED": OrderState.PARTIALLY_FILLED,
    "FILLED": OrderState.FILLED,
    "CANCELED": OrderState.CANCELLED,
    "EXPIRED": OrderState.CANCELLED,  # IOC and FOK leave their rest like this
    "EXPIRED_IN_MATCH": OrderState.CANCELLED,
    "REJECTED": OrderState.REJECTED,
}
_UNDECIDED = frozenset({-1000, -1001, -1006, -1007, -1008, -1016})
"""Codes after which the venue itself does not promise that nothing happened (or may answer from
another node): unknown error, disconnected, unexpected response, timeout, overload, shutting down.
"""
_SUMS = Context(prec=60)


def outcome_of(status: int, body: bytes, *, verb: Verb) -> OrderOutcome:
    """Never raises: an answer that cannot be read is `unknown`."""
    try:
        answer = strictjson.table(strictjson.decode(body))
        if status == _OK:
            return _placed(answer, verb)
        return _refused(status, answer, verb)
    except VenueAnswerUnknown:
        return OrderOutcome(state=OrderState.UNKNOWN, venue_code=f"http-{status}")


def _refused(status: int, answer: dict[str, Any], verb: Verb) -> OrderOutcome:
    code = answer.get("code")
    if type(code) is not int or code >= 0:
        raise VenueAnswerUnknown(rule="code")
    # Only a refusal of the order itself says that the order does not exist. A refused cancel or
    # status read leaves the order as it was.
    plain = verb == "order" and is_decided(status, code, str(answer.get("msg", "")))
    state = OrderState.REJECTED if plain else OrderState.UNKNOWN
    return OrderOutcome(state=state, venue_code=str(code))


def is_decided(status: int, code: int, message: str) -> bool:
    """Whether an error says that nothing happened. A 5xx may come after the match."""
    client_error = 400 <= status < 500  # noqa: PLR2004
    # A duplicate is refused because the first one arrived.
    return client_error and code not in _UNDECIDED and "duplicate" not in message.lower()


def _placed(answer: dict[str, Any], verb: Verb) -> OrderOutcome:
    state = STATES.get(strictjson.text(answer, "status"))
    if state is None:
        raise VenueAnswerUnknown(rule="status")
    filled = strictjson.decimal(answer, "executedQty")
    quote = strictjson.decimal(answer, "cummulativeQuoteQty")  # the venue's own spelling
    # A cancel has an id of its own; the order's is the "orig" one.
    name = "origClientOrderId" if verb == "cancel" else "clientOrderId"
    return OrderOutcome(
        state=state,
        market=strictjson.text(answer, "symbol"),
        client_order_id=strictjson.text(answer, name),
        venue_order_id=str(strictjson.number(answer, "orderId")),
        filled_quantity=filled,
        filled_quote=quote,
        average_price=reading.average(quote, filled),
        fees=_fees(strictjson.rows(answer.get("fills", []))),
    )


def _fees(fills: list[dict[str, Any]]) -> tuple[Fee, ...]:
    sums: dict[str, Decimal] = {}
    for fill in fills:
        asset = strictjson.text(fill, "commissionAsset")
        paid = strictjson.decimal(fill, "commission")
        sums[asset] = _SUMS.add(sums.get(asset, Decimal(0)), paid)
    return tuple(Fee(asset=asset, amount=amount) for asset, amount in sorted(sums.items()))
