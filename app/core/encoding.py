"""Byte encodings with one spelling each: base64url, base62, length prefixes."""

import base64
import binascii
import re
import struct

from app.core.errors import Malformed

_BASE64URL = re.compile(r"[A-Za-z0-9_-]*\Z")
_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_BASE62_PAIRS = {a + b: 62 * x + y for x, a in enumerate(_BASE62) for y, b in enumerate(_BASE62)}
"""Two digits at a time: every request decodes a token of 93 of them, twice when introspecting."""


def b64url(raw: bytes) -> str:
    """Base64url without padding (RFC 7515 section 2)."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def b64url_decode(text: str) -> bytes:
    """Reverse of `b64url`; refuses padding, foreign characters and non-canonical tails.

    Raises
    ------
    Malformed
        `text` is not the one spelling that `b64url` would have produced.
    """
    if not _BASE64URL.match(text):
        raise Malformed
    try:
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except binascii.Error:
        raise Malformed from None
    if b64url(raw) != text:
        raise Malformed
    return raw


def base62(raw: bytes, width: int) -> str:
    """Big-endian base62, left-padded with zeros to exactly `width` characters."""
    number, digits = int.from_bytes(raw, "big"), []
    for _ in range(width):
        number, digit = divmod(number, 62)
        digits.append(_BASE62[digit])
    if number:
        raise ValueError("width too small")
    return "".join(reversed(digits))


def base62_decode(text: str, length: int) -> bytes:
    """Reverse of `base62` into exactly `length` bytes, or raise Malformed."""
    number, padded = 0, text if len(text) % 2 == 0 else "0" + text
    try:
        for start in range(0, len(padded), 2):
            number = number * 3844 + _BASE62_PAIRS[padded[start : start + 2]]
        return number.to_bytes(length, "big")
    except (KeyError, OverflowError):
        raise Malformed from None


def lp(*parts: bytes) -> bytes:
    """Concatenate with 4-byte big-endian length prefixes: injective, unlike a delimiter."""
    return b"".join(struct.pack(">I", len(part)) + part for part in parts)
