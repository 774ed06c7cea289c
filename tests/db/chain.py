"""The log's chain as somebody outside would check it: from the columns, in Python."""

import hashlib
import struct
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

DOMAIN = b"tripcord/log-entry/v1\0"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
CONTENT = (
    "trader_id", "chain", "position", "at", "event", "actor", "token_id", "path", "subject_id",
    "outcome", "rule", "request_digest", "answer_digest", "venue_outcome", "address",
    "user_agent", "device_id",
)  # fmt: skip
"""Columns under `content_hash`, in this order."""


def _bytes(value: Any) -> bytes | None:
    match value:
        case UUID():
            return value.bytes
        case int():
            return value.to_bytes(8, "big")
        case datetime():
            return ((value - _EPOCH) // timedelta(microseconds=1)).to_bytes(8, "big")
        case str():
            return value.encode()
        case list():
            return b"".join(node.bytes for node in value)
        case _:
            raw: bytes | None = value
            return raw


def content_hash(row: Any) -> bytes:
    """SHA-256 over every field with its length in 4 bytes; ff ff ff ff stands for NULL."""
    message = DOMAIN
    for column in CONTENT:
        raw = _bytes(row[column])
        message += b"\xff" * 4 if raw is None else struct.pack(">I", len(raw)) + raw
    return hashlib.sha256(message).digest()


def entry_hash(row: Any) -> bytes:
    return hashlib.sha256(row["previous_hash"] + content_hash(row)).digest()


def faults(rows: Sequence[Any], head: Any) -> list[str]:
    """What is wrong with one chain, read in order of position; empty when all is well."""
    found, previous = [], bytes(32)
    for position, row in enumerate(rows, start=1):
        if row["position"] != position:
            found.append(f"position {position}")
        if row["previous_hash"] != previous:
            found.append(f"link {position}")
        if row["content_hash"] != content_hash(row):
            found.append(f"content {position}")
        previous = entry_hash(row)
        if row["entry_hash"] != previous:
            found.append(f"entry {position}")
    if (len(rows), previous) != (head["position"], head["head_hash"]):
        found.append("head")
    return found


async def chain_of(db: Any, trader: UUID, chain: UUID) -> tuple[list[Any], Any]:
    """(entries in order, head) of one chain."""
    rows = await db.fetch(
        "SELECT * FROM access_log WHERE trader_id = $1 AND chain = $2 ORDER BY position",
        *(trader, chain),
    )
    head = await db.fetchrow(
        "SELECT * FROM access_log_head WHERE trader_id = $1 AND chain = $2", trader, chain
    )
    return list(rows), head
