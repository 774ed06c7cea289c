"""Offline proof of the access log: needs the entries, one checkpoint and a pinned public key.

An entry's content is hashed over its fields, its link over the previous link. The newest link of
every chain is a leaf of a Merkle tree (RFC 6962) whose root the HSM signs as a checkpoint, each
naming the one before. So an edit, a deletion, an insertion, a swap or a cut up to the checkpoint
is found without asking the service anything.
"""

import hashlib
import struct
from dataclasses import dataclass
from uuid import UUID

from scripts.clients.encoding import Json, b64url_decode, lp, sha256
from scripts.clients.keys import CHECKPOINT_TYP, pin_key, verify_statement

LOCKED_CHAIN = UUID(int=0)
"""State changes and signatures, written in their own transactions."""

_DOMAIN = b"tripcord/log-entry/v1\0"
_START = bytes(32)
_NULL = b"\xff\xff\xff\xff"


class LogTampered(Exception):
    """The log is not what was written. `position` is the first entry that does not fit."""

    def __init__(self, reason: str, *, position: int | None = None) -> None:
        super().__init__(reason if position is None else f"entry {position}: {reason}")
        self.position = position


@dataclass(frozen=True, slots=True)
class Chain:
    """A verified chain: `links[n - 1]` is the entry hash at position n."""

    links: tuple[bytes, ...]
    redacted: int
    """Entries outside the reader's subtree: hashes only, still part of the chain."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A verified checkpoint. Keep the last one: the next has to extend it."""

    number: int
    digest: bytes
    position: int
    """How far into our chain the signature reaches."""

    head: bytes
    """Entry hash at that position."""

    size: int
    at_us: int


def locked_entries(entries: list[Json]) -> list[Json]:
    """The `locked` chain's part of what the log answered, in the chain's order.

    An entry outside the reader's subtree shows its place and hashes only, and no chain.
    """
    mine = [e for e in entries if e.get("chain", str(LOCKED_CHAIN)) == str(LOCKED_CHAIN)]
    return sorted(mine, key=lambda entry: int(entry["position"]))


def verify_chain(entries: list[Json], *, trader_id: UUID) -> Chain:
    """Recompute every hash of the `locked` chain, from its first entry, in order.

    Raises
    ------
    LogTampered
        A gap, a repetition, a foreign entry, a changed field or a broken link.
    """
    previous, links, redacted = _START, [], 0
    for expected_position, entry in enumerate(entries, start=1):
        try:
            link = _verify_entry(entry, expected_position, previous, trader_id)
        except (KeyError, TypeError, ValueError, AttributeError, struct.error):
            raise LogTampered("it is not readable", position=expected_position) from None
        redacted += "event" not in entry
        links.append(link)
        previous = link
    return Chain(tuple(links), redacted)


def verify_checkpoint(
    answer: Json,
    chain: Chain,
    *,
    trader_id: UUID,
    pinned_jkt: str,
    last_seen: Checkpoint | None = None,
) -> Checkpoint:
    """Prove that a chain is covered by a signed checkpoint, up to the checkpoint's position.

    Raises
    ------
    SignatureInvalid
        Not signed by the pinned checkpoint key.
    LogTampered
        The chain is cut or differs, the proof does not reach the root, or the checkpoint
        contradicts the one seen before (a fork or a rollback).
    """
    # (1) Signed by the key we pinned at enrolment.
    jwk = pin_key(answer["checkpoint_jwk"], expected_jkt=pinned_jkt)
    claims = verify_statement(
        answer["checkpoint"],
        expected_jwk=jwk,
        expected_typ=CHECKPOINT_TYP,
        expected_domain="tripcord/checkpoint/v1",
    )
    try:
        leaf, head = answer["leaf"], b64url_decode(answer["leaf"]["head_hash"])
        position, root = int(leaf["position"]), b64url_decode(claims["root"])
        proof = [b64url_decode(node) for node in answer["proof"]]
        index, previous = int(answer["index"]), b64url_decode(claims["previous_digest"])
        seen = Checkpoint(
            number=int(claims["number"]),
            digest=sha256(answer["checkpoint"].encode("ascii")),
            position=position,
            head=head,
            size=int(claims["size"]),
            at_us=int(claims["at_us"]),
        )
    except (KeyError, TypeError, ValueError):
        raise LogTampered("the checkpoint is not readable") from None
    # (2) It extends what this phone has already seen.
    if last_seen is not None:
        _refuse_fork(seen, previous, last_seen)
        if chain.links[last_seen.position - 1 : last_seen.position] != (last_seen.head,):
            raise LogTampered("it differs from what was seen before", position=last_seen.position)
    # (3) Our chain reaches its leaf and agrees with it.
    if UUID(leaf["chain"]) != LOCKED_CHAIN or not 1 <= position <= len(chain.links):
        raise LogTampered("the log ends before the checkpoint does: entries were cut off")
    if chain.links[position - 1] != head:
        raise LogTampered("it is not the entry the checkpoint covers", position=position)
    # (4) The leaf is in the tree that was signed.
    named = (trader_id.bytes, LOCKED_CHAIN.bytes, struct.pack(">Q", position), head)
    if _merkle_root(_leaf_hash(*named), index, seen.size, proof) != root:
        raise LogTampered("the checkpoint does not contain this log")
    return seen


def content_hash(entry: Json) -> bytes:
    """SHA-256 over the entry's fields in their fixed order, lengths first, null distinct."""
    return sha256(_DOMAIN + b"".join(_fields(entry)))


def _verify_entry(entry: Json, expected: int, previous: bytes, trader_id: UUID) -> bytes:
    position = entry["position"]
    if position != expected:
        raise LogTampered(f"found {position} in its place", position=expected)
    content, link = b64url_decode(entry["content_hash"]), b64url_decode(entry["entry_hash"])
    if "event" in entry:
        if (UUID(entry["trader_id"]), UUID(entry["chain"])) != (trader_id, LOCKED_CHAIN):
            raise LogTampered("it belongs to another chain", position=position)
        if content_hash(entry) != content:
            raise LogTampered("its fields were changed", position=position)
    if b64url_decode(entry["previous_hash"]) != previous or sha256(previous + content) != link:
        raise LogTampered("it does not follow the entry before it", position=position)
    return link


def _fields(entry: Json) -> list[bytes]:
    path = entry["path"]
    return [
        _field(UUID(entry["trader_id"]).bytes),
        _field(UUID(entry["chain"]).bytes),
        _field(struct.pack(">Q", entry["position"])),
        _field(struct.pack(">Q", entry["at_us"])),
        _text(entry["event"]),
        _text(entry["actor"]),
        _id(entry["token_id"]),
        _field(None if path is None else b"".join(UUID(node).bytes for node in path)),
        _id(entry["subject_id"]),
        _text(entry["outcome"]),
        _text(entry["rule"]),
        _bytes(entry["request_digest"]),
        _bytes(entry["answer_digest"]),
        _text(entry["venue_outcome"]),
        _text(entry["address"]),
        _text(entry["user_agent"]),
        _id(entry["device_id"]),
    ]


def _field(raw: bytes | None) -> bytes:
    return _NULL if raw is None else lp(raw)


def _text(value: str | None) -> bytes:
    return _field(None if value is None else value.encode())


def _id(value: str | None) -> bytes:
    return _field(None if value is None else UUID(value).bytes)


def _bytes(value: str | None) -> bytes:
    return _field(None if value is None else b64url_decode(value))


def _leaf_hash(*parts: bytes) -> bytes:
    return sha256(b"\x00" + lp(*parts))


def _merkle_root(leaf: bytes, index: int, size: int, proof: list[bytes]) -> bytes:
    """Root from an inclusion proof (RFC 9162 section 2.1.3.2)."""
    if not 0 <= index < size:
        raise LogTampered("the checkpoint's proof is malformed")
    node, last = leaf, size - 1
    for sibling in proof:
        if last == 0:
            raise LogTampered("the checkpoint's proof is too long")
        if index % 2 or index == last:
            node = hashlib.sha256(b"\x01" + sibling + node).digest()
            while not index % 2 and index:
                index, last = index >> 1, last >> 1
        else:
            node = hashlib.sha256(b"\x01" + node + sibling).digest()
        index, last = index >> 1, last >> 1
    if last:
        raise LogTampered("the checkpoint's proof is too short")
    return node


def _refuse_fork(seen: Checkpoint, previous: bytes, last: Checkpoint) -> None:
    same = seen.number == last.number
    if seen.number < last.number or seen.position < last.position or seen.at_us < last.at_us:
        raise LogTampered("the log was rolled back behind a checkpoint seen before")
    if (same and seen.digest != last.digest) or (
        seen.number == last.number + 1 and previous != last.digest
    ):
        raise LogTampered("there are two histories: this checkpoint denies one seen before")
