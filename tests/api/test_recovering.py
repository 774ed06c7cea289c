"""Recovery codes and re-enrolments over HTTP: real clients, the real api, the real signer."""

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypeVar
from uuid import UUID

import asyncpg
import pytest
import pytest_asyncio

from scripts.clients import statements
from scripts.clients.approvals import Decision
from scripts.clients.http import Api, Dpop, Refused
from scripts.clients.keys import KeyPair
from scripts.clients.phone import Phone
from scripts.clients.platform import Platform
from scripts.clients.recovery import PendingCodes, RecoverySheet, make_code
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


@pytest_asyncio.fixture(loop_scope="module")
async def sheet(phone: Phone) -> RecoverySheet:
    made = await do(phone.make_recovery_codes)
    assert isinstance(made, RecoverySheet)
    return made


@pytest.fixture
def back() -> Iterator[Phone]:
    new = Phone(name="new", inbox=None)
    yield new
    new.close()


async def test_a_new_phone_waits_and_an_old_one_sees_it_and_says_no_after_break_glass(
    phone: Phone, back: Phone, sheet: RecoverySheet
) -> None:
    waiting = await do(back.come_back, sheet, sheet.codes[0])
    assert (await do(back.poll, waiting))["state"] == "waiting"
    with pytest.raises(Refused) as early:
        await do(back.complete, waiting)
    assert early.value.code == "waiting_time_not_over"
    assert 86_000 < (early.value.retry_after_seconds or 0) <= 86_401
    left = await do(phone.recovery_codes)
    assert (left["codes_left"], left["failed_tries"]) == (9, 0)
    await do(phone.pull_the_cord)
    assert (await code_of(phone.recovery_codes))[0] == 401
    (seen,) = await do(phone.open_re_enrolments)
    assert (seen["name"], seen["jkt"]) == ("new", back.key.jkt)
    assert (await do(phone.veto, UUID(seen["re_enrolment_id"])))["state"] == "vetoed"
    assert await do(phone.open_re_enrolments) == []
    assert (await do(back.poll, waiting))["state"] == "vetoed"
    assert await code_of(back.complete, waiting) == (409, "re_enrolment_over")


async def test_the_new_phone_may_withdraw_and_the_code_is_gone(
    back: Phone, sheet: RecoverySheet
) -> None:
    waiting = await do(back.come_back, sheet, sheet.codes[0])
    assert (await do(back.withdraw, waiting))["state"] == "cancelled"
    assert await code_of(back.come_back, sheet, sheet.codes[0]) == (403, "re_enrolment_refused")


async def test_with_a_factor_there_new_codes_wait_for_an_approval(
    phone: Phone, back: Phone, sheet: RecoverySheet
) -> None:
    await do(phone.enrol_totp, label="app")
    pending = await do(phone.make_recovery_codes)
    assert isinstance(pending, PendingCodes)
    prompt = await do(
        phone.await_approval, template="recovery_codes/1", approval_id=pending.approval_id
    )
    decided = await do(phone.decide, prompt, Decision.APPROVE)
    assert decided["state"] == "approved"
    fresh = await do(phone.finish_recovery_codes, pending)
    assert (await do(phone.recovery_codes))["codes_left"] == 10
    assert await code_of(back.come_back, sheet, sheet.codes[0]) == (403, "re_enrolment_refused")
    assert (await do(back.come_back, fresh, fresh.codes[0])).trader_id == phone.account.trader_id


async def test_wrong_and_unknown_codes_are_one_answer_of_one_size(
    phone: Phone, back: Phone, sheet: RecoverySheet, api: Api
) -> None:
    def tried(trader_id: UUID, code_id: UUID, key: KeyPair) -> tuple[int, str, int]:
        claims = statements.re_enrol(
            trader_id, code_id, jkt=back.key.jkt, name="new", authenticator_lost=False
        )
        body = {
            "trader_id": str(trader_id), "code_id": str(code_id),
            "public_jwk": back.key.public_jwk, "name": "new",
            "statement": back.key.statement(claims), "code_statement": key.statement(claims),
        }  # fmt: skip
        answer = api._http.post(
            "/v1/re-enrolments",
            json=body,
            headers=Dpop(back.key).headers("POST", api.origin + "/v1/re-enrolments", None),
        )
        return answer.status_code, answer.json()["type"], len(answer.content)

    mine, real = phone.account.trader_id, sheet.codes[0]
    stranger = make_code(UUID(int=77))
    answers = {
        await do(tried, mine, real.code_id, stranger.key),
        await do(tried, mine, stranger.code_id, stranger.key),
        await do(tried, stranger.trader_id, stranger.code_id, stranger.key),
    }
    assert len(answers) == 1
    assert next(iter(answers))[:2] == (403, "urn:tripcord:problem:re_enrolment_refused")
    assert (await do(phone.recovery_codes))["failed_tries"] == 2


async def test_a_stranger_sees_nothing_and_cannot_tell_it_from_nothing(
    phone: Phone, back: Phone, sheet: RecoverySheet, api: Api
) -> None:
    waiting = await do(back.come_back, sheet, sheet.codes[0])
    stranger = Dpop(KeyPair.p256())
    path = f"/v1/re-enrolments/{waiting.re_enrolment_id}"
    mine = {"trader_id": str(phone.account.trader_id)}
    listed = await do(api.call, "GET", "/v1/re-enrolments", auth=stranger, query=mine)
    assert listed.body["items"] == []
    for query in (mine, {"trader_id": str(UUID(int=3))}):
        refused = await code_of(api.call, "GET", path, auth=stranger, query=query)
        assert refused == (404, "re_enrolment_not_found")
    unasked = await code_of(api.call, "GET", path, auth=stranger)
    assert unasked == (400, "malformed")


async def test_a_platform_never_re_enrols_not_even_its_own_trader(
    shop: Platform, phone: Phone, back: Phone, sheet: RecoverySheet, api: Api
) -> None:
    waiting = await do(back.come_back, sheet, sheet.codes[0])
    path = f"/v1/re-enrolments/{waiting.re_enrolment_id}"
    bearer = await do(shop._auth)
    claims = statements.end_re_enrolment(
        phone.account.trader_id, waiting.re_enrolment_id, act="complete"
    )
    body = {
        "trader_id": str(phone.account.trader_id),
        "statement": back.key.statement(claims),
        "device_id": str(phone.account.device_id),
    }
    for verb in ("complete", "veto", "cancel"):
        fields = body if verb == "veto" else {k: v for k, v in body.items() if k != "device_id"}
        refused = await code_of(api.call, "POST", f"{path}/{verb}", auth=bearer, json=fields)
        assert refused == (401, "proof_rejected")
    assert (await do(back.poll, waiting))["state"] == "waiting"


async def test_a_platform_whose_tokens_are_bound_works_as_any_other_even_by_a_slow_clock(
    api: Api, rows: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client answers `use_dpop_nonce` by itself, at the token endpoint and after it."""
    row = await add_platform(rows)
    shop = Platform(api, client_id=str(row.platform_id), key=row.key, bound_to=KeyPair.p256())
    slow = SimpleNamespace(time=lambda: time.time() - 30)
    monkeypatch.setattr("scripts.clients.keys.time", slow)
    assert await do(shop.create_trader) is not None
    kept = await rows.fetchval(
        "SELECT jkt FROM client_token WHERE platform_id = $1 AND jkt IS NOT NULL", row.platform_id
    )
    assert isinstance(await do(shop._auth), Dpop)
    assert kept is not None
