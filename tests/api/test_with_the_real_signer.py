"""Real clients, the real api process, the real signer: what refuses, and that nothing stays."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

import asyncpg
import pytest
import pytest_asyncio

from scripts.clients import factors, ladder, screens, statements
from scripts.clients.approvals import Decision
from scripts.clients.bot import Bot, limit_order
from scripts.clients.browser import Browser, SignInRefused
from scripts.clients.encoding import Secret
from scripts.clients.enrolment import parse_enrolment
from scripts.clients.http import Api, Dpop, Refused
from scripts.clients.keys import KeyPair
from scripts.clients.phone import Phone
from scripts.clients.platform import Invitation, Money, Platform
from tests.api.process import ApiProcess
from tests.api.real_signer import Courier, real_signer
from tests.api.rows import add_platform, counts
from tests.support.postgres import FreshDatabase
from tests.vault.support import Token, find_module, make_token

pytestmark = pytest.mark.asyncio(loop_scope="module")

T = TypeVar("T")
NO = Decision.DENY


async def do(work: Callable[..., T], *arguments: Any, **named: Any) -> T:
    """The clients block: they get a thread, because the signer runs in this loop."""
    return await asyncio.to_thread(work, *arguments, **named)


async def code_of(work: Callable[..., Any], *arguments: Any, **named: Any) -> tuple[int, str]:
    """Status and problem code with which something is refused."""
    with pytest.raises(Refused) as refused:
        await do(work, *arguments, **named)
    assert refused.value.type.startswith("urn:tripcord:problem:")
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
async def invitation(shop: Platform) -> Invitation:
    return await do(shop.create_trader)


@pytest_asyncio.fixture(loop_scope="module")
async def phone(invitation: Invitation) -> AsyncIterator[Phone]:
    new = Phone(name="a phone", inbox=None)
    await do(new.enrol, invitation.enrolment_uri.reveal())
    yield new
    new.close()


Unchanged = Callable[[Awaitable[tuple[int, str]]], Awaitable[tuple[int, str]]]


@pytest.fixture
def unchanged(rows: asyncpg.Connection) -> Unchanged:
    async def check(attempt: Awaitable[tuple[int, str]]) -> tuple[int, str]:
        before = await counts(rows)
        refusal = await attempt
        assert await counts(rows) == before
        return refusal

    return check


async def test_a_phone_that_signs_for_something_else_is_not_enrolled(
    api: Api, invitation: Invitation, unchanged: Unchanged
) -> None:
    scanned = parse_enrolment(invitation.enrolment_uri.reveal())
    key, other = KeyPair.p256(), KeyPair.p256()
    good = statements.bind_device(scanned, jkt=key.jkt, name="a phone")

    def bind(statement: str, **changes: Any) -> Any:
        body = {
            "enrolment_code": scanned.code.reveal(),
            "public_jwk": key.public_jwk,
            "name": "a phone",
            "statement": statement,
        }
        return api.call("POST", "/v1/devices", auth=Dpop(key), json=body | changes)

    for statement in (
        other.statement(good),
        key.statement(good | {"name": "another phone"}),
        key.statement(good | {"jkt": other.jkt}),
        key.statement(good | {"trader_id": str(UUID(int=1))}),
        key.statement(good | {"domain": "tripcord/link/v1"}),
        key.statement(good, typ="JWT"),
        "e30.e30.AA",
    ):
        status, code = await unchanged(code_of(bind, statement))
        assert (status, code) in {(403, "signature_rejected"), (403, "statement_rejected")}
    strange = await unchanged(code_of(bind, key.statement(good), public_jwk=other.public_jwk))
    assert strange == (401, "proof_rejected")
    weird = await unchanged(code_of(bind, key.statement(good), enrolment_code="tc_enrol_x"))
    assert weird == (401, "token_rejected")
    assert (await do(bind, key.statement(good))).status == 201


async def test_a_second_key_with_the_same_code_gets_nothing(
    phone: Phone, invitation: Invitation
) -> None:
    thief = Phone(name="a thief", inbox=None)
    try:
        refusal = await code_of(thief.enrol, invitation.enrolment_uri.reveal())
    finally:
        thief.close()
    assert refusal[0] == 403
    assert phone.account.trader_id == invitation.trader_id


async def test_a_code_and_the_phone_together_make_a_session_and_neither_alone_does(
    phone: Phone, api: Api, unchanged: Unchanged, rows: asyncpg.Connection
) -> None:
    await do(phone.enrol_totp, label="app")
    browser = Browser(api)
    await do(browser.start, phone.account.trader_id)
    assert await unchanged(code_of(browser.prove, "000000x")) == (403, "totp_rejected")
    prompt = await do(phone.await_approval, template="sign_in/1")
    early = await unchanged(code_of(phone.decide, prompt, Decision.APPROVE))
    assert early == (409, "session_code_missing")
    assert await do(browser.prove, phone.next_code()) == "pending"
    await do(phone.decide, prompt, Decision.APPROVE)
    token = await do(browser.await_session, seconds=5)
    tree = await do(api.call, "GET", "/v1/tokens", auth=Dpop(browser._key, token))
    assert [node["kind"] for node in tree.body["items"]] == ["trader", "device", "session"]
    mine = await do(api.call, "GET", "/v1/access-log", auth=phone.auth)
    refusals = [item["rule"] for item in mine.body["items"] if item["outcome"] == "refused"]
    # The wrong code is in the system's chain: nobody without a token fills a trader's.
    assert refusals == ["session_code_missing"]
    twice = "SELECT count(*) FROM access_log WHERE rule LIKE 'http_%' AND trader_id = $1"
    assert await rows.fetchval(twice, phone.account.trader_id) == 0


async def test_a_number_on_the_browsers_screen_signs_it_in_and_a_wrong_one_ends_it(
    phone: Phone, api: Api, unchanged: Unchanged
) -> None:
    browser, other = Browser(api), Browser(api)
    for wrong in (True, False):
        await do(browser.start, phone.account.trader_id)
        number = await do(browser.number)
        assert number == await do(browser.number)
        await do(other.start, phone.account.trader_id)
        prompt = await do(phone.await_approval, template="sign_in/1")
        typed = f"{(int(number) + wrong) % 10_000:04d}"
        if wrong:
            refused = await code_of(screens.approve_with_number, phone, prompt, typed)
            assert refused == (403, "wrong_number")
            with pytest.raises(SignInRefused):
                await do(browser.await_session, seconds=5)
            # The other browser's attempt is another request, with a number of its own.
            await do(phone.decide, await do(phone.await_approval, template="sign_in/1"), NO)
        else:
            await do(screens.approve_with_number, phone, prompt, typed)
            token = await do(browser.await_session, seconds=5)
            assert (await do(api.call, "GET", "/v1/tokens", auth=Dpop(browser._key, token))).body
    other._key = KeyPair.p256()
    assert await unchanged(code_of(other.number)) == (404, "session_not_found")


async def test_a_platform_shows_the_number_of_what_it_asked_for_and_of_nothing_else(
    phone: Phone, shop: Platform, api: Api, rows: asyncpg.Connection, unchanged: Unchanged
) -> None:
    trader_id = phone.account.trader_id
    token = await do(shop.request_token, trader_id=trader_id, label="x", scope=["tree.read"])
    number = await do(shop.number, trader_id, token.approval_id)
    row = await add_platform(rows)
    rival = Platform(api, client_id=str(row.platform_id), key=row.key)
    await do(rival.access_token)
    strange = await unchanged(code_of(rival.number, trader_id, token.approval_id))
    assert strange == (404, "trader_not_found")
    prompt = await do(phone.await_approval, template="token_child/1")
    # Reading is not for a code that a phone tells: what widens never is.
    assert await unchanged(code_of(screens.reveal_code, phone, prompt)) == (403, "factor_too_weak")
    early = await code_of(shop.submit_code, trader_id, token.approval_id, "12345678")
    assert early == (403, "push_code_rejected")
    outcome = (await do(screens.approve_with_number, phone, prompt, number))["outcome"]
    assert outcome["subject_id"] == str(token.token_id)
    over = await unchanged(code_of(shop.number, trader_id, token.approval_id))
    assert over == (409, "approval_not_pending")


async def test_a_further_phone_joins_by_an_approval_and_both_hold_the_cord(
    phone: Phone, unchanged: Unchanged
) -> None:
    await do(phone.enrol_totp, label="app")
    tablet, thief = Phone(name="a tablet", inbox=None), Phone(name="a tablet", inbox=None)
    try:
        invitation = await do(phone.ask_addition, tablet.offer())
        early = await unchanged(code_of(tablet.join, invitation))
        assert early == (409, "approval_not_approved")
        prompt = await do(phone.await_approval, template="device_add/1")
        assert ("Its key, as it shows", tablet.key.jkt) in prompt.screen.lines
        await do(phone.decide, prompt, Decision.APPROVE)
        refused = await unchanged(code_of(thief.join, invitation))
        assert refused == (403, "enrolment_refused")
        first = await do(tablet.join, invitation)
        again = await do(tablet.join, invitation)
        assert again.device_token.reveal() == first.device_token.reveal()
        listed = (await do(tablet.call, "GET", "/v1/devices")).body["items"]
        assert {item["device_id"] for item in listed} == {
            str(phone.account.device_id), str(first.device_id),
        }  # fmt: skip
        await do(tablet.pull_the_cord)
        assert (await code_of(phone.pending))[0] == 401
    finally:
        tablet.close()
        thief.close()


async def test_an_authenticator_is_added_and_removed_by_the_phone(
    phone: Phone, unchanged: Unchanged
) -> None:
    first = await do(phone.enrol_totp, label="app")
    second = await do(factors.begin_adding, phone, label="another")
    early = await unchanged(code_of(second.finish))
    assert early == (409, "approval_not_approved")
    prompt = await do(phone.await_approval, template="factor_add/1")
    assert ("Your name for it", "another") in prompt.screen.lines
    await do(phone.decide, prompt, Decision.APPROVE)
    factor_id = await do(second.finish)
    assert {one["factor_id"] for one in await do(factors.listed, phone)} == {
        str(first), str(factor_id),
    }  # fmt: skip
    await do(factors.ask_removal, phone, first)
    prompt = await do(phone.await_approval, template="factor_remove/1")
    unnamed = await code_of(phone.decide, prompt, Decision.APPROVE)
    assert unnamed == (422, "factor_unnamed")
    answer = await do(factors.approve_with, phone, prompt, factor_id, second.codes.next_code())
    assert answer["outcome"]["state"] == "removed"
    assert [one["factor_id"] for one in await do(factors.listed, phone)] == [str(factor_id)]
    last = await unchanged(code_of(factors.ask_removal, phone, factor_id))
    assert last == (409, "last_factor")


async def test_a_frozen_phone_lets_itself_go_with_its_code_and_is_refused_all_else(
    phone: Phone, unchanged: Unchanged
) -> None:
    await do(phone.enrol_totp, label="app")
    own = phone.account.device_id
    first = await do(ladder.heartbeat, phone)
    assert (await do(ladder.tighten, phone, own, "frozen", reason="lent"))["state"] == "frozen"
    for attempt in (ladder.heartbeat, Phone.balances, Phone.pending):
        assert await unchanged(code_of(attempt, phone)) == (403, "containment_forbids")
    up = await unchanged(code_of(ladder.tighten, phone, own, "active", reason="back"))
    assert up == (403, "loosening_needs_approval")
    asked = await do(ladder.ask_lift, phone, own, "read_only")
    prompt = await do(phone.await_approval, template="token_lift/1", approval_id=asked)
    assert ("Now", "frozen") in prompt.screen.lines
    outcome = (await do(phone.decide, prompt, Decision.APPROVE))["outcome"]
    assert (outcome["subject_id"], outcome["state"]) == (str(own), "read_only")
    view = await do(ladder.state, phone, own)
    assert [(f["imposed_by"], f["state"]) for f in view["fences"]] == [("trader", "read_only")]
    assert (await do(ladder.blast_radius, phone, own))["total"] == "1"
    await asyncio.sleep(1)  # heartbeats are told apart by the second
    assert await do(ladder.heartbeat, phone) > first


async def test_a_link_and_a_grant_are_dead_until_the_phone_says_yes_and_again_after_the_pull(
    phone: Phone, shop: Platform, api: Api, courier: Courier, unchanged: Unchanged
) -> None:
    await do(phone.enrol_totp, label="app")
    trader_id = phone.account.trader_id
    link = {"venue": "sandbox", "api_key_id": "AKID", "label": "mine"}
    credential_id = await do(phone.link_key, secret=Secret("s" * 64), **link)
    bot, wish = Bot(api), limit_order(market="BTCUSDT", side="buy", quantity="1", price="1")
    ask = {
        "trader_id": trader_id,
        "credential_id": credential_id,
        "model_jwk": bot.key.public_jwk,
        "model": {"name": "Trend", "digest": "d", "version": "1"},
        "markets": ["BTCUSDT"],
        "allocation": Money("100", "USDT"),
        "free_limit": Money("10", "USDT"),
        "max_order": Money("50", "USDT"),
    }
    early = await unchanged(code_of(shop.request_grant, **ask))
    assert early == (409, "credential_not_active")
    assert await courier.read_back(trader_id, credential_id) == "verifying"
    prompt = await do(phone.await_approval, template="key_link/1")
    await do(phone.decide, prompt, Decision.APPROVE)
    assert (await do(phone.credential, credential_id))["state"] == "active"
    asked = await do(shop.request_grant, **ask)
    bot.use_grant(trader_id=trader_id, grant_id=asked.token_id, token=asked.token)
    assert await do(shop.introspect, asked.token) == {"active": False}
    assert await unchanged(code_of(bot.submit, wish)) == (401, "token_rejected")
    prompt = await do(phone.await_approval, template="bot_grant/1", approval_id=asked.approval_id)
    await do(phone.decide, prompt, Decision.APPROVE)
    answer = await do(shop.introspect, asked.token)
    assert (answer["active"], answer["tripcord_kind"]) == (True, "grant")
    status, _ = await code_of(bot._submit_once, wish)
    assert status in {403, 503}  # no price and no courier: doubt means no
    await do(bot.renew_token)
    assert await do(shop.introspect, asked.token) != {"active": False}
    ask_under = {"model_jwk": KeyPair.ed25519().public_jwk, "model": ask["model"]}
    child = await do(bot.request_grant, **ask_under, ip_networks=["127.0.0.1"])
    assert await do(shop.introspect, asked.token) == {"active": False}  # the new secret was used
    shown = await do(phone.await_approval, template="bot_grant/1", approval_id=child.approval_id)
    assert ("Beneath the bot", "Trend") in shown.screen.lines
    assert ("May come from 1", "127.0.0.1/32") in shown.screen.lines
    narrower = {"max_order": Money("20", "USDT").wire()}
    assert await do(phone.narrow, asked.token_id, **narrower) == 2
    limits = (await do(phone.node, asked.token_id))["limits"]
    assert (limits["max_order"]["amount"], limits["free_limit"]["amount"]) == ("20", "10")
    wider = await unchanged(code_of(phone.narrow, asked.token_id, markets=["BTCUSDT", "ETHUSDT"]))
    assert wider == (403, "wider_than_parent")
    await do(phone.pull_the_cord)
    assert await do(shop.introspect, asked.token) == {"active": False}
    assert await unchanged(code_of(bot._submit_once, wish)) == (401, "token_rejected")


async def test_a_platform_sees_what_the_phone_let_it_see_and_from_where(
    phone: Phone, shop: Platform, unchanged: Unchanged
) -> None:
    await do(phone.enrol_totp, label="app")
    await do(phone.renew_token)
    asked = await do(
        shop.request_token,
        trader_id=phone.account.trader_id,
        label="reports",
        scope=["tree.read"],
        ip_networks=["::ffff:127.0.0.0/104"],
    )
    assert await unchanged(code_of(shop.tree, asked.token)) == (401, "token_rejected")
    prompt = await do(phone.await_approval, template="token_child/1")
    assert ("May come from 1", "127.0.0.0/8") in prompt.screen.lines
    await do(phone.decide, prompt, Decision.APPROVE)
    assert [n["kind"] for n in await do(shop.tree, asked.token)] == ["trader", "platform"]
    await do(phone.ask_networks, asked.token_id, [])
    shown = await do(phone.await_approval, template="ip_change/1")
    assert ("From now on from", "anywhere") in shown.screen.lines
    assert await do(phone.narrow, asked.token_id, ip_networks=["127.0.0.2"]) == 2
    assert await unchanged(code_of(shop.tree, asked.token)) == (403, "address_not_allowed")
    refused = await code_of(phone.decide, shown, Decision.APPROVE)
    assert refused == (409, "grant_refused")  # what was shown is not what is there any more
