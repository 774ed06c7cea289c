"""Fences: tightening only grows, its author follows from the login, lifting is the signer's."""

import asyncio
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from app.core.ids import new_id
from app.core.origin import Origin
from app.tokens import store
from app.tokens.errors import ParentNotActive, TokenNotFound
from app.tokens.models import Level, NewNode
from tests.db.conftest import Connect, Open
from tests.db.rows import (
    FAR,
    HASH,
    LOCKED,
    Tree,
    add_re_enrolment,
    add_tree,
    mint,
    until_blocked,
)

IMPOSERS = {"api": "trader", "cord": "trader", "courier": "monitor", "operator": "operator"}


async def tighten(
    db: Any, tree: Tree, node: UUID, level: int, *, mode: str | None = "cancel_entries"
) -> asyncpg.Record:
    return await db.fetchrow(
        "SELECT * FROM tighten($1,$2,$3,'reason','device:x',NULL,'address','agent',NULL,$4,$5,$6)",
        *(tree.trader_id, node, level),
        *((new_id(), HASH, mode) if level == 5 else (None, None, None)),
    )


async def level(db: Any, tree: Tree, *path: UUID) -> int:
    found: int = await db.fetchval("SELECT effective_level($1, $2)", tree.trader_id, list(path))
    return found


async def count(db: Any, tree: Tree, table: str) -> int:
    found: int = await db.fetchval(
        f"SELECT count(*) FROM {table} WHERE trader_id = $1", tree.trader_id
    )
    return found


async def entries(db: Any, tree: Tree) -> list[Any]:
    return list(
        await db.fetch(
            "SELECT * FROM access_log WHERE trader_id = $1 AND chain = $2 ORDER BY position",
            *(tree.trader_id, LOCKED),
        )
    )


@pytest.mark.parametrize("role", list(IMPOSERS))
async def test_who_imposed_a_fence_follows_from_the_login(
    connect: Connect, admin: asyncpg.Connection, tree: Tree, role: str
) -> None:
    connection = await connect(role)
    # What a session can set about itself changes nothing.
    await connection.execute("SET application_name = 'tripcord_operator'")
    await tighten(connection, tree, tree.grant, 3)
    row = await admin.fetchrow("SELECT * FROM fence WHERE token_id = $1", tree.grant)
    assert (row["imposed_by"], row["level"]) == (IMPOSERS[role], 3)


async def test_the_signer_revokes_only_the_root_that_a_due_re_enrolment_ends(
    connect: Connect, admin: asyncpg.Connection, tree: Tree
) -> None:
    signer = await connect("signer")
    ask = "SELECT revoke_old_root($1,$2,'device:x',NULL,NULL,$3,$4)"
    re_enrolment = await add_re_enrolment(admin, tree)
    other = await add_tree(admin)
    early = await add_re_enrolment(admin, other)
    await admin.execute("ALTER TABLE re_enrolment DISABLE TRIGGER USER")
    await admin.execute(
        "UPDATE re_enrolment SET begun_at = now(), not_before = now() + interval '24 hours',"
        " expires_at = now() + interval '25 hours' WHERE re_enrolment_id = $1",
        early,
    )
    await admin.execute("ALTER TABLE re_enrolment ENABLE TRIGGER USER")
    for trader, which in (
        (other.trader_id, early), (other.trader_id, re_enrolment), (tree.trader_id, new_id()),
    ):  # fmt: skip
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await signer.fetchval(ask, trader, which, new_id(), HASH)
    assert await signer.fetchval(ask, tree.trader_id, re_enrolment, new_id(), HASH) == 1
    fences = await admin.fetch("SELECT token_id, level, imposed_by FROM fence WHERE trader_id = $1",
                               tree.trader_id)  # fmt: skip
    assert [tuple(fence) for fence in fences] == [(tree.root, 5, "trader")]


@pytest.mark.parametrize("role", ["signer", "dispatcher", "owner"])
async def test_other_roles_impose_nothing(connect: Connect, tree: Tree, role: str) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await tighten(await connect(role), tree, tree.grant, 3)


async def test_a_role_cannot_become_another(connect: Connect) -> None:
    connection = await connect("courier")
    for statement in ("SET ROLE tripcord_operator", "SET SESSION AUTHORIZATION tripcord_operator"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(statement)


async def test_severity_only_grows_and_every_pull_is_logged(
    connect: Connect, admin: asyncpg.Connection, tree: Tree
) -> None:
    api = await connect("api")
    for asked, stands in ((2, 2), (1, 2), (4, 4), (2, 4), (4, 4), (5, 5), (3, 5)):
        row = await tighten(api, tree, tree.grant, asked)
        assert row["effective"] == stands
        stored = await admin.fetchrow("SELECT * FROM fence WHERE token_id = $1", tree.grant)
        assert stored["level"] == stands
    log = await entries(admin, tree)
    assert [row["position"] for row in log] == list(range(1, 8))
    assert {row["event"] for row in log} == {"token.tightened", "token.revoked"}
    assert stored["log_position"] == 6


@pytest.mark.parametrize("wrong", [0, -1, 6])
async def test_a_level_that_is_no_rung_is_refused_and_leaves_nothing(
    connect: Connect, admin: asyncpg.Connection, tree: Tree, wrong: int
) -> None:
    with pytest.raises(asyncpg.CheckViolationError):
        await tighten(await connect("api"), tree, tree.grant, wrong)
    assert (await count(admin, tree, "fence"), await entries(admin, tree)) == (0, [])


async def test_the_worst_fence_on_the_path_counts_whoever_imposed_it(
    connect: Connect, admin: asyncpg.Connection, tree: Tree
) -> None:
    path = (tree.root, tree.credential, tree.grant)
    await tighten(await connect("api"), tree, tree.grant, 1)
    assert await level(admin, tree, *path) == 1
    await tighten(await connect("courier"), tree, tree.credential, 3)
    assert await level(admin, tree, *path) == 3
    await tighten(await connect("operator"), tree, tree.root, 2)
    assert await level(admin, tree, *path) == 3
    assert await level(admin, tree, tree.root, tree.device) == 2


async def test_a_node_of_another_trader_and_an_unknown_one_are_one_answer(
    connect: Connect, admin: asyncpg.Connection, tree: Tree
) -> None:
    other = await add_tree(admin)
    api = await connect("api")
    for node in (other.grant, other.root, new_id()):
        with pytest.raises(asyncpg.PostgresError) as refused:
            await tighten(api, tree, node, 5)
        assert refused.value.sqlstate == "TC002"
    assert await entries(admin, tree) == []
    assert await count(admin, other, "fence") == 0


async def test_a_revoke_is_a_fence_an_entry_a_clean_up_job_and_doorbells_in_one_commit(
    connect: Connect, admin: asyncpg.Connection, tree: Tree
) -> None:
    cord = await connect("cord")
    transaction = cord.transaction()
    await transaction.start()
    imposed = await tighten(cord, tree, tree.root, 5)
    tables = ("fence", "access_log", "revocation", "outbox")
    assert [await count(admin, tree, table) for table in tables] == [0, 0, 0, 0]
    await transaction.commit()
    assert [await count(admin, tree, table) for table in tables] == [1, 1, 1, 1]
    (entry,) = await entries(admin, tree)
    job = await admin.fetchrow("SELECT * FROM revocation WHERE trader_id = $1", tree.trader_id)
    ring = await admin.fetchrow("SELECT * FROM outbox WHERE trader_id = $1", tree.trader_id)
    assert entry["position"] == job["log_position"] == imposed["log_position"]
    assert entry["subject_id"] == job["revocation_id"] == ring["rid"]
    assert (entry["event"], entry["actor"], entry["address"]) == (
        "token.revoked", "device:x", "address",
    )  # fmt: skip
    assert (job["cleanup_state"], job["revoked_at"]) == ("pending", imposed["imposed_at"])
    assert (ring["topic"], ring["priority"], ring["device_id"]) == ("revoked", 0, tree.device)


async def test_a_revoke_that_is_rolled_back_leaves_nothing(
    connect: Connect, admin: asyncpg.Connection, tree: Tree
) -> None:
    cord = await connect("cord")
    transaction = cord.transaction()
    await transaction.start()
    await tighten(cord, tree, tree.root, 5)
    await transaction.rollback()
    for table in ("fence", "access_log", "revocation", "outbox"):
        assert await count(admin, tree, table) == 0


async def test_a_revoke_with_an_unknown_clean_up_mode_is_no_revoke(
    connect: Connect, admin: asyncpg.Connection, tree: Tree
) -> None:
    with pytest.raises(asyncpg.CheckViolationError):
        await tighten(await connect("api"), tree, tree.root, 5, mode="cancel_some")
    assert (await count(admin, tree, "fence"), await entries(admin, tree)) == (0, [])
    await tighten(await connect("api"), tree, tree.root, 5, mode=None)  # then the trader's own
    assert await count(admin, tree, "fence") == 1


async def test_a_revoke_writes_one_fence_however_many_descendants(
    connect: Connect, admin: asyncpg.Connection, tree: Tree
) -> None:
    children = [await mint(admin, tree.trader_id, "grant", tree.credential) for _ in range(40)]
    await tighten(await connect("cord"), tree, tree.credential, 5)
    assert await count(admin, tree, "fence") == 1
    assert {await level(admin, tree, *child["path"]) for child in children} == {5}
    assert await level(admin, tree, tree.root, tree.device) == 0


async def test_a_second_revoke_has_its_own_receipt(
    connect: Connect, admin: asyncpg.Connection, tree: Tree
) -> None:
    cord = await connect("cord")
    first, second = [await tighten(cord, tree, tree.root, 5) for _ in range(2)]
    assert (first["log_position"], second["log_position"]) == (1, 2)
    assert await count(admin, tree, "revocation") == 2
    fence = await admin.fetchrow("SELECT * FROM fence WHERE token_id = $1", tree.root)
    assert fence["log_position"] == 1


async def test_the_store_speaks_of_levels_and_says_token_not_found(
    open_db: Open, tree: Tree
) -> None:
    db = await open_db("api")
    async with db.transaction() as tx:
        imposed = await store.tighten(
            tx, trader_id=tree.trader_id, token_id=tree.grant, level=Level.FROZEN, reason="r",
            origin=Origin(actor="device:x"),
        )  # fmt: skip
    assert (imposed.effective, imposed.log_position) == (Level.FROZEN, 1)
    with pytest.raises(TokenNotFound):
        async with db.transaction() as tx:
            await store.tighten(
                tx, trader_id=tree.trader_id, token_id=new_id(), level=Level.FROZEN, reason="r",
                origin=Origin(actor="device:x"),
            )  # fmt: skip


async def test_what_waits_behind_a_revoke_sees_it(
    open_db: Open, connect: Connect, tree: Tree
) -> None:
    """t0 the revoke holds the lock, uncommitted; t1 a mint queues; t2 commit; t3 the mint reads.

    The lock is a statement of its own, so the fence is read in a later one, with a newer snapshot.
    """
    db, cord = await open_db("api"), await connect("cord")
    transaction = cord.transaction()
    await transaction.start()  # t0
    await tighten(cord, tree, tree.root, 5)

    async def mint_below() -> None:
        new = NewNode(
            trader_id=tree.trader_id, token_id=new_id(), kind="grant",
            parent_id=tree.credential, label="x", expires_at=FAR,
        )  # fmt: skip
        async with db.locked(tree.trader_id) as tx:
            await store.mint(tx, new)

    waiting = asyncio.create_task(mint_below())  # t1
    await until_blocked(cord)
    await transaction.commit()  # t2
    with pytest.raises(ParentNotActive):  # t3
        await waiting
