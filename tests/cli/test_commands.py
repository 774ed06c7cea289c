"""The commands as typed: what they need, what they say, what they leave."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from click.testing import CliRunner, Result
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from jwt.algorithms import ECAlgorithm

from app.cli.hsm import find_softhsm
from app.cli.main import main
from app.cli.migrate import with_login
from app.cli.supervisor import NEEDS_A_PERSON
from app.config import settings_markdown, settings_table
from tests.support.postgres import FreshDatabase, TestCluster

Run = Callable[..., Result]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    """Type a command with exactly these settings."""
    for name in list(os.environ):
        if name.startswith("TRIPCORD_"):
            monkeypatch.delenv(name)

    def typed(*arguments: str, **settings: str) -> Result:
        environ = {f"TRIPCORD_{name}": value for name, value in settings.items()}
        return CliRunner().invoke(main, arguments, env=environ)

    return typed


def key_set(**changes: object) -> dict[str, Any]:
    public = generate_private_key(SECP256R1()).public_key()
    return {"keys": [{**json.loads(ECAlgorithm.to_jwk(public)), "kid": "k1", **changes}]}


def test_help_names_every_part_and_no_setting_of_this_machine(run: Run) -> None:
    said = run("--help").output
    for command in ("up", "api", "signer", "courier", "dispatcher", "migrate", "platform", "hsm",
                    "contain", "webhooks"):  # fmt: skip
        assert command in said


@pytest.mark.parametrize("part", ["api", "signer", "courier", "dispatcher"])
def test_a_part_alone_without_its_settings_ends_and_names_each(part: str) -> None:
    environ = {"PATH": os.environ["PATH"]}
    ended = subprocess.run(  # noqa: S603
        [sys.executable, "-m", "app.cli.main", part],
        env=environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert ended.returncode in NEEDS_A_PERSON
    assert "TRIPCORD_DATABASE_DSN is not set" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("command", [("up",), ("migrate",), ("hsm", "init")])
def test_a_misspelt_setting_is_one_line_and_status_1(run: Run, command: tuple[str, ...]) -> None:
    ended = run(*command, API_PROT="1")
    assert ended.exit_code == 1
    assert "TRIPCORD_API_PROT is not a setting of Tripcord" in ended.output
    assert "Traceback" not in ended.output


def test_migrate_brings_a_configured_server_to_the_schema(
    run: Run, cluster: TestCluster, tmp_path: Path
) -> None:
    settings = {
        "DATABASE_DSN": cluster.postgres.dsn(),
        "DATABASE_PASSWORD": cluster.postgres.password.reveal().decode(),
        "DATA": str(tmp_path),
    }
    kept = {role: cluster.password_of(role) for role in cluster.roles}
    (tmp_path / "secrets").mkdir()
    for role, password in kept.items():
        (tmp_path / "secrets" / role).write_text(password)
    first = run("migrate", **settings)
    assert (first.exit_code, first.output.count("applied ")) != (0, 0), first.output
    assert run("migrate", **settings).output == ""
    tables = cluster.postgres.psql("SELECT to_regclass('token')", database="tripcord")
    assert tables.strip() == "token"
    cluster.postgres.psql("DROP DATABASE tripcord WITH (FORCE)")


def test_migrate_against_nothing_is_one_sentence(run: Run, tmp_path: Path) -> None:
    ended = run("migrate", DATABASE_DSN=f"postgresql://a@/b?host={tmp_path}", DATA=str(tmp_path))
    assert ended.exit_code == 1
    assert ended.output.startswith("tripcord: the database refused: ")


async def test_a_platform_is_registered_by_its_public_keys(
    run: Run, fresh_database: FreshDatabase, tmp_path: Path
) -> None:
    file = tmp_path / "keys.json"
    file.write_text(json.dumps(key_set()))
    dsn = with_login(fresh_database.server_dsn, "tripcord_operator", fresh_database.name)
    ended = await asyncio.to_thread(
        run, *("platform", "add", "--name", "Demo", "--jwks", str(file), "--json"),
        DATABASE_DSN=dsn, DATABASE_PASSWORD=fresh_database.passwords["tripcord_operator"],
    )  # fmt: skip
    assert ended.exit_code == 0, ended.output
    answer = json.loads(ended.stdout)
    connection = await asyncpg.connect(fresh_database.dsn())
    try:
        row = await connection.fetchrow("SELECT platform_id, name, jwks FROM platform")
    finally:
        await connection.close()
    assert row is not None
    assert (str(row["platform_id"]), row["name"]) == (answer["client_id"], "Demo")
    assert json.loads(row["jwks"])["keys"][0]["kid"] == "k1"


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        '{"keys": []}',
        json.dumps(key_set(d="AAAA")),
        json.dumps(key_set(crv="P-384")),
        json.dumps(key_set(x="AAAA")),
    ],
    ids=["empty", "array", "none", "private", "curve", "point"],
)
def test_a_key_set_that_is_not_only_public_signing_keys_is_refused(
    run: Run, tmp_path: Path, content: str
) -> None:
    file = tmp_path / "keys.json"
    file.write_text(content)
    arguments = ("platform", "add", "--name", "Demo", "--jwks", str(file))
    ended = run(*arguments, DATABASE_DSN=f"postgresql://o@/d?host={tmp_path}")
    assert ended.exit_code == 1
    assert ended.output.startswith(f"tripcord: {file}")
    assert "Traceback" not in ended.output


def test_platform_add_without_a_running_up_says_what_to_start(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    file.write_text(json.dumps(key_set()))
    ended = run("platform", "add", "--name", "Demo", "--jwks", str(file), DATA=str(tmp_path))
    assert ended.exit_code == 1
    assert "start `tripcord up`" in ended.output


def test_hsm_init_makes_a_token_once_and_prints_what_to_pin(run: Run, tmp_path: Path) -> None:
    settings = {
        "HSM_MODULE": str(find_softhsm()),
        "HSM_DIRECTORY": str(tmp_path / "hsm"),
        "HSM_PIN": "canary-7f3a",
    }
    first = run("hsm", "init", **settings)
    assert first.exit_code == 0, first.output
    assert json.loads(first.output)
    assert run("hsm", "init", **settings).output == first.output
    wrong = run("hsm", "init", **settings | {"HSM_PIN": "canary-0000"})
    assert wrong.exit_code == 1
    assert "canary" not in wrong.output + first.output


def test_the_readme_has_the_configuration_table(run: Run) -> None:
    readme = (Path(__file__).resolve().parents[2] / "README.md").read_text()
    assert settings_markdown() in readme, "paste `tripcord settings` into the README"
    assert run("settings").output.strip() == settings_markdown()
    assert len(settings_table()) == settings_markdown().count("\n") - 1


async def test_the_operator_sees_which_webhooks_are_down(
    fresh_database: FreshDatabase, run: Run
) -> None:
    connection = await asyncpg.connect(fresh_database.dsn())
    await connection.execute("INSERT INTO platform VALUES (gen_random_uuid(), 'p', '{}')")
    await connection.execute(
        "INSERT INTO webhook (platform_id, webhook_id, url, events, state, disabled_at,"
        " disabled_reason, failing_since) SELECT platform_id, gen_random_uuid(),"
        " 'https://x.example', '{session-revoked}', s, d, r, f FROM platform, (VALUES"
        " ('active', NULL::timestamptz, NULL, NULL::timestamptz), ('active', NULL, NULL, now()),"
        " ('disabled', now(), 'gone: 410', NULL)) AS v (s, d, r, f)"
    )
    await connection.close()
    role = "tripcord_operator"
    listed = await asyncio.to_thread(
        run, *("webhooks", "--json"),
        DATABASE_DSN=with_login(fresh_database.server_dsn, role, fresh_database.name),
        DATABASE_PASSWORD=fresh_database.passwords[role],
    )  # fmt: skip
    found = [json.loads(line) for line in listed.output.splitlines()]
    assert [(row["state"], row["reason"]) for row in found] == [
        ("active", None),
        ("disabled", "gone: 410"),
    ]
