"""The bytes an HSM MAC covers for one row: injective, typed, domain-separated.

A row's evidence is its kind and all its columns in the order of its struct. Nothing is left to a
delimiter or to a text form: 1 and "1", NULL and "", one list and another never encode alike.
"""

import struct
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from uuid import UUID

import msgspec

from app.core.clock import unix_micros

Value = None | bool | int | str | bytes | UUID | datetime | Decimal | Sequence["Value"]

_DOMAIN = b"tripcord/evidence/v1\0"


def encode_row(kind: str, values: Sequence[Value]) -> bytes:
    """Evidence message of one row.

    `kind` names the table and the version of its columns ("device/1"): a column more is another
    version, so that rows sealed before it stay believed.
    """
    return _DOMAIN + _encode(kind) + _encode(list(values))


def row_evidence(kind: str, row: msgspec.Struct) -> bytes:
    """Evidence message over every column of a row struct but its own `mac`."""
    return encode_row(kind, [getattr(row, name) for name in row.__struct_fields__ if name != "mac"])


def _encode(value: Value) -> bytes:  # noqa: PLR0911 - one return per type reads best
    match value:
        case None:
            return b"N"
        case bool():
            return b"T" if value else b"F"
        case int():
            return _tagged(b"i", str(value).encode())
        case str():
            return _tagged(b"s", value.encode())
        case bytes():
            return _tagged(b"b", value)
        case UUID():
            return b"u" + value.bytes
        case datetime():
            return _tagged(b"t", str(unix_micros(value)).encode())
        case Decimal():
            return _tagged(b"d", _digits(value).encode())
        case list() | tuple():
            return struct.pack(">cI", b"l", len(value)) + b"".join(_encode(v) for v in value)
        case _:
            raise TypeError(f"{type(value).__name__} has no exact encoding")


def _digits(value: Decimal) -> str:
    """All digits and no trailing zeros. `normalize` would round to the thread's 28 digits."""
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def _tagged(tag: bytes, raw: bytes) -> bytes:
    return struct.pack(">cI", tag, len(raw)) + raw
