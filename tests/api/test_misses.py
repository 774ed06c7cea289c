"""P6 for what fails: every use of a token, a proof, a card or a receipt is told, refusals too."""

import asyncpg
import pytest

from app.core import token
from app.core.ids import new_id
from app.core.token import TokenKind
from tests.api.caller import Caller, Party
from tests.api.rows import PlatformRow, TraderRow, fence

pytestmark = pytest.mark.asyncio(loop_scope="module")

SYSTEM = "00000000-0000-0000-0000-000000000000"


async def told(rows: asyncpg.Connection, agent: str) -> list[tuple[str, str, str]]:
    """(whose chain, event, rule) of what the log has about one user agent."""
    found = await rows.fetch(
        "SELECT trader_id::text AS whose, event, rule FROM access_log WHERE user_agent = $1"
        " ORDER BY at",
        agent,
    )
    return [(entry["whose"], entry["event"], entry["rule"]) for entry in found]


async def test_a_token_that_is_none_of_ours_is_told_to_the_system(
    caller: Caller, trader: TraderRow, rows: asyncpg.Connection
) -> None:
    agent = {"User-Agent": f"miss-{new_id()}"}
    unknown = Party(
        key=trader.device.key, token=token.mint(TokenKind.DEVICE, trader.trader_id, new_id())
    )
    await caller.call("GET", "/v1/devices", headers={"Authorization": "DPoP x", **agent})
    await caller.call("GET", "/v1/devices", by=unknown, headers=agent)
    await caller.call("GET", "/v1/approvals", by=trader.grant, headers=agent)
    assert (
        await told(rows, agent["User-Agent"]) == [(SYSTEM, "request.refused", "token_rejected")] * 3
    )


async def test_a_token_with_a_wrong_or_second_hand_proof_is_told_to_the_system(
    caller: Caller, trader: TraderRow, rows: asyncpg.Connection
) -> None:
    agent = {"User-Agent": f"miss-{new_id()}"}
    headers = trader.device.headers("GET", "/v1/devices") | agent
    await caller.call("GET", "/v1/tokens", headers=headers)
    await caller.call("GET", "/v1/devices", headers=headers)
    await caller.call("GET", "/v1/devices", headers=headers)
    assert await told(rows, agent["User-Agent"]) == [
        (SYSTEM, "request.refused", "proof_rejected"),
        (str(trader.trader_id), "devices.read", None),
        (SYSTEM, "request.refused", "proof_replayed"),
    ]


async def test_a_revoked_token_is_told_with_its_public_half(
    caller: Caller, trader: TraderRow, rows: asyncpg.Connection
) -> None:
    await fence(rows, trader.trader_id, trader.root_id, 5)
    await caller.call("GET", "/v1/devices", by=trader.device)
    rule = await rows.fetchval(
        "SELECT rule FROM access_log WHERE subject_id = $1", trader.device.token.token_id
    )
    assert rule == "token_rejected"


async def test_a_client_a_card_a_receipt_and_an_assertion_that_miss_are_told(
    caller: Caller, platform: PlatformRow, rows: asyncpg.Connection
) -> None:
    agent = {"User-Agent": f"miss-{new_id()}"}
    gone = token.mint(TokenKind.CLIENT, platform.platform_id, new_id())
    await caller.call("POST", "/v1/traders", client=gone, body={}, headers=agent)
    card = {"card": "tc_card_x"}
    await caller.call("POST", "/v1/revocation-cards/redeem", body=card, headers=agent)
    receipt = {"Tripcord-Receipt": "tc_receipt_x", **agent}
    await caller.call("GET", "/v1/access-log", headers=receipt)
    await caller.call("GET", f"/v1/revocations/{new_id()}", headers=receipt)
    form = (
        b"grant_type=client_credentials&client_assertion=x&client_assertion_type="
        b"urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer"
    )
    kind = {"Content-Type": "application/x-www-form-urlencoded", **agent}
    await caller.call("POST", "/oauth/token", body=form, headers=kind)
    assert [rule for _, _, rule in await told(rows, agent["User-Agent"])] == [
        "client_rejected",
        "card_rejected",
        "receipt_rejected",
        "receipt_rejected",
        "client_rejected",
    ]


async def test_a_refusal_of_somebody_we_know_is_told_in_their_own_log(
    caller: Caller, trader: TraderRow, platform: PlatformRow, rows: asyncpg.Connection
) -> None:
    agent = {"User-Agent": f"miss-{new_id()}"}
    await caller.call("GET", f"/v1/orders/{new_id()}", by=trader.grant, headers=agent)
    await caller.call("GET", f"/v1/traders/{new_id()}", client=platform.token, headers=agent)
    await fence(rows, trader.trader_id, trader.root_id, 4)
    await caller.call("GET", "/v1/devices", by=trader.device, headers=agent)
    assert await told(rows, agent["User-Agent"]) == [
        (str(trader.trader_id), "request.refused", "http_404"),
        (SYSTEM, "request.refused", "http_404"),
        (str(trader.trader_id), "request.refused", "http_403"),
    ]
