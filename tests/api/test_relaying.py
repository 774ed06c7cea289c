"""What the edge hands to the signer: the bytes that came, and only facts it authenticated."""

from collections.abc import Sequence
from typing import Any

import asyncpg
import pytest

from app.approvals.errors import ApprovalNotPending
from app.core.errors import DomainError
from app.verbs import wire
from tests.api.caller import Caller, refused
from tests.api.rows import TraderRow
from tests.api.signer import StandInSigner

pytestmark = pytest.mark.asyncio(loop_scope="module")

STATEMENT = "eyJhbGciOiJFUzI1NiJ9.e30.AAAA"
YES = "eyJhbGciOiJFUzI1NiJ9.eyJkZWNpc2lvbiI6ImFwcHJvdmUifQ.AAAA"
NO = "eyJhbGciOiJFUzI1NiJ9.eyJkZWNpc2lvbiI6ImRlbnkifQ.AAAA"
ENVELOPE = {"ephemeral": "AAEC", "ciphertext": "AwQF"}


class Unlogged(DomainError):
    """A refusal that the signer did not get to log, as when its database was away."""

    code = "trader_busy"
    sentence = "Too many requests for this trader are under way."


class Logged(Unlogged):
    def __init__(self) -> None:
        super().__init__()
        self.logged = True


async def test_statements_codes_and_envelopes_arrive_as_they_were_sent(
    caller: Caller, signer: StandInSigner, trader: TraderRow
) -> None:
    link = {"statement": STATEMENT, "envelope": ENVELOPE, "algorithm": "hmac-sha256"}
    await caller.call(
        "POST", "/v1/exchange-credentials", by=trader.device, body={**link, "proof": "BgcI"}
    )
    totp = {"statement": STATEMENT, "envelope": ENVELOPE, "code": " 12 34"}
    await caller.call("POST", "/v1/factors/totp", by=trader.device, body=totp)
    path = f"/v1/approvals/{trader.approval_id}/decision"
    decision = {"statement": STATEMENT, "code": "000000"}
    await caller.call("POST", path, by=trader.device, body=decision)
    await caller.call("POST", "/v1/orders", by=trader.grant, body={"order": STATEMENT})
    imported, bound, decided, ordered = signer.relayed()
    sealed = wire.SealedEnvelope(bytes([0, 1, 2]), bytes([3, 4, 5]))
    assert (imported.statement, imported.envelope, imported.proof) == (
        STATEMENT,
        sealed,
        bytes([6, 7, 8]),
    )
    assert (bound.statement, bound.envelope, bound.code) == (STATEMENT, sealed, " 12 34")
    assert (decided.statement, decided.code) == (STATEMENT, "000000")
    assert (ordered.order, ordered.grant_id) == (STATEMENT, trader.grant.token.token_id)
    assert {verb.trader_id for verb in signer.relayed()} == {trader.trader_id}


async def test_who_asks_is_told_from_the_token_and_never_from_the_request(
    caller: Caller, signer: StandInSigner, trader: TraderRow
) -> None:
    liar = {
        "X-Forwarded-For": "6.6.6.6",
        "X-Device-Id": "x",
        "User-Agent": "a" * 300,
        "Tripcord-Trader": "x",
    }
    await caller.call(
        "POST", "/v1/sealing-keys", by=trader.device, body={"purpose": "totp"}, headers=liar
    )
    (asked,) = signer.relayed()
    device_id = trader.device.token.token_id
    assert (asked.trader_id, asked.device_id) == (trader.trader_id, device_id)
    assert asked.origin.actor == f"device:{device_id}"
    assert asked.origin.device_id == device_id
    assert asked.origin.address == "127.0.0.1"
    assert asked.origin.user_agent == "a" * 256


async def test_what_a_browser_calls_itself_is_cut_and_printable(
    caller: Caller, signer: StandInSigner, trader: TraderRow
) -> None:
    headers = {"User-Agent": "x\x85\u00a0\u00ad\u202ey".encode()}
    await caller.call(
        "POST", "/v1/sealing-keys", by=trader.device, body={"purpose": "totp"}, headers=headers
    )
    (asked,) = signer.relayed()
    assert asked.origin.user_agent.isprintable()
    assert len(asked.origin.user_agent) <= 256


@pytest.mark.parametrize(
    ("state", "action", "expected"),
    [
        ("approved", "trade.key_link", [wire.Decide, wire.SealChange]),
        ("approved", "bot.grant", [wire.Decide, wire.SealChange]),
        ("approved", "trade.order", [wire.Decide, wire.SignOrder]),
        ("approved", "session.sign_in", [wire.Decide]),
        ("denied", "trade.key_link", [wire.Decide]),
        ("fraud", "trade.order", [wire.Decide]),
    ],
)
async def test_an_approved_action_is_carried_out_at_once_and_a_denied_one_never(
    state: str,
    action: str,
    expected: Sequence[type[Any]],
    caller: Caller,
    signer: StandInSigner,
    trader: TraderRow,
) -> None:
    signer.answers[wire.Decide] = wire.Decided(
        approval_id=trader.approval_id,
        action_type=action,
        subject_id=trader.credential_id,
        state=state,
    )
    path = f"/v1/approvals/{trader.approval_id}/decision"
    body = {"statement": STATEMENT}
    response = await caller.call("POST", path, by=trader.device, body=body)
    assert (response.status_code, response.json()["state"]) == (200, state)
    assert [type(verb) for verb in signer.relayed()] == expected
    assert (response.json()["outcome"] is not None) is (len(expected) == 2)
    for verb in signer.relayed()[1:]:
        assert verb.approval_id == trader.approval_id


async def test_a_decision_sent_again_carries_out_what_was_approved_and_waits(
    caller: Caller, signer: StandInSigner, trader: TraderRow, rows: asyncpg.Connection
) -> None:
    signer.answers[wire.Decide] = ApprovalNotPending()
    path = f"/v1/approvals/{trader.approval_id}/decision"
    body = {"statement": YES}
    response = await caller.call("POST", path, by=trader.device, body=body)
    refused(response, 409, "approval_not_pending")
    assert [type(verb) for verb in signer.relayed()] == [wire.Decide]
    for state, word, times in (("approved", NO, 0), ("approved", YES, 1), ("consumed", YES, 0)):
        await rows.execute(
            "UPDATE approval SET state = $2, decided_at = now(),"
            " consumed_at = CASE WHEN $2 = 'consumed' THEN now() END WHERE approval_id = $1",
            *(trader.approval_id, state),
        )
        signer.asked.clear()
        response = await caller.call("POST", path, by=trader.device, body={"statement": word})
        carried = [verb for verb in signer.relayed() if isinstance(verb, wire.SealChange)]
        assert len(carried) == times
        assert response.status_code == (200 if times else 409)


@pytest.mark.parametrize(("refusal", "entries"), [(Logged(), 0), (Unlogged(), 1)])
async def test_a_refusal_is_in_the_log_once_whoever_wrote_it(
    refusal: DomainError,
    entries: int,
    caller: Caller,
    signer: StandInSigner,
    trader: TraderRow,
    rows: asyncpg.Connection,
) -> None:
    signer.answers[wire.SignOrder] = refusal
    body = {"order": STATEMENT}
    response = await caller.call("POST", "/v1/orders", by=trader.grant, body=body)
    refused(response, 429, "trader_busy")
    found = await rows.fetch(
        "SELECT rule, token_id FROM access_log WHERE trader_id = $1 AND event = 'request.refused'",
        trader.trader_id,
    )
    assert [tuple(entry) for entry in found] == (
        [("http_429", trader.grant.token.token_id)] * entries
    )
