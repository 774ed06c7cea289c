"""Checkpoints: signed roots over heads, each naming the last, so that a cut tail shows (P6)."""

import json
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from app.accesslog import checkpoints, merkle
from app.accesslog.log import append_locked
from app.accesslog.models import LOCKED_CHAIN, CheckpointProof, Entry, Event
from app.core.canonical import sha256
from app.core.clock import SystemClock
from app.core.encoding import b64url, b64url_decode
from app.core.origin import Origin
from app.db.pool import Database
from tests.core.keys import P256, compact
from tests.core.test_merkle import included
from tests.db.conftest import Open
from tests.db.rows import Tree, add_tree
from tests.support.postgres import FreshDatabase

KEY = P256()


async def sign(payload: bytes) -> str:
    return compact({"alg": "ES256", "typ": "tripcord-checkpoint+jws"}, payload, KEY)


def claims_of(jws: str) -> dict[str, Any]:
    claims: dict[str, Any] = json.loads(b64url_decode(jws.split(".")[1]))
    return claims


@pytest.fixture
def module_database(fresh_database: FreshDatabase) -> FreshDatabase:
    """A database per test here: a checkpoint covers all traders of one."""
    return fresh_database


@pytest.fixture
async def signer(open_db: Open) -> Database:
    return await open_db("signer")


async def log(db: Database, trader: UUID, times: int = 1) -> None:
    for _ in range(times):
        async with db.locked(trader) as tx:
            entry = Entry(trader_id=trader, event=Event.LOG_READ, origin=Origin(actor="a"))
            await append_locked(tx, entry)


async def checkpoint(db: Database) -> int:
    return await checkpoints.make_checkpoint(db, sign, SystemClock())


async def proof_of(db: Database, trader: UUID) -> CheckpointProof:
    async with db.session() as tx:
        proof = await checkpoints.latest_proof(tx, trader, LOCKED_CHAIN)
    assert proof is not None
    return proof


def check(proof: CheckpointProof, trader: UUID) -> dict[str, Any]:
    """As an outsider: the leaf from the head, from the leaf the root, which was signed."""
    claims = claims_of(proof.checkpoint)
    leaf = merkle.leaf_hash(trader, proof.chain, proof.position, proof.head_hash)
    root = b64url_decode(claims["root"])
    assert included(leaf, proof.index, claims["size"], proof.proof, root)
    return claims


async def test_a_checkpoint_proves_the_head_of_every_chain_that_changed(
    signer: Database, admin: asyncpg.Connection
) -> None:
    trees = [await add_tree(admin) for _ in range(5)]
    for number, tree in enumerate(trees, start=1):
        await log(signer, tree.trader_id, number)
    assert await checkpoint(signer) == 5
    for number, tree in enumerate(trees, start=1):
        proof = await proof_of(signer, tree.trader_id)
        head = await admin.fetchrow(
            "SELECT * FROM access_log_head WHERE trader_id = $1", tree.trader_id
        )
        assert (proof.position, proof.head_hash) == (number, head["head_hash"])
        assert check(proof, tree.trader_id)["size"] == 5


async def test_each_checkpoint_names_the_one_before(
    signer: Database, admin: asyncpg.Connection, tree: Tree
) -> None:
    previous = b64url(bytes(32))
    for number in (1, 2, 3):
        await log(signer, tree.trader_id)
        assert await checkpoint(signer) == 1
        proof = await proof_of(signer, tree.trader_id)
        claims = check(proof, tree.trader_id)
        assert (claims["number"], claims["previous_digest"]) == (number, previous)
        assert (claims["domain"], proof.position) == ("tripcord/checkpoint/v1", number)
        previous = b64url(sha256(proof.checkpoint.encode()))
    assert await admin.fetchval("SELECT count(*) FROM checkpoint") == 3


async def test_where_nothing_changed_nothing_is_signed(signer: Database, tree: Tree) -> None:
    await log(signer, tree.trader_id)
    assert [await checkpoint(signer) for _ in range(3)] == [1, 0, 0]


async def test_a_signature_that_fails_leaves_the_heads_for_the_next_time(
    signer: Database, tree: Tree
) -> None:
    async def fail(_: bytes) -> str:
        raise RuntimeError

    await log(signer, tree.trader_id)
    with pytest.raises(RuntimeError):
        await checkpoints.make_checkpoint(signer, fail, SystemClock())
    assert await checkpoint(signer) == 1


async def test_what_is_left_over_comes_in_the_next_one(
    signer: Database, admin: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoints, "MAX_HEADS", 2)
    for _ in range(3):
        await log(signer, (await add_tree(admin)).trader_id)
    assert [await checkpoint(signer) for _ in range(3)] == [2, 1, 0]


async def test_a_cut_tail_with_a_forged_head_contradicts_the_last_checkpoint(
    signer: Database, admin: asyncpg.Connection, tree: Tree
) -> None:
    await log(signer, tree.trader_id, 5)
    await checkpoint(signer)
    await admin.execute("ALTER TABLE access_log DISABLE TRIGGER ALL")
    await admin.execute("DELETE FROM access_log WHERE position > 3")
    await admin.execute(
        "UPDATE access_log_head h SET position = 3, head_hash = e.entry_hash FROM access_log e"
        " WHERE e.trader_id = h.trader_id AND e.chain = h.chain AND e.position = 3"
    )
    proof = await proof_of(signer, tree.trader_id)
    check(proof, tree.trader_id)
    left = await admin.fetchval("SELECT max(position) FROM access_log")
    assert proof.position == 5 > left


async def test_a_history_rewritten_after_it_was_signed_is_never_signed_again(
    signer: Database, admin: asyncpg.Connection
) -> None:
    victim, other = await add_tree(admin), await add_tree(admin)
    await log(signer, victim.trader_id, 3)
    assert await checkpoint(signer) == 1
    # Somebody who owns the database edits an entry, makes every hash fit again, and waits.
    await admin.execute("ALTER TABLE access_log DISABLE TRIGGER ALL")
    previous = bytes(32)
    for position in (1, 2, 3):
        row = await admin.fetchrow(
            "UPDATE access_log e SET actor = 'nobody', previous_hash = $3"
            " WHERE trader_id = $1 AND position = $2"
            " RETURNING sha256($3::bytea || log_content_hash(e)) AS hash, log_content_hash(e) AS c",
            victim.trader_id,
            position,
            previous,
        )
        previous = row["hash"]
        await admin.execute(
            "UPDATE access_log SET content_hash = $3, entry_hash = $4"
            " WHERE trader_id = $1 AND position = $2",
            victim.trader_id,
            position,
            row["c"],
            previous,
        )
    await admin.execute("ALTER TABLE access_log ENABLE TRIGGER ALL")
    await admin.execute(
        "UPDATE access_log_head SET head_hash = $2 WHERE trader_id = $1",
        victim.trader_id,
        previous,
    )
    await log(signer, victim.trader_id)
    await log(signer, other.trader_id)
    assert await checkpoint(signer) == 1
    assert (await proof_of(signer, other.trader_id)).position == 1
    assert (await proof_of(signer, victim.trader_id)).position == 3


async def test_a_head_that_somebody_holds_waits_and_the_others_do_not(
    signer: Database, admin: asyncpg.Connection
) -> None:
    held, free = await add_tree(admin), await add_tree(admin)
    await log(signer, held.trader_id)
    await log(signer, free.trader_id)
    async with admin.transaction():
        await admin.execute(
            "SELECT 1 FROM access_log_head WHERE trader_id = $1 FOR UPDATE", held.trader_id
        )
        assert await checkpoint(signer) == 1
    assert await checkpoint(signer) == 1
