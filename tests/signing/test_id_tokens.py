"""The ID token of CIBA: only for whose phone and factor both said yes, and of its own kind."""

from types import MappingProxyType
from typing import Any
from uuid import UUID

import jwt
import pytest
import pytest_asyncio

from app.approvals.errors import ApprovalNotFound, FactorTooWeak
from app.core.canonical import canonical_json, sha256
from app.core.encoding import b64url
from app.core.ids import new_id
from app.core.origin import Origin
from app.guardrails.strength import Strength
from app.platforms.models import Platform
from app.requesting.external import ExternalRequest, ExternalRequests
from app.telling import id_tokens
from app.verbs.wire import SignRedemption
from tests.signing.parts import Signer
from tests.signing.trader import Trader

pytestmark = pytest.mark.asyncio(loop_scope="session")

LOGIN = {
    "type": "trade.external", "kind": "other", "reference": "openid", "description": "openid",
}  # fmt: skip


@pytest_asyncio.fixture(loop_scope="session")
async def approved(trader: Trader, signer: Signer) -> SignRedemption:
    """What the api would ask for once the phone approved with a code."""
    await trader.enrol()
    await trader.bind_factor()
    row = await signer.admin.fetchrow(
        "SELECT p.platform_id, p.name, p.created_at FROM platform p JOIN trader USING (platform_id)"
        " WHERE trader_id = $1",
        trader.trader_id,
    )
    platform = Platform(**dict(row), jwks={}, disabled_at=None)
    origin = Origin(actor=f"platform:{platform.platform_id}")
    asked = await ExternalRequests(signer.api, signer.clock).request(
        ExternalRequest(trader_id=trader.trader_id, details=dict(LOGIN)), platform, origin
    )
    await trader.approve(asked.approval_id)
    return SignRedemption(
        template="id_token", trader_id=trader.trader_id, approval_id=asked.approval_id,
        platform_id=platform.platform_id, origin=origin,
    )  # fmt: skip


async def state(signer: Signer, approval_id: UUID) -> str:
    found: str = await signer.admin.fetchval(
        "SELECT state FROM approval WHERE approval_id = $1", approval_id
    )
    return found


async def test_it_is_an_id_token_and_the_digest_is_of_what_it_names(
    approved: SignRedemption, signer: Signer
) -> None:
    token = (await signer.ask(approved)).token
    assert jwt.get_unverified_header(token) == {
        "alg": "RS256", "typ": "JWT", "kid": signer.identity.issuer.kid,
    }  # fmt: skip
    key = jwt.PyJWK({**signer.identity.issuer.public_jwk, "alg": "RS256"}).key
    claims = jwt.decode(token, key, algorithms=["RS256"], audience=str(approved.platform_id))
    assert claims.keys() == {
        "iss", "sub", "aud", "iat", "exp", "jti", "auth_time", "acr", "amr",
        "authorization_details", "action_digest",
    }  # fmt: skip
    (details,) = claims["authorization_details"]
    assert claims["action_digest"] == b64url(sha256(canonical_json(details)))
    assert claims["amr"] == ["mfa", "otp", "pop"]
    assert not {"events", "nonce"} & claims.keys()  # nobody takes it for a security event
    assert await state(signer, approved.approval_id) == "consumed"


async def test_a_method_that_does_not_satisfy_ciba_signs_nothing_and_uses_nothing_up(
    approved: SignRedemption, signer: Signer, monkeypatch: pytest.MonkeyPatch
) -> None:
    without: Any = MappingProxyType({"webauthn": id_tokens.AMR["webauthn"]})
    monkeypatch.setattr(id_tokens, "AMR", without)
    with pytest.raises(FactorTooWeak):
        await signer.ask(approved)
    assert await state(signer, approved.approval_id) == "approved"
    monkeypatch.undo()
    assert (await signer.ask(approved)).token


async def test_what_satisfies_it_is_the_passkey_and_the_code() -> None:
    assert id_tokens.AMR.keys() == {"totp", "webauthn"}


async def test_a_compromised_api_gets_none_for_another_platform(
    approved: SignRedemption, signer: Signer
) -> None:
    stranger = SignRedemption(
        template="id_token", trader_id=approved.trader_id, approval_id=approved.approval_id,
        platform_id=new_id(), origin=approved.origin,
    )  # fmt: skip
    with pytest.raises(ApprovalNotFound):
        await signer.ask(stranger)
    assert await state(signer, approved.approval_id) == "approved"


@pytest.mark.parametrize(
    ("least", "needed"),
    [
        (None, "out_of_band"),
        (Strength.MEDIUM, "medium"),
        (Strength.PHISHING_RESISTANT, "phishing_resistant"),
    ],
)
async def test_what_is_asked_for_at_least_never_lowers_what_the_policy_asks(
    least: Strength | None, needed: str, trader: Trader, signer: Signer
) -> None:
    await trader.enrol()
    platform = Platform(
        platform_id=new_id(), name="p", jwks={}, created_at=signer.clock.now(), disabled_at=None
    )
    asked = await ExternalRequests(signer.api, signer.clock).request(
        ExternalRequest(trader_id=trader.trader_id, details=dict(LOGIN), least=least),
        platform,
        Origin(actor=f"platform:{platform.platform_id}"),
    )
    assert asked.required_strength == needed
