"""Further typed actions: what a platform does itself, where notices go, and many of a kind at once.

As in `actions`: field names are the contract with the phone.
"""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec

from app.approvals.actions import A, Action, Amount, Claimed, action_bytes
from app.approvals.errors import ActionMismatch
from app.core.canonical import canonical_json

MOST_LEAVES = 50
"""Actions in one batch: as many as a person can still scroll through (DESIGN section 6)."""

Line = Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
Word = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9._:/@+-]{1,128}\Z")]
"""An id, market, venue or account, in full: nothing that could read as something else."""


class ExternalAction(Action, frozen=True, tag="trade.external"):
    """Something the platform will do by itself once the trader approved it.

    Tripcord does nothing but ask, and sign one statement that it was approved. `reference` is the
    platform's own name for it; `recipient` an account or address, in full.
    """

    platform_id: UUID
    platform_name: str
    kind: Literal["order", "transfer", "payment", "withdrawal", "setting", "other"]
    reference: Word
    description: Line
    venue: Word | None = None
    market: Word | None = None
    side: Literal["buy", "sell"] | None = None
    amount: Amount | None = None
    recipient: Word | None = None
    claimed: Claimed | msgspec.UnsetType = msgspec.UNSET


class KeyRotate(Action, frozen=True, tag="trade.key_rotate"):
    """Put another key of the same venue account in the place of a linked one."""

    credential_id: UUID
    venue: str
    label: str
    from_api_key_id: str
    to_api_key_id: str
    permissions: list[str]
    ip_restricted: bool
    envelope_sha256: str


class ContactChange(Action, frozen=True, tag="contact.change"):
    """Tell somebody else, or tell at another place. None stands for no contact."""

    contact_id: UUID
    channel: Literal["email", "telegram"]
    from_address: str | None
    to_address: str | None
    requested_by: str


class WebhookChange(Action, frozen=True, tag="webhook.change"):
    """Send what is told of this trader to another address. None stands for no webhook."""

    webhook_id: UUID
    platform_id: UUID
    platform_name: str
    from_url: str | None
    to_url: str | None
    events: list[str]
    requested_by: str


class ReEnrol(Action, frozen=True, tag="trader.re_enrol"):
    """Give the account to a new device, ending everything the old devices hold."""

    re_enrolment_id: UUID
    device_name: str
    jkt: str
    authenticator_lost: bool
    not_before: datetime


class Batch(Action, frozen=True, tag="trade.batch"):
    """Many actions of one type and one requester, decided once and carried out one by one.

    `actions` are the whole actions, in the order in which they were asked.
    """

    requested_by: str
    of: str
    count: int
    total: list[Amount]
    actions: Annotated[list[dict[str, Any]], msgspec.Meta(min_length=2, max_length=MOST_LEAVES)]


BATCH = "trade.batch"


def leaf_of(batch: Batch, number: int, shape: type[A]) -> A:
    """One action of a batch, or raise ActionMismatch."""
    if not 0 <= number < len(batch.actions):
        raise ActionMismatch
    leaf = batch.actions[number]
    try:
        action = msgspec.convert(leaf, shape)
    except msgspec.ValidationError:
        raise ActionMismatch from None
    if action_bytes(action) != canonical_json(leaf):  # another spelling was not what was shown
        raise ActionMismatch
    return action
