"""Builds logs and checkpoints from the published format, apart from the code under test."""

import base64
import hashlib
import random
import struct
from typing import Any
from uuid import UUID

from scripts.clients.encoding import b64url
from scripts.clients.keys import CHECKPOINT_TYP, KeyPair
from scripts.clients.logverify import (
    LOCKED_CHAIN,
    Checkpoint,
    verify_chain,
    verify_checkpoint,
)

TRADER = UUID("0198c0de-0000-7000-8000-00000000000a")
DEVICE = UUID("0198c0de-0000-7000-8000-00000000000d")
KEY = KeyPair.p256()
Entry = dict[str, Any]

BYTES = {"request_digest", "answer_digest"}
IDS = {"trader_id", "chain", "token_id", "subject_id", "device_id"}
ORDER = (
    "trader_id",
    "chain",
    "position",
    "at_us",
    "event",
    "actor",
    "token_id",
    "path",
    "subject_id",
    "outcome",
    "rule",
    "request_digest",
    "answer_digest",
    "venue_outcome",
    "address",
    "user_agent",
    "device_id",
)


def sha(raw: bytes) -> bytes:
    return hashlib.sha256(raw).digest()


def encoded(name: str, value: Any) -> bytes:
    if value is None:
        return b"\xff\xff\xff\xff"
    if name in IDS:
        raw = UUID(value).bytes
    elif name in {"position", "at_us"}:
        raw = struct.pack(">Q", value)
    elif name == "path":
        raw = b"".join(UUID(node).bytes for node in value)
    elif name in BYTES:
        raw = base64.urlsafe_b64decode(value + "==")
    else:
        raw = value.encode()
    return struct.pack(">I", len(raw)) + raw


def seal_entry(entry: Entry, previous: bytes) -> bytes:
    body = b"".join(encoded(name, entry[name]) for name in ORDER)
    content = sha(b"tripcord/log-entry/v1\0" + body)
    link = sha(previous + content)
    entry["previous_hash"], entry["content_hash"] = b64url(previous), b64url(content)
    entry["entry_hash"] = b64url(link)
    return link


def make_log(length: int, seed: int = 1) -> list[Entry]:
    rng = random.Random(seed)  # noqa: S311 - repeatable, not secret
    entries: list[Entry] = []
    previous = bytes(32)
    for position in range(1, length + 1):
        entry: Entry = {
            "trader_id": str(TRADER),
            "chain": str(LOCKED_CHAIN),
            "position": position,
            "at_us": 1_795_000_000_000_000 + position,
            "event": rng.choice(["order.released", "approval.decided"]),
            "actor": f"tc_device_{DEVICE}",
            "token_id": rng.choice([None, str(DEVICE)]),
            "path": rng.choice([None, [], [str(TRADER), str(DEVICE)]]),
            "subject_id": None,
            "outcome": rng.choice(["ok", "refused"]),
            "rule": rng.choice([None, "", "free_limit"]),
            "request_digest": rng.choice([None, b64url(rng.randbytes(32))]),
            "answer_digest": None,
            "venue_outcome": rng.choice([None, "accepted"]),
            "address": "127.0.0.1",
            "user_agent": rng.choice([None, "büro/1"]),
            "device_id": rng.choice([None, str(DEVICE)]),
        }
        previous = seal_entry(entry, previous)
        entries.append(entry)
    return entries


def redacted(entry: Entry) -> Entry:
    kept = ("position", "previous_hash", "content_hash", "entry_hash")
    return {name: entry[name] for name in kept}


def root_of(leaves: list[bytes]) -> bytes:
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return sha(b"\x01" + root_of(leaves[:split]) + root_of(leaves[split:]))


def path_to(leaves: list[bytes], index: int) -> list[bytes]:
    if len(leaves) == 1:
        return []
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    if index < split:
        return [*path_to(leaves[:split], index), root_of(leaves[split:])]
    return [*path_to(leaves[split:], index - split), root_of(leaves[:split])]


def leaf_over(trader_id: UUID, position: int, head: bytes) -> bytes:
    parts = (trader_id.bytes, bytes(16), struct.pack(">Q", position), head)
    return sha(b"\x00" + b"".join(struct.pack(">I", len(part)) + part for part in parts))


def link_at(entries: list[Entry], position: int) -> bytes:
    return base64.urlsafe_b64decode(entries[position - 1]["entry_hash"] + "==")


def make_checkpoint(
    entries: list[Entry],
    *,
    position: int | None = None,
    number: int = 1,
    previous: bytes = bytes(32),
    size: int = 5,
    index: int = 2,
    claimed_size: int | None = None,
    at_us: int = 1_795_000_001_000_000,
    key: KeyPair = KEY,
) -> dict[str, Any]:
    position = len(entries) if position is None else position
    head = link_at(entries, position)
    leaves = [sha(bytes([n])) for n in range(size)]
    leaves[index] = leaf_over(TRADER, position, head)
    payload = {
        "domain": "tripcord/checkpoint/v1",
        "shard": "0",
        "number": number,
        "previous_digest": b64url(previous),
        "root": b64url(root_of(leaves)),
        "size": claimed_size or size,
        "at_us": at_us,
    }
    return {
        "checkpoint": key.statement(payload, typ=CHECKPOINT_TYP),
        "checkpoint_jwk": key.public_jwk,
        "leaf": {
            "chain": str(LOCKED_CHAIN),
            "position": position,
            "head_hash": b64url(head),
        },
        "index": index,
        "proof": [b64url(node) for node in path_to(leaves, index)],
    }


def prove(
    entries: list[Entry], answer: dict[str, Any], last_seen: Checkpoint | None = None
) -> Checkpoint:
    chain = verify_chain(entries, trader_id=TRADER)
    return verify_checkpoint(
        answer, chain, trader_id=TRADER, pinned_jkt=KEY.jkt, last_seen=last_seen
    )
