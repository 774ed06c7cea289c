"""Order terms from a bot's intent, and to and from the view that an approval shows."""

from typing import Annotated, Any, Literal, TypeVar

import msgspec

from app.core.errors import Malformed
from app.guardrails.amounts import parse_amount, plain
from app.guardrails.models import OrderTerms, OrderType, Side, TimeInForce

# ASCII only: a market id with a look-alike letter is another market to a machine and the same
# one to a person.
MarketId = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9._/-]{1,32}\Z")]


class _Shown(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Fields of an order as strings. An absent field is absent, never null."""

    market: MarketId
    side: Side
    type: OrderType
    quantity: str
    price: str | msgspec.UnsetType = msgspec.UNSET
    time_in_force: TimeInForce | msgspec.UnsetType = msgspec.UNSET


class _Intent(_Shown, frozen=True, kw_only=True, forbid_unknown_fields=True):
    kind: Literal["order"]


class _View(_Shown, frozen=True, kw_only=True, forbid_unknown_fields=True):
    asked_as: OrderType | msgspec.UnsetType = msgspec.UNSET


_Shape = TypeVar("_Shape", bound=_Shown)


def parse_intent(intent: dict[str, Any]) -> OrderTerms:
    """Order terms from the signed intent of a bot. A limit order without a time in force is GTC.

    Raises
    ------
    Malformed
        Unknown, missing or null field, a price on a market order or none on a limit order.
    AmountRefused
        Quantity or price is not a plain positive decimal string.
    """
    shown = _convert(intent, _Intent)
    if shown.type == "limit" and shown.time_in_force is msgspec.UNSET:
        shown = msgspec.structs.replace(shown, time_in_force="GTC")
    return _terms(shown, asked_as=None)


def order_view(order: OrderTerms) -> dict[str, str]:
    """The fields of an order as an approval shows them and its digest covers them."""
    fields = {
        "market": order.market,
        "side": order.side,
        "type": order.type,
        "quantity": plain(order.quantity),
        "price": None if order.price is None else plain(order.price),
        "time_in_force": order.time_in_force,
        "asked_as": order.asked_as,
    }
    return {name: value for name, value in fields.items() if value is not None}


def order_from_view(view: dict[str, Any]) -> OrderTerms:
    """Reverse of `order_view`; raises as `parse_intent` does."""
    shown = _convert(view, _View)
    return _terms(shown, asked_as=None if shown.asked_as is msgspec.UNSET else shown.asked_as)


def _convert(value: dict[str, Any], shape: type[_Shape]) -> _Shape:
    try:
        return msgspec.convert(value, shape)
    except msgspec.ValidationError:
        raise Malformed from None


def _terms(shown: _Shown, *, asked_as: OrderType | None) -> OrderTerms:
    price, time_in_force = shown.price, shown.time_in_force
    limit = shown.type == "limit"
    if (price is not msgspec.UNSET, time_in_force is not msgspec.UNSET) != (limit, limit):
        raise Malformed
    return OrderTerms(
        market=shown.market,
        side=shown.side,
        type=shown.type,
        quantity=parse_amount(shown.quantity),
        price=None if price is msgspec.UNSET else parse_amount(price),
        time_in_force=None if time_in_force is msgspec.UNSET else time_in_force,
        asked_as=asked_as,
    )
