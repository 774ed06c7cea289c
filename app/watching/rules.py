"""Which entries are told, and as what. Pure."""

from types import MappingProxyType

from app.accesslog.models import Event
from app.watching.models import Kind

_KINDS: dict[Event, Kind] = {
    Event.APPROVAL_REQUESTED: "approval",
    Event.APPROVAL_DECIDED: "approval",
    Event.GRANT_REQUESTED: "approval",
    Event.ORDER_HELD: "approval",
    Event.TOKEN_LIFT_REQUESTED: "approval",
    Event.SESSION_REQUESTED: "login",
    Event.SESSION_STARTED: "login",
    Event.SESSION_DISOWNED: "login",
    Event.TOKEN_REVOKED: "revocation",
    Event.TOKEN_TIGHTENED: "token",
    Event.TOKEN_LIFTED: "token",
    Event.TOKEN_ROTATED: "token",
    Event.GRANT_SEALED: "token",
    Event.CHANGE_SEALED: "token",
}

UNTOLD = frozenset(
    {
        Event.ORDER_RELEASED,
        Event.ORDER_REFUSED,
        Event.ORDER_ANSWERED_AGAIN,
        Event.ORDER_OUTCOME,
        Event.VENUE_READ,
        Event.CLEANUP_RELEASED,
        Event.CLEANUP_OUTCOME,
        Event.DEVICE_HEARTBEAT,
        Event.SEALING_KEY_OPENED,
    }
)
"""Trading itself and a device's own doings: many, and read where they are kept."""

KINDS = MappingProxyType(
    {event.value: _KINDS.get(event, "notice") for event in Event if event not in UNTOLD}
)
"""Word of the log to kind of event. What nobody thought of is a notice, not silence."""

TOLD = tuple(KINDS)

CHANGES = frozenset(
    {
        Event.TOKEN_REVOKED,
        Event.TOKEN_TIGHTENED,
        Event.TOKEN_LIFTED,
        Event.TOKEN_ROTATED,
        Event.CHANGE_SEALED,
    }
)
"""After one of these on a token's own path, its stream is opened anew, with a proof of now: what
was true of its addresses, its secret or its rung when the stream began may not be any more."""
