"""`tripcord floors` as typed: rehearsed unless told otherwise, only up, and in the log."""

import asyncio
import os
from collections.abc import Callable
from typing import Any

import asyncpg
import pytest
from click.testing import CliRunner, Result

from app.cli.main import main
from app.cli.migrate import with_login
from tests.support.postgres import FreshDatabase

Type = Callable[..., Any]
WHY = ("--reason", "codes were phished")


@pytest.fixture
def floors(monkeypatch: pytest.MonkeyPatch, fresh_database: FreshDatabase) -> Type:
    """Type `tripcord floors …` as an operator with the role's own login."""
    for name in list(os.environ):
        if name.startswith("TRIPCORD_"):
            monkeypatch.delenv(name)
    role = "tripcord_operator"
    environ = {
        "TRIPCORD_DATABASE_DSN": with_login(fresh_database.server_dsn, role, fresh_database.name),
        "TRIPCORD_DATABASE_PASSWORD": fresh_database.passwords[role],
    }

    async def typed(*arguments: str) -> Result:
        words = ("floors", *arguments)
        return await asyncio.to_thread(CliRunner().invoke, main, words, env=environ)

    return typed


async def test_a_floor_is_rehearsed_then_raised_and_never_lowered(
    floors: Type, fresh_database: FreshDatabase
) -> None:
    admin = await asyncpg.connect(fresh_database.dsn())
    try:
        rehearsed = await floors("raise", "trade.order", "strong", *WHY)
        assert (rehearsed.exit_code, "rehearsed only" in rehearsed.output) == (0, True)
        assert await admin.fetchval("SELECT count(*) FROM policy_floor") == 0
        raised = await floors("raise", "trade.order", "strong", *WHY, "--execute")
        assert raised.output.splitlines()[-1] == "raised"
        again = await floors("raise", "trade.order", "strong", *WHY, "--execute")
        assert "nothing was changed" in again.output
        for typed in (("raise", "trade.order", "medium", *WHY, "--execute"),
                      ("lower", "trade.order")):  # fmt: skip
            refused = await floors(*typed)
            assert refused.exit_code != 0
            assert "two operators" in refused.output
        listed = await floors("list")
        assert "trade.order: strong" in listed.output.splitlines()
        assert "token.lift: none" in listed.output.splitlines()
        entries = await admin.fetch(
            "SELECT event, rule, trader_id::text AS owner FROM access_log ORDER BY position"
        )
        assert [(e["event"], e["rule"]) for e in entries] == [
            ("policy.floor_raised", "trade.order:strong")
        ]
    finally:
        await admin.close()


async def test_no_role_can_lower_a_floor_in_the_database(
    floors: Type, fresh_database: FreshDatabase
) -> None:
    await floors("raise", "trade.order", "strong", *WHY, "--execute")
    operator = await asyncpg.connect(fresh_database.dsn("tripcord_operator"))
    try:
        lower = "SELECT raise_floor('trade.order', 'out_of_band', 'x', 'x')"
        assert await operator.fetchval(lower) is False
        for statement in (
            "UPDATE policy_floor SET strength = 'medium'",
            "DELETE FROM policy_floor",
            "INSERT INTO policy_floor VALUES ('bot.grant', 'medium', 'x', 'x', now())",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await operator.execute(statement)
        assert await operator.fetchval("SELECT strength FROM policy_floor") == "strong"
    finally:
        await operator.close()


async def test_an_action_nobody_knows_has_no_floor(floors: Type) -> None:
    refused = await floors("raise", "no.such", "strong", *WHY, "--execute")
    assert refused.exit_code != 0
