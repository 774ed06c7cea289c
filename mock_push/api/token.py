"""POST /token, and the door through which a service account's public half comes in."""

from typing import Any
from urllib.parse import parse_qs

import msgspec
from litestar import Request, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from mock_push.api.striking import Striking
from mock_push.faults.models import Fault
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
    striking = Striking(request, world, "token", grant.account.client_email)
    await striking.before_answer(_refused_by)
    return TokenReply(world.tokens.issue(grant, now=now))


@get("/v1/projects/-/serviceAccounts/{email:str}/allowedLocations")
async def allowed_locations(email: FromPath[str]) -> dict[str, object]:  # noqa: ARG001 any account
    """iamcredentials: google-auth asks in the background where an account may be used: anywhere."""
    return {"locations": [], "encodedLocations": "0x0"}


def _refused_by(fault: Fault) -> Exception:
    return refusals.scripted(fault.order.kind, retry_after_seconds=fault.order.retry_after_seconds)


@post("/mock/service-accounts")
async def add_service_account(
    data: JSONBody[ServiceAccount], world: NamedDependency[World]
) -> AccountView:
    """Trust a service account: its public half, as `python -m mock_push service-account` sends."""
    world.accounts.add(data)
    return AccountView(data.private_key_id, data.client_email, data.project_id)
