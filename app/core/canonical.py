"""One canonical form of JSON and its digest: RFC 8785 and SHA-256."""

import hashlib
from typing import Any

import msgspec
import rfc8785

from app.core.errors import Malformed


def canonical_json(value: Any) -> bytes:
    """Canonical JSON (RFC 8785). Numbers are integers only: money travels as decimal strings."""
    _refuse_floats(value)
    try:
        return rfc8785.dumps(value)
    except rfc8785.CanonicalizationError:
        raise Malformed from None


def parse_canonical(raw: bytes) -> Any:
    """Decode JSON that must already be in canonical form.

    Raises
    ------
    Malformed
        Not JSON, or not byte for byte what `canonical_json` gives for it; this is what makes
        duplicate keys, reordered keys and alternative number spellings impossible.
    """
    try:
        value = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Malformed from None
    if canonical_json(value) != raw:
        raise Malformed
    return value


def sha256(raw: bytes) -> bytes:
    return hashlib.sha256(raw).digest()


def _refuse_floats(value: Any) -> None:
    if isinstance(value, float):
        raise Malformed
    if isinstance(value, dict):
        for item in value.values():
            _refuse_floats(item)
    elif isinstance(value, list | tuple):
        for item in value:
            _refuse_floats(item)
