"""What each process may touch, as a table. Read it for what is absent."""

import asyncpg
import pytest

from app.cli.roles import OWNER, ROLES
from app.core.ids import new_id
from tests.db.conftest import Connect
from tests.db.rows import LOCKED

TABLES: dict[str, str] = {
    # Selects, Inserts, Updates (some column), Deletes. A new table is added here, on purpose.
    "access_log": "api S, signer S",
    "access_log_head": "api S, signer SU",
    "approval": "api SI, signer SIU",
    "bot_grant": "api S, signer SIU, courier S",
    "batch_leaf": "signer SI",
    "muted_lineage": "api S, signer SIU",
    "bot_order": "api S, signer SIU, courier S",
    "checkpoint": "api S, signer SI",
    "checkpoint_leaf": "api S, signer SI",
    "ciba_ping": "api I, dispatcher SD",
    "ciba_request": "api SIU",
    "cleanup_item": "api S, signer SI, courier SU",
    "client_token": "api SID, operator SD",
    "decision": "api S, signer SI",
    "device": "api S, signer SI, cord S",
    "device_heartbeat": "api S, signer SIU",
    "enrolment_code": "api SI, signer SU",
    "exchange_credential": "api S, signer SIU, courier S",
    "fence": "api S, signer S, courier S, operator S, cord S",
    "incident": "api S, cord SI",
    "known_address": "api S, signer S",
    "lost_device": "api S, signer S, cord SI",
    "market_price": "signer S, courier SIU",
    "market_snapshot": "api S, signer S, courier SIU",
    "node_usage": "signer SIU, courier S",
    "nonce_secret": "",
    "outbox": "signer S, dispatcher SU",
    "passkey": "api S, signer SIU",
    "passkey_challenge": "signer SID",
    "passkey_credential_id": "signer I",
    "platform": "api S, signer S, dispatcher S, operator SIU",
    "platform_token": "api S, signer SIU",
    "push_otp": "signer SIU",
    "policy_floor": "api S, signer S, operator S",
    "push_registration": "api SU, signer SI, dispatcher SU",
    "re_enrolment": "api S, signer SIU",
    "recovery_code": "api S, signer SI",
    "recovery_state": "api S, signer SIU",
    "revocation": "api S, signer SU, courier SU, operator S, cord S",
    "revocation_card": "api SIU, cord S",
    "schema_migrations": "",
    "session": "api SIU, signer SU, cord SU",
    "spent_proof": "api SD",
    "token": "api S, signer S, courier S, operator S, cord S",
    "totp_factor": "api S, signer SIU",
    "token_rotation": "",
    "totp_state": "signer SIU",
    "trader": "api SI, signer SU, courier S, operator S, cord S",
    "trader_policy": "api S, signer SI",
    "trader_setting": "api SIU",
    "user_code": "api SIU",
    "venue": "api S, signer S, courier S, operator S",
    "venue_containment": "operator S",
    "venue_balance": "api S, signer S, courier SIU",
    "venue_open_order": "api S, signer S, courier SIUD",
    "webhook": "api SIU, signer S, dispatcher SU, operator S",
    "webhook_key": "api SIU, dispatcher S",
    "wrapped_secret": "signer SID",
    "wrapped_seed": "signer SID",
}
FUNCTIONS: dict[str, set[str]] = {
    "append_entry": {"api", "signer", "courier", "operator", "cord"},
    "begin_signing": {"signer"},
    "count_below": {"api"},
    "contain_venue": {"operator"},
    "drain_venue": {"operator"},
    "admit_path": {"api", "cord"},
    "cancel_asked": {"api"},
    "change_networks": {"signer"},
    "disable_webhook": {"dispatcher"},
    "end_leaked": {"api"},
    "effective_level": {"api", "signer", "courier", "operator", "cord"},
    "freeze_asker": {"signer"},
    "finish_signing": {"signer"},
    "introspect_batch": {"api"},
    "issue_client_token": {"api"},
    "lift": {"signer"},
    "lock_trader": {"api", "signer", "courier", "operator", "cord"},
    "log_content_hash": {"signer"},
    "log_field": {"signer"},
    "nonce_secrets": {"api"},
    "mint_token": {"api", "signer"},
    "move_order": {"courier"},
    "narrow_token": {"signer"},
    "raise_floor": {"operator"},
    "rotate_secret": {"api"},
    "secret_is_current": {"api"},
    "shared_venue_level": {"signer"},
    "spend_proof": {"api", "cord"},
    "tree_below": {"api"},
    "ring_devices": {"api", "signer", "courier", "cord", "operator"},
    "ring_every_device": {"signer"},
    "revoke_old_root": {"signer"},
    "tell_of_containment": {"operator"},
    "publish_webhook_key": {"dispatcher"},
    "tell_platform": {"signer"},
    "test_webhook": {"api"},
    "tighten": {"api", "courier", "operator", "cord"},
    "venue_reach": {"operator"},
}
PROCESSES = [role.name for role in ROLES if role.name != OWNER]
_VERBS = {"S": "SELECT", "I": "INSERT", "U": "UPDATE", "D": "DELETE"}


async def may(db: asyncpg.Connection, role: str, table: str, verb: str) -> bool:
    function = "has_table_privilege" if verb == "DELETE" else "has_any_column_privilege"
    found: bool = await db.fetchval(f"SELECT {function}($1, $2, $3)", role, table, verb)
    return found


async def test_every_role_has_exactly_the_table_privileges_listed(
    admin: asyncpg.Connection,
) -> None:
    tables = await admin.fetch(
        "SELECT relname FROM pg_class WHERE relkind IN ('r', 'v', 'm', 'p', 'f', 'S')"
        " AND relnamespace = 'public'::regnamespace ORDER BY relname"
    )
    found = {}
    for (table,) in tables:
        lines = []
        for role in PROCESSES:
            verbs = [key for key, verb in _VERBS.items() if await may(admin, role, table, verb)]
            if verbs:
                lines.append(f"{role.removeprefix('tripcord_')} {''.join(verbs)}")
        found[table] = ", ".join(lines)
    assert found == TABLES


async def test_every_role_may_call_exactly_the_functions_listed(
    admin: asyncpg.Connection,
) -> None:
    rows = await admin.fetch(
        "SELECT p.proname, r.rolname FROM pg_proc p, pg_roles r"
        " WHERE p.pronamespace = 'public'::regnamespace AND r.rolname = ANY ($1)"
        " AND has_function_privilege(r.oid, p.oid, 'EXECUTE')",
        PROCESSES,
    )
    found: dict[str, set[str]] = {}
    for function, role in rows:
        found.setdefault(function, set()).add(role.removeprefix("tripcord_"))
    assert found == FUNCTIONS


async def test_functions_with_their_owners_rights_pin_their_search_path(
    admin: asyncpg.Connection,
) -> None:
    loose = await admin.fetch(
        "SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND prosecdef"
        " AND NOT coalesce('search_path=public, pg_temp' = ANY (proconfig), false)"
    )
    assert loose == []


async def test_nobody_may_truncate_refer_to_or_hook_into_a_table_or_make_one(
    admin: asyncpg.Connection,
) -> None:
    for role in PROCESSES:
        for table in TABLES:
            for verb in ("TRUNCATE", "REFERENCES", "TRIGGER"):
                assert not await admin.fetchval(
                    "SELECT has_table_privilege($1, $2, $3)", role, table, verb
                ), (role, table, verb)
        assert not await admin.fetchval("SELECT has_schema_privilege($1, 'public', 'CREATE')", role)
        for verb in ("CREATE", "TEMPORARY"):
            assert not await admin.fetchval(
                "SELECT has_database_privilege($1, current_database(), $2)", role, verb
            )
        assert not await admin.fetchval("SELECT pg_has_role($1, $2, 'MEMBER')", role, OWNER)


async def test_everybody_else_has_nothing(admin: asyncpg.Connection) -> None:
    granted = await admin.fetch(
        "SELECT c.relname FROM pg_class c, aclexplode(c.relacl) a"
        " WHERE c.relnamespace = 'public'::regnamespace AND a.grantee = 0"
        " UNION SELECT p.proname FROM pg_proc p,"
        " aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a"
        " WHERE p.pronamespace = 'public'::regnamespace AND a.grantee = 0"
    )
    assert granted == []


UPDATABLE: dict[tuple[str, str], set[str]] = {
    ("signer", "muted_lineage"): {"approval_id", "until"},
    ("api", "session"): {"state"},
    ("api", "push_registration"): {"registration", "kind", "updated_at", "disabled_at"},
    ("signer", "approval"): {"state", "decided_at", "consumed_at"},
    ("signer", "device_heartbeat"): {
        "issued_at", "seen_at", "nonce", "statement", "version", "mac",
    },
    ("signer", "session"): {"code_verified_at", "code_factor_id", "code_mac"},
    ("signer", "trader"): {"frozen_empty"},
    ("signer", "bot_grant"): {"limits", "expires_at", "version", "mac"},
    ("signer", "platform_token"): {"statement", "version", "sealed_at"},
    ("signer", "enrolment_code"): {"redeemed_by_jkt"},
    ("signer", "revocation"): {"cleanup_state"},
    ("signer", "access_log_head"): {"checkpointed_position"},
    ("signer", "re_enrolment"): {"state", "ended_at", "ended_by", "version", "mac"},
    ("signer", "recovery_state"): {"failures", "last_failed_at"},
    ("signer", "push_otp"): {
        "root_id", "device_id", "statement", "tag", "made_at", "expires_at", "attempts", "used_at",
    },
    ("signer", "totp_factor"): {"root_id", "removed_at", "version", "mac"},
    ("signer", "passkey"): {"root_id", "sign_count", "backed_up", "state", "version", "mac"},
    ("courier", "cleanup_item"): {"state", "attempts", "due_at", "last_outcome"},
    ("courier", "revocation"): {"cleanup_state"},
    ("operator", "platform"): {
        "jwks", "disabled_at", "retired_key_ids", "ciba_delivery", "ciba_endpoint",
    },
    ("api", "webhook"): {"events", "state", "failing_since", "disabled_at", "disabled_reason"},
    ("api", "webhook_key"): {"retires_at"},
    ("dispatcher", "webhook"): {"failing_since"},
    ("dispatcher", "outbox"): {
        "due_at", "attempts", "leased_until", "state", "last_error", "finished_at", "failures",
    },
}  # fmt: skip
NOT_INSERTABLE: dict[tuple[str, str], set[str]] = {
    ("api", "approval"): {"state", "decided_at", "consumed_at"},
    ("signer", "approval"): {"state", "decided_at", "consumed_at"},
    ("api", "session"): {"state", "code_verified_at", "code_factor_id", "code_mac"},
    ("signer", "recovery_state"): {"failures", "last_failed_at"},
    ("api", "trader"): {"root_id", "frozen_empty", "created_at"},
    ("api", "enrolment_code"): {"redeemed_by_jkt"},
    ("api", "webhook"): {
        "state", "created_at", "failing_since", "disabled_at", "disabled_reason",
    },
    ("api", "webhook_key"): {"public_key", "created_at", "retires_at"},
}  # fmt: skip


async def columns(db: asyncpg.Connection, role: str, table: str, verb: str) -> dict[str, bool]:
    rows = await db.fetch(
        "SELECT attname, has_column_privilege($1, attrelid, attnum, $3) AS may FROM pg_attribute"
        " WHERE attrelid = $2::text::regclass AND attnum > 0 AND NOT attisdropped",
        *(f"tripcord_{role}", table, verb),
    )
    return {row["attname"]: row["may"] for row in rows}


async def test_updates_reach_the_columns_listed_and_no_other(admin: asyncpg.Connection) -> None:
    for (role, table), expected in UPDATABLE.items():
        found = await columns(admin, role, table, "UPDATE")
        assert {name for name, allowed in found.items() if allowed} == expected, (role, table)


async def test_nothing_is_born_decided_proven_or_redeemed(admin: asyncpg.Connection) -> None:
    for (role, table), expected in NOT_INSERTABLE.items():
        found = await columns(admin, role, table, "INSERT")
        assert {name for name, allowed in found.items() if not allowed} == expected, (role, table)


@pytest.mark.parametrize(
    ("event", "teller"),
    [
        ("re_enrolment.begun", "signer"),
        ("re_enrolment.ended", "signer"),
        ("recovery_codes.bound", "signer"),
        ("factor.carried_over", "signer"),
        ("factor.removed", "signer"),
        ("approval.number_shown", "signer"),
        ("approval.code_revealed", "signer"),
        ("passkey.bound", "signer"),
        ("passkey.frozen", "signer"),
        ("passkey.removed", "signer"),
        ("venue.contained", "operator"),
    ],
)
async def test_only_who_can_know_it_tells_of_a_recovery_or_a_containment(
    connect: Connect, event: str, teller: str
) -> None:
    tell = (
        "SELECT append_entry($1, $2, $3, 'a', NULL, NULL, NULL, 'ok', NULL, NULL, NULL, NULL,"
        " NULL, NULL, NULL)"
    )
    for role in ("api", "signer", "courier", "operator"):
        connection = await connect(role)
        if role == teller:
            assert await connection.fetchval(tell, new_id(), LOCKED, event) == 1
            continue
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="does not tell of"):
            await connection.fetchval(tell, new_id(), LOCKED, event)
