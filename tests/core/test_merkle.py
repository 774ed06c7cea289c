"""Merkle roots and inclusion proofs, checked by the verifier of RFC 9162 section 2.1.3.2."""

import hashlib
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from app.accesslog import merkle
from app.core.encoding import lp

SIZES = st.integers(1, 40)


def leaves(size: int) -> list[bytes]:
    return [
        merkle.leaf_hash(UUID(int=number), UUID(int=0), number + 1, bytes(32))
        for number in range(size)
    ]


def included(leaf: bytes, index: int, size: int, proof: list[bytes], root: bytes) -> bool:
    """The verifier's algorithm of the RFC, which walks up without knowing the tree."""
    if index >= size:
        return False
    place, last, found = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            return False
        if place & 1 or place == last:
            found = hashlib.sha256(b"\x01" + sibling + found).digest()
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            found = hashlib.sha256(b"\x01" + found + sibling).digest()
        place, last = place >> 1, last >> 1
    return last == 0 and found == root


@given(SIZES)
def test_every_leaf_is_proven_by_its_path_and_no_other(size: int) -> None:
    tree = leaves(size)
    root = merkle.root(tree)
    for index, leaf in enumerate(tree):
        proof = merkle.inclusion_proof(tree, index)
        assert included(leaf, index, size, proof, root)
        assert not included(leaf, index + 1, size, proof, root)
        assert not included(bytes(32), index, size, proof, root)
        assert not proof or not included(leaf, index, size, proof[:-1], root)


@given(st.integers(2, 40), st.data())
def test_the_root_changes_with_every_leaf_and_with_their_order(
    size: int, data: st.DataObject
) -> None:
    tree = leaves(size)
    one, other = data.draw(st.lists(st.integers(0, size - 1), min_size=2, max_size=2, unique=True))
    swapped = list(tree)
    swapped[one], swapped[other] = tree[other], tree[one]
    edited = list(tree)
    edited[one] = bytes(32)
    assert len({merkle.root(tree), merkle.root(swapped), merkle.root(edited)}) == 3


def test_a_leaf_is_no_inner_node_and_names_every_field() -> None:
    trader, chain, head = UUID(int=1), UUID(int=2), b"h" * 32
    leaf = merkle.leaf_hash(trader, chain, 3, head)
    message = lp(trader.bytes, chain.bytes, (3).to_bytes(8, "big"), head)
    assert leaf == hashlib.sha256(b"\x00" + message).digest()
    assert leaf != merkle.leaf_hash(chain, trader, 3, head)
    assert leaf != merkle.leaf_hash(trader, chain, 4, head)
