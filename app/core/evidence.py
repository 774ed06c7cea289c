"""The bytes an HSM MAC covers for one row: injective, typed, domain-separated.

A row's evidence is its kind and all its columns in the order of its struct. Nothing is left to a
delimiter or to a text form: 1 and "1", NULL and "", one list and another never encode alike.
"""

import struct
from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any
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


def _encode(value: Value) -> bytes:
    encode = _ENCODERS.get(type(value)) or _encoder_of_subclass(value)
    return encode(value)


def _encode_list(values: Sequence[Value]) -> bytes:
    return struct.pack(">cI", b"l", len(values)) + b"".join([_encode(v) for v in values])


def _digits(value: Decimal) -> str:
    """All digits and no trailing zeros. `normalize` would round to the thread's 28 digits."""
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def _tagged(tag: bytes, raw: bytes) -> bytes:
    return struct.pack(">cI", tag, len(raw)) + raw


_ENCODERS: dict[type[Any], Callable[[Any], bytes]] = {
    type(None): lambda _: b"N",
    bool: lambda value: b"T" if value else b"F",
    int: lambda value: _tagged(b"i", str(value).encode()),
    str: lambda value: _tagged(b"s", value.encode()),
    bytes: lambda value: _tagged(b"b", value),
    UUID: lambda value: b"u" + value.bytes,
    datetime: lambda value: _tagged(b"t", str(unix_micros(value)).encode()),
    Decimal: lambda value: _tagged(b"d", _digits(value).encode()),
    list: _encode_list,
    tuple: _encode_list,
}


def _encoder_of_subclass(value: Value) -> Callable[[Any], bytes]:
    """Enums of text, and asyncpg's own UUID: encoded as what they are a kind of."""
    for kind in type(value).__mro__:
        if kind in _ENCODERS:
            return _ENCODERS[kind]
    raise TypeError(f"{type(value).__name__} has no exact encoding")
