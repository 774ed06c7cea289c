"""The migrated database as the processes find it."""

import asyncpg
import pytest

from app.cli.roles import ROLES
from tests.support.postgres import FreshDatabase


@pytest.mark.parametrize("role", [role.name for role in ROLES])
async def test_every_role_logs_in_with_its_own_password(
    module_database: FreshDatabase, role: str
) -> None:
    connection = await asyncpg.connect(module_database.dsn(role))
    try:
        assert await connection.fetchval("SELECT current_user") == role
    finally:
        await connection.close()


async def test_a_role_with_the_password_of_another_is_refused(
    module_database: FreshDatabase,
) -> None:
    wrong = module_database.passwords | {"tripcord_api": module_database.passwords["tripcord_cord"]}
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(module_database._replace(passwords=wrong).dsn("tripcord_api"))


async def test_no_role_may_create_objects_roles_or_databases(
    module_database: FreshDatabase,
) -> None:
    for statement in ("CREATE TABLE t ()", "CREATE ROLE r", "CREATE DATABASE d", "CREATE SCHEMA s"):
        connection = await asyncpg.connect(module_database.dsn("tripcord_api"))
        try:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(statement)
        finally:
            await connection.close()


async def test_the_signer_never_waits_long_for_a_lock(module_database: FreshDatabase) -> None:
    connection = await asyncpg.connect(module_database.dsn("tripcord_signer"))
    try:
        assert await connection.fetchval("SHOW lock_timeout") == "1s"
        assert await connection.fetchval("SHOW idle_in_transaction_session_timeout") == "1s"
    finally:
        await connection.close()
