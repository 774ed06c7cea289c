"""`tripcord contain` as typed: rehearsed unless told otherwise, only tighter, told to traders."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from click.testing import CliRunner, Result

from app.cli.main import main
from app.cli.migrate import with_login
from app.containment.models import Contained, TraderPlan, VenuePlan
from app.containment.planning import plan_trader
from app.containment.service import Containing, Rehearsal
from app.core.ids import new_id
from app.db.pool import Database
from app.tokens.models import Level
from tests.db.rows import Tree, add_credential, add_tree, mint
from tests.support.postgres import FreshDatabase

Type = Callable[..., Any]


@pytest.fixture
async def admin(fresh_database: FreshDatabase) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(fresh_database.dsn())
    yield connection
    await connection.close()


@pytest.fixture
async def tree(admin: asyncpg.Connection) -> Tree:
    made = await add_tree(admin)
    await add_credential(admin, made, state="active")
    return made


@pytest.fixture
def contain(monkeypatch: pytest.MonkeyPatch, fresh_database: FreshDatabase) -> Type:
    """Type `tripcord contain …` as an operator with the role's own login."""
    for name in list(os.environ):
        if name.startswith("TRIPCORD_"):
            monkeypatch.delenv(name)
    role = "tripcord_operator"
    environ = {
        "TRIPCORD_DATABASE_DSN": with_login(fresh_database.server_dsn, role, fresh_database.name),
        "TRIPCORD_DATABASE_PASSWORD": fresh_database.passwords[role],
    }

    async def typed(*arguments: str) -> Result:
        words = ("contain", *arguments)
        return await asyncio.to_thread(CliRunner().invoke, main, words, env=environ)

    return typed


async def snapshot(db: asyncpg.Connection) -> dict[str, str]:
    """Every table's content as one digest: what differs was written."""
    tables = await db.fetch(
        "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
    )
    return {
        name: await db.fetchval(
            f"SELECT md5(coalesce(string_agg(r::text, '|' ORDER BY r::text), '')) FROM {name} r"
        )
        for (name,) in tables
    }


def trader_command(tree: Tree, rung: str = "frozen", reason: str = "stolen") -> tuple[str, ...]:
    return ("trader", str(tree.trader_id), "--rung", rung, "--reason", reason)


def venue_command(rung: str = "cancel_only", venue: str = "sandbox") -> tuple[str, ...]:
    return ("venue", venue, "--rung", rung, "--reason", "their API leaks keys")


@pytest.mark.parametrize("kind", ["trader", "venue"])
async def test_without_execute_nothing_is_written_and_all_is_told(
    contain: Type, admin: asyncpg.Connection, tree: Tree, kind: str
) -> None:
    before = await snapshot(admin)
    command = trader_command(tree) if kind == "trader" else venue_command()
    said = await contain(*command)
    assert said.exit_code == 0, said.output
    assert "rehearsed only: nothing was written" in said.output
    if kind == "trader":
        assert str(tree.trader_id) in said.output
        assert str(tree.root) in said.output
        assert "1 credential, 1 device, 1 grant" in said.output
    else:
        assert "1 traders, 1 keys, 0 bots, 0 open orders" in said.output
    assert await snapshot(admin) == before


def test_what_rehearses_has_nothing_to_write_with() -> None:
    plans = {*TraderPlan.__struct_fields__, *VenuePlan.__struct_fields__}
    assert not plans & {"db", "tx", "execute"}
    assert vars(Rehearsal()) == {}
    for shape in (TraderPlan, VenuePlan):
        methods = {name for name, value in vars(shape).items() if callable(value)}
        assert {name for name in methods if not name.startswith("_")} == set()


async def test_a_trader_is_contained_logged_and_told_in_one_go(
    contain: Type, admin: asyncpg.Connection, tree: Tree
) -> None:
    said = await contain(*trader_command(tree), "--execute")
    assert said.exit_code == 0, said.output
    assert "contained at log position 1" in said.output
    fence = await admin.fetchrow("SELECT * FROM fence WHERE trader_id = $1", tree.trader_id)
    assert (fence["token_id"], fence["imposed_by"]) == (tree.root, "operator")
    assert (fence["level"], fence["reason"]) == (Level.FROZEN, "stolen")
    entry = await admin.fetchrow("SELECT * FROM access_log WHERE trader_id = $1", tree.trader_id)
    assert (entry["event"], entry["token_id"]) == ("token.tightened", tree.root)
    assert entry["actor"].startswith("operator")
    (bell,) = await admin.fetch("SELECT * FROM outbox WHERE trader_id = $1", tree.trader_id)
    assert (bell["topic"], bell["device_id"]) == ("security", tree.device)
    level = await admin.fetchval(
        "SELECT effective_level($1, path) FROM token WHERE token_id = $2",
        *(tree.trader_id, tree.grant),
    )
    assert level == Level.FROZEN


async def test_who_came_back_since_the_plan_is_contained_by_the_root_of_now(
    admin: asyncpg.Connection, tree: Tree, fresh_database: FreshDatabase
) -> None:
    """A re-enrolment ends between the rehearsal on the screen and the act: another root."""
    db = await Database.connect(fresh_database.dsn("tripcord_operator"), min_size=1)
    api = await asyncpg.connect(fresh_database.dsn("tripcord_api"))
    try:
        plan = await plan_trader(
            db, tree.trader_id, Level.FROZEN, reason="stolen", actor="operator"
        )
        await api.execute(
            "SELECT tighten($1, $2, 5::smallint, 'x', 'x', NULL, NULL, NULL, NULL, $3, $4, NULL)",
            *(tree.trader_id, tree.root, new_id(), bytes(32)),
        )
        root = (await mint(admin, tree.trader_id, "trader", None))["token_id"]
        done = await Containing(db).contain_trader(plan)
    finally:
        await api.close()
        await db.close()
    assert done.position is not None
    fences = await admin.fetch(
        "SELECT token_id, imposed_by FROM fence WHERE trader_id = $1 AND level = 4", tree.trader_id
    )
    assert [tuple(row) for row in fences] == [(root, "operator")]


async def test_a_milder_rung_changes_nothing_and_says_so(
    contain: Type, admin: asyncpg.Connection, tree: Tree
) -> None:
    await contain(*trader_command(tree, "read_only"), "--execute")
    await contain(*venue_command("read_only"), "--execute")
    before = await snapshot(admin)
    for command in (trader_command(tree, "reduce_only"), trader_command(tree, "read_only"),
                    venue_command("cancel_only"), venue_command("read_only")):  # fmt: skip
        said = await contain(*command, "--execute")
        assert "changes nothing: what stands is as tight or tighter" in said.output
        assert "nothing was changed" in said.output
    assert await snapshot(admin) == before
    said = await contain(*trader_command(tree, "frozen"), "--execute")
    assert "contained at log position 2" in said.output


async def test_a_venue_is_contained_for_all_and_each_of_its_traders_is_told_once(
    contain: Type, admin: asyncpg.Connection, tree: Tree
) -> None:
    other, elsewhere = await add_tree(admin), await add_tree(admin)
    await add_credential(admin, other, state="active")
    await add_credential(admin, elsewhere, state="active")
    async with admin.transaction():
        await admin.execute("SET LOCAL session_replication_role = 'replica'")
        await admin.execute(
            "UPDATE exchange_credential SET venue_id = 'binance' WHERE trader_id = $1",
            elsewhere.trader_id,
        )
    said = await contain(*venue_command(), "--execute")
    assert said.exit_code == 0, said.output
    assert "told: 2" in said.output
    levels = dict(await admin.fetch("SELECT venue_id, level FROM venue"))
    assert levels == {"sandbox": Level.CANCEL_ONLY, "binance": Level.ACTIVE}
    told = await admin.fetch("SELECT trader_id, topic FROM outbox")
    assert {row["trader_id"] for row in told} == {tree.trader_id, other.trader_id}
    assert [row["topic"] for row in told] == ["security", "security"]
    (entry,) = await admin.fetch("SELECT * FROM access_log")
    assert (entry["trader_id"], entry["event"]) == (UUID(int=0), "venue.contained")
    assert entry["rule"] == "sandbox:2"
    said = await contain("status")
    assert "venue sandbox: cancel_only" in said.output
    assert "all told: their API leaks keys" in said.output


async def test_telling_that_was_interrupted_goes_on_where_it_stopped(
    contain: Type, admin: asyncpg.Connection, tree: Tree, fresh_database: FreshDatabase
) -> None:
    """As if the command had been killed after the fence and one batch of one trader."""
    others = [await add_tree(admin) for _ in range(4)]
    for other in others:
        await add_credential(admin, other, state="active")
    operator = await asyncpg.connect(fresh_database.dsn("tripcord_operator"))
    containment = new_id()
    try:
        await operator.execute(
            "SELECT contain_venue('sandbox', $1, 2::smallint, 'r', 'operator')", containment
        )
        tell = "SELECT tell_of_containment('sandbox', $1, 1)"
        assert await operator.fetchval(tell, containment) == 1
    finally:
        await operator.close()
    assert "NOT ALL TOLD" in (await contain("status")).output
    said = await contain(*venue_command(), "--execute")
    assert "nothing was changed" in said.output
    assert "told: 4" in said.output
    traders = [row[0] for row in await admin.fetch("SELECT trader_id FROM outbox")]
    assert sorted(traders) == sorted([tree.trader_id, *(other.trader_id for other in others)])
    assert "told" not in (await contain(*venue_command(), "--execute")).output.splitlines()[-1]


@pytest.mark.parametrize(
    "arguments",
    [
        ("trader", str(new_id()), "--rung", "frozen"),
        ("trader", str(new_id()), "--rung", "frozen", "--reason", ""),
        ("trader", str(new_id()), "--rung", "frozen", "--reason", "   "),
        ("trader", str(new_id()), "--rung", "frozen", "--reason", "x" * 201),
        ("trader", str(new_id()), "--rung", "frozen", "--reason", "a\nb"),
        ("trader", str(new_id()), "--rung", "frozen", "--reason", "a\u202eb"),
        ("trader", str(new_id()), "--rung", "active", "--reason", "x"),
        ("trader", str(new_id()), "--rung", "revoked", "--reason", "x"),
        ("trader", "me", "--rung", "frozen", "--reason", "x"),
        ("trader", str(new_id()), "--rung", "frozen", "--reason", "x"),
        ("venue", "nowhere", "--rung", "frozen", "--reason", "x"),
        ("venue", "sandbox", "--rung", "active", "--reason", "x"),
        ("lift", "sandbox"),
    ],
)
async def test_what_is_not_exactly_right_is_refused_and_writes_nothing(
    contain: Type, admin: asyncpg.Connection, arguments: tuple[str, ...]
) -> None:
    before = await snapshot(admin)
    said = await contain(*arguments, *(() if arguments[0] == "lift" else ("--execute",)))
    assert said.exit_code in {1, 2}
    assert "Traceback" not in said.output
    assert await snapshot(admin) == before


async def test_the_operators_role_itself_can_neither_loosen_nor_read_a_key(
    admin: asyncpg.Connection, tree: Tree, fresh_database: FreshDatabase
) -> None:
    await admin.execute("UPDATE venue SET level = 3")
    operator = await asyncpg.connect(fresh_database.dsn("tripcord_operator"))
    try:
        nulls = "NULL,NULL,'x',NULL,NULL,NULL"
        for statement in (
            "UPDATE venue SET level = 0",
            "DELETE FROM fence",
            "UPDATE venue_containment SET told_at = now()",
            "SELECT * FROM exchange_credential",
            "SELECT * FROM wrapped_secret",
            "SELECT * FROM recovery_code",
            f"SELECT lift('{tree.trader_id}','{tree.root}',4::smallint,0::smallint,1,{nulls})",
            f"SELECT ring_every_device('{tree.trader_id}', 'security', '{tree.root}', now())",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await operator.execute(statement)
        loosened = await operator.fetchrow(
            "SELECT * FROM contain_venue('sandbox', $1, 1::smallint, 'r', 'operator')", new_id()
        )
        assert loosened["log_position"] is None
    finally:
        await operator.close()
    assert await admin.fetchval("SELECT level FROM venue WHERE venue_id = 'sandbox'") == 3


async def test_a_rehearsal_answers_that_it_did_nothing() -> None:
    plan = VenuePlan(
        venue_id="sandbox", level=Level.FROZEN, reason="r", actor="operator", now=Level.ACTIVE,
        traders=0, credentials=0, grants=0, open_orders=0,
    )  # fmt: skip
    assert await Rehearsal().contain_venue(plan) == Contained(position=None, at=None, told=0)
