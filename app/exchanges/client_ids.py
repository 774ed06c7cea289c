"""Client order ids: our order id in letters every venue takes."""

from uuid import UUID

from app.core.encoding import base62, base62_decode
from app.core.errors import Malformed

_PREFIX = "tc"
_WIDTH = 22
"""Base62 digits of 128 bits. With the prefix 24 characters; the strictest venue takes 32."""


def client_order_id(order_id: UUID) -> str:
    """`tc` and the order id in base62: 24 letters and digits, one spelling per order."""
    return _PREFIX + base62(order_id.bytes, _WIDTH)


def order_id_of(client_id: str) -> UUID | None:
    """Reverse of `client_order_id`; None for an id that is not ours."""
    if len(client_id) != len(_PREFIX) + _WIDTH or not client_id.startswith(_PREFIX):
        return None
    try:
        return UUID(bytes=base62_decode(client_id.removeprefix(_PREFIX), 16))
    except Malformed:
        return None


def of_wire_uuid(text: str) -> str:
    """Our id of an order that a venue names by a UUID of ours; anybody else's as it is."""
    try:
        return client_order_id(UUID(text))
    except ValueError:
        return text
