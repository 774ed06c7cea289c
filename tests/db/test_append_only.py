"""What was written to the log, the checkpoints and the decisions stays, whoever asks."""

import asyncpg
import pytest

from app.cli.roles import OWNER, ROLES
from tests.db.conftest import Connect
from tests.db.rows import HASH, Tree, add_approval, now

TABLES = ["access_log", "checkpoint", "checkpoint_leaf", "decision"]
STATEMENTS = ["UPDATE {} SET {} = {}", "DELETE FROM {}", "TRUNCATE {} CASCADE"]
_COLUMN = {
    "access_log": "outcome",
    "checkpoint": "jws",
    "checkpoint_leaf": "shard",
    "decision": "method",
}


@pytest.fixture
async def filled(admin: asyncpg.Connection, tree: Tree) -> Tree:
    """At least one row in each table, so that a row trigger would be seen to fire."""
    await admin.execute(
        "SELECT append_entry($1,$2,'e','a',NULL,NULL,NULL,'ok',NULL,NULL,NULL,NULL,NULL,NULL,NULL)",
        *(tree.trader_id, tree.root),
    )
    shard = str(tree.trader_id)
    await admin.execute("INSERT INTO checkpoint VALUES ($1,1,'jws',$2,1,now())", shard, HASH)
    await admin.execute(
        "INSERT INTO checkpoint_leaf VALUES ($1,$2,$3,1,0,1,$4)",
        *(tree.trader_id, tree.root, shard, HASH),
    )
    await admin.execute(
        "INSERT INTO decision VALUES ($1,$2,$3,$4,$5,$5,'deny','none',NULL,'jws',$6,1,$5)",
        *(tree.trader_id, await add_approval(admin, tree), tree.root, tree.device, HASH, now()),
    )
    return tree


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.usefixtures("filled")
async def test_no_role_edits_deletes_or_truncates_it_the_owner_included(
    connect: Connect, table: str
) -> None:
    for role in ROLES:
        connection = await connect(role.name.removeprefix("tripcord_"))
        for statement in STATEMENTS:
            column = _COLUMN[table]
            with pytest.raises(asyncpg.InsufficientPrivilegeError) as refused:
                await connection.execute(statement.format(table, column, column))
            if role.name == OWNER:
                assert "append-only" in str(refused.value), statement


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.usefixtures("filled")
async def test_even_a_superuser_meets_the_trigger(admin: asyncpg.Connection, table: str) -> None:
    for statement in STATEMENTS:
        column = _COLUMN[table]
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="append-only"):
            await admin.execute(statement.format(table, column, column))
