"""The typed actions a person can be asked for (RFC 9396 style), one struct each.

The canonical JSON of such a struct is what the phone renders, what it signs and what is executed.
Field names are the contract with the phone; `template` names the phone's own rendering, never a
sentence of ours to trust.
"""

from datetime import datetime
from typing import Annotated, Any, Literal, TypeVar
from uuid import UUID

import msgspec

from app.approvals.errors import ActionMismatch
from app.core.canonical import canonical_json, parse_canonical
from app.core.errors import Malformed
from app.policies.models import Loosened, Policy


class Action(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="type"
):
    trader_id: UUID


class Amount(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A decimal string and its unit."""

    amount: str
    quote: str


class Claimed(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a platform says of its own user, and its words to the trader: its claim, not ours.

    `by` is the platform's registered name; the phone shows each line as claimed by it.
    """

    by: str
    address: str | None = None
    user_agent: str | None = None
    place: str | None = None
    message: str | None = None


class KeyLink(Action, frozen=True, tag="trade.key_link"):
    """Link a venue key. `permissions` were read back from the venue, not promised by anyone."""

    credential_id: UUID
    venue: str
    api_key_id: str
    label: str
    permissions: list[str]
    ip_restricted: bool
    envelope_sha256: str


class ModelCard(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the bot says of itself; `jkt` is what it can prove."""

    name: str
    digest: str
    version: str
    jkt: str


LeaseHours = Annotated[int, msgspec.Meta(ge=1, le=720)]
"""Hours within which a device of the trader must have been seen; at most 30 days."""


class BotGrant(Action, frozen=True, tag="bot.grant"):
    """Let a model sign orders on a credential, inside these limits.

    A sub-grant names the grant it hangs on and that one's model. `ip_networks` are where the bot
    may come from; empty is anywhere that what stands above allows. `lease_hours`: it signs only
    while a device was seen that recently; None asks for nothing.
    """

    grant_id: UUID
    credential_id: UUID
    venue: str
    label: str
    model: ModelCard
    model_jwk: dict[str, str]
    markets: list[str]
    allocation: Amount
    free_limit: Amount
    max_order: Amount
    expires_at: datetime
    requested_by: str
    lease_hours: LeaseHours | None = None
    parent_grant_id: UUID | None = None
    parent_name: str | None = None
    scope: list[str] = msgspec.field(default_factory=lambda: ["order", "read"])
    ip_networks: list[str] = []
    claimed: Claimed | msgspec.UnsetType = msgspec.UNSET


class TokenChild(Action, frozen=True, tag="token.child"):
    """Let a platform read, or ask for, this much of a trader's account."""

    token_id: UUID
    parent_id: UUID
    kind: Literal["platform"]
    platform_id: UUID
    platform_name: str
    label: str
    jkt: str
    scope: list[str]
    ip_networks: list[str]
    expires_at: datetime
    requested_by: str
    claimed: Claimed | msgspec.UnsetType = msgspec.UNSET


class IpChange(Action, frozen=True, tag="net.ip_change"):
    """Let a token be used from other addresses. An empty list is anywhere."""

    token_id: UUID
    kind: str
    label: str
    version: int
    from_networks: list[str]
    to_networks: list[str]
    requested_by: str
    claimed: Claimed | msgspec.UnsetType = msgspec.UNSET


class TradeOrder(Action, frozen=True, tag="trade.order"):
    """One order, exactly as it will be sent.

    `order` has market, side, type, quantity, price, time_in_force and asked_as as strings; for a
    market order it is the limit at the collar that stands for it. `signed_order_sha256` is the
    digest of the bot's own signed order.
    """

    grant_id: UUID
    order_id: UUID
    credential_id: UUID
    venue: str
    model: str
    order: dict[str, str]
    notional: Amount
    client_order_id: str
    signed_order_sha256: str


class SignIn(Action, frozen=True, tag="session.sign_in"):
    """A browser asks to sign in. Address and agent are what our edge saw."""

    session_id: UUID
    address: str
    user_agent: str
    jkt: str
    at: datetime


class NewRecoveryCodes(Action, frozen=True, tag="factor.recovery_codes"):
    """Register recovery codes this device made; those made before are worth nothing after it.

    `statement_sha256` is the digest of the device's own statement, which names their keys.
    """

    device_id: UUID
    codes: int
    replaces: int
    statement_sha256: str


FactorKind = Literal["totp", "webauthn"]


class FactorAdd(Action, frozen=True, tag="factor.add"):
    """Let one more factor approve. `device_id` is the device that brought it.

    `details_sha256` is the digest of what makes it this one: of a passkey its id and public key.
    """

    factor_id: UUID
    kind: FactorKind
    label: str
    device_id: UUID
    details_sha256: str


class FactorRemove(Action, frozen=True, tag="factor.remove"):
    """Let a factor approve no more, for good. `device_id` is the device that brought it.

    `details_sha256` is as for adding it.
    """

    factor_id: UUID
    kind: FactorKind
    label: str
    device_id: UUID
    details_sha256: str


class DeviceAdd(Action, frozen=True, tag="device.add"):
    """Let one more phone approve and control. `jkt` is of its key, and on its screen."""

    device_id: UUID
    name: str
    jkt: str
    public_jwk: dict[str, str]
    requested_by: str


class TokenLift(Action, frozen=True, tag="token.lift"):
    """Take the trader's own containment of one node up by exactly this step.

    `label` and `kind` are of the node. `asked_at_position` is the head of the trader's log when it
    was asked, as decimal digits: a pull on the node after that wins over the approval.
    """

    token_id: UUID
    kind: str
    label: str
    from_state: Literal["reduce_only", "cancel_only", "read_only", "frozen"]
    to_state: Literal["active", "reduce_only", "cancel_only", "read_only"]
    asked_at_position: Annotated[str, msgspec.Meta(pattern=r"^(0|[1-9][0-9]{0,17})\Z")]
    requested_by: str


class PolicyChange(Action, frozen=True, tag="policy.change"):
    """Ask for less somewhere in the policy, a day after it was approved.

    `before` is the policy in force and `after` the whole of what follows it, as version `version`
    + 1; the phone shows how they differ. `loosens` is where less is asked for: the signer's own
    reckoning, which it makes again when it carries this out. `statement_sha256` is the digest of
    the device's statement that asked.
    """

    version: int
    before: Policy
    after: Policy
    loosens: list[Loosened]
    waits_hours: int
    requested_by: str
    statement_sha256: str


A = TypeVar("A", bound=Action)

TEMPLATES: dict[str, str] = {
    "trade.key_link": "key_link/1",
    "bot.grant": "bot_grant/1",
    "trade.order": "order/1",
    "session.sign_in": "sign_in/1",
    "factor.recovery_codes": "recovery_codes/1",
    "factor.add": "factor_add/1",
    "factor.remove": "factor_remove/1",
    "device.add": "device_add/1",
    "token.lift": "token_lift/1",
    "token.child": "token_child/1",
    "net.ip_change": "ip_change/1",
    "trade.key_rotate": "key_rotate/1",
    "trade.external": "external/1",
    "contact.change": "contact_change/1",
    "webhook.change": "webhook_change/1",
    "trader.re_enrol": "re_enrol/1",
    "trade.batch": "batch/1",
    "policy.change": "policy_change/1",
}


def type_of(action: Action) -> str:
    """The action's type on the wire."""
    return str(action.__struct_config__.tag)


def action_bytes(action: Action) -> bytes:
    """Canonical JSON of an action; its SHA-256 is what gets signed."""
    plain: dict[str, Any] = msgspec.to_builtins(action)
    return canonical_json(plain)


def read_action(raw: bytes, shape: type[A]) -> A:
    """Read canonical action bytes back into their struct.

    Raises
    ------
    ActionMismatch
        Not canonical, another type, a missing or an unknown field.
    """
    try:
        return msgspec.convert(parse_canonical(raw), shape)
    except (Malformed, msgspec.ValidationError):
        raise ActionMismatch from None
