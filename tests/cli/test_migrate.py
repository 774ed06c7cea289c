"""Roles, database and schema, made once and repeatable."""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import asyncpg
import pytest

from app.cli import migrate as migration
from app.cli.errors import CommandRefused
from app.cli.main import reference_schema
from app.cli.migrate import SCHEMA_FILE, Server, dump_schema, migrate, normalise_dump, with_login
from app.cli.pgbinaries import major_of, wheel_directory
from app.cli.postgres import EmbeddedPostgres
from app.cli.roles import ROLES, scram_verifier
from app.core.secret import Secret
from tests.support.postgres import TestCluster, public_temporary_directory, remove

SYSTEM = [path for path in Path("/usr/lib/postgresql").glob("*/bin") if major_of(path)]
MANY = [wheel_directory(), *SYSTEM]


@pytest.fixture(params=MANY, ids=lambda path: str(major_of(path)))
def server(request: pytest.FixtureRequest) -> Iterator[EmbeddedPostgres]:
    place = public_temporary_directory()
    postgres = EmbeddedPostgres(place / "pg", bin_dir=request.param, durable=False)
    try:
        postgres.start()
        yield postgres
    finally:
        postgres.stop()
        remove(place)


def passwords() -> dict[str, Secret]:
    return {role.name: Secret(secrets.token_urlsafe(16).encode()) for role in ROLES}


def admin(postgres: EmbeddedPostgres) -> Server:
    return Server(postgres.dsn(), postgres.password)


def test_the_committed_schema_is_what_the_migrations_make() -> None:
    assert SCHEMA_FILE.read_text() == reference_schema(), "run `tripcord migrate --dump`"


def test_a_second_run_applies_nothing_and_changes_nothing(server: EmbeddedPostgres) -> None:
    first = migrate(admin(server), passwords())
    before = dump_schema(admin(server))
    assert len(first) == len(list(migration.MIGRATIONS.glob("[0-9]*.sql")))
    assert migrate(admin(server), passwords()) == []
    assert dump_schema(admin(server)) == before


async def test_the_second_runs_passwords_are_the_ones_in_force(server: EmbeddedPostgres) -> None:
    old, new = passwords(), passwords()
    migrate(admin(server), old)
    migrate(admin(server), new)
    dsn = with_login(server.dsn(), "tripcord_api", "tripcord")
    connection = await asyncpg.connect(dsn, password=new["tripcord_api"].reveal().decode())
    await connection.close()
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(dsn, password=old["tripcord_api"].reveal().decode())


def test_an_administrator_who_is_no_superuser_is_enough(server: EmbeddedPostgres) -> None:
    server.psql("CREATE ROLE hosted LOGIN CREATEROLE CREATEDB PASSWORD 'x y/z'")
    hosted = Server(with_login(server.dsn(), "hosted", "postgres"), Secret(b"x y/z"))
    applied = migrate(hosted, passwords())
    assert applied
    assert migrate(hosted, passwords()) == []


def test_a_role_that_may_do_more_than_log_in_is_refused(server: EmbeddedPostgres) -> None:
    server.psql("CREATE ROLE tripcord_api LOGIN CREATEROLE")
    with pytest.raises(CommandRefused, match=r"tripcord_api\b.* may do more than log in"):
        migrate(admin(server), passwords())


def test_a_migration_that_fails_leaves_nothing_behind_and_says_why(
    server: EmbeddedPostgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "0001_half.sql").write_text(
        "-- migrate:up\nCREATE TABLE first ();\nSELECT 1/0;\n-- migrate:down\n"
    )
    monkeypatch.setattr(migration, "MIGRATIONS", tmp_path)
    secret = passwords()
    with pytest.raises(CommandRefused, match="division by zero") as refused:
        migrate(admin(server), secret)
    assert not any(word.reveal().decode() in str(refused.value) for word in secret.values())
    assert "first" not in dump_schema(admin(server))


def test_privileges_that_nobody_granted_are_nobodys(server: EmbeddedPostgres) -> None:
    migrate(admin(server), passwords())
    server.psql("SET ROLE tripcord_owner; CREATE FUNCTION f() RETURNS int RETURN 1; "
                "CREATE TABLE t ();", database="tripcord")  # fmt: skip
    asked = (
        "SELECT has_function_privilege('tripcord_api', 'f()', 'EXECUTE'), "
        "has_table_privilege('tripcord_api', 't', 'SELECT')"
    )
    assert server.psql(asked, database="tripcord").strip() == "f|f"
    server.psql("CREATE ROLE stranger")
    asked = "SELECT has_database_privilege('stranger', 'tripcord', 'CONNECT')"
    assert server.psql(asked).strip() == "f"


def test_every_file_can_be_taken_back(cluster: TestCluster) -> None:
    database = cluster.create()
    owner = Secret(database.passwords["tripcord_owner"].encode())
    dsn = with_login(database.server_dsn, "tripcord_owner", database.name)
    for _ in migration.MIGRATIONS.glob("[0-9]*.sql"):
        migration._dbmate(("down",), dsn, owner)
    left = cluster.postgres.psql(
        "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace "
        "UNION ALL SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace",
        database=database.name,
    )
    assert set(left.split()) <= {"schema_migrations", "schema_migrations_pkey"}


def test_a_dump_says_nothing_of_who_made_it() -> None:
    dumped = (
        "--\n-- PostgreSQL database dump\n--\n\n\\restrict abc\n\n-- Dumped by pg_dump version 18\n"
        "SET statement_timeout = 0;\nSELECT pg_catalog.set_config('search_path', '', false);\n\n"
        "CREATE TABLE public.t (\n    n integer\n);\n\n\n\n--\n-- Name: x\n--\n\n"
        "ALTER TABLE public.t OWNER TO o;\n\n\\unrestrict abc\n\n"
    )
    assert normalise_dump(dumped) == (
        "CREATE TABLE public.t (\n    n integer\n);\n\nALTER TABLE public.t OWNER TO o;\n"
    )


def test_a_scram_verifier_answers_the_exchange_of_rfc_7677() -> None:
    salt = "W22ZaJ0SNY7soEsUEjb6gQ=="
    verifier = scram_verifier(Secret(b"pencil"), base64.b64decode(salt))
    method, iterations_salt, keys = verifier.split("$")
    assert (method, iterations_salt) == ("SCRAM-SHA-256", f"4096:{salt}")
    stored_key, server_key = (base64.b64decode(key) for key in keys.split(":"))
    nonce = "rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
    exchanged = f"n=user,r=rOprNGfwEbeRWgbNEkqO,r={nonce},s={salt},i=4096,c=biws,r={nonce}".encode()
    signature = hmac.digest(server_key, exchanged, "sha256")
    assert base64.b64encode(signature) == b"6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="
    proof = base64.b64decode("dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=")
    mask = hmac.digest(stored_key, exchanged, "sha256")
    client_key = bytes(a ^ b for a, b in zip(proof, mask, strict=True))
    assert hashlib.sha256(client_key).digest() == stored_key


@pytest.mark.parametrize(
    ("dsn", "expected"),
    [
        ("postgresql://a@/b?host=%2Frun", "postgresql://r@/d?host=%2Frun"),
        ("postgresql://a:p%40ss@db.example:5433/b", "postgresql://r@db.example:5433/d"),
        (
            "postgresql://db.example/b?sslmode=require",
            "postgresql://r@db.example/d?sslmode=require",
        ),
    ],
)
def test_another_login_keeps_the_server_and_drops_the_password(dsn: str, expected: str) -> None:
    assert with_login(dsn, "r", "d") == expected


def test_a_password_of_any_characters_survives_the_runners_url() -> None:
    odd = "a b/c?d#e&f:g@h%"
    url = migration._dbmate_url("postgresql://u@/d?host=%2Frun", Secret(odd.encode()))
    assert f"u:{quote(odd, safe='')}@" in url
    assert url.endswith("sslmode=disable")
