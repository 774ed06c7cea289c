"""Bytes and text, each with one spelling: base64url, base62, length prefixes, canonical JSON."""

import base64
import hashlib
import json
import struct
from typing import Any, NoReturn

import rfc8785

Json = dict[str, Any]

_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


class BadFormat(ValueError):
    """Something does not have the published form. The message says what, never a secret."""


class Secret:
    """A text this client must keep: it prints as dots; `reveal()` is easy to search for."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return "Secret(…)"

    __str__ = __repr__

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret does not travel")


def b64url(raw: bytes) -> str:
    """Base64url without padding (RFC 7515 section 2)."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")


def b64url_decode(text: str) -> bytes:
    """Reverse of `b64url`; any second spelling of the same bytes raises `BadFormat`."""
    try:
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        raise BadFormat("not base64url") from None
    if b64url(raw) != text:
        raise BadFormat("not canonical base64url")
    return raw


def base62(raw: bytes, width: int) -> str:
    """Big-endian base62 in the order 0-9A-Za-z, left-padded with "0" to `width` characters."""
    number = int.from_bytes(raw, "big")
    digits = ""
    while number:
        number, digit = divmod(number, 62)
        digits = _BASE62[digit] + digits
    if len(digits) > width:
        raise BadFormat("value is too large for its base62 field")
    return digits.rjust(width, "0")


def base62_decode(text: str, length: int) -> bytes:
    """Reverse of `base62` into exactly `length` bytes."""
    number = 0
    for character in text:
        digit = _BASE62.find(character)
        if digit < 0:
            raise BadFormat("not base62")
        number = number * 62 + digit
    try:
        return number.to_bytes(length, "big")
    except OverflowError:
        raise BadFormat("value is too large for its base62 field") from None


def lp(*parts: bytes) -> bytes:
    """Concatenate, each part behind its length as 4-byte big-endian: no delimiter to forge."""
    return b"".join(struct.pack(">I", len(part)) + part for part in parts)


def sha256(raw: bytes) -> bytes:
    return hashlib.sha256(raw).digest()


def canonical_json(value: Any) -> bytes:
    """Canonical JSON of RFC 8785. Amounts are decimal strings, so floats never occur."""
    try:
        return rfc8785.dumps(value)
    except rfc8785.CanonicalizationError:
        raise BadFormat("value has no canonical JSON form") from None


def parse_canonical(raw: bytes) -> Any:
    """Decode JSON that must already be canonical: what is parsed is then what was signed.

    A duplicate key, another key order, a second spelling of a number or a float raises
    `BadFormat`; each of them would let two readers see two different texts in the same bytes.
    """
    try:
        value = json.loads(raw, parse_float=_no_float, parse_constant=_no_float)
    except (ValueError, RecursionError):
        raise BadFormat("not JSON") from None
    if canonical_json(value) != raw:
        raise BadFormat("not canonical JSON")
    return value


def _no_float(_: str) -> NoReturn:
    raise BadFormat("a float has no place in a signed text")
