"""What the tables cannot hold: each constraint's name says its rule."""

from datetime import timedelta

import asyncpg
import pytest

from tests.db.rows import (
    FAR,
    HASH,
    MAC,
    Tree,
    add_approval,
    add_credential,
    add_grant,
    add_order,
    add_revocation,
    add_session,
    add_tree,
    now,
)


@pytest.mark.parametrize(
    ("constraint", "change"),
    [
        ("decided_at_goes_with_a_decision", "state = 'approved'"),
        ("decided_at_goes_with_a_decision", "decided_at = now()"),
        ("consumed_at_goes_with_consumption", "consumed_at = now()"),
    ],
)
async def test_an_approval_keeps_its_times_with_its_state(
    admin: asyncpg.Connection, tree: Tree, constraint: str, change: str
) -> None:
    approval = await add_approval(admin, tree)
    with pytest.raises(asyncpg.CheckViolationError) as refused:
        await admin.execute(f"UPDATE approval SET {change} WHERE approval_id = $1", approval)
    assert refused.value.constraint_name == constraint


async def test_the_digest_of_an_approval_is_the_actions(
    admin: asyncpg.Connection, tree: Tree
) -> None:
    insert = (
        "INSERT INTO approval VALUES ($1,$2,'r','t',$3,$4,$5,'medium',$2,'pending',$6,$7,NULL,NULL)"
    )
    row = [tree.trader_id, tree.root, b"{}", HASH, HASH, now(), now() + timedelta(minutes=1)]
    with pytest.raises(asyncpg.CheckViolationError) as refused:
        await admin.execute(insert, *row)
    assert refused.value.constraint_name == "digest_is_of_the_action"


@pytest.mark.parametrize("life", [timedelta(0), timedelta(seconds=-1), timedelta(seconds=601)])
async def test_an_approval_lives_at_most_ten_minutes(
    admin: asyncpg.Connection, tree: Tree, life: timedelta
) -> None:
    begun = now()
    with pytest.raises(asyncpg.CheckViolationError) as refused:
        await admin.execute(
            "INSERT INTO approval VALUES"
            " ($1,$2,'r','t','{}',sha256('{}'),$3,'medium',$2,'pending',$4,$5,NULL,NULL)",
            *(tree.trader_id, tree.root, HASH, begun, begun + life),
        )
    assert refused.value.constraint_name == "expiry_is_at_most_ten_minutes"


@pytest.mark.parametrize(
    ("decision", "method", "with_factor", "passes"),
    [
        ("approve", "totp", True, True),
        ("approve", "totp", False, False),
        ("approve", "none", False, False),
        ("approve", "none", True, False),
        ("deny", "none", False, True),
        ("deny", "totp", True, False),
        ("fraud", "none", False, True),
        ("fraud", "none", True, False),
        ("maybe", "none", False, False),
        ("approve", "webauthn", True, True),
        ("approve", "webauthn", False, False),
        ("approve", "device_number", False, True),
        ("approve", "device_number", True, False),
        ("approve", "push_otp", False, True),
        ("deny", "push_otp", False, False),
        ("approve", "sms", False, False),
    ],
)
async def test_approving_takes_a_factor_and_denying_takes_none(
    admin: asyncpg.Connection, tree: Tree, decision: str, method: str, *, with_factor: bool,
    passes: bool,
) -> None:  # fmt: skip
    approval = await add_approval(admin, tree)
    values = (tree.trader_id, approval, tree.root, tree.device, HASH, decision, method)
    insert = "INSERT INTO decision VALUES ($1,$2,$3,$4,$5,$5,$6,$7,$8,'jws',now(),1,$5)"
    factor = tree.root if with_factor else None
    if passes:
        await admin.execute(insert, *values, factor)
        with pytest.raises(asyncpg.UniqueViolationError):
            await admin.execute(insert, *values, factor)
    else:
        with pytest.raises(asyncpg.CheckViolationError):
            await admin.execute(insert, *values, factor)


async def test_an_active_credential_was_read_back_and_approved(
    admin: asyncpg.Connection, tree: Tree
) -> None:
    await add_credential(admin, tree, state="verifying")
    for change in ("attested_at = now()", "approval_id = NULL", "attested_at = NULL"):
        with pytest.raises(asyncpg.CheckViolationError) as refused:
            await admin.execute(
                f"UPDATE exchange_credential SET state = 'active', version = 2, {change}"
                " WHERE credential_id = $1",
                tree.credential,
            )
        assert refused.value.constraint_name == "active_means_read_back_and_approved"


async def test_a_refused_credential_and_order_say_why(
    admin: asyncpg.Connection, tree: Tree
) -> None:
    await add_credential(admin, tree)
    with pytest.raises(asyncpg.CheckViolationError) as refused:
        await admin.execute(
            "UPDATE exchange_credential SET state = 'refused', version = 2"
            " WHERE credential_id = $1",
            tree.credential,
        )
    assert refused.value.constraint_name == "a_refusal_has_a_reason"
    other = await add_tree(admin)
    await add_grant(admin, other)
    order = await add_order(admin, other, "held")
    with pytest.raises(asyncpg.CheckViolationError) as unnamed:
        await admin.execute("UPDATE bot_order SET state = 'refused' WHERE order_id = $1", order)
    assert unnamed.value.constraint_name == "a_refusal_names_its_rule"


async def test_a_released_order_was_signed_and_a_held_one_was_asked(
    admin: asyncpg.Connection, tree: Tree
) -> None:
    await add_grant(admin, tree)
    order = await add_order(admin, tree, "held")
    with pytest.raises(asyncpg.CheckViolationError) as unsigned:
        await admin.execute("UPDATE bot_order SET state = 'released' WHERE order_id = $1", order)
    assert unsigned.value.constraint_name == "released_means_signed"
    with pytest.raises(asyncpg.CheckViolationError) as unasked:
        await admin.execute("UPDATE bot_order SET approval_id = NULL WHERE order_id = $1", order)
    assert unasked.value.constraint_name == "held_means_asked"


async def test_a_sequence_number_is_spent_once_per_grant(
    admin: asyncpg.Connection, tree: Tree
) -> None:
    await add_grant(admin, tree)
    await add_order(admin, tree, "refused", sequence=7)
    with pytest.raises(asyncpg.UniqueViolationError) as spent:
        await add_order(admin, tree, "held", sequence=7)
    assert spent.value.constraint_name == "a_sequence_number_is_spent_once"
    with pytest.raises(asyncpg.CheckViolationError):
        await add_order(admin, tree, "held", sequence=0)


async def test_a_session_is_active_with_a_proven_code_only(
    admin: asyncpg.Connection, tree: Tree
) -> None:
    session = await add_session(admin, tree)
    for change, name in (
        ("state = 'active'", "active_needs_the_code"),
        ("code_verified_at = now()", "a_verified_code_is_evidence"),
        ("code_mac = decode(repeat('00', 32), 'hex')", "a_verified_code_is_evidence"),
        ("code_factor_id = session_id", "a_verified_code_is_evidence"),
    ):
        with pytest.raises(asyncpg.CheckViolationError) as refused:
            await admin.execute(f"UPDATE session SET {change} WHERE session_id = $1", session)
        assert refused.value.constraint_name == name


async def test_clean_up_ends_within_15_minutes_of_the_revoke(
    admin: asyncpg.Connection, tree: Tree
) -> None:
    revocation = await add_revocation(admin, tree)
    with pytest.raises(asyncpg.CheckViolationError) as late:
        await admin.execute(
            "UPDATE revocation SET cleanup_deadline_at = revoked_at + interval '901 seconds'"
            " WHERE revocation_id = $1",
            revocation,
        )
    assert late.value.constraint_name == "clean_up_ends_within_15_minutes"


async def test_cancelling_names_an_order_and_deleting_a_key_names_none(
    admin: asyncpg.Connection, tree: Tree
) -> None:
    await add_grant(admin, tree)
    order = await add_order(admin, tree, "released")
    revocation = await add_revocation(admin, tree)
    for kind, target in (("cancel", None), ("delete_key", order)):
        with pytest.raises(asyncpg.CheckViolationError) as refused:
            await admin.execute(
                "INSERT INTO cleanup_item VALUES ($1,$2,1,$3,$4,$5,'pending',0,now())",
                *(tree.trader_id, revocation, kind, tree.credential, target),
            )
        assert refused.value.constraint_name == "cancelling_names_the_order"


async def test_an_outbox_row_has_an_end_or_waits(admin: asyncpg.Connection, tree: Tree) -> None:
    insert = (
        "INSERT INTO outbox (trader_id, topic, rid, device_id, priority, due_at, expires_at, state,"
        " finished_at) VALUES ($1,'login',$1,$2,0,now(),$3,$4,$5)"
    )
    for state, finished in (("pending", now()), ("sent", None), ("lost", now())):
        with pytest.raises(asyncpg.CheckViolationError):
            await admin.execute(insert, tree.trader_id, tree.device, FAR, state, finished)


@pytest.mark.parametrize(
    ("table", "column"),
    [("device", "mac"), ("totp_factor", "mac"), ("exchange_credential", "mac"),
     ("bot_grant", "mac"), ("decision", "mac"), ("wrapped_secret", "blob_mac"),
     ("wrapped_seed", "blob_mac")],
)  # fmt: skip
async def test_evidence_is_never_absent_and_always_32_bytes(
    admin: asyncpg.Connection, table: str, column: str
) -> None:
    found = await admin.fetchval(
        "SELECT attnotnull FROM pg_attribute WHERE attrelid = $1::text::regclass AND attname = $2",
        *(table, column),
    )
    checks = await admin.fetch(
        "SELECT pg_get_constraintdef(oid) FROM pg_constraint"
        " WHERE conrelid = $1::text::regclass AND contype = 'c'",
        table,
    )
    assert found
    assert any(f"octet_length({column}) = {len(MAC)}" in check[0] for check in checks)


async def test_rows_of_two_traders_never_refer_to_one_another(
    admin: asyncpg.Connection,
) -> None:
    """P10: every reference to a trader's row carries the trader's id."""
    keys = await admin.fetch(
        "SELECT c.conrelid::regclass::text AS child, c.confrelid::regclass::text AS parent,"
        " ARRAY(SELECT attname::text FROM unnest(c.conkey) k JOIN pg_attribute a"
        " ON a.attrelid = c.conrelid AND a.attnum = k) AS columns"
        " FROM pg_constraint c WHERE c.contype = 'f' AND c.connamespace = 'public'::regnamespace"
    )
    shared = {"platform", "venue", "checkpoint", "webhook"}  # a webhook is a platform's
    foreign = [
        (key["child"], key["columns"])
        for key in keys
        if key["parent"] not in shared and "trader_id" not in key["columns"]
    ]
    assert foreign == []
    assert len(keys) > 20
