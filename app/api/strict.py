"""Request bodies: strict JSON, and nothing twice."""

import json
from typing import Any, NoReturn

from litestar import Request

from app.core.errors import Malformed


class StrictRequest(Request[Any, Any, Any]):
    """A request whose JSON has one meaning: UTF-8, no duplicate keys, no floats, no NaN."""

    async def json(self) -> Any:
        return parse(await self.body())


def parse(raw: bytes) -> Any:
    """Decode a JSON body, or raise Malformed.

    Floats are refused because money travels as strings; duplicate keys because two readers would
    see two different requests.
    """
    try:
        return json.loads(
            raw.decode("utf-8"),
            object_pairs_hook=_once,
            parse_float=_refuse,
            parse_constant=_refuse,
        )
    except (ValueError, RecursionError):
        raise Malformed from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("duplicate key")
    return members


def _refuse(_: str) -> NoReturn:
    raise ValueError("not a number we take")
