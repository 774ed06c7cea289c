"""`tripcord platform`: keys come, go and never come back; a disabled platform ends at once."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from click.testing import CliRunner, Result

from app.cli.main import main
from app.cli.migrate import with_login
from app.core import token
from app.core.clock import SystemClock
from app.core.ids import new_id
from app.db.pool import Database
from app.platforms.errors import ClientRejected
from app.platforms.service import PlatformService
from scripts.clients.keys import KeyPair
from scripts.clients.platform import jwks
from tests.support.postgres import FreshDatabase

AUDIENCE = "https://cord.example/oauth/token"
Run = Callable[..., Any]


@pytest.fixture
def run(module_database: FreshDatabase, tmp_path: Path) -> Run:
    """Type a command as the operator; key pairs become a JWK Set file."""
    dsn = with_login(module_database.server_dsn, "tripcord_operator", module_database.name)
    environ = {
        "TRIPCORD_DATABASE_DSN": dsn,
        "TRIPCORD_DATABASE_PASSWORD": module_database.passwords["tripcord_operator"],
    }

    async def typed(*arguments: str, keys: list[KeyPair] | None = None) -> Result:
        if keys is not None:
            file = tmp_path / "keys.json"
            file.write_text(json.dumps(jwks(*keys)))
            arguments += ("--jwks", str(file))
        command = ["platform", *arguments]
        return await asyncio.to_thread(CliRunner().invoke, main, command, env=environ)

    return typed


@pytest.fixture
async def service(module_database: FreshDatabase) -> AsyncIterator[PlatformService]:
    db = await Database.connect(module_database.dsn("tripcord_api"))
    yield PlatformService(db, SystemClock(), audiences=frozenset({AUDIENCE}))
    await db.close()


@pytest.fixture
async def rows(module_database: FreshDatabase) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(module_database.dsn())
    yield connection
    await connection.close()


async def done(run: Run, *arguments: str, keys: list[KeyPair] | None = None) -> str:
    ended = await run(*arguments, keys=keys)
    assert ended.exit_code == 0, ended.output
    return str(ended.stdout)


async def refused(run: Run, *arguments: str, keys: list[KeyPair] | None = None) -> None:
    ended = await run(*arguments, keys=keys)
    assert ended.exit_code == 1, ended.output
    assert ended.output.startswith("tripcord: ")
    assert "Traceback" not in ended.output


async def registered(run: Run, *keys: KeyPair) -> str:
    said = await done(run, "add", "--name", "Demo", "--json", keys=list(keys))
    client_id: str = json.loads(said)["client_id"]
    return client_id


async def access(service: PlatformService, client_id: str, key: KeyPair) -> token.Token:
    assertion = key.client_assertion(client_id=client_id, audience=AUDIENCE)
    return await service.issue_access_token(await service.authenticate(assertion))


async def is_alive(service: PlatformService, presented: token.Token) -> bool:
    try:
        await service.find_access_token(presented)
    except ClientRejected:
        return False
    return True


async def test_a_removed_key_and_its_access_tokens_end_at_once_and_no_others(
    run: Run, service: PlatformService
) -> None:
    old, new = KeyPair.p256(), KeyPair.ed25519()
    client_id = await registered(run, old)
    of_old = await access(service, client_id, old)
    await done(run, "add-key", "--client-id", client_id, keys=[new])
    of_new = await access(service, client_id, new)
    again = await access(service, client_id, old)
    assert await is_alive(service, of_old)
    await done(run, "remove-key", "--client-id", client_id, "--kid", old.jkt)
    assert [await is_alive(service, one) for one in (of_old, again, of_new)] == [False, False, True]
    with pytest.raises(ClientRejected):
        await access(service, client_id, old)
    assert await is_alive(service, await access(service, client_id, new))


async def test_a_token_from_before_keys_were_noted_ends_with_any_key(
    run: Run, service: PlatformService, rows: asyncpg.Connection
) -> None:
    old, new = KeyPair.p256(), KeyPair.p256()
    client_id = await registered(run, old, new)
    unnoted = await access(service, client_id, new)
    await rows.execute(
        "UPDATE client_token SET key_id = NULL WHERE token_id = $1", unnoted.token_id
    )
    await done(run, "remove-key", "--client-id", client_id, "--kid", old.jkt)
    assert not await is_alive(service, unnoted)


async def test_no_token_comes_of_a_key_that_was_removed_after_it_was_verified(
    run: Run, service: PlatformService, rows: asyncpg.Connection
) -> None:
    old, new = KeyPair.p256(), KeyPair.p256()
    client_id = await registered(run, old, new)
    assertion = old.client_assertion(client_id=client_id, audience=AUDIENCE)
    verified = await service.authenticate(assertion)
    await done(run, "remove-key", "--client-id", client_id, "--kid", old.jkt)
    with pytest.raises(ClientRejected):
        await service.issue_access_token(verified)
    made = "SELECT count(*) FROM client_token WHERE platform_id::text = $1"
    assert await rows.fetchval(made, client_id) == 0


async def test_rotation_replaces_every_key_at_once(run: Run, service: PlatformService) -> None:
    old, other, new = KeyPair.p256(), KeyPair.p256(), KeyPair.p256()
    client_id = await registered(run, old, other)
    tokens = [await access(service, client_id, key) for key in (old, other)]
    await done(run, "rotate", "--client-id", client_id, keys=[new])
    assert [await is_alive(service, one) for one in tokens] == [False, False]
    for key in (old, other):
        with pytest.raises(ClientRejected):
            await access(service, client_id, key)
    await access(service, client_id, new)


async def test_a_key_that_was_removed_or_is_there_never_comes_back(
    run: Run, rows: asyncpg.Connection
) -> None:
    old, new = KeyPair.p256(), KeyPair.p256()
    client_id = await registered(run, old)
    await done(run, "rotate", "--client-id", client_id, keys=[new])
    before = await rows.fetchval(
        "SELECT jwks FROM platform WHERE platform_id::text = $1", client_id
    )
    for verb in ("add-key", "rotate"):
        for keys in ([old], [new], [KeyPair.p256(), old], [(twice := KeyPair.p256()), twice]):
            await refused(run, verb, "--client-id", client_id, keys=keys)
    await refused(run, "add-key", "--client-id", client_id, keys=[KeyPair.p256() for _ in range(8)])
    await refused(run, "remove-key", "--client-id", client_id, "--kid", new.jkt)  # the last
    await refused(run, "remove-key", "--client-id", client_id, "--kid", "nobody")
    await refused(run, "add-key", "--client-id", str(new_id()), keys=[KeyPair.p256()])
    after = await rows.fetchval("SELECT jwks FROM platform WHERE platform_id::text = $1", client_id)
    assert after == before


async def test_the_same_public_key_under_another_name_does_not_come_back_either(
    run: Run, tmp_path: Path
) -> None:
    old, new = KeyPair.p256(), KeyPair.p256()
    client_id = await registered(run, old)
    await done(run, "rotate", "--client-id", client_id, keys=[new])
    renamed = tmp_path / "renamed.json"
    renamed.write_text(json.dumps({"keys": [{**old.public_jwk, "kid": "another name"}]}))
    await refused(run, "add-key", "--client-id", client_id, "--jwks", str(renamed))


async def test_a_disabled_platform_ends_at_once_and_for_good(
    run: Run, service: PlatformService
) -> None:
    key = KeyPair.p256()
    client_id = await registered(run, key)
    alive = await access(service, client_id, key)
    await done(run, "disable", "--client-id", client_id)
    assert not await is_alive(service, alive)
    with pytest.raises(ClientRejected):
        await access(service, client_id, key)
    await refused(run, "disable", "--client-id", client_id)
    await refused(run, "add-key", "--client-id", client_id, keys=[KeyPair.p256()])
    await refused(run, "rotate", "--client-id", client_id, keys=[KeyPair.p256()])


async def test_ciba_is_let_and_ended_by_an_operator_and_pings_go_to_public_https(
    run: Run, rows: asyncpg.Connection
) -> None:
    client_id = await registered(run, KeyPair.p256())
    command = ("ciba", "--client-id", client_id)

    async def stored() -> tuple[str | None, str | None]:
        row = await rows.fetchrow(
            "SELECT ciba_delivery, ciba_endpoint FROM platform WHERE platform_id::text = $1",
            client_id,
        )
        return row["ciba_delivery"], row["ciba_endpoint"]

    assert await stored() == (None, None)
    for wrong in (
        (), ("--poll", "--ping", "https://platform.example/cb"), ("--ping", "http://x.example/"),
        ("--ping", "https://127.0.0.1/"), ("--ping", "https://10.0.0.1/"), ("--ping", "ftp://x/"),
    ):  # fmt: skip
        await refused(run, *command, *wrong)
    assert await stored() == (None, None)
    await done(run, *command, "--ping", "https://platform.example/cb")
    assert await stored() == ("ping", "https://platform.example/cb")
    await done(run, *command, "--poll")
    assert await stored() == ("poll", None)
    listed = json.loads(await done(run, "list", "--json"))
    assert [one["ciba"] for one in listed if one["client_id"] == client_id] == ["poll"]
    await done(run, *command, "--off")
    assert await stored() == (None, None)
    told = await rows.fetch(
        "SELECT rule FROM access_log WHERE subject_id::text = $1 AND event = 'platform.ciba_set'"
        " ORDER BY position",
        client_id,
    )
    assert [entry["rule"] for entry in told] == ["ping", "poll", "off"]


async def test_every_change_is_told_by_the_operator_and_the_list_shows_the_rest(
    run: Run, rows: asyncpg.Connection
) -> None:
    old, new, third = KeyPair.p256(), KeyPair.p256(), KeyPair.p256()
    client_id = await registered(run, old)
    await done(run, "add-key", "--client-id", client_id, keys=[new])
    await done(run, "remove-key", "--client-id", client_id, "--kid", old.jkt)
    await done(run, "rotate", "--client-id", client_id, keys=[third])
    listed = json.loads(await done(run, "list", "--json"))
    (ours,) = [one for one in listed if one["client_id"] == client_id]
    assert (ours["name"], ours["keys"], ours["disabled_at"]) == ("Demo", [third.jkt], None)
    await done(run, "disable", "--client-id", client_id)
    (line,) = [one for one in (await done(run, "list")).splitlines() if client_id in one]
    assert "disabled" in line
    told = await rows.fetch(
        "SELECT event, rule, actor FROM access_log WHERE subject_id::text = $1 ORDER BY position",
        client_id,
    )
    assert {entry["actor"] for entry in told} == {"operator"}
    assert [(entry["event"], entry["rule"]) for entry in told] == [
        ("platform.registered", None),
        ("platform.key_added", new.jkt),
        ("platform.key_removed", old.jkt),
        ("platform.key_removed", new.jkt),
        ("platform.key_added", third.jkt),
        ("platform.disabled", None),
    ]
