"""Shapes of /v1/webhooks."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec

from app.api.shapes import In, Out
from app.webhooks.models import LONGEST_OVERLAP, MAX_WEBHOOKS, OVERLAP, EventKind

Url = Annotated[str, msgspec.Meta(min_length=9, max_length=2048)]
Events = Annotated[list[EventKind], msgspec.Meta(min_length=1, max_length=8)]
Overlap = Annotated[int, msgspec.Meta(ge=0, le=int(LONGEST_OVERLAP.total_seconds()))]


class NewWebhook(In, frozen=True):
    """`events` default to all there are now."""

    url: Url
    events: Events | None = None


class WebhookChange(In, frozen=True):
    """`paused` keeps what happens for up to 72 hours; `active` also takes up a disabled one."""

    state: Literal["active", "paused"] | None = None
    events: Events | None = None


class Rotation(In, frozen=True):
    """For `overlap_seconds` both keys sign; 0 ends the old one at once."""

    overlap_seconds: Overlap = int(OVERLAP.total_seconds())


class WebhookKeyView(Out, frozen=True):
    """`public_key` is `whpk_…`; null for the moment it takes the dispatcher to publish it."""

    version: int
    public_key: str | None
    created_at: datetime
    retires_at: datetime | None


class WebhookView(Out, frozen=True):
    webhook_id: UUID
    url: str
    events: list[EventKind]
    state: str
    keys: list[WebhookKeyView]
    created_at: datetime
    failing_since: datetime | None
    disabled_at: datetime | None
    disabled_reason: str | None


class WebhookPage(Out, frozen=True):
    items: Annotated[list[WebhookView], msgspec.Meta(max_length=MAX_WEBHOOKS)]


class WebhookTest(Out, frozen=True):
    """The test comes with this `webhook-id`, and as `state` of its verification event."""

    message_id: UUID
