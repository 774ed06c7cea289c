"""Every kind of fault: on which channels, where it strikes, and what it needs."""

import msgspec

from mock_push.faults.models import Channel, Point

HTTP: tuple[Channel, ...] = ("fcm", "token", "telegram")
DELIVERED: tuple[Channel, ...] = ("fcm", "smtp", "telegram")


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of fault on one channel.

    Attributes
    ----------
    point
        Where it strikes.
    untargeted_point
        Where it strikes without a target, if that is elsewhere.
    seconds
        Default of the order's `seconds`; None where time plays no part.
    retry_after
        Whether the answer can name seconds to wait.
    says
        One sentence for the page and the README.
    """

    channel: Channel
    kind: str
    point: Point
    says: str
    untargeted_point: Point | None = None
    seconds: float | None = None
    retry_after: bool = False


def _every(
    channels: tuple[Channel, ...], kind: str, point: Point, says: str, seconds: float | None = None
) -> list[Kind]:
    return [
        Kind(channel=channel, kind=kind, point=point, says=says, seconds=seconds)
        for channel in channels
    ]


def _refusal(channel: Channel, kind: str, says: str, *, retry_after: bool = False) -> Kind:
    return Kind(channel=channel, kind=kind, point="answer", says=says, retry_after=retry_after)


def _smtp(
    kind: str,
    point: Point,
    says: str,
    *,
    seconds: float | None = None,
    untargeted_point: Point | None = None,
) -> Kind:
    return Kind(
        channel="smtp",
        kind=kind,
        point=point,
        says=says,
        seconds=seconds,
        untargeted_point=untargeted_point,
    )


KINDS: tuple[Kind, ...] = (
    *_every(HTTP, "slow", "pace", "Answers after so many seconds, otherwise rightly.", 2.0),
    *_every(HTTP, "hang", "answer", "No answer; the connection is cut in the end.", 3600.0),
    *_every(HTTP, "reset", "answer", "TCP reset instead of an answer; nothing was accepted."),
    *_every(("fcm", "telegram"), "lost_reply", "reply", "Accepted, then TCP reset."),
    _refusal("fcm", "unauthenticated", "401: no access token is good enough."),
    _refusal("fcm", "revoked_token", "401, and every access token in force is revoked."),
    _refusal("fcm", "third_party_auth", "401 THIRD_PARTY_AUTH_ERROR: APNs or web push keys."),
    _refusal("fcm", "sender_id_mismatch", "403 SENDER_ID_MISMATCH."),
    _refusal("fcm", "unregistered", "404 UNREGISTERED, though the phone is there."),
    _refusal("fcm", "quota_exceeded", "429 QUOTA_EXCEEDED with Retry-After.", retry_after=True),
    _refusal("fcm", "internal", "500 INTERNAL.", retry_after=True),
    _refusal("fcm", "unavailable", "503 UNAVAILABLE.", retry_after=True),
    _refusal("token", "internal", "500: no access token now."),
    _refusal("token", "unavailable", "503: no access token now.", retry_after=True),
    _refusal("token", "invalid_grant", "400 invalid_grant: the account was disabled."),
    _refusal("telegram", "unauthorized", "401: the bot's token was revoked."),
    _refusal("telegram", "blocked", "403: bot was blocked by the user."),
    _refusal("telegram", "chat_not_found", "400: chat not found."),
    _refusal("telegram", "too_many_requests", "429 with parameters.retry_after.", retry_after=True),
    _refusal("telegram", "internal", "500: Internal Server Error."),
    _refusal("telegram", "unavailable", "503: the server is restarting."),
    _smtp("no_starttls", "ehlo", "STARTTLS is neither offered nor taken."),
    _smtp("auth_refused", "auth", "535: wrong user name or password."),
    _smtp(
        "service_unavailable",
        "recipient",
        "421, and the connection is closed.",
        untargeted_point="greeting",
    ),
    _smtp("mailbox_busy", "recipient", "450: try again later."),
    _smtp("no_such_mailbox", "recipient", "550: no such user."),
    _smtp(
        "slow",
        "recipient",
        "Answers after so many seconds.",
        seconds=2.0,
        untargeted_point="greeting",
    ),
    _smtp(
        "hang",
        "recipient",
        "No answer; the connection is cut in the end.",
        seconds=3600.0,
        untargeted_point="greeting",
    ),
    _smtp("reset", "recipient", "TCP reset instead of an answer.", untargeted_point="greeting"),
    _smtp("lost_reply", "reply", "The mail is taken, then TCP reset instead of 250."),
    *_every(DELIVERED, "duplicate", "carriage", "Arrives twice."),
    *_every(DELIVERED, "reorder", "carriage", "The next message overtakes it.", 5.0),
    *_every(DELIVERED, "delay", "carriage", "Arrives so many seconds later.", 5.0),
    *_every(DELIVERED, "drop", "carriage", "Accepted, never arrives."),
    *_every(("fcm",), "expire", "carriage", "Its TTL is over before the phone is reached."),
    *_every(
        ("fcm",), "collapse", "carriage", "Held so long; a newer one of its key replaces it.", 5.0
    ),
    *_every(DELIVERED, "offline", "away", "Away: messages are kept until this is cleared or over."),
)

BY_NAME = {(kind.channel, kind.kind): kind for kind in KINDS}
