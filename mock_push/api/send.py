"""messages:send of FCM HTTP v1."""

from typing import Any

import msgspec
from litestar import Request, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from mock_push.api.striking import Striking
from mock_push.faults.models import Fault
from mock_push.fcm.addressing import address_of, check_address
from mock_push.fcm.discovery import published
from mock_push.fcm.faults import refusal
from mock_push.fcm.limits import check_message, collapse_key, ttl_seconds
from mock_push.fcm.shape import Json, read_request
from mock_push.oauth.tokens import invalid_token
from mock_push.phones.inbox import Incoming
from mock_push.phones.registrations import well_formed
from mock_push.world import World

VALIDATED_ONLY = "fake_message_id"  # the name of a message that was only validated


class SendReply(msgspec.Struct, frozen=True):
    name: str


@post("/v1/projects/{project:str}/messages:send", status_code=200)
async def send(
    request: Request[Any, Any, Any], project: FromPath[str], world: NamedDependency[World]
) -> SendReply:
    """Accept one message, as FCM does: a 200 says accepted, not delivered."""
    # (1) the caller may send for this project
    world.tokens.authorize_send(
        request.headers.get("authorization"),
        project=project,
        scopes=published().scopes,
        now=world.clock.now(),
    )
    # (2) the request fits the schema, (3) the message keeps FCM's rules
    body = read_request(await request.body(), published())
    message: Any = body.get("message", {})
    check_message(message)
    # (4) the address leads to a phone of this project; checked for a rehearsal too
    address = address_of(message)
    if address is not None:
        field, registration = address
        registered = world.phones.find(registration)
        sound = well_formed(registration, field)
        check_address(field, registered, well_formed=sound, project=project)
    # (5) a scripted fault strikes only what would have been accepted
    striking = Striking(request, world, "fcm", None if address is None else address[1])
    await striking.before_answer(lambda fault: _refused_by(fault, world))
    # (6) hand it over, unless it was a rehearsal
    name = _deliver(world, project, message, rehearsal=bool(body.get("validateOnly")))
    await striking.before_reply()
    return SendReply(name)


def _refused_by(fault: Fault, world: World) -> Exception:
    if fault.order.kind == "revoked_token":
        world.tokens.revoke_all()
    if fault.order.kind in ("revoked_token", "unauthenticated"):
        return invalid_token()
    return refusal(fault.order.kind, retry_after_seconds=fault.order.retry_after_seconds)


def _deliver(world: World, project: str, message: Json, *, rehearsal: bool) -> str:
    if rehearsal:
        return f"projects/{project}/messages/{VALIDATED_ONLY}"
    address = address_of(message)
    if address is None:  # a topic or a condition: no virtual phone subscribes
        return f"projects/{project}/messages/{world.draw.topic_message_id()}"
    now = world.clock.now()
    incoming = Incoming(
        message_id=f"projects/{project}/messages/{world.draw.message_id(now)}",
        received_at=now,
        ttl_seconds=ttl_seconds(message),
        collapse_key=collapse_key(message),
        message=message,
    )
    _, phone = address
    data = message.get("data")
    named = data.items() if isinstance(data, dict) else ()
    summary = " ".join(f"{name}={value}" for name, value in named)
    world.journal.add("accepted", "fcm", phone, summary, now=now, content=message)
    world.phones.inbox(phone).put(
        incoming,
        now=now,
        carriage=world.carriage("fcm", phone, key=incoming.collapse_key or ""),
        away=world.faults.is_away("fcm", phone, now=now),
    )
    return incoming.message_id
