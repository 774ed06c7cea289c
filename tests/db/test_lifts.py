"""`lift`: the trader's own fence, by the step that was shown, logged in itself; and who is rung."""

from typing import Any
from uuid import UUID

import asyncpg
import pytest

from app.core.ids import new_id
from tests.db.conftest import Connect
from tests.db.rows import HASH, LOCKED, Tree
from tests.db.test_fences import IMPOSERS, entries, level, tighten


async def lift(db: Any, tree: Tree, node: UUID, start: int, end: int, *, asked_at: int) -> int:
    left: int = await db.fetchval(
        "SELECT effective FROM lift($1,$2,$3,$4,$5,$6,$7,'device:x',NULL,'address','agent')",
        *(tree.trader_id, node, start, end, asked_at, new_id(), HASH),
    )
    return left


async def head(db: Any, tree: Tree) -> int:
    return len(await entries(db, tree))


async def sqlstate(work: Any) -> str:
    """With which a statement is refused; "" where it is not."""
    try:
        await work
    except asyncpg.PostgresError as refused:
        return str(refused.sqlstate)
    return ""


async def test_lifting_takes_away_the_traders_own_fence_only_and_logs_each_step(
    connect: Connect, admin: asyncpg.Connection, tree: Tree
) -> None:
    signer = await connect("signer")
    for role in ("api", "courier", "operator"):
        await tighten(await connect(role), tree, tree.grant, 4 if role == "api" else 2)
    now = await head(admin, tree)
    assert await lift(signer, tree, tree.grant, 4, 3, asked_at=now) == 3
    assert await lift(signer, tree, tree.grant, 3, 0, asked_at=now) == 2
    left = await admin.fetch("SELECT imposed_by FROM fence WHERE token_id = $1", tree.grant)
    assert {row["imposed_by"] for row in left} == {"monitor", "operator"}
    told = [(row["rule"], row["outcome"]) for row in (await entries(admin, tree))[now:]]
    assert told == [("frozen>read_only", "ok"), ("read_only>active", "ok")]


@pytest.mark.parametrize(
    ("start", "end"), [(4, 4), (3, 4), (0, 0), (4, -1), (5, 0), (5, 4), (6, 2)]
)
async def test_a_lift_that_does_not_go_up_from_a_rung_is_no_lift(
    connect: Connect, admin: asyncpg.Connection, tree: Tree, start: int, end: int
) -> None:
    await tighten(await connect("api"), tree, tree.grant, 4)
    signer = await connect("signer")
    assert await sqlstate(lift(signer, tree, tree.grant, start, end, asked_at=9)) == "23514"
    assert await level(admin, tree, tree.grant) == 4


async def test_a_fence_that_is_not_as_it_was_shown_stays(
    connect: Connect, admin: asyncpg.Connection, tree: Tree
) -> None:
    api, signer = await connect("api"), await connect("signer")
    await tighten(api, tree, tree.grant, 3)
    asked_at = await head(admin, tree)
    for wrong in (1, 2, 4):
        assert (
            await sqlstate(lift(signer, tree, tree.grant, wrong, 0, asked_at=asked_at)) == "TC006"
        )
    # Pulled again since, to the very level that stands: the pull wins.
    await tighten(api, tree, tree.grant, 3)
    assert await sqlstate(lift(signer, tree, tree.grant, 3, 0, asked_at=asked_at)) == "TC006"
    assert await level(admin, tree, tree.grant) == 3
    # Asked again, it goes; and once it went there is nothing more to take away.
    again = await head(admin, tree)
    assert await lift(signer, tree, tree.grant, 3, 0, asked_at=again) == 0
    assert await sqlstate(lift(signer, tree, tree.grant, 3, 0, asked_at=again)) == "TC006"
    events = [row["event"] for row in await entries(admin, tree)]
    assert events.count("token.lifted") == 1


async def test_a_pull_on_another_node_does_not_stop_a_lift(
    connect: Connect, admin: asyncpg.Connection, tree: Tree
) -> None:
    api, signer = await connect("api"), await connect("signer")
    await tighten(api, tree, tree.grant, 3)
    asked_at = await head(admin, tree)
    await tighten(api, tree, tree.credential, 2)
    assert await lift(signer, tree, tree.grant, 3, 0, asked_at=asked_at) == 2


@pytest.mark.parametrize("role", list(IMPOSERS))
async def test_revoked_is_final_whoever_revoked_and_for_all_that_is_below(
    connect: Connect, admin: asyncpg.Connection, tree: Tree, role: str
) -> None:
    await tighten(await connect("api"), tree, tree.grant, 3)
    await tighten(await connect(role), tree, tree.credential, 5)
    signer = await connect("signer")
    asked_at = await head(admin, tree)
    assert await sqlstate(lift(signer, tree, tree.grant, 3, 0, asked_at=asked_at)) == "TC003"
    assert await sqlstate(lift(signer, tree, tree.credential, 4, 0, asked_at=asked_at)) == "TC003"
    assert await level(admin, tree, tree.credential) == 5


@pytest.mark.parametrize("role", list(IMPOSERS))
async def test_every_tightening_rings_in_its_own_commit_and_one_that_changes_nothing_does_not(
    connect: Connect, admin: asyncpg.Connection, tree: Tree, role: str
) -> None:
    imposer = await connect(role)
    rung = "SELECT count(*) FROM outbox WHERE trader_id = $1 AND topic = 'security'"
    for asked, expected in ((2, 1), (1, 1), (2, 1), (4, 2)):
        await tighten(imposer, tree, tree.grant, asked)
        assert await admin.fetchval(rung, tree.trader_id) == expected
    transaction = imposer.transaction()
    await transaction.start()
    await tighten(imposer, tree, tree.credential, 3)
    await transaction.rollback()
    assert await admin.fetchval(rung, tree.trader_id) == 2
    await tighten(imposer, tree, tree.grant, 5)  # has a doorbell of its own
    assert await admin.fetchval(rung, tree.trader_id) == 2


async def test_a_lift_rings_too(connect: Connect, admin: asyncpg.Connection, tree: Tree) -> None:
    await tighten(await connect("api"), tree, tree.grant, 3)
    rung = "SELECT count(*) FROM outbox WHERE trader_id = $1 AND topic = 'security'"
    assert await admin.fetchval(rung, tree.trader_id) == 1
    now = await head(admin, tree)
    await lift(await connect("signer"), tree, tree.grant, 3, 1, asked_at=now)
    assert await admin.fetchval(rung, tree.trader_id) == 2


@pytest.mark.parametrize("event", ["token.lifted", "device.heartbeat"])
async def test_what_only_the_signer_can_know_is_told_by_nobody_else(
    connect: Connect, tree: Tree, event: str
) -> None:
    told = (
        "SELECT append_entry($1,$2,$3,'device:x',$4,$5,NULL,$6,NULL,NULL,NULL,NULL,NULL,NULL,NULL)"
    )
    arguments = (tree.trader_id, LOCKED, event, tree.grant, [tree.grant])
    for role in ("api", "courier", "operator"):
        assert await sqlstate((await connect(role)).fetchval(told, *arguments, "ok")) == "42501"
    assert await (await connect("api")).fetchval(told, *arguments, "refused") == 1
    assert await (await connect("signer")).fetchval(told, *arguments, "ok") == 2
