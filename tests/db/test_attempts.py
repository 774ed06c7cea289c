"""Each process tries what it may not do, with its own login, and what it is for."""

import asyncpg
import pytest

from tests.db.conftest import Connect
from tests.db.rows import HASH, Tree

_FORGED_ENTRY = (
    "SELECT append_entry(:trader, '00000000-0000-0000-0000-000000000000', 'order.released',"
    " 'device:x', NULL, NULL, NULL, 'ok', NULL, NULL, NULL, NULL, NULL, NULL, NULL)"
)
"""An entry that only the signer may write: what others tell of signing would be a lie."""

_LIFT = "SELECT lift(:trader,:node,4::smallint,0::smallint,1,NULL,NULL,'x',NULL,NULL,NULL)"

FORBIDDEN: list[tuple[str, str]] = [
    ("api", "SELECT * FROM wrapped_secret"),
    ("api", "SELECT * FROM wrapped_seed"),
    ("api", "SELECT * FROM totp_state"),
    ("api", "INSERT INTO fence VALUES (:trader,:node,'trader',5,'r',now(),1)"),
    ("api", "UPDATE fence SET level = 1"),
    ("api", "DELETE FROM fence"),
    ("api", "UPDATE access_log SET outcome = 'ok'"),
    ("api", "DELETE FROM access_log"),
    ("api", "INSERT INTO access_log SELECT * FROM access_log"),
    ("api", "UPDATE access_log_head SET position = 1"),
    ("api", "INSERT INTO device SELECT * FROM device"),
    ("api", "INSERT INTO decision SELECT * FROM decision"),
    ("api", "INSERT INTO bot_grant SELECT * FROM bot_grant"),
    ("api", "INSERT INTO exchange_credential SELECT * FROM exchange_credential"),
    ("api", "INSERT INTO totp_factor SELECT * FROM totp_factor"),
    ("api", "INSERT INTO bot_order SELECT * FROM bot_order"),
    ("api", "INSERT INTO token SELECT * FROM token"),
    ("api", "UPDATE token SET jkt = 'mine'"),
    ("api", "UPDATE approval SET state = 'approved', decided_at = now()"),
    ("api", "UPDATE trader SET root_id = :node"),
    ("api", "INSERT INTO revocation SELECT * FROM revocation"),
    ("api", _LIFT),
    ("api", "SELECT * FROM begin_signing(:trader, :node, 1, 'BTCUSDT')"),
    ("api", "SELECT mint_token(:trader, :node, 'trader', NULL, NULL, NULL, '{}', 'x', now())"),
    ("api", "SELECT mint_token(:trader, :node, 'device', NULL, NULL, NULL, '{}', 'x', now())"),
    ("api", "SELECT mint_token(:trader, :node, 'credential', NULL, NULL, NULL, '{}', 'x', now())"),
    ("api", "UPDATE re_enrolment SET state = 'completed'"),
    ("api", "INSERT INTO recovery_code SELECT * FROM recovery_code"),
    ("cord", _LIFT),
    ("cord", "SELECT * FROM approval"),
    ("cord", "SELECT * FROM wrapped_secret"),
    ("cord", "SELECT mint_token(:trader, :node, 'grant', :node, NULL, NULL, '{}', 'x', now())"),
    ("signer", "INSERT INTO fence VALUES (:trader,:node,'trader',1,'r',now(),1)"),
    ("signer", "DELETE FROM fence"),
    ("signer", "UPDATE re_enrolment SET not_before = now()"),
    ("signer", "UPDATE recovery_code SET set_number = 9"),
    ("signer", "DELETE FROM re_enrolment"),
    ("signer", "UPDATE device SET name = 'x'"),
    ("signer", "UPDATE decision SET decision = 'deny'"),
    ("signer", "UPDATE bot_grant SET model_jwk = '{}'"),
    ("signer", "UPDATE totp_factor SET digits = 8"),
    ("signer", "UPDATE approval SET action = '{}'"),
    ("signer", "UPDATE access_log SET rule = NULL"),
    ("signer", "DELETE FROM access_log"),
    ("courier", "SELECT * FROM wrapped_secret"),
    ("courier", "SELECT * FROM wrapped_seed"),
    ("courier", "SELECT * FROM totp_factor"),
    ("courier", "SELECT * FROM approval"),
    ("courier", "SELECT * FROM decision"),
    ("courier", "UPDATE exchange_credential SET state = 'active'"),
    ("courier", "UPDATE bot_order SET quantity = 1"),
    ("courier", "INSERT INTO cleanup_item SELECT * FROM cleanup_item"),
    ("courier", "DELETE FROM fence"),
    ("courier", _LIFT),
    ("dispatcher", "SELECT * FROM token"),
    ("dispatcher", "SELECT * FROM approval"),
    ("dispatcher", "SELECT * FROM trader"),
    ("dispatcher", "SELECT * FROM access_log"),
    ("dispatcher", "SELECT * FROM wrapped_secret"),
    ("dispatcher", "INSERT INTO outbox SELECT * FROM outbox"),
    ("dispatcher", "UPDATE outbox SET device_id = :node"),
    ("dispatcher", "SELECT lock_trader(:trader)"),
    ("operator", "SELECT * FROM approval"),
    ("operator", "SELECT * FROM decision"),
    ("operator", "SELECT * FROM wrapped_secret"),
    ("operator", "SELECT * FROM wrapped_seed"),
    ("operator", "SELECT * FROM totp_factor"),
    ("operator", "INSERT INTO totp_factor SELECT * FROM totp_factor"),
    ("operator", "INSERT INTO fence VALUES (:trader,:node,'operator',1,'r',now(),1)"),
    ("operator", "DELETE FROM fence"),
    ("operator", _LIFT),
    ("operator", "UPDATE venue SET level = 0"),
    ("api", _FORGED_ENTRY),
    ("courier", _FORGED_ENTRY),
    ("dispatcher", _FORGED_ENTRY),
    ("operator", _FORGED_ENTRY),
]


@pytest.mark.parametrize("role", sorted({role for role, _ in FORBIDDEN}))
async def test_a_process_that_tries_is_refused(connect: Connect, tree: Tree, role: str) -> None:
    connection = await connect(role)
    for by, statement in FORBIDDEN:
        if by == role:
            own = statement.replace(":trader", f"'{tree.trader_id}'::uuid")
            try:
                await connection.execute(own.replace(":node", f"'{tree.root}'::uuid"))
            except asyncpg.InsufficientPrivilegeError:
                continue
            pytest.fail(f"{role} may {statement}")


async def test_each_process_can_do_what_it_is_for(connect: Connect, tree: Tree) -> None:
    """The other side of the table: a test that refuses everything would pass for any role."""
    api, signer, courier = await connect("api"), await connect("signer"), await connect("courier")
    dispatcher, operator = await connect("dispatcher"), await connect("operator")
    assert await api.fetchval("SELECT lock_trader($1)", tree.trader_id)
    assert await signer.fetchval("SELECT lock_trader($1)", tree.trader_id)
    assert await api.fetchval(
        "SELECT spend_proof('k', $1, now() + interval '1 minute')", tree.root.bytes * 2
    )
    assert await signer.fetch("SELECT * FROM wrapped_secret") == []
    assert await courier.fetch("SELECT * FROM market_price") == []
    assert await dispatcher.fetchval("SELECT count(*) FROM outbox") >= 0
    assert await operator.fetchval(
        "SELECT count(*) FROM trader WHERE trader_id = $1", tree.trader_id
    )
    lift = _LIFT.replace(":trader", "$1").replace(":node", "$2")
    with pytest.raises(asyncpg.PostgresError, match="not the one that was shown"):
        await signer.fetchval(lift, tree.trader_id, tree.root)  # it may; here is nothing to lift
    minted = await api.fetchval(
        "SELECT (mint_token($1, $2, 'session', $3, $4, 'k', '{}', 'x', now())).kind",
        *(tree.trader_id, tree.trader_id, tree.root, HASH),
    )
    assert minted == "session"
