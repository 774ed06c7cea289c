"""Passkeys over HTTP: real clients, the real api, the real signer; and who our apps are."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import asyncpg
import pytest
import pytest_asyncio

from scripts.clients.approvals import Decision
from scripts.clients.authenticator import Authenticator
from scripts.clients.http import Api, Refused
from scripts.clients.phone import Phone
from scripts.clients.platform import Platform
from tests.api.caller import Caller
from tests.api.process import ApiProcess
from tests.api.real_signer import Courier, real_signer
from tests.api.rows import add_platform
from tests.support.postgres import FreshDatabase
from tests.vault.support import Token, find_module, make_token

pytestmark = pytest.mark.asyncio(loop_scope="module")

T = TypeVar("T")


async def do(work: Callable[..., T], *arguments: Any, **named: Any) -> T:
    """The clients block: they get a thread, because the signer runs in this loop."""
    return await asyncio.to_thread(work, *arguments, **named)


async def code_of(work: Callable[..., Any], *arguments: Any, **named: Any) -> tuple[int, str]:
    with pytest.raises(Refused) as refused:
        await do(work, *arguments, **named)
    return refused.value.status, refused.value.code


@pytest.fixture(scope="module")
def hsm(tmp_path_factory: pytest.TempPathFactory) -> Token:
    module = find_module("softhsm")
    if module is None:
        pytest.skip("SoftHSM is not installed")
    return make_token("softhsm", module, tmp_path_factory.mktemp("api") / "hsm")


@pytest.fixture(scope="module")
def run() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="tc-") as folder:
        yield Path(folder)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def courier(module_database: FreshDatabase, hsm: Token, run: Path) -> AsyncIterator[Courier]:
    async with real_signer(module_database, hsm, run) as courier:
        yield courier


@pytest.fixture(scope="module")
def origin(module_database: FreshDatabase, courier: Courier, run: Path) -> Iterator[str]:
    assert courier is not None
    running = ApiProcess(module_database, run, origin=None)
    yield running.url
    assert running.stop() == 0, running.log()


@pytest.fixture
def api(origin: str) -> Iterator[Api]:
    with Api(origin) as client:
        yield client


@pytest_asyncio.fixture(loop_scope="module")
async def shop(api: Api, rows: asyncpg.Connection) -> Platform:
    row = await add_platform(rows)
    return Platform(api, client_id=str(row.platform_id), key=row.key)


@pytest_asyncio.fixture(loop_scope="module")
async def phone(shop: Platform) -> AsyncIterator[Phone]:
    invitation = await do(shop.create_trader)
    enrolled = Phone(name="old", inbox=None)
    await do(enrolled.enrol, invitation.enrolment_uri.reveal())
    yield enrolled
    enrolled.close()


WEB, RP_ID = "https://cord.example", "cord.example"


async def test_a_phone_registers_a_passkey_and_approves_with_it(phone: Phone) -> None:
    authenticator = Authenticator(origin=WEB, synced=False)
    first = await do(phone.register_passkey, authenticator, label="My phone")
    assert first.approval_id is None
    (shown,) = await do(phone.passkeys)
    assert (shown["factor_id"], shown["kind"], shown["label"], shown["state"]) == (
        str(first.factor_id), "webauthn", "My phone", "active",
    )  # fmt: skip
    assert (shown["rp_id"], shown["backup_eligible"], shown["backed_up"]) == (RP_ID, False, False)

    other = Authenticator(origin=WEB)
    second = await do(phone.register_passkey, other, label="Another")
    assert second.approval_id is not None
    prompt = await do(phone.await_approval, template="factor_add/1", approval_id=second.approval_id)
    assert ("Your name for it", "Another") in prompt.screen.lines
    assert prompt.approval.methods == ("webauthn",)
    done = await do(phone.approve_with_passkey, prompt, authenticator)
    assert (done["state"], done["outcome"]["state"]) == ("approved", "active")
    assert {item["state"] for item in await do(phone.passkeys)} == {"active"}

    away = await do(phone.ask_passkey_removal, first.factor_id)
    prompt = await do(phone.await_approval, template="factor_remove/1", approval_id=away)
    done = await do(phone.approve_with_passkey, prompt, other)
    assert done["outcome"]["state"] == "removed"
    (left,) = await do(phone.passkeys)
    assert left["factor_id"] == str(second.factor_id)
    assert await code_of(phone.ask_passkey_removal, first.factor_id) == (404, "passkey_not_found")


async def test_beside_an_app_the_methods_name_what_can_be_used(phone: Phone) -> None:
    await do(phone.enrol_totp, label="app")
    authenticator = Authenticator(origin=WEB)
    added = await do(phone.register_passkey, authenticator, label="Key")
    assert added.approval_id is not None
    prompt = await do(phone.await_approval, template="factor_add/1", approval_id=added.approval_id)
    assert prompt.approval.methods == ("totp",)
    refused = await code_of(phone.approve_with_passkey, prompt, authenticator)
    assert refused == (403, "passkey_rejected")
    await do(phone.decide, prompt, Decision.APPROVE)
    pending = await do(phone.make_recovery_codes)
    prompt = await do(phone.await_approval, template="recovery_codes/1")
    assert prompt.approval.methods == ("webauthn", "totp")
    await do(phone.approve_with_passkey, prompt, authenticator)
    await do(phone.finish_recovery_codes, pending)


async def test_a_page_of_somebody_elses_registers_nothing(phone: Phone) -> None:
    evil = Authenticator(origin="https://cord.example.evil")
    refused = await code_of(phone.register_passkey, evil, label="x")
    assert refused == (403, "passkey_rejected")


async def test_a_new_phone_comes_back_with_a_synced_passkey_and_the_old_one_says_no(
    phone: Phone,
) -> None:
    synced = Authenticator(origin=WEB)
    await do(phone.register_passkey, synced, label="Synced")
    back = Phone(name="new phone", inbox=None)
    waiting = await do(
        back.come_back_with_passkey, phone.api.origin, synced, rp_id=RP_ID,
        identity_jkt=phone.identity_jkt,
    )  # fmt: skip
    assert (await do(back.poll, waiting))["state"] == "waiting"
    assert await code_of(back.complete, waiting) == (409, "waiting_time_not_over")
    (seen,) = await do(phone.open_re_enrolments)
    assert seen["name"] == "new phone"
    assert (await do(phone.veto, waiting.re_enrolment_id))["state"] == "vetoed"
    back.close()


async def test_strangers_see_no_passkey_of_another_trader(phone: Phone, shop: Platform) -> None:
    authenticator = Authenticator(origin=WEB)
    mine = await do(phone.register_passkey, authenticator, label="Mine")
    stranger = Phone(name="stranger", inbox=None)
    await do(stranger.enrol, (await do(shop.create_trader)).enrolment_uri.reveal())
    assert await do(stranger.passkeys) == []
    refused = await code_of(stranger.ask_passkey_removal, mine.factor_id)
    assert refused == (404, "passkey_not_found")
    stranger.close()


async def test_association_files_say_which_apps_and_origins_are_ours(caller: Caller) -> None:
    """In the form that Android, Apple's systems and browsers read, for anybody, as JSON."""
    fingerprint = ":".join(f"{byte:02X}" for byte in range(32))
    for name, expected in (
        ("assetlinks.json", [{
            "relation": [
                "delegate_permission/common.handle_all_urls",
                "delegate_permission/common.get_login_creds",
            ],
            "target": {
                "namespace": "android_app", "package_name": "com.example.cord",
                "sha256_cert_fingerprints": [fingerprint],
            },
        }]),
        ("apple-app-site-association", {"webcredentials": {"apps": ["A1B2C3D4E5.example.cord"]}}),
        ("webauthn", {"origins": ["https://cord.example"]}),
    ):  # fmt: skip
        response = await caller.call("GET", f"/.well-known/{name}")
        assert response.status_code == 200
        assert response.headers["content-type"] == "application/json"
        assert response.json() == expected
