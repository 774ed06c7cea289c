"""Structs and tables say the same: a column that a struct forgets is one that no MAC covers."""

from typing import Any

import asyncpg
import msgspec
import pytest

from app.accesslog.models import StoredEntry
from app.approvals.models import Approval, Decision
from app.credentials.models import Credential
from app.devices.models import Device, Heartbeat
from app.grants.models import Grant
from app.otp.models import TotpFactor
from app.policies.models import PolicyRow
from app.recovery.models import RecoveryCode, ReEnrolment
from app.sessions.models import Session
from app.signing.rows import OrderRow
from app.webauthn.models import Passkey

EVIDENT: dict[str, type[msgspec.Struct]] = {
    "device": Device,
    "device_heartbeat": Heartbeat,
    "totp_factor": TotpFactor,
    "exchange_credential": Credential,
    "bot_grant": Grant,
    "decision": Decision,
    "recovery_code": RecoveryCode,
    "re_enrolment": ReEnrolment,
    "passkey": Passkey,
    "trader_policy": PolicyRow,
}
ADDED_LATER = {"re_enrolment": ["passkey_id"], "totp_factor": ["removed_at"]}
"""Columns of a later migration stand behind the MAC that covers them."""

WHOLE: dict[str, type[msgspec.Struct]] = {
    **EVIDENT,
    "approval": Approval,
    "session": Session,
    "access_log": StoredEntry,
    "signed_order": OrderRow,
}


async def columns(db: asyncpg.Connection, table: str) -> list[str]:
    rows = await db.fetch(
        "SELECT attname FROM pg_attribute WHERE attrelid = $1::text::regclass AND attnum > 0"
        " AND NOT attisdropped ORDER BY attnum",
        table,
    )
    return [row["attname"] for row in rows]


@pytest.mark.parametrize("table", list(WHOLE))
async def test_a_struct_has_the_tables_columns_in_the_tables_order(
    admin: asyncpg.Connection, table: str
) -> None:
    """The order matters where a whole row travels as one parameter (`finish_signing`)."""
    assert await columns(admin, table) == list(WHOLE[table].__struct_fields__)


async def test_every_table_with_a_mac_is_known_here(admin: asyncpg.Connection) -> None:
    tables = await admin.fetch(
        "SELECT attrelid::regclass::text AS name FROM pg_attribute a JOIN pg_class c"
        " ON c.oid = a.attrelid WHERE a.attname = 'mac' AND c.relkind = 'r'"
    )
    assert {row["name"] for row in tables} == set(EVIDENT)


@pytest.mark.parametrize("table", list(EVIDENT))
def test_every_evident_row_names_its_root_and_version(table: str) -> None:
    fields: Any = EVIDENT[table].__struct_fields__
    assert {"trader_id", "root_id", "version", "mac"} <= set(fields)
    assert [*fields][fields.index("mac") + 1 :] == ADDED_LATER.get(table, [])
