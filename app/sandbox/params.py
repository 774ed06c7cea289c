"""Request parameters: read once each, by name and kind, and none left over.

Query string and body are parsed apart; a name in both is taken from the query string, a name
twice in one of them is refused (rest-api.md, "General Information on Endpoints").
"""

import json
import re
from decimal import Decimal
from enum import StrEnum
from typing import TypeVar
from urllib.parse import unquote_to_bytes

from app.sandbox.errors import VenueError, illegal_characters, mandatory
from app.sandbox.money import PLACES, places

DECIMAL = r"^([0-9]{1,20})(\.[0-9]{1,20})?$"
INTEGER = r"^[0-9]{1,20}$"
CLIENT_ORDER_ID = r"^[a-zA-Z0-9-_]{1,36}$"
SYMBOL = r"^[A-Z0-9-_.]{1,20}$"
SIGNATURE = "signature"

_TAIL = re.compile(r"\$\Z")
E = TypeVar("E", bound=StrEnum)


class Params:
    """The parameters of one request. `finish()` refuses what nobody read."""

    def __init__(self, query: bytes, body: bytes) -> None:
        self._values = {**parse(body), **parse(query)}
        self._read: set[str] = set()

    def optional(self, name: str) -> str | None:
        """The value, or None; sent but empty is -1105."""
        self._read.add(name)
        value = self._values.get(name)
        if value == "":
            raise VenueError(-1105, f"Parameter '{name}' was empty.")
        return value

    def required(self, name: str) -> str:
        value = self._values.get(name)
        if not value:
            raise mandatory(name)
        self._read.add(name)
        return value

    def matching(self, name: str, legal: str) -> str | None:
        value = self.optional(name)
        # `$` would accept a trailing newline; the pattern shown to the client keeps it.
        if value is not None and not re.match(_TAIL.sub(r"\\Z", legal), value):
            raise illegal_characters(name, legal)
        return value

    def decimal(self, name: str) -> Decimal | None:
        """A positive amount of at most eight places."""
        value = self.matching(name, DECIMAL)
        if value is None:
            return None
        amount = Decimal(value)
        if places(amount) > PLACES:
            raise VenueError(-1111, f"Parameter '{name}' has too much precision.")
        if amount == 0:
            word = {"price": "price", "quoteOrderQty": "quote order qty"}.get(name, "quantity")
            raise VenueError(-1013, f"Invalid {word}.")
        return amount

    def integer(self, name: str) -> int | None:
        value = self.matching(name, INTEGER)
        return None if value is None else int(value)

    def boolean(self, name: str) -> bool:
        value = self.optional(name)
        if value not in (None, "true", "false"):
            raise VenueError(-1130, f"Data sent for parameter '{name}' is not valid.")
        return value == "true"

    def symbols(self) -> list[str] | None:
        """`symbol`, or `symbols` as a JSON array, or None for all; not both."""
        one, many = self.optional("symbol"), self.optional("symbols")
        if one is not None and many is not None:
            raise VenueError(-1128, "Combination of optional parameters invalid.")
        if one is not None:
            return [one]
        if many is None:
            return None
        try:
            names = json.loads(many)
        except ValueError as malformed:
            raise VenueError(-1135, "JSON sent for parameter 'symbols' is not valid") from malformed
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise VenueError(-1135, "JSON sent for parameter 'symbols' is not valid")
        if len(set(names)) != len(names):
            raise VenueError(-1151, "Symbol is present multiple times in the list.")
        return names

    def choice(self, name: str, kind: type[E], refusal: VenueError) -> E | None:
        value = self.optional(name)
        if value is None:
            return None
        try:
            return kind(value)
        except ValueError as unknown:
            raise refusal from unknown

    def finish(self) -> None:
        """Refuse parameters this endpoint does not know: a misspelt limit is not a limit."""
        if unread := len(self._values.keys() - self._read):
            sent = len(self._values)
            raise VenueError(
                -1104,
                f"Not all sent parameters were read; read '{sent - unread}' parameter(s) "
                f"but was sent '{sent}'.",
            )


def parse(raw: bytes) -> dict[str, str]:
    """Decode `a=1&b=2`; the signature is not a parameter of the endpoint and stays out."""
    values: dict[str, str] = {}
    for pair in raw.split(b"&") if raw else ():
        name, _, value = pair.partition(b"=")
        key, text = decode(name), decode(value)
        if key in values:
            raise VenueError(-1101, "Duplicate values for a parameter detected.")
        values[key] = text
    values.pop(SIGNATURE, None)
    return values


def decode(raw: bytes) -> str:
    try:
        return unquote_to_bytes(raw.replace(b"+", b" ")).decode()
    except UnicodeDecodeError as malformed:
        raise VenueError(-1100, "Illegal characters found in a parameter.") from malformed
