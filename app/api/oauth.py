"""/oauth and /.well-known: how platforms authenticate, and what they may ask of a token."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import msgspec
from litestar import Controller, get, post
from litestar.di import NamedDependency
from litestar.response import Response

from app.accesslog.models import SYSTEM_TRADER, Entry, Event
from app.api.edge import AnyRequest
from app.api.services import Services
from app.core import token
from app.core.errors import Malformed
from app.core.token import TokenKind, TokenMalformed
from app.db.pool import Tx
from app.guardrails.rungs import Rung
from app.platforms.errors import ClientRejected
from app.platforms.models import ACCESS_TOKEN_LIFE

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
FORM_TYPE = "application/x-www-form-urlencoded"
_ONE_VALUE = 1
_RUNGS = tuple(Rung)

_LOOK_UP = """
    SELECT t.kind, t.path, t.scope, t.jkt, t.expires_at, effective_level(t.trader_id, t.path) AS level,
           g.limits
      FROM token t JOIN trader r USING (trader_id)
      LEFT JOIN bot_grant g ON g.trader_id = t.trader_id AND g.grant_id = t.token_id
     WHERE t.trader_id = $1 AND t.token_id = $2 AND r.platform_id = $4
       AND secret_is_current(t.trader_id, t.token_id, t.secret_hash, $3)
       AND t.expires_at > clock_timestamp()
       AND (t.kind <> 'grant' OR g.grant_id IS NOT NULL)
"""  # noqa: E501


async def form_of(request: AnyRequest) -> Mapping[str, str]:
    """Fields of a form, each once (RFC 6749 section 3.1), in the encoding of its appendix B."""
    if request.content_type[0].lower() != FORM_TYPE:
        raise Malformed
    data = await request.form()
    if any(len(data.getall(name)) != _ONE_VALUE for name in data):
        raise Malformed
    if any(not isinstance(value, str) for value in data.values()):
        raise Malformed
    return {str(name): str(value) for name, value in data.items()}


class OAuthController(Controller):
    tags = ("oauth",)

    @post("/oauth/token", status_code=200)
    async def issue(
        self, request: AnyRequest, services: NamedDependency[Services]
    ) -> dict[str, Any]:
        """Client credentials by private_key_jwt (RFC 6749 section 4.4, RFC 7523 section 2.2)."""
        form = await form_of(request)
        if (
            form.get("grant_type") != "client_credentials"
            or form.get("client_assertion_type") != ASSERTION_TYPE
        ):
            raise ClientRejected
        try:
            platform = await services.platforms.authenticate(form.get("client_assertion", ""))
        except ClientRejected:
            await services.edge.log_miss(request, None, rule="client_rejected")
            raise
        access = await services.platforms.issue_access_token(platform)
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
            "token_type": "Bearer",
            "expires_in": int(ACCESS_TOKEN_LIFE.total_seconds()),
        }

    @post("/oauth/introspect", status_code=200)
    async def introspect(
        self, request: AnyRequest, services: NamedDependency[Services]
    ) -> dict[str, Any]:
        """RFC 7662. Unknown, foreign, expired, contained: all one answer to this caller."""
        caller = await services.edge.client(request)
        form = await form_of(request)
        answer: dict[str, Any] = {"active": False}
        trader_id: UUID | None = None
        token_id: UUID | None = None
        try:
            presented = token.parse(
                form.get("token", ""), TokenKind.DEVICE, TokenKind.SESSION, TokenKind.GRANT
            )
        except TokenMalformed:
            presented = None
        if presented is not None and caller.platform_id is not None:
            async with services.db.session() as tx:
                found = await _look_up(tx, presented, caller.platform_id)
            if found is not None:
                answer, trader_id, token_id = found, presented.trader_id, presented.token_id
        await services.edge.log(
            caller,
            Event.TOKEN_INTROSPECTED,
            trader_id=trader_id,
            subject_id=token_id,
            rule="active" if answer["active"] else "inactive",
        )
        return answer

    @get("/.well-known/oauth-authorization-server")
    async def metadata(self, services: NamedDependency[Services]) -> Response[dict[str, Any]]:
        """RFC 8414."""
        origin = services.public_origin
        return Response(
            {
                "issuer": origin,
                "token_endpoint": f"{origin}/oauth/token",
                "introspection_endpoint": f"{origin}/oauth/introspect",
                "grant_types_supported": ["client_credentials"],
                "response_types_supported": [],
                "token_endpoint_auth_methods_supported": ["private_key_jwt"],
                "token_endpoint_auth_signing_alg_values_supported": ["ES256", "EdDSA", "RS256"],
                "dpop_signing_alg_values_supported": ["ES256", "EdDSA"],
                "scopes_supported": [],
            }
        )


async def _look_up(tx: Tx, presented: token.Token, platform_id: UUID) -> dict[str, Any] | None:
    row = await tx.fetchrow(
        _LOOK_UP,
        presented.trader_id,
        presented.token_id,
        presented.secret_hash(),
        platform_id,
    )
    if row is None or _RUNGS[row["level"]] >= Rung.FROZEN:
        return None
    answer: dict[str, Any] = {
        "active": True,
        "token_type": "DPoP",
        "sub": str(presented.trader_id),
        "scope": " ".join(row["scope"]),
        "exp": int(row["expires_at"].timestamp()),
        "cnf": {"jkt": row["jkt"]},
        "tripcord_kind": row["kind"],
        "tripcord_token_id": str(presented.token_id),
        "tripcord_path": [str(node) for node in row["path"]],
        "tripcord_state": _RUNGS[row["level"]].value,
    }
    if row["limits"] is not None:
        answer["authorization_details"] = [msgspec.json.decode(row["limits"])]
    return answer
