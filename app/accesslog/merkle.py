"""Merkle roots and inclusion proofs over chain heads (RFC 6962 section 2.1)."""

from collections.abc import Sequence
from uuid import UUID

from app.core.canonical import sha256
from app.core.encoding import lp


def leaf_hash(trader_id: UUID, chain: UUID, position: int, head_hash: bytes) -> bytes:
    """SHA-256(0x00 || length-prefixed fields): one head of one chain."""
    return sha256(
        b"\x00" + lp(trader_id.bytes, chain.bytes, position.to_bytes(8, "big"), head_hash)
    )


def root(leaves: Sequence[bytes]) -> bytes:
    """Root over at least one leaf hash."""
    if len(leaves) == 1:
        return leaves[0]
    split = _split(len(leaves))
    return _node(root(leaves[:split]), root(leaves[split:]))


def inclusion_proof(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """Audit path of leaf `index`, from the leaf upwards."""
    if len(leaves) == 1:
        return []
    split = _split(len(leaves))
    if index < split:
        return [*inclusion_proof(leaves[:split], index), root(leaves[split:])]
    return [*inclusion_proof(leaves[split:], index - split), root(leaves[:split])]


def _split(size: int) -> int:
    """The largest power of two smaller than `size`."""
    return 1 << ((size - 1).bit_length() - 1)


def _node(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right)
