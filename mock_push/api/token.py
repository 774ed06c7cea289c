"""POST /token, and the door through which a service account's public half comes in."""

from typing import Any
from urllib.parse import parse_qs

import msgspec
from litestar import Request, post
from litestar.di import NamedDependency
from litestar.params import JSONBody

from mock_push.oauth import refusals
from mock_push.oauth.accounts import ServiceAccount
from mock_push.oauth.assertion import verify_assertion
from mock_push.oauth.tokens import LIFETIME_SECONDS
from mock_push.world import World

JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"


class TokenReply(msgspec.Struct, frozen=True):
    access_token: str
    expires_in: int = LIFETIME_SECONDS
    token_type: str = "Bearer"  # noqa: S105 the type of the token, not a token


class AccountView(msgspec.Struct, frozen=True):
    private_key_id: str
    client_email: str
    project_id: str


@post("/token", status_code=200)
async def token(request: Request[Any, Any, Any], world: NamedDependency[World]) -> TokenReply:
    """Exchange a service account's assertion for an access token."""
    form = parse_qs((await request.body()).decode("ascii", "replace"))
    grant_type = form.get("grant_type", [""])[0]
    if grant_type != JWT_BEARER:
        raise refusals.unsupported_grant(grant_type)
    if not form.get("assertion"):
        raise refusals.malformed()
    now = world.clock.now()
    grant = verify_assertion(form["assertion"][0], accounts=world.accounts, now=now)
    return TokenReply(world.tokens.issue(grant, now=now))


@post("/mock/service-accounts")
async def add_service_account(
    data: JSONBody[ServiceAccount], world: NamedDependency[World]
) -> AccountView:
    """Trust a service account: its public half, as `python -m mock_push service-account` sends."""
    world.accounts.add(data)
    return AccountView(data.private_key_id, data.client_email, data.project_id)
