"""What the database itself holds of policies, floors and known addresses."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from app.core.ids import new_id
from tests.db.conftest import Connect
from tests.db.rows import HASH, LOCKED, MAC, Tree, add_approval, now

DAY = timedelta(hours=24)


async def add_policy(
    db: Any,
    tree: Tree,
    change: str = "tightened",
    *,
    version: int = 1,
    wait: timedelta = timedelta(0),
    statement: str | None = "jws",
    approval: UUID | None = None,
) -> None:
    sealed = now()
    await db.execute(
        "INSERT INTO trader_policy VALUES ($1,$2,$3,$4,'{}',$5,$6,$7,$8,$9,$10)",
        *(tree.trader_id, tree.root, version, change, tree.device, statement, approval),
        *(sealed, sealed + wait, MAC),
    )


async def test_what_loosens_names_an_approval_and_waits_a_day(
    admin: asyncpg.Connection, tree: Tree
) -> None:
    approval = await add_approval(admin, tree, state="consumed")
    rule = "loosening_takes_an_approval_and_a_day"
    for bad in (
        {"change": "loosened", "wait": DAY, "statement": "jws"},
        {"change": "loosened", "wait": DAY - timedelta(seconds=1), "statement": None,
         "approval": approval},
        {"change": "loosened", "wait": DAY, "statement": None},
        {"change": "tightened", "approval": approval},
        {"change": "tightened", "wait": timedelta(seconds=1)},
        {"change": "cancelled", "statement": None},
    ):  # fmt: skip
        with pytest.raises(asyncpg.CheckViolationError, match=rule):
            await add_policy(admin, tree, **bad)
    await add_policy(admin, tree)
    loose: dict[str, Any] = {"wait": DAY, "statement": None, "approval": approval}
    await add_policy(admin, tree, "loosened", version=2, **loose)
    # One approval loosens once, and one version is written once.
    with pytest.raises(asyncpg.UniqueViolationError, match="an_approval_loosens_once"):
        await add_policy(admin, tree, "loosened", version=3, **loose)
    with pytest.raises(asyncpg.UniqueViolationError):
        await add_policy(admin, tree, version=2)


async def test_a_policy_of_another_traders_device_or_root_is_refused(
    admin: asyncpg.Connection, tree: Tree
) -> None:
    for column in ("device_id", "root_id"):
        ids = {"device_id": tree.device, "root_id": tree.root} | {column: new_id()}
        with pytest.raises(asyncpg.ForeignKeyViolationError):
            await admin.execute(
                "INSERT INTO trader_policy VALUES ($1,$2,1,'tightened','{}',$3,'jws',NULL,"
                "now(),now(),$4)",
                *(tree.trader_id, ids["root_id"], ids["device_id"], MAC),
            )


@pytest.mark.parametrize("role", ["signer", "owner", "operator", "api"])
async def test_nobody_changes_a_policy_that_was_written(
    admin: asyncpg.Connection, connect: Connect, tree: Tree, role: str
) -> None:
    await add_policy(admin, tree)
    connection = await connect(role)
    for statement in ("UPDATE trader_policy SET version = 2", "DELETE FROM trader_policy"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(statement)
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="append-only"):
        await admin.execute("DELETE FROM trader_policy")


@pytest.mark.parametrize(
    ("role", "event", "may"),
    [
        ("api", "policy.changed", False),
        ("courier", "policy.changed", False),
        ("operator", "policy.changed", False),
        ("signer", "policy.changed", True),
        ("api", "policy.floor_raised", False),
        ("signer", "policy.floor_raised", False),
        ("operator", "policy.floor_raised", True),
    ],
)
async def test_only_who_knows_tells_of_policies_and_floors(
    connect: Connect, tree: Tree, role: str, event: str, *, may: bool
) -> None:
    connection = await connect(role)
    tell = "SELECT append_entry($1,$2,$3,'a',NULL,NULL,NULL,$4,NULL,NULL,NULL,NULL,NULL,NULL,NULL)"
    if may:
        assert await connection.fetchval(tell, tree.trader_id, LOCKED, event, "ok") > 0
        return
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="does not tell of"):
        await connection.execute(tell, tree.trader_id, LOCKED, event, "ok")


async def test_where_something_was_asked_from_never_changes(
    admin: asyncpg.Connection, tree: Tree
) -> None:
    approval = await add_approval(admin, tree)
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="append-only"):
        await admin.execute(
            "UPDATE approval SET asked_from = '192.0.2.9' WHERE approval_id = $1", approval
        )


async def decide(db: Any, tree: Tree, address: str | None, decision: str, ago: timedelta) -> None:
    """A decision `ago`, of something asked from an address."""
    approval, at = new_id(), now() - ago
    await db.execute(
        "INSERT INTO approval VALUES ($1,$2,'device:x','trade.order','{}',sha256('{}'),$3,"
        "'medium',$4,'pending',$5,$6,NULL,NULL,$7)",
        *(tree.trader_id, approval, HASH, tree.grant, at, at + timedelta(minutes=5), address),
    )
    method = "device_number" if decision == "approve" else "none"
    await db.execute(
        "INSERT INTO decision VALUES ($1,$2,$3,$4,$5,$5,$6,$7,NULL,'jws',$8,1,$5)",
        *(tree.trader_id, approval, tree.root, tree.device, HASH, decision, method, at),
    )


async def test_only_what_was_approved_makes_its_address_known(
    admin: asyncpg.Connection, tree: Tree
) -> None:
    for decision in ("deny", "fraud"):
        await decide(admin, tree, "192.0.2.1", decision, timedelta(0))
    await decide(admin, tree, None, "approve", timedelta(0))
    known = "SELECT address, first_seen_at, last_seen_at FROM known_address WHERE trader_id = $1"
    assert await admin.fetch(known, tree.trader_id) == []
    # Seen 200 days ago, then again after more than 90: it begins anew. Then at most daily.
    hours = timedelta(hours=1)
    await decide(admin, tree, "192.0.2.1", "approve", timedelta(days=200))
    await decide(admin, tree, "192.0.2.1", "approve", timedelta(days=100))
    await decide(admin, tree, "192.0.2.1", "approve", timedelta(days=20))
    await decide(admin, tree, "192.0.2.1", "approve", timedelta(days=20) - hours)
    (row,) = await admin.fetch(known, tree.trader_id)
    days = [(now() - row[name]).days for name in ("first_seen_at", "last_seen_at")]
    assert days == [100, 20]
    assert (now() - row["last_seen_at"]).seconds < 60
