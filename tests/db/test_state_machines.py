"""Every transition that is not in the machine is refused by the database, whoever writes."""

import itertools
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

import asyncpg
import pytest

from tests.db.rows import (
    Tree,
    add_approval,
    add_cleanup_item,
    add_credential,
    add_factor,
    add_grant,
    add_order,
    add_passkey,
    add_re_enrolment,
    add_revocation,
    add_session,
    add_tree,
)

Add = Callable[[Any, Tree, str], Awaitable[Any]]


class Machine(NamedTuple):
    """`dress` sets the columns that the new state asks for, so that only the machine can refuse."""

    table: str
    states: tuple[str, ...]
    legal: set[tuple[str, str]]
    add: Add
    key: str = ""
    column: str = "state"
    dress: str = ""


async def _approval(db: Any, tree: Tree, state: str) -> Any:
    return await add_approval(db, tree, state=state)


async def _session(db: Any, tree: Tree, state: str) -> Any:
    return await add_session(db, tree, state=state)


async def _credential(db: Any, tree: Tree, state: str) -> Any:
    await add_credential(db, tree, state=state)
    return tree.credential


async def _order(db: Any, tree: Tree, state: str) -> Any:
    await add_grant(db, tree)
    return await add_order(db, tree, state)


async def _revocation(db: Any, tree: Tree, state: str) -> Any:
    return await add_revocation(db, tree, state=state)


async def _passkey(db: Any, tree: Tree, state: str) -> Any:
    return await add_passkey(db, tree, state=state)


async def _re_enrolment(db: Any, tree: Tree, state: str) -> Any:
    return await add_re_enrolment(db, tree, state=state)


async def _item(db: Any, tree: Tree, state: str) -> Any:
    await add_credential(db, tree)
    return await add_cleanup_item(db, tree, state=state)


ALIVE = ("released", "unknown")
OUTCOMES = ("accepted", "partially_filled", "filled", "cancelled", "rejected", "unknown")
MACHINES = [
    Machine(
        "approval",
        ("pending", "approved", "consumed", "denied", "fraud", "expired", "cancelled",
         "superseded"),
        {("pending", state) for state in ("approved", "denied", "fraud", "expired", "cancelled",
                                          "superseded")}
        | {("approved", state) for state in ("consumed", "expired", "cancelled", "superseded")},
        _approval,
        "approval_id",
        dress="decided_at = CASE $2 WHEN 'pending' THEN NULL ELSE coalesce(decided_at, now()) END,"
              " consumed_at = CASE $2 WHEN 'consumed' THEN now() END",
    ),
    Machine(
        "session", ("pending", "active", "denied"),
        {("pending", "active"), ("pending", "denied")}, _session, "session_id",
        dress="code_verified_at = now(), code_factor_id = session_id,"
              " code_mac = decode(repeat('00', 32), 'hex')",
    ),
    Machine(
        "exchange_credential", ("pending", "verifying", "active", "refused"),
        {("pending", "verifying"), ("pending", "refused"), ("verifying", "active"),
         ("verifying", "refused")},
        _credential, "credential_id",
        dress="version = version + 1, attested_at = now(),"
              " refused_reason = CASE $2 WHEN 'refused' THEN 'no' END,"
              " approval_id = coalesce(approval_id, (SELECT approval_id FROM approval a"
              " WHERE a.trader_id = exchange_credential.trader_id LIMIT 1))",
    ),
    Machine(
        "bot_order",
        ("refused", "held", "released", "accepted", "partially_filled", "filled", "cancelled",
         "rejected", "expired", "unknown"),
        {("held", state) for state in ("released", "refused", "expired")}
        | {(alive, state) for alive in ALIVE for state in OUTCOMES}
        | {(open_, state) for open_ in ("accepted", "partially_filled")
           for state in ("partially_filled", "filled", "cancelled")},
        _order, "order_id",
        dress="rule = 'r', request_digest = jws_digest, approval_id = (SELECT approval_id"
              " FROM approval a WHERE a.trader_id = bot_order.trader_id LIMIT 1)",
    ),
    Machine(
        "revocation", ("pending", "running", "done"),
        {("pending", "running"), ("pending", "done"), ("running", "done")},
        _revocation, "revocation_id", column="cleanup_state",
    ),
    Machine(
        "re_enrolment", ("waiting", "completed", "vetoed", "cancelled", "expired"),
        {("waiting", state) for state in ("completed", "vetoed", "cancelled", "expired")},
        _re_enrolment, "re_enrolment_id",
        dress="version = version + 1,"
              " ended_at = CASE $2 WHEN 'waiting' THEN NULL ELSE now() END,"
              " ended_by = CASE WHEN $2 IN ('completed', 'vetoed') THEN (SELECT device_id"
              " FROM device d WHERE d.trader_id = re_enrolment.trader_id LIMIT 1) END",
    ),
    Machine(
        "passkey", ("pending", "active", "frozen", "removed"),
        {("pending", "active"), ("active", "frozen"), ("active", "removed"), ("frozen", "removed")},
        _passkey, "factor_id", dress="version = version + 1",
    ),
    Machine(
        "cleanup_item", ("pending", "done", "unsupported", "unconfirmed"),
        {("pending", state) for state in ("done", "unsupported", "unconfirmed")},
        _item, "revocation_id",
    ),
]  # fmt: skip


@pytest.mark.parametrize("machine", MACHINES, ids=lambda machine: machine.table)
async def test_exactly_the_legal_transitions_pass(
    admin: asyncpg.Connection, machine: Machine
) -> None:
    for before, after in itertools.product(machine.states, machine.states):
        row = await machine.add(admin, await add_fresh(admin), before)
        change = ", ".join(filter(None, (f"{machine.column} = $2::text", machine.dress)))
        update = f"UPDATE {machine.table} SET {change} WHERE {machine.key} = $1"
        transaction = admin.transaction()
        await transaction.start()
        try:
            await admin.execute(update, row, after)
            passed = True
        except asyncpg.CheckViolationError:
            passed = False
        await transaction.rollback()
        assert passed is (before == after or (before, after) in machine.legal), (before, after)


async def add_fresh(db: asyncpg.Connection) -> Tree:
    """A trader with one approval at least, for rows that must name one."""
    tree = await add_tree(db)
    await add_approval(db, tree)
    return tree


@pytest.mark.parametrize("machine", MACHINES, ids=lambda machine: machine.table)
async def test_a_state_that_is_not_in_the_list_cannot_be_stored(
    admin: asyncpg.Connection, machine: Machine
) -> None:
    row = await machine.add(admin, await add_fresh(admin), machine.states[0])
    for other in ("", "PENDING", "open", None):
        with pytest.raises((asyncpg.CheckViolationError, asyncpg.NotNullViolationError)):
            await admin.execute(
                f"UPDATE {machine.table} SET {machine.column} = $2 WHERE {machine.key} = $1",
                *(row, other),
            )


@pytest.mark.parametrize(
    "change",
    [
        "requester = 'x'",
        "action_type = 'bot.grant'",
        "action = '[]', digest = sha256('[]')",
        "nonce = sha256('x')",
        "required_strength = 'out_of_band'",
        "subject_id = trader_id",
        "created_at = created_at - interval '1 second'",
        "expires_at = expires_at + interval '1 second'",
        "approval_id = subject_id",
    ],
)
async def test_what_is_asked_never_changes(
    admin: asyncpg.Connection, tree: Tree, change: str
) -> None:
    approval = await add_approval(admin, tree)
    with pytest.raises(asyncpg.CheckViolationError, match="never changes"):
        await admin.execute(f"UPDATE approval SET {change} WHERE approval_id = $1", approval)


async def test_a_credential_changes_one_version_at_a_time(
    admin: asyncpg.Connection, tree: Tree
) -> None:
    await add_credential(admin, tree)
    for version in (0, 1, 3):
        with pytest.raises(asyncpg.CheckViolationError):
            await admin.execute(
                "UPDATE exchange_credential SET version = $2 WHERE credential_id = $1",
                *(tree.credential, version),
            )


async def test_a_time_step_never_goes_back(admin: asyncpg.Connection, tree: Tree) -> None:
    factor = await add_factor(admin, tree)
    update = "UPDATE totp_state SET last_used_step = $2 WHERE factor_id = $1"
    await admin.execute(update, factor, 10)
    await admin.execute(update, factor, 10)
    with pytest.raises(asyncpg.CheckViolationError):
        await admin.execute(update, factor, 9)


@pytest.mark.parametrize(
    "change",
    [
        "public_jwk = 'x'",
        "name = 'x'",
        "root_id = ended_by",
        "push_kind = 'fid', push_registration = 'x'",
        "authenticator_lost = true",
        "begun_at = begun_at - interval '1 second'",
        "not_before = not_before + interval '1 second'",
        "expires_at = expires_at - interval '1 second'",
    ],
)
async def test_what_was_begun_never_changes(
    admin: asyncpg.Connection, tree: Tree, change: str
) -> None:
    row = await add_re_enrolment(admin, tree)
    for bump in ("version = version", "version = version + 1"):
        with pytest.raises((asyncpg.CheckViolationError, asyncpg.NotNullViolationError)):
            await admin.execute(
                f"UPDATE re_enrolment SET {change}, {bump} WHERE re_enrolment_id = $1", row
            )


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("not_before", "begun_at + interval '23 hours 59 minutes'"),
        ("expires_at", "not_before"),
        ("expires_at", "not_before + interval '8 days'"),
        ("state", "'completed'"),
        ("ended_at", "now()"),
        ("version", "2"),
    ],
)
async def test_a_re_enrolment_begins_waiting_and_gives_a_day(
    admin: asyncpg.Connection, tree: Tree, column: str, value: str
) -> None:
    row = await add_re_enrolment(admin, tree)
    await admin.execute("CREATE TEMP TABLE IF NOT EXISTS copied (LIKE re_enrolment)")
    await admin.execute(
        "INSERT INTO copied SELECT * FROM re_enrolment WHERE re_enrolment_id=$1", row
    )
    await admin.execute("DELETE FROM re_enrolment WHERE re_enrolment_id = $1", row)
    await admin.execute(f"UPDATE copied SET {column} = {value} WHERE re_enrolment_id = $1", row)
    with pytest.raises(asyncpg.CheckViolationError):
        await admin.execute(
            "INSERT INTO re_enrolment SELECT * FROM copied WHERE re_enrolment_id=$1", row
        )


async def test_nobody_completes_before_the_time_or_after_it(
    admin: asyncpg.Connection, tree: Tree
) -> None:
    row = await add_re_enrolment(admin, tree)
    for moment in ("not_before - interval '1 second'", "expires_at"):
        with pytest.raises(asyncpg.CheckViolationError):
            await admin.execute(
                f"UPDATE re_enrolment SET state = 'completed', ended_at = {moment}, ended_by = $2,"
                " version = 2 WHERE re_enrolment_id = $1",
                *(row, tree.device),
            )


async def test_one_waits_at_a_time_and_a_code_begins_one(
    admin: asyncpg.Connection, tree: Tree
) -> None:
    first = await add_re_enrolment(admin, tree)
    with pytest.raises(asyncpg.UniqueViolationError):
        await add_re_enrolment(admin, tree)
    again = "INSERT INTO re_enrolment SELECT trader_id, gen_random_uuid(), root_id, code_id,"
    again += " public_jwk, name, push_kind, push_registration, authenticator_lost, begun_at,"
    again += " not_before, expires_at, 'waiting', NULL, NULL, 1, mac FROM re_enrolment"
    await admin.execute(
        "UPDATE re_enrolment SET state = 'cancelled', ended_at = now(), version = 2"
        " WHERE re_enrolment_id = $1",
        first,
    )
    with pytest.raises(asyncpg.UniqueViolationError, match="a_recovery_code_is_used_once"):
        await admin.execute(f"{again} WHERE re_enrolment_id = $1", first)
