"""Bodies read whole before anything else is done for a request."""

from app.api.errors import BodyTooLarge
from app.api.outer import Message, Receive, Scope

MAX_BODY_BYTES = 64 * 1024


def check_announced(scope: Scope) -> None:
    """Refuse a body that says it is too large before any of it is read."""
    for name, value in scope["headers"]:
        if name == b"content-length" and not (value.isdigit() and int(value) <= MAX_BODY_BYTES):
            raise BodyTooLarge


async def whole(receive: Receive) -> bytes:
    body: bytes = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if len(body) > MAX_BODY_BYTES:
            raise BodyTooLarge
        if not message.get("more_body", False):
            return body


def announces_body(scope: Scope) -> bool:
    return any(
        (name == b"content-length" and value != b"0") or name == b"transfer-encoding"
        for name, value in scope["headers"]
    )


def arrived(body: bytes) -> Receive:
    """`receive` of a request whose body is here already."""
    arriving: list[Message] = [
        {"type": "http.disconnect"},
        {"type": "http.request", "body": body, "more_body": False},
    ]

    async def receive() -> Message:
        return arriving.pop() if len(arriving) > 1 else arriving[0]

    return receive
