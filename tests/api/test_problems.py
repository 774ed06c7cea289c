"""Refusals on the wire: RFC 9457, in our words, with nothing of our insides."""

import asyncio
from typing import Any

import asyncpg
import pytest

from app.core.errors import DomainError
from app.verbs import wire
from tests.api.caller import Caller, refused
from tests.api.rows import TraderRow, counts
from tests.api.signer import StandInSigner

pytestmark = pytest.mark.asyncio(loop_scope="module")


class GuardrailLike(DomainError):
    code = "guardrail_refused"
    sentence = "A limit forbids this order."


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/", 404, "not_found"),
        ("GET", "/v1", 404, "not_found"),
        ("GET", "/v1/nothing", 404, "not_found"),
        ("GET", "/v1/orders/not-a-uuid", 404, "not_found"),
        ("GET", "/v1/orders/%00", 404, "not_found"),
        ("GET", "/%ff%fe", 404, "not_found"),
        ("GET", "//v1/devices", 404, "not_found"),
        ("GET", "/v1/../etc/passwd", 404, "not_found"),
        ("GET", "/schema/nothing.json", 404, "not_found"),
        ("PUT", "/v1/devices", 405, "method_not_allowed"),
        ("DELETE", "/v1/break-glass", 405, "method_not_allowed"),
        ("GET", "/v1/break-glass", 405, "method_not_allowed"),
        ("PATCH", "/livez", 405, "method_not_allowed"),
        ("TRACE", "/livez", 405, "method_not_allowed"),
        ("BREW", "/livez", 405, "method_not_allowed"),
    ],
)
async def test_what_is_not_here_is_said_as_a_problem(
    method: str, path: str, status: int, code: str, caller: Caller
) -> None:
    refused(await caller.call(method, path), status, code)


@pytest.mark.xfail(
    reason="the framework's own route under /schema answers with an HTML page", strict=True
)
async def test_the_documentation_has_problems_too_and_no_page(caller: Caller) -> None:
    refused(await caller.call("GET", "/schema/nothing"), 404, "not_found")


async def test_a_refusal_of_the_signer_comes_out_with_its_code_rule_and_wait(
    caller: Caller, signer: StandInSigner, trader: TraderRow
) -> None:
    signer.answers[wire.SignOrder] = GuardrailLike(
        rule="max_order", node="n1", retry_after_seconds=3
    )
    response = await caller.call(
        "POST", "/v1/orders", by=trader.grant, body={"order": "e30.e30.AA"}
    )
    problem = refused(response, 403, "guardrail_refused")
    assert (problem["rule"], problem["node"]) == ("max_order", "n1")
    assert problem["detail"] == "A limit forbids this order."
    assert response.headers["retry-after"] == "3"


@pytest.mark.parametrize("fault", [RuntimeError("secret detail"), KeyError("x"), TypeError()])
async def test_a_fault_of_ours_is_a_bare_500_and_its_text_stays_inside(
    fault: Exception, caller: Caller, trader: TraderRow, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: Any, **__: Any) -> None:
        await asyncio.sleep(0)
        raise fault

    monkeypatch.setattr("app.api.devices.devices.list_all", fail)
    response = await caller.call("GET", "/v1/devices", by=trader.device)
    problem = refused(response, 500, "internal_fault")
    assert "secret" not in response.text
    assert problem["detail"].endswith("so nothing was done.")


async def test_answers_are_never_cached_sniffed_or_framed(
    caller: Caller, trader: TraderRow
) -> None:
    for response in (
        await caller.call("GET", "/livez"),
        await caller.call("GET", "/v1/devices", by=trader.device),
        await caller.call("GET", "/v1/devices"),
        await caller.call("GET", "/nothing"),
    ):
        assert response.headers["cache-control"] == "no-store"
        assert response.headers["x-content-type-options"] == "nosniff"
        assert response.headers["referrer-policy"] == "no-referrer"
        assert "default-src 'none'" in response.headers["content-security-policy"]
        assert "server" not in response.headers


async def test_with_the_signer_gone_its_routes_are_503_and_nothing_is_half_done(
    caller: Caller,
    signer: StandInSigner,
    trader: TraderRow,
    rows: asyncpg.Connection,
) -> None:
    before = await counts(rows)
    await signer.stop()
    try:
        for path, by, body in (
            ("/v1/orders", trader.grant, {"order": "e30.e30.AA"}),
            ("/v1/sealing-keys", trader.device, {"purpose": "totp"}),
            (
                f"/v1/approvals/{trader.approval_id}/decision",
                trader.device,
                {"statement": "e30.e30.AA"},
            ),
        ):
            response = await caller.call("POST", path, by=by, body=body)
            refused(response, 503, "peer_unavailable")
    finally:
        await signer.start()
    assert await counts(rows) == before
