"""JSON from a venue: no repeated keys, no floats, no surprises as raw exceptions."""

import json
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from app.exchanges.errors import VenueAnswerUnknown

_PLAIN = re.compile(r"(0|[1-9][0-9]{0,24})(\.[0-9]{1,24})?\Z")
_ISO = re.compile(r"20[0-9]{2}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?Z\Z")
_MAX_MAGNITUDE = 64
"""Powers of ten, either way: no venue means more, and eleven letters ("1e999999999") written out in
digits are a gigabyte."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_MS = 4_102_444_800_000  # 2100-01-01; later is not a time a venue means


def decode(body: bytes) -> Any:
    """Decode JSON; numbers with a point become Decimal. Raises VenueAnswerUnknown."""
    try:
        return json.loads(
            body, object_pairs_hook=_no_repeats, parse_float=_exact, parse_constant=_refuse
        )
    except (ValueError, RecursionError, ArithmeticError):
        raise VenueAnswerUnknown(rule="not_json") from None


def decimal(entry: dict[str, Any], name: str) -> Decimal:
    """A non-negative plain decimal string in `entry[name]`, or raise VenueAnswerUnknown."""
    text = entry.get(name)
    if not isinstance(text, str) or not _PLAIN.match(text):
        raise VenueAnswerUnknown(rule=name)
    return Decimal(text)


def optional_decimal(entry: dict[str, Any], name: str) -> Decimal | None:
    """As `decimal`, but None where the venue leaves the field out or empty, or writes zero."""
    if entry.get(name) in (None, ""):
        return None
    return decimal(entry, name) or None


def signed_decimal(entry: dict[str, Any], name: str) -> Decimal:
    """A plain decimal string that may have a minus sign, or raise."""
    text = entry.get(name)
    if not isinstance(text, str) or not _PLAIN.match(text.removeprefix("-")):
        raise VenueAnswerUnknown(rule=name)
    return Decimal(text)


def numeral(entry: dict[str, Any], name: str) -> Decimal:
    """A non-negative JSON number or plain decimal string (some venues mix the two), or raise."""
    value = entry.get(name)
    if type(value) is int or isinstance(value, Decimal):
        value = format(Decimal(value), "f")
    return decimal({name: value}, name)


def signed_numeral(entry: dict[str, Any], name: str) -> Decimal:
    """As `numeral`, and it may have a minus sign."""
    value = entry.get(name)
    if type(value) is int or isinstance(value, Decimal):
        value = format(Decimal(value), "f")
    return signed_decimal({name: value}, name)


def text(entry: dict[str, Any], name: str) -> str:
    """A non-empty printable ASCII string of at most 64 characters, or raise."""
    value = entry.get(name)
    if not isinstance(value, str) or not 1 <= len(value) <= 64 or not _is_printable(value):  # noqa: PLR2004
        raise VenueAnswerUnknown(rule=name)
    return value


def optional_text(entry: dict[str, Any], name: str) -> str | None:
    """As `text`, but None where the venue leaves the field out or empty."""
    return None if entry.get(name) in (None, "") else text(entry, name)


def number(entry: dict[str, Any], name: str) -> int:
    """A non-negative integer below 2^63, or raise."""
    value = entry.get(name)
    if type(value) is not int or not 0 <= value < 2**63:
        raise VenueAnswerUnknown(rule=name)
    return value


def moment(entry: dict[str, Any], name: str) -> datetime:
    """Unix milliseconds in `entry[name]` as aware UTC, or raise."""
    value = number(entry, name)
    if value > _LAST_MS:
        raise VenueAnswerUnknown(rule=name)
    return _EPOCH + timedelta(milliseconds=value)


def moment_in_text(entry: dict[str, Any], name: str) -> datetime:
    """As `moment`, for milliseconds that the venue writes as a string of digits."""
    value = entry.get(name)
    if not isinstance(value, str) or not value.isascii() or not value.isdecimal():
        raise VenueAnswerUnknown(rule=name)
    return moment({name: int(value[:20])}, name)


def moment_in_seconds(entry: dict[str, Any], name: str) -> datetime:
    """Unix seconds as a JSON number, whole or with a fraction (kept to milliseconds)."""
    value = entry.get(name)
    if type(value) is not int and not isinstance(value, Decimal):
        raise VenueAnswerUnknown(rule=name)
    return moment({name: int(value * 1000)}, name)


def moment_in_iso(entry: dict[str, Any], name: str) -> datetime:
    """RFC 3339 in UTC ("2021-05-31T09:59:59.123Z"), or raise."""
    value = entry.get(name)
    if not isinstance(value, str) or not _ISO.match(value):
        raise VenueAnswerUnknown(rule=name)
    seconds, _, fraction = value.removesuffix("Z").partition(".")
    try:
        whole = datetime.fromisoformat(seconds).replace(tzinfo=UTC)
    except ValueError:
        raise VenueAnswerUnknown(rule=name) from None
    return whole + timedelta(microseconds=int((fraction + "000000")[:6]))


def table(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise VenueAnswerUnknown(rule="not_an_object")
    return value


def rows(value: Any) -> list[dict[str, Any]]:
    if not isinstance(value, list):
        raise VenueAnswerUnknown(rule="not_a_list")
    return [table(item) for item in value]


def _no_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    # Two readers that disagree about which of two equal keys counts see two different answers.
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError
    return result


def _exact(text: str) -> Decimal:
    value = Decimal(text)
    if abs(value.adjusted()) > _MAX_MAGNITUDE:
        raise ValueError
    return value


def _refuse(_: str) -> None:
    raise ValueError


def _is_printable(value: str) -> bool:
    return value.isascii() and value.isprintable()
