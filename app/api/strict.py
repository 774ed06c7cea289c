"""Request bodies: strict JSON, and nothing twice."""

import json
from typing import Any, NoReturn

from litestar import Request

from app.core.errors import Malformed

_JSON = "application/json"


class StrictRequest(Request[Any, Any, Any]):
    """A request whose JSON has one meaning: UTF-8, no duplicate keys, no floats, no NaN."""

    async def json(self) -> Any:
        kind, options = self.content_type
        if kind.lower() != _JSON or options.get("charset", "utf-8").lower() != "utf-8":
            raise Malformed
        return parse(await self.body())


def parse(raw: bytes) -> Any:
    """Decode a JSON body, or raise Malformed.

    Floats are refused because money travels as strings; duplicate keys because two readers would
    see two different requests; texts that PostgreSQL or UTF-8 cannot hold (NUL, half a surrogate
    pair, which only escapes can spell) because they would fail far from here.
    """
    try:
        text = raw.decode("utf-8")
        value = json.loads(
            text,
            object_pairs_hook=_once,
            parse_float=_refuse,
            parse_constant=_refuse,
        )
        if "\\u" in text:
            _check_texts(value)
    except (ValueError, RecursionError):
        raise Malformed from None
    return value


def _check_texts(value: Any) -> None:
    waiting = [value]
    while waiting:
        match waiting.pop():
            case str() as text:
                if "\0" in text:
                    raise ValueError("NUL")
                text.encode()
            case dict() as members:
                waiting += [*members, *members.values()]
            case list() as items:
                waiting += items
            case _:
                pass


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("duplicate key")
    return members


def _refuse(_: str) -> NoReturn:
    raise ValueError("not a number we take")
