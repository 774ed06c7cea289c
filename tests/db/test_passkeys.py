"""What the tables of passkeys cannot hold."""

from datetime import timedelta

import asyncpg
import pytest

from app.core.ids import new_id
from tests.db.rows import MAC, Tree, add_passkey, add_re_enrolment, now


@pytest.mark.parametrize(
    "change",
    [
        "credential_id = credential_id || credential_id",
        "public_key = '\\x01'",
        "device_id = trader_id",
        "backup_eligible = false, backed_up = false",
        "transports = '{}'",
        "aaguid = trader_id",
        "attestation = 'packed'",
        "rp_id = 'other.example'",
        "label = 'x'",
        "bound_at = bound_at - interval '1 second'",
        "sign_count = 4",
        "version = 1",
        "version = 3",
    ],
)
async def test_what_was_registered_never_changes_and_a_counter_never_goes_back(
    admin: asyncpg.Connection, tree: Tree, change: str
) -> None:
    factor = await add_passkey(admin, tree)
    bump = "" if "version" in change else ", version = 2"
    with pytest.raises(asyncpg.CheckViolationError, match="never changes"):
        await admin.execute(f"UPDATE passkey SET {change}{bump} WHERE factor_id = $1", factor)


async def test_what_cannot_be_backed_up_is_not(admin: asyncpg.Connection, tree: Tree) -> None:
    with pytest.raises(asyncpg.CheckViolationError) as refused:
        await admin.execute(
            "INSERT INTO passkey VALUES ($1,$2,$3,$4,$5,'\\x00',0,false,true,'{}',$2,'none',"
            "'cord.example','phone','active',now(),1,$6)",
            *(tree.trader_id, new_id(), tree.root, tree.device, bytes(16), MAC),
        )
    assert refused.value.constraint_name == "what_cannot_be_backed_up_is_not"


async def test_a_passkey_is_not_born_frozen_or_removed(
    admin: asyncpg.Connection, tree: Tree
) -> None:
    for state, version in (("frozen", 1), ("removed", 1), ("active", 2)):
        with pytest.raises(asyncpg.CheckViolationError, match="pending or active"):
            await admin.execute(
                "INSERT INTO passkey VALUES ($1,$2,$3,$4,$5,'\\x00',0,true,true,'{}',$2,'none',"
                "'cord.example','phone',$6,now(),$7,$8)",
                *(tree.trader_id, new_id(), tree.root, tree.device, bytes(16), state, version, MAC),
            )


@pytest.mark.parametrize("length", [0, 15, 1024])
async def test_a_credential_id_has_16_to_1023_bytes(
    admin: asyncpg.Connection, tree: Tree, length: int
) -> None:
    with pytest.raises(asyncpg.CheckViolationError):
        await admin.execute(
            "INSERT INTO passkey VALUES ($1,$2,$3,$4,$5,'\\x00',0,true,true,'{}',$2,'none',"
            "'cord.example','phone','active',now(),1,$6)",
            *(tree.trader_id, new_id(), tree.root, tree.device, bytes(length), MAC),
        )


async def test_a_credential_id_is_one_passkeys_whoever_it_is(
    admin: asyncpg.Connection, tree: Tree
) -> None:
    insert = "INSERT INTO passkey_credential_id VALUES (sha256('x'), $1, $2)"
    await admin.execute(insert, tree.trader_id, await add_passkey(admin, tree))
    with pytest.raises(asyncpg.UniqueViolationError):
        await admin.execute(insert, tree.trader_id, await add_passkey(admin, tree))


@pytest.mark.parametrize("life", [timedelta(0), timedelta(minutes=10, seconds=1)])
async def test_a_challenge_lives_ten_minutes_at_most(
    admin: asyncpg.Connection, tree: Tree, life: timedelta
) -> None:
    begun = now()
    with pytest.raises(asyncpg.CheckViolationError) as refused:
        await admin.execute(
            "INSERT INTO passkey_challenge VALUES ($1,$2,'register','device:x',$3,$4,$5)",
            *(tree.trader_id, new_id(), bytes(32), begun, begun + life),
        )
    assert refused.value.constraint_name == "a_challenge_lives_ten_minutes_at_most"


async def test_a_re_enrolment_is_begun_with_a_code_or_a_passkey_and_stays_so(
    admin: asyncpg.Connection, tree: Tree
) -> None:
    row, factor = await add_re_enrolment(admin, tree), await add_passkey(admin, tree)
    update = "UPDATE re_enrolment SET version = version + 1, {} WHERE re_enrolment_id = $1"
    for change in ("passkey_id = $2", "passkey_id = $2, code_id = NULL"):
        with pytest.raises(asyncpg.CheckViolationError):
            await admin.execute(update.format(change), row, factor)
    insert = (
        "INSERT INTO re_enrolment SELECT trader_id, $2, root_id, {}, public_jwk, name, push_kind,"
        " push_registration, authenticator_lost, begun_at, not_before, expires_at, state,"
        " ended_at, ended_by, 1, mac, {} FROM re_enrolment WHERE re_enrolment_id = $1"
    )
    for code, passkey in (("NULL", "NULL"), ("code_id", "$3::uuid")):
        arguments = (row, new_id(), *([factor] if "$3" in passkey else []))
        with pytest.raises(asyncpg.CheckViolationError) as refused:
            await admin.execute(insert.format(code, passkey), *arguments)
        assert refused.value.constraint_name == "begun_with_a_code_or_a_passkey"
