"""Whoever is refused learns nothing of the token: neither from the answer nor from its work.

How long it takes is measured in `scripts/drill timing`; what is held here is the cause. The
database looks for the same rows, in the same tables, as often, whatever there is to be found.
"""

import secrets
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, NamedTuple
from uuid import UUID

import asyncpg
import pytest

from app.core.ids import new_id
from tests.db.conftest import Connect
from tests.db.rows import Tree, add_tree, mint, now

LEVELS = range(6)
_SCANS = """
    SELECT relname, coalesce(seq_scan, 0) + coalesce(idx_scan, 0) AS scans
      FROM pg_stat_xact_user_tables
"""
_TIGHTEN = "SELECT tighten($1, $2, $3, 't', 'device:x', NULL, NULL, NULL, NULL, $4, $5, $6)"


class Shown(NamedTuple):
    """What somebody presents, and whose key the proof is by."""

    trader_id: UUID
    token_id: UUID
    secret_hash: bytes
    jkt: str


Ask = Callable[[Shown], Awaitable[dict[str, Any]]]


async def device(db: Any, tree: Tree, **fields: Any) -> Shown:
    hashed, jkt = secrets.token_bytes(32), f"key-{new_id()}"
    row = await mint(db, tree.trader_id, "device", tree.root, secret_hash=hashed, jkt=jkt, **fields)
    return Shown(tree.trader_id, row["token_id"], hashed, jkt)


async def impose(api: asyncpg.Connection, trader_id: UUID, node: UUID, level: int) -> None:
    final = (new_id(), secrets.token_bytes(32), "cancel_entries") if level == 5 else (None,) * 3
    await api.execute(_TIGHTEN, trader_id, node, level, *final)


@pytest.fixture
async def shown(admin: asyncpg.Connection, tree: Tree, connect: Connect) -> dict[str, Shown]:
    """Tokens that do not count, by why; `living` does."""
    api, other = await connect("api"), await add_tree(admin)
    living, revoked, below = [await device(admin, tree) for _ in range(3)]
    await impose(api, tree.trader_id, revoked.token_id, 5)
    ended = await device(admin, other)
    await impose(api, other.trader_id, other.root, 5)
    expired = await device(admin, tree, expires_at=now() + timedelta(seconds=-1))
    return {
        "living": living,
        "unknown token": living._replace(token_id=new_id()),
        "unknown trader": living._replace(trader_id=new_id()),
        "revoked itself": revoked,
        "revoked by its root": ended,
        "another's key": below._replace(jkt=living.jkt),
        "another secret": living._replace(secret_hash=bytes(32)),
        "expired": expired,
    }


@pytest.fixture
def admit(admin: asyncpg.Connection) -> Ask:
    async def ask(one: Shown) -> dict[str, Any]:
        proof = (one.jkt, secrets.token_bytes(32), now() + timedelta(minutes=1))
        row = await admin.fetchrow(
            "SELECT * FROM admit_path($1, $2, $3, $4, $5, $6)",
            *(one.trader_id, one.token_id, one.secret_hash, *proof),
        )
        return dict(row or {})

    return ask


@pytest.fixture
async def introspect(admin: asyncpg.Connection, tree: Tree) -> Ask:
    """By the platform of the tree's own trader."""
    platform_id: UUID = await admin.fetchval(
        "SELECT platform_id FROM trader WHERE trader_id = $1", tree.trader_id
    )
    caller, hashed, chain = new_id(), secrets.token_bytes(32), new_id()
    await admin.execute(
        "INSERT INTO client_token (platform_id, token_id, secret_hash, expires_at)"
        " VALUES ($1, $2, $3, now() + interval '1 hour')",
        *(platform_id, caller, hashed),
    )

    async def ask(one: Shown) -> dict[str, Any]:
        row = await admin.fetchrow(
            "SELECT * FROM introspect_batch($1, $2, $3, $4, $5, $6, $7, $8, $9)",
            *(chain, [platform_id], [caller], [hashed], [one.trader_id], [one.token_id]),
            *([one.secret_hash], [None], [None]),
        )
        return dict(row or {})

    return ask


async def work_of(admin: asyncpg.Connection, ask: Ask, one: Shown) -> dict[str, int]:
    """How often each table was looked into, by index or whole."""
    async with admin.transaction():
        before = {row["relname"]: row["scans"] for row in await admin.fetch(_SCANS)}
        await ask(one)
        after = {row["relname"]: row["scans"] for row in await admin.fetch(_SCANS)}
    return {name: n - before.get(name, 0) for name, n in after.items() if n != before.get(name, 0)}


async def test_a_token_that_does_not_count_shows_nothing_of_itself(
    shown: dict[str, Shown], admit: Ask
) -> None:
    found = {why: await admit(one) for why, one in shown.items()}
    living = found.pop("living")
    assert (living["kind"], living["level"], living["sealed"]) == ("device", 0, True)
    for why, row in found.items():
        assert row.pop("proof_is_fresh"), why
        assert set(row.values()) == {None}, why


async def test_admission_looks_for_as_much_whatever_there_is(
    admin: asyncpg.Connection, shown: dict[str, Shown], admit: Ask
) -> None:
    for one in shown.values():
        await admit(one)  # plans are made
    work = {why: await work_of(admin, admit, one) for why, one in shown.items()}
    living = work.pop("living")
    assert set(living) >= {"token", "fence", "token_rotation", "spent_proof"}
    assert {tuple(sorted(one.items())) for one in work.values()} == {
        tuple(sorted(work["unknown token"].items()))
    }, work


async def test_introspection_looks_for_as_much_whatever_there_is(
    admin: asyncpg.Connection, shown: dict[str, Shown], introspect: Ask
) -> None:
    other = await add_tree(admin)
    asked = shown | {"another platform's": await device(admin, other)}
    for why in ("expired", "another's key"):  # no key is asked for; who is expired is told later
        del asked[why]
    found = {why: await introspect(one) for why, one in asked.items()}
    assert {why for why, row in found.items() if row["kind"] is not None} == {"living"}
    work = {why: await work_of(admin, introspect, one) for why, one in asked.items()}
    del work["living"]
    assert {tuple(sorted(one.items())) for one in work.values()} == {
        tuple(sorted(work["unknown token"].items()))
    }, work


@pytest.mark.parametrize("level", LEVELS)
async def test_every_rung_but_the_last_is_told_to_who_holds_the_token(
    admin: asyncpg.Connection, tree: Tree, connect: Connect, admit: Ask, level: int
) -> None:
    one = await device(admin, tree)
    if level:
        await impose(await connect("api"), tree.trader_id, one.token_id, level)
    assert (await admit(one))["level"] == (level if level < 5 else None)


async def test_of_two_new_secrets_the_first_used_wins_and_nothing_else_is_left(
    admin: asyncpg.Connection, tree: Tree, admit: Ask
) -> None:
    old = await device(admin, tree)
    first, second = (old._replace(secret_hash=secrets.token_bytes(32)) for _ in range(2))
    for new in (first, second):
        await admin.fetchval(
            "SELECT rotate_secret($1, $2, $3, interval '10 minutes')",
            *(tree.trader_id, old.token_id, new.secret_hash),
        )
    stranger = await admit(second._replace(jkt="another"))
    assert stranger["kind"] is None  # a new secret counts with the token's own key only
    assert (await admit(old))["kind"] == "device"
    for new, kind in ((first, "device"), (second, None), (first, "device"), (old, None)):
        assert (await admit(new))["kind"] == kind
