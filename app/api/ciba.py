"""/oauth/bc-authorize and CIBA's grant at /oauth/token: a face of approvals that platforms ask for.

What is asked for, and whether it may be, is `requesting.external`'s; what it yields is signed by
the signer in the transaction that uses the approval up.
"""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import msgspec
from litestar import Controller, post, put
from litestar.di import NamedDependency
from litestar.params import JSONBody

from app.accesslog.models import Event
from app.api import shapes_ciba, strict
from app.api.client_assertions import by_assertion, principal_of, with_proof
from app.api.edge import AnyRequest
from app.api.forms import form_of
from app.api.services import Services
from app.approvals.errors import CoolingDown, PromptOpen, PromptsExhausted, RequesterMuted
from app.ciba import rules
from app.ciba.errors import (
    Denied,
    FlowNotAllowed,
    GrantInvalid,
    LoginHintTokenExpired,
    RequestDenied,
    UserUnknown,
)
from app.ciba.models import INTERVAL_SECONDS, SCOPE, Wanted
from app.core import token
from app.core.canonical import parse_canonical
from app.core.errors import Malformed
from app.core.jose import SignatureRejected, verify_jws
from app.core.secret import Secret
from app.core.token import Token, TokenKind, TokenMalformed
from app.guardrails.errors import RungForbids
from app.guardrails.rungs import Verb
from app.platforms import store as platforms
from app.platforms.errors import ClientRejected
from app.platforms.models import ACCESS_TOKEN_LIFE, Platform
from app.policies.errors import PolicyDenies
from app.tokens.errors import ParentNotActive
from app.verbs import wire
from app.verbs.errors import RefusedByPeer

_NOBODY_IS_ASKED = (
    CoolingDown,
    ParentNotActive,
    PolicyDenies,
    PromptOpen,
    PromptsExhausted,
    RequesterMuted,
    RungForbids,
)
"""Refusals of whoever builds the approval that are an answer about the person, not the request."""

_USED_UP = frozenset({"approval_not_approved", "approval_not_found"})
_NOT_GIVEN = frozenset(
    {
        "action_mismatch",
        "containment_forbids",
        "device_rejected",
        "factor_too_weak",
        "policy_denies",
    }
)
"""What the signer says of a decision that does not count, or not any more."""


class CibaController(Controller):
    tags = ("oauth",)

    @post("/oauth/bc-authorize", status_code=200)
    async def authorize(
        self, request: AnyRequest, services: NamedDependency[Services]
    ) -> dict[str, Any]:
        """Ask a trader of this platform (CIBA Core 1.0 section 7). `login_hint` is the trader's id.

        `authorization_details` is one typed object; without it the trader is asked whether it is
        them. `acr_values` can only raise what the trader's policy asks for.
        """
        form = await form_of(request)
        client = await by_assertion(services, request, form)
        principal = principal_of(services, request, client)
        platform = await _allowed(services, client.platform_id)
        wanted = rules.parse(form, details=_details(form), pings=platform.ciba_delivery == "ping")
        trader_id = await _trader_of(services, platform, wanted)
        try:
            begun, expires_in = await services.ciba_requests.begin(
                platform, trader_id, wanted, principal.origin
            )
        except _NOBODY_IS_ASKED as refused:
            raise RequestDenied(rule=refused.code) from refused
        return {
            "auth_req_id": begun.reveal(),
            "expires_in": expires_in,
            "interval": INTERVAL_SECONDS,
        }


class UserCodeController(Controller):
    tags = ("oauth",)

    @put("/v1/user-code", status_code=204)
    async def set_code(
        self,
        request: AnyRequest,
        data: JSONBody[shapes_ciba.NewUserCode],
        services: NamedDependency[Services],
    ) -> None:
        """From now on a platform that asks by CIBA must know this code (CIBA's `user_code`).

        It may be changed and not taken away. Five wrong ones close it for 15 minutes.
        """
        principal = await services.edge.token(request, TokenKind.DEVICE, verb=Verb.ENROL)
        code = Secret(data.user_code.encode())
        await services.user_codes.put(principal.trader, code, principal.origin)


async def redeem(
    request: AnyRequest, services: Services, form: Mapping[str, str]
) -> dict[str, Any]:
    """The token response (CIBA section 10.1.1), once; before that, what the client is to do.

    With a DPoP proof the access token is bound to its key, as any that is issued here.
    """
    client, proof = await with_proof(services, request, form)
    principal = principal_of(services, request, client)
    await _allowed(services, client.platform_id)
    presented = _auth_req_id(form)
    approval = await services.ciba_requests.poll(client.platform_id, presented)
    # The statement is what counts and can be had once, so it is signed last.
    access = await services.platforms.issue_access_token(
        client, jkt=None if proof is None else proof.jkt
    )
    await services.edge.log(principal, Event.CLIENT_AUTHENTICATED, subject_id=access.token_id)
    try:
        signed: wire.SignedStatement = await services.ask_signer(
            request,
            wire.SignRedemption(
                template="id_token",
                trader_id=approval.trader_id,
                approval_id=approval.approval_id,
                platform_id=client.platform_id,
                origin=principal.origin,
            ),
        )
    except RefusedByPeer as refused:
        if refused.code in _USED_UP:
            raise GrantInvalid from None
        if refused.code in _NOT_GIVEN:
            raise Denied(rule=refused.code) from None
        raise
    return {
        "access_token": access.reveal(),
        "token_type": "Bearer" if proof is None else "DPoP",
        "expires_in": int(ACCESS_TOKEN_LIFE.total_seconds()),
        "scope": SCOPE,
        "id_token": signed.token,
        "authorization_details": [parse_canonical(approval.action)],
    }


def _details(form: Mapping[str, str]) -> Any:
    """The JSON of `authorization_details`, as strict as a body; what is none is of no type."""
    if "authorization_details" not in form:
        return None
    try:
        return strict.parse(form["authorization_details"].encode())
    except Malformed:
        return []


async def _allowed(services: Services, platform_id: UUID) -> Platform:
    async with services.db.session() as tx:
        platform = await platforms.get(tx, platform_id)
    if platform is None or platform.disabled_at is not None:
        raise ClientRejected
    if platform.ciba_delivery is None:
        raise FlowNotAllowed
    return platform


def _auth_req_id(form: Mapping[str, str]) -> Token:
    if not form.get("auth_req_id"):
        raise Malformed(rule="auth_req_id")
    try:
        return token.parse(form["auth_req_id"], TokenKind.REQUEST)
    except TokenMalformed:
        raise GrantInvalid from None


async def _trader_of(services: Services, platform: Platform, wanted: Wanted) -> UUID:
    """Whom the hint names. That it is a trader of this platform is checked where it is asked."""
    match wanted.hint:
        case "login_hint":
            return _uuid(wanted.hint_value)
        case "id_token_hint":
            return await _of_id_token(services, platform, wanted.hint_value)
        case "login_hint_token":
            return _of_login_hint_token(services, platform, wanted.hint_value)


def _uuid(text: Any) -> UUID:
    try:
        found = UUID(text)
    except (ValueError, AttributeError, TypeError):
        raise UserUnknown from None
    if str(found) != text:
        raise UserUnknown
    return found


async def _of_id_token(services: Services, platform: Platform, hint: str) -> UUID:
    """The subject of an ID token we gave this platform, however old (CIBA section 7.1)."""
    status = await services.issuer_status()
    try:
        payload = verify_jws(
            hint,
            expected_key=status.issuer_jwk,
            expected_typ="JWT",
            expected_kid=status.issuer_kid,
        )
        claims = msgspec.json.decode(payload, type=dict[str, Any])
    except (SignatureRejected, msgspec.DecodeError):
        raise UserUnknown from None
    if (claims.get("iss"), claims.get("aud")) != (
        services.public_origin,
        str(platform.platform_id),
    ):
        raise UserUnknown
    return _uuid(claims.get("sub"))


def _of_login_hint_token(services: Services, platform: Platform, hint: str) -> UUID:
    """The subject that the platform itself signed, for us, lately: a JWT by one of its keys."""
    try:
        claims = services.platforms.verify_hint(platform, hint)
    except ClientRejected:
        raise UserUnknown from None
    if claims.get("aud") != services.public_origin:
        raise UserUnknown
    expires_at = claims.get("exp")
    if not isinstance(expires_at, int) or expires_at <= services.clock.now().timestamp():
        raise LoginHintTokenExpired
    subject = claims.get("sub_id")
    if not isinstance(subject, dict):
        raise UserUnknown
    if (subject.get("format"), subject.get("iss")) != ("iss_sub", services.public_origin):
        raise UserUnknown
    return _uuid(subject.get("sub"))
