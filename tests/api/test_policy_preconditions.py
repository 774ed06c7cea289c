"""What the edge does with a policy: the ETag, what is relayed, and how the answers look."""

from typing import Any

import pytest

from app.core.ids import new_id
from app.policies.errors import PolicyStale
from app.verbs import wire
from tests.api.caller import Caller, refused
from tests.api.rows import TraderRow
from tests.api.signer import StandInSigner

pytestmark = pytest.mark.asyncio(loop_scope="module")

SIGNED = {"statement": "e30.e30.AA"}


async def test_a_put_names_the_version_it_read_or_is_refused_before_anything(
    caller: Caller, trader: TraderRow, signer: StandInSigner
) -> None:
    read = await caller.call("GET", "/v1/policies", by=trader.device)
    assert (read.headers["etag"], read.json()["version"]) == ('"policy-0"', 0)
    assert read.headers["cache-control"] == "no-store"

    async def put(etag: str) -> Any:
        headers = {"If-Match": etag}
        return await caller.call(
            "PUT", "/v1/policies", by=trader.device, body=SIGNED, headers=headers
        )

    before = len(signer.relayed())
    refused(await put('"policy-1"'), 412, "precondition_failed")
    assert len(signer.relayed()) == before
    signer.answers[wire.SealChange] = wire.SealedChange(
        subject_id=trader.root_id, state="in_force", version=1
    )
    done = await put('"policy-0"')
    assert (done.status_code, done.json()) == (
        200, {"state": "in_force", "version": 1, "approval_id": None},
    )  # fmt: skip
    assert signer.relayed()[-1].statement == SIGNED["statement"]


async def test_a_looser_policy_is_answered_with_the_approval_it_takes(
    caller: Caller, trader: TraderRow, signer: StandInSigner
) -> None:
    approval_id = new_id()
    signer.answers[wire.SealChange] = wire.SealedChange(
        subject_id=approval_id, state="awaiting_approval", version=4
    )
    asked = await caller.call("PUT", "/v1/policies", by=trader.device, body=SIGNED)
    assert (asked.status_code, asked.json()["approval_id"]) == (202, str(approval_id))
    signer.answers[wire.SealChange] = PolicyStale()
    late = await caller.call("PUT", "/v1/policies", by=trader.device, body=SIGNED)
    refused(late, 412, "policy_stale")


@pytest.mark.parametrize(
    "body",
    [
        {"last": 51},
        {"last": -1},
        {"more": 1},
        {"action": {"action": "trade.order", "when": ["full_moon"]}},
        {"action": {"action": "trade.order", "amount": {"amount": "1", "quote": "usdt"}}},
    ],
)
async def test_a_simulation_of_another_form_is_refused(
    caller: Caller, trader: TraderRow, body: dict[str, Any]
) -> None:
    answer = await caller.call("POST", "/v1/policies/simulate", by=trader.device, body=body)
    refused(answer, 400, "malformed")


async def test_a_draft_that_is_no_policy_is_refused_by_the_fields_name(
    caller: Caller, trader: TraderRow
) -> None:
    body = {"policy": {"preset": "normal"}}
    answer = await caller.call("POST", "/v1/policies/simulate", by=trader.device, body=body)
    refused(answer, 422, "policy_malformed")
    assert answer.json()["rule"] == "shape"
