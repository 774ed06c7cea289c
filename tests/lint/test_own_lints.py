"""Each lint sees its leak, lets the right way pass, and honours its escape."""

from collections.abc import Iterator
from textwrap import dedent

import pytest

from scripts.lint import (
    file_length,
    second_door,
    sql_interpolation,
    tenant_scope,
    trader_lock,
    verify_returns,
)
from scripts.lint.__main__ import RULES, Rule, run
from scripts.lint.source import Finding, Source, python_sources


def source(path: str, text: str) -> Source:
    return Source.parse(path, dedent(text))


def owners(findings: Iterator[Finding]) -> list[str]:
    return [finding.message.split()[0] for finding in findings]


SAFE_SQL = '''
    """SELECT in prose is not SQL."""
    _COLUMNS = "trader_id, order_id"
    _MORE = _COLUMNS + ", state"
    _PAGE = f"""
        SELECT {_MORE} FROM bot_order
         WHERE trader_id = $1
    """
    async def get(tx, trader_id):
        """Run a SELECT on it."""
        log(f"selected {trader_id}")
        return await tx.fetch(f"SELECT {_COLUMNS} FROM bot_order WHERE trader_id = $1", trader_id)
'''


@pytest.mark.parametrize(
    "expression",
    [
        'f"SELECT * FROM token WHERE token_id = {value}"',
        'f"SELECT * FROM {value}"',
        'f"SELECT {value!r} FROM token"',
        '"SELECT * FROM token WHERE token_id = " + value',
        '"SELECT * FROM token WHERE token_id = %s" % value',
        '"SELECT * FROM token WHERE token_id = {}".format(value)',
        '"SELECT * FROM token WHERE token_id = ?".replace("?", value)',
        '"SELECT " + ", ".join(value) + " FROM token"',
        '"".join(["DELETE FROM token WHERE token_id = ", value])',
        'f"UPDATE token SET label = {LABEL}"',
        'f"INSERT INTO token VALUES ({_LOCAL})"',
        'f"""\n WITH t AS (SELECT 1) SELECT {value} FROM t"""',
    ],
)
def test_a_value_in_sql_is_found_however_it_got_there(expression: str) -> None:
    text = f"def read(tx, value):\n    _LOCAL = value\n    return tx.fetch({expression})\n"
    assert owners(sql_interpolation.check(source("app/x/store.py", text))) == ["read"]


def test_constant_pieces_of_the_same_module_may_be_put_together() -> None:
    assert list(sql_interpolation.check(source("app/x/store.py", SAFE_SQL))) == []


def test_a_constant_that_is_made_of_a_value_is_no_constant() -> None:
    text = 'NAME = read()\n_GET = f"SELECT {NAME} FROM token"\n'
    assert owners(sql_interpolation.check(source("app/x/store.py", text))) == ["_GET"]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 1 FROM trader WHERE trader_id = $1 FOR NO KEY UPDATE",
        "SELECT 1 FROM token t JOIN trader r USING (trader_id) WHERE r.trader_id = $1 FOR UPDATE",
        "SELECT 1 FROM public.trader WHERE trader_id = $1 for share",
        "SELECT lock_trader($1)",
        "SELECT * FROM begin_signing($1, $2)",
        "WITH t AS (SELECT 1) SELECT 1; LOCK TABLE trader",
    ],
)
def test_a_lock_on_the_trader_is_taken_in_app_db_only(sql: str) -> None:
    text = f'_LOCK = "{sql}"\n'
    assert owners(trader_lock.check(source("app/linking/service.py", text))) == ["_LOCK"]
    assert list(trader_lock.check(source("app/db/pool.py", text))) == []


def test_other_rows_may_be_locked_and_the_signing_path_has_its_own_beginning() -> None:
    lease = '_LEASE = "SELECT 1 FROM outbox FOR UPDATE SKIP LOCKED"\n'
    assert list(trader_lock.check(source("app/outbox/store.py", lease))) == []
    begin = '_BEGIN = "SELECT * FROM begin_signing($1, $2)"\n'
    assert list(trader_lock.check(source("app/signing/rows.py", begin))) == []


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("app/signing/service.py", "session.unwrap_key(blob)"),
        ("app/vault/evidence.py", "handle.derive_key(1)"),
        ("app/vault/identity.py", 'getattr(session, "unwrap_key")(blob)'),
        ("app/vault/evidence.py", "from app.vault import wire\nwire.Sign(checks=())"),
        ("app/vault/identity.py", "from app.vault.wire import HmacSteps"),
        ("app/vault/unwrap.py", "from app.vault import wire\nwire.ImportSecret()"),
        ("app/signing/service.py", "from app.vault import wire"),
        ("app/signing/service.py", "from app.vault.wire import Sign"),
        ("app/api/edge.py", "import app.vault.hsm.worker"),
        ("app/linking/service.py", "from app.vault.client import HsmWorkers"),
        ("app/wiring/signer.py", "from app.vault.hsm.keys import find_keys"),
    ],
)
def test_there_is_no_second_door_to_the_vault(path: str, text: str) -> None:
    assert len(list(second_door.check(source(path, text)))) == 1


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("app/vault/unwrap.py", "from app.vault import wire\nwire.Sign(); wire.HmacSteps()"),
        ("app/vault/wrap.py", "from app.vault import wire\nwire.OpenSealingKey()"),
        ("app/vault/hsm/loading.py", "session.unwrap_key(blob)\nfrom app.vault.wire import Sign"),
        ("app/vault/evidence.py", "from app.vault import wire\nwire.Mac(messages=())"),
        ("app/api/credentials.py", "from app.verbs import wire\nwire.ImportSecret()"),
        ("app/wiring/signer.py", "from app.vault.client import HsmWorkers"),
        ("app/signing/service.py", "from app.vault.unwrap import SigningKeys"),
    ],
)
def test_the_doors_themselves_are_open(path: str, text: str) -> None:
    assert list(second_door.check(source(path, text))) == []


@pytest.mark.parametrize(
    "function",
    [
        "def verify_proof(proof) -> bool: ...",
        "async def verify_proof(proof) -> bool: ...",
        "def _verify(proof) -> bool | None: ...",
        "def verify(proof) -> Awaitable[bool]: ...",
        "def verify_proof(proof) -> 'bool': ...",
        "def verify_proof(proof) -> object:\n    return False",
    ],
)
def test_a_verifier_that_answers_yes_or_no_is_found(function: str) -> None:
    assert len(list(verify_returns.check(source("app/x.py", function)))) == 1


@pytest.mark.parametrize(
    "function",
    [
        "def verify_proof(proof) -> None: ...",
        "def verify_proof(proof) -> Proof: ...",
        "def is_verified(proof) -> bool: ...",
        "def verify_proof(proof) -> int:\n    return 1",
    ],
)
def test_a_verifier_that_raises_passes(function: str) -> None:
    assert list(verify_returns.check(source("app/x.py", function))) == []


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT label FROM token WHERE token_id = $1",
        "SELECT trader_id FROM token WHERE token_id = $1",
        "UPDATE token SET label = $2 WHERE token_id = $1",
        "DELETE FROM token WHERE token_id = $1",
        "INSERT INTO token (token_id) VALUES ($1)",
        "SELECT 1 FROM platform p JOIN token t ON t.platform_id = p.platform_id",
        "SELECT 1 FROM token t JOIN trader r ON r.trader_id = t.trader_id",
    ],
)
def test_a_statement_on_a_tenant_table_without_its_trader_is_found(sql: str) -> None:
    text = f'_SQL = "{sql}"\nrun(_SQL)\n'
    assert owners(tenant_scope.check(source("app/tokens/store.py", text))) == ["_SQL"]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT label FROM token WHERE trader_id = $1 AND token_id = $2",
        "SELECT label FROM token t WHERE t.trader_id = ANY ($1)",
        "INSERT INTO token (trader_id, token_id) VALUES ($1, $2)",
        "INSERT INTO token AS t (trader_id, token_id) SELECT $1, $2",
        "SELECT name FROM platform WHERE platform_id = $1",
    ],
)
def test_a_statement_with_its_trader_or_on_a_common_table_passes(sql: str) -> None:
    text = f'_SQL = "{sql}"\nrun(_SQL)\n'
    assert list(tenant_scope.check(source("app/tokens/store.py", text))) == []


def test_a_piece_is_judged_inside_the_statements_it_becomes() -> None:
    text = """
        _TOKEN = "SELECT label FROM token"
        def safe(tx): return tx.fetch(f"{_TOKEN} WHERE trader_id = $1")
        def leaky(tx): return tx.fetch(f"{_TOKEN} WHERE token_id = $1")
    """
    assert owners(tenant_scope.check(source("app/x/store.py", text))) == ["leaky"]


def test_tenant_tables_are_those_with_a_trader() -> None:
    sql = """
CREATE TABLE venue (
    venue_id text PRIMARY KEY
);
CREATE TABLE token (
    trader_id  uuid NOT NULL,
    token_id   uuid NOT NULL
);
CREATE TABLE checkpoint_of (
    last_trader_id uuid
);
"""
    assert tenant_scope.tenant_tables_of(sql) == {"token"}
    assert {"token", "device", "bot_order", "trader", "outbox"} <= tenant_scope.tenant_tables()
    assert "venue" not in tenant_scope.tenant_tables()


@pytest.mark.parametrize(
    ("lines", "judged"), [(250, []), (251, [False]), (400, [False]), (401, [True])]
)
def test_a_file_over_250_lines_warns_and_over_400_fails(lines: int, judged: list[bool]) -> None:
    assert [fails for _, fails in file_length.judge("app/x.py", lines)] == judged


def test_an_exemption_silences_its_finding_and_an_idle_one_is_reported() -> None:
    leaky = [source("app/x.py", 'def get(tx, v): tx.fetch(f"SELECT {v} FROM t")')]
    rule = Rule("rule", ("app",), sql_interpolation.check, {"app/x.py:get": "reason"})
    assert list(run(rule, iter(leaky))) == []
    assert ["not needed any more" in said for said in run(rule, iter([]))] == [True]


def test_every_exemption_has_a_reason_and_every_rule_tells_leak_use_and_escape() -> None:
    modules = (
        file_length,
        second_door,
        sql_interpolation,
        tenant_scope,
        trader_lock,
        verify_returns,
    )
    assert {module.NAME for module in modules} == {rule.name for rule in RULES} | {"file-length"}
    for module in modules:
        assert module.__doc__ is not None
        for heading in ("The leak:", "Use:", "Escape:"):
            assert heading in module.__doc__
        assert all(len(reason.split()) > 3 for reason in module.EXEMPT.values())


def test_the_rules_read_the_whole_application() -> None:
    paths = {found.path for found in python_sources("app")}
    assert {"app/db/pool.py", "app/vault/unwrap.py", "app/tokens/store.py"} <= paths
