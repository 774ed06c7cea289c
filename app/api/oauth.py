"""/oauth and /.well-known: how platforms authenticate, and how they end what they were given.

/oauth/introspect is in `introspection`.
"""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from litestar import Controller, get, post
from litestar.di import NamedDependency
from litestar.response import Response

from app.accesslog.models import SYSTEM_TRADER, Entry, Event
from app.api.ciba import redeem
from app.api.client_assertions import by_assertion, with_proof
from app.api.edge import AnyRequest
from app.api.errors import GrantTypeUnsupported, TokenTypeUnsupported
from app.api.forms import form_of
from app.api.services import Services
from app.approvals.catalogue import EXTERNAL
from app.ciba.models import GRANT_TYPE, SCOPE
from app.ciba.rules import ACR
from app.core import token
from app.core.errors import Malformed
from app.core.origin import Origin
from app.core.token import Token, TokenKind, TokenMalformed
from app.platforms.errors import ClientRejected
from app.platforms.models import ACCESS_TOKEN_LIFE, KEY_ALGORITHMS
from app.tokens import store as tokens
from app.tokens.models import Level

_NEVER_BY_A_PLATFORM = (TokenKind.DEVICE, TokenKind.SESSION)
"""The trader's own. Their form alone decides, so nothing is said of whether one exists."""


class OAuthController(Controller):
    tags = ("oauth",)

    @post("/oauth/token", status_code=200)
    async def issue(
        self, request: AnyRequest, services: NamedDependency[Services]
    ) -> dict[str, Any]:
        """By private_key_jwt (RFC 7523 section 2.2): client credentials, or the end of CIBA.

        With a DPoP proof the token is bound to its key (RFC 9449 section 5). A proof of doubtful
        age is answered with a nonce before the assertion is spent, so that it is good again.
        """
        form = await form_of(request)
        if not form.get("grant_type"):
            raise Malformed
        if form["grant_type"] == GRANT_TYPE:
            return await redeem(request, services, form)
        if form["grant_type"] != "client_credentials":
            raise GrantTypeUnsupported
        platform, proof = await with_proof(services, request, form)
        access = await services.platforms.issue_access_token(
            platform, jkt=None if proof is None else proof.jkt
        )
        await services.read_log.append(
            Entry(
                trader_id=SYSTEM_TRADER,
                event=Event.CLIENT_AUTHENTICATED,
                origin=services.edge.origin(request, f"platform:{platform.platform_id}"),
                subject_id=access.token_id,
            )
        )
        return {
            "access_token": access.reveal(),
            "token_type": "Bearer" if proof is None else "DPoP",
            "expires_in": int(ACCESS_TOKEN_LIFE.total_seconds()),
        }

    @post("/oauth/revoke", status_code=200)
    async def revoke(
        self, request: AnyRequest, services: NamedDependency[Services]
    ) -> Response[bytes]:
        """RFC 7009, by a platform: its own access tokens, and grants of its own traders.

        Whoever presents a grant's token holds it, and whoever created its trader asked for it.
        What is unknown, another's or no token at all is a 200 as well: it is not valid any more.
        """
        form = await form_of(request)
        platform_id, origin = await _client(services, request, form)
        if not form.get("token"):
            raise Malformed
        try:
            presented = token.parse(form["token"])
        except TokenMalformed:
            presented = None
        if presented is not None and presented.kind in _NEVER_BY_A_PLATFORM:
            raise TokenTypeUnsupported
        if not await _end(services, platform_id, presented, origin):
            await _log_nothing_ended(services, presented, origin)
        return Response(b"", media_type="text/plain", headers={"Cache-Control": "no-store"})

    @get("/.well-known/oauth-authorization-server")
    async def metadata(self, services: NamedDependency[Services]) -> Response[dict[str, Any]]:
        """RFC 8414."""
        return Response(_metadata(services.public_origin))

    @get("/.well-known/openid-configuration")
    async def openid(self, services: NamedDependency[Services]) -> Response[dict[str, Any]]:
        """OpenID Connect Discovery 1.0 with CIBA's members (section 4). No browser comes here."""
        return Response(_metadata(services.public_origin))


def _metadata(origin: str) -> dict[str, Any]:
    return {
        "issuer": origin,
        "jwks_uri": f"{origin}/.well-known/jwks.json",
        "token_endpoint": f"{origin}/oauth/token",
        "token_endpoint_auth_methods_supported": ["private_key_jwt"],
        "token_endpoint_auth_signing_alg_values_supported": KEY_ALGORITHMS,
        "introspection_endpoint": f"{origin}/oauth/introspect",
        "introspection_endpoint_auth_methods_supported": ["Bearer"],
        "revocation_endpoint": f"{origin}/oauth/revoke",
        "revocation_endpoint_auth_methods_supported": ["private_key_jwt"],
        "revocation_endpoint_auth_signing_alg_values_supported": KEY_ALGORITHMS,
        "grant_types_supported": ["client_credentials", GRANT_TYPE],
        "response_types_supported": [],
        "scopes_supported": [SCOPE],
        "authorization_details_types_supported": sorted({"bot.grant", *EXTERNAL}),
        "dpop_signing_alg_values_supported": ["ES256", "EdDSA"],
        "backchannel_authentication_endpoint": f"{origin}/oauth/bc-authorize",
        "backchannel_token_delivery_modes_supported": ["poll", "ping"],
        "backchannel_user_code_parameter_supported": True,
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "acr_values_supported": list(ACR),
        "claims_supported": [
            "iss", "sub", "aud", "iat", "exp", "jti", "auth_time", "acr", "amr",
            "authorization_details", "action_digest",
        ],
        "claims_parameter_supported": False,
        "request_parameter_supported": False,
        "request_uri_parameter_supported": False,
    }  # fmt: skip


async def _client(
    services: Services, request: AnyRequest, form: Mapping[str, str]
) -> tuple[UUID, Origin]:
    """Who revokes: by an assertion of its own, or with an access token it already has."""
    if "client_assertion" in form:
        platform = await by_assertion(services, request, form)
        actor = f"platform:{platform.platform_id}"
        return platform.platform_id, services.edge.origin(request, actor)
    caller = await services.edge.client(request)
    if caller.platform_id is None:
        raise ClientRejected
    return caller.platform_id, caller.origin


async def _end(
    services: Services, platform_id: UUID, presented: Token | None, origin: Origin
) -> bool:
    """End what this platform may end; the effect and its entry are committed when it returns."""
    if presented is None:
        return False
    if presented.kind is TokenKind.CLIENT:
        return presented.trader_id == platform_id and await services.platforms.end_access_token(
            presented, origin
        )
    if presented.kind not in {TokenKind.GRANT, TokenKind.PLATFORM}:
        return False
    async with services.db.session() as tx:
        level = await tokens.level_for_platform(
            tx,
            trader_id=presented.trader_id,
            token_id=presented.token_id,
            secret_hash=presented.secret_hash(),
            platform_id=platform_id,
        )
    if level is None or level is Level.REVOKED:
        return False
    await services.revocations.revoke(
        presented.trader_id, presented.token_id, reason="revoked by the platform", origin=origin
    )
    return True


async def _log_nothing_ended(services: Services, presented: Token | None, origin: Origin) -> None:
    await services.read_log.append(
        Entry(
            trader_id=SYSTEM_TRADER,
            event=Event.REQUEST_REFUSED,
            origin=origin,
            subject_id=None if presented is None else presented.token_id,
            outcome="refused",
            rule="nothing_to_revoke",
        )
    )
