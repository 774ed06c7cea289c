"""Tokens that do not count, and that nobody can tell from each other."""

from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from app.core import token
from app.core.ids import new_id
from app.core.token import Token, TokenKind
from scripts.clients.keys import KeyPair
from tests.api.caller import ORIGIN, Caller, Party, refused
from tests.api.rows import PlatformRow, TraderRow, add_grant, add_party, add_trader, fence
from tests.api.signer import StandInSigner

pytestmark = pytest.mark.asyncio(loop_scope="module")

PATH = "/v1/tokens"


def bound(party: Party, text: str, method: str = "GET", path: str = PATH) -> dict[str, str]:
    """The headers of a good proof for whatever stands in `text`."""
    proof = party.key.dpop_proof(method, ORIGIN + path, token=text)
    return {"Authorization": f"DPoP {text}", "DPoP": proof}


def bent(text: str) -> dict[str, str]:
    """Strings that are almost a token."""
    other = "A" if text[-1] != "A" else "B"
    return {
        "cut at the end": text[:-1],
        "cut in the middle": text[:60] + text[61:],
        "longer": text + "0",
        "another checksum": text[:-1] + other,
        "a digit exchanged": text[:70] + ("0" if text[70] != "0" else "1") + text[71:],
        "another kind": text.replace("tc_device_", "tc_session_"),
        "in capitals": text.upper(),
        "without its prefix": text.removeprefix("tc_device_"),
        "with a dash": text.replace("tc_device_", "tc-device-"),
        "twice": text + text,
        "only its prefix": "tc_device_",
        "a JWT": "e30.e30.AA",
        "very long": "tc_device_" + "A" * 4000,
    }


BENT = tuple(bent("tc_device_" + "0" * 93))


@pytest.mark.parametrize("how", BENT)
async def test_a_string_that_is_almost_the_token_is_refused(
    how: str, caller: Caller, trader: TraderRow
) -> None:
    text = bent(trader.device.token.reveal())[how]
    response = await caller.call("GET", PATH, headers=bound(trader.device, text))
    refused(response, 401, "token_rejected")


@pytest.mark.parametrize(
    "value",
    ["", "DPoP", "DPoP ", "Basic dXNlcjpwYXNz", "Bearer", "Digest x", "DPoP\t", "tc_device_x"],
)
async def test_another_scheme_or_none_is_a_missing_token(
    value: str, caller: Caller, trader: TraderRow
) -> None:
    headers = bound(trader.device, trader.device.token.reveal()) | {"Authorization": value}
    refused(await caller.call("GET", PATH, headers=headers), 401, "token_missing")


async def test_a_bound_token_is_no_bearer_even_with_its_proof(
    caller: Caller, trader: TraderRow
) -> None:
    text = trader.device.token.reveal()
    headers = bound(trader.device, text) | {"Authorization": f"Bearer {text}"}
    refused(await caller.call("GET", PATH, headers=headers), 401, "token_missing")


async def test_a_clients_bearer_is_no_bound_token(
    caller: Caller, platform: PlatformRow, trader: TraderRow
) -> None:
    target = f"/v1/traders/{trader.trader_id}"
    text = platform.token.reveal()
    proof = platform.key.dpop_proof("GET", ORIGIN + target, token=text)
    headers = {"Authorization": f"DPoP {text}", "DPoP": proof}
    refused(await caller.call("GET", target, headers=headers), 401, "client_rejected")


async def test_two_tokens_are_none(caller: Caller, trader: TraderRow) -> None:
    good = bound(trader.device, trader.device.token.reveal())
    for extra in (good["Authorization"], "Bearer x", ""):
        pairs = [*good.items(), ("authorization", extra)]
        refused(await caller.call("GET", PATH, headers=pairs), 401, "token_missing")


async def test_the_schemes_name_may_be_in_any_case(caller: Caller, trader: TraderRow) -> None:
    text = trader.device.token.reveal()
    headers = bound(trader.device, text) | {"Authorization": f"dpop {text}"}
    assert (await caller.call("GET", PATH, headers=headers)).status_code == 200


async def test_unknown_foreign_revoked_and_expired_tokens_give_byte_identical_answers(
    caller: Caller, trader: TraderRow, platform: PlatformRow, rows: asyncpg.Connection
) -> None:
    foreign = await add_trader(rows, platform)
    revoked = await add_trader(rows, platform)
    await fence(rows, revoked.trader_id, revoked.root_id, 5)
    past = datetime.now(UTC) - timedelta(seconds=1)
    ids = trader.trader_id, TokenKind.DEVICE, trader.root_id
    expired = await add_party(rows, *ids, expires_at=past)
    good = trader.device.token
    wrong_secret = token.mint(TokenKind.DEVICE, good.trader_id, good.token_id)
    in_another_tree = Token(TokenKind.DEVICE, foreign.trader_id, good.token_id, good.secret)
    unknown = token.mint(TokenKind.DEVICE, trader.trader_id, new_id())
    nobodys = token.mint(TokenKind.DEVICE, new_id(), new_id())
    tried = {
        "wrong secret": Party(key=trader.device.key, token=wrong_secret),
        "wrong trader": Party(key=trader.device.key, token=in_another_tree),
        "unknown": Party(key=trader.device.key, token=unknown),
        "unknown trader": Party(key=trader.device.key, token=nobodys),
        "with another key": Party(key=KeyPair.p256(), token=good),
        "of somebody else": Party(key=trader.device.key, token=foreign.device.token),
        "revoked": revoked.device,
        "expired": expired,
    }
    answers = set()
    for party in tried.values():
        response = await caller.call("GET", PATH, by=party)
        refused(response, 401, "token_rejected")
        answers.add((response.content, tuple(sorted(response.headers.multi_items()))))
    assert len(answers) == 1


@pytest.mark.parametrize("level", range(6))
async def test_a_contained_token_reads_until_it_is_frozen(
    level: int, caller: Caller, trader: TraderRow, rows: asyncpg.Connection
) -> None:
    if level:
        await fence(rows, trader.trader_id, trader.root_id, level)
    for path in (
        "/v1/tokens",
        "/v1/devices",
        "/v1/factors",
        "/v1/sessions",
        "/v1/exchange-credentials",
        f"/v1/exchange-credentials/{trader.credential_id}",
        "/v1/approvals",
        f"/v1/approvals/{trader.approval_id}",
        "/v1/orders",
        "/v1/balances",
        "/v1/access-log",
    ):
        response = await caller.call("GET", path, by=trader.device)
        if level == 5:
            refused(response, 401, "token_rejected")
        elif level == 4:
            problem = refused(response, 403, "containment_forbids")
            assert problem["rule"] == "frozen"
        else:
            assert response.status_code == 200, (path, response.text)


async def test_a_fence_anywhere_above_holds_and_one_beside_does_not(
    caller: Caller, trader: TraderRow, rows: asyncpg.Connection
) -> None:
    await fence(rows, trader.trader_id, trader.credential_id, 5)
    response = await caller.call("GET", "/v1/orders", by=trader.grant)
    refused(response, 401, "token_rejected")
    for party in (trader.device, trader.session):
        assert (await caller.call("GET", "/v1/orders", by=party)).status_code == 200


async def test_a_frozen_device_still_pulls_the_cord(
    caller: Caller, trader: TraderRow, rows: asyncpg.Connection
) -> None:
    await fence(rows, trader.trader_id, trader.root_id, 4)
    target = f"/v1/tokens/{trader.credential_id}"
    assert (await caller.call("DELETE", target, by=trader.device)).status_code == 200
    response = await caller.call("POST", "/v1/break-glass", by=trader.device, body={})
    assert response.status_code == 200


async def test_a_frozen_device_may_still_say_no_and_the_signer_judges_the_rest(
    caller: Caller, signer: StandInSigner, trader: TraderRow, rows: asyncpg.Connection
) -> None:
    await fence(rows, trader.trader_id, trader.root_id, 4)
    target = f"/v1/approvals/{trader.approval_id}/decision"
    response = await caller.call("POST", target, by=trader.device, body={"statement": "e30.e30.AA"})
    assert (response.status_code, len(signer.relayed())) == (200, 1)


async def test_a_grant_nobody_approved_yet_is_no_token(
    caller: Caller, trader: TraderRow, rows: asyncpg.Connection, signer: StandInSigner
) -> None:
    ids = trader.trader_id, trader.root_id, trader.credential_id
    dead = await add_grant(rows, *ids, sealed=False)
    refused(await caller.call("GET", "/v1/orders", by=dead), 401, "token_rejected")
    response = await caller.call("POST", "/v1/orders", by=dead, body={"order": "e30.e30.AA"})
    refused(response, 401, "token_rejected")
    assert signer.asked == []


async def test_a_bot_sees_its_own_orders_and_not_its_siblings_ids(
    caller: Caller, trader: TraderRow, platform: PlatformRow, rows: asyncpg.Connection
) -> None:
    other = await add_trader(rows, platform)
    for party in (trader.device, trader.grant):
        for target in (
            f"/v1/orders/{new_id()}",
            f"/v1/orders/{other.approval_id}",
        ):
            response = await caller.call("GET", target, by=party)
            refused(response, 404, "order_not_found")


async def test_what_is_another_traders_is_not_found_like_what_is_nowhere(
    caller: Caller, trader: TraderRow, platform: PlatformRow, rows: asyncpg.Connection
) -> None:
    other = await add_trader(rows, platform)
    pairs = [
        ("GET", "/v1/approvals/{}", other.approval_id),
        ("GET", "/v1/exchange-credentials/{}", other.credential_id),
        ("DELETE", "/v1/tokens/{}", other.credential_id),
    ]
    for method, path, theirs in pairs:
        answers = [
            await caller.call(method, path.format(target), by=trader.device)
            for target in (theirs, new_id())
        ]
        assert {response.status_code for response in answers} == {404}
        assert answers[0].content == answers[1].content
