"""What a request shows of itself in its one Authorization header, by its form alone."""

from typing import Any

from litestar import Request

from app.api.errors import TokenMissing
from app.core.token import TokenKind

AnyRequest = Request[Any, Any, Any]
_CLIENT_PREFIX = f"tc_{TokenKind.CLIENT.value}_"


def shows_a_node(request: AnyRequest) -> bool:
    """Whether a bound token of a trader's tree is presented, by its form alone; a platform's
    access token may be bound as well.
    """
    if scheme_of(request) != "dpop":
        return False
    presented = request.headers["authorization"].partition(" ")[2].strip()
    return not presented.startswith(_CLIENT_PREFIX)


def scheme_of(request: AnyRequest) -> str:
    values = request.headers.getall("authorization", [])
    return values[0].partition(" ")[0].lower() if len(values) == 1 else ""


def presented_as(request: AnyRequest, scheme: str) -> str:
    """The token of exactly one header of that scheme, or raise TokenMissing."""
    values = request.headers.getall("authorization", [])
    if len(values) != 1:
        raise TokenMissing
    name, _, presented = values[0].partition(" ")
    if name.lower() != scheme or not presented:
        raise TokenMissing
    return presented.strip()
