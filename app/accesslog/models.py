"""What an entry is, and the closed list of what can be told."""

from datetime import datetime
from enum import StrEnum
from typing import Literal
from uuid import UUID

import msgspec

from app.core.origin import Origin

LOCKED_CHAIN = UUID(int=0)
SYSTEM_TRADER = UUID(int=0)
"""Chain owner of what belongs to no trader: unknown tokens, platforms, processes."""

Outcome = Literal["ok", "refused", "failed"]


class Event(StrEnum):
    """Closed: a route or verb without its event does not exist."""

    TRADER_CREATED = "trader.created"
    TRADER_FROZEN_EMPTY = "trader.frozen_empty"
    TRADER_READ = "trader.read"
    PLATFORM_REGISTERED = "platform.registered"
    CLIENT_AUTHENTICATED = "client.authenticated"
    DEVICE_BOUND = "device.bound"
    DEVICES_READ = "devices.read"
    CARD_REGISTERED = "card.registered"
    SEALING_KEY_OPENED = "sealing_key.opened"
    FACTOR_BOUND = "factor.bound"
    FACTORS_READ = "factors.read"
    CREDENTIAL_IMPORTED = "credential.imported"
    CREDENTIAL_VERIFYING = "credential.verifying"
    CREDENTIAL_REFUSED = "credential.refused"
    CREDENTIAL_LINKED = "credential.linked"
    CREDENTIAL_READ = "credential.read"
    VENUE_READ = "venue.read"
    GRANT_REQUESTED = "grant.requested"
    GRANT_SEALED = "grant.sealed"
    APPROVAL_REQUESTED = "approval.requested"
    APPROVAL_DECIDED = "approval.decided"
    CHANGE_SEALED = "change.sealed"
    APPROVALS_READ = "approvals.read"
    ORDER_RELEASED = "order.released"
    ORDER_HELD = "order.held"
    ORDER_REFUSED = "order.refused"
    ORDER_ANSWERED_AGAIN = "order.answered_again"
    ORDER_OUTCOME = "order.outcome"
    ORDERS_READ = "orders.read"
    BALANCES_READ = "balances.read"
    SESSION_REQUESTED = "session.requested"
    SESSION_CODE = "session.code"
    SESSION_STARTED = "session.started"
    SESSIONS_READ = "sessions.read"
    TOKEN_REVOKED = "token.revoked"  # noqa: S105 - an event's name
    TOKEN_TIGHTENED = "token.tightened"  # noqa: S105
    TOKEN_INTROSPECTED = "token.introspected"  # noqa: S105
    TOKENS_READ = "tokens.read"
    REVOCATION_READ = "revocation.read"
    CLEANUP_RELEASED = "cleanup.released"
    CLEANUP_OUTCOME = "cleanup.outcome"
    LOG_READ = "log.read"
    REQUEST_REFUSED = "request.refused"
    # The cord: settings, cards, incidents.
    SETTINGS_READ = "settings.read"
    SETTINGS_CHANGED = "settings.changed"
    CARDS_READ = "cards.read"
    CARD_REMOVED = "card.removed"
    SESSION_DISOWNED = "session.disowned"
    DEVICE_LOST = "device.lost"
    INCIDENTS_READ = "incidents.read"
    # recovery codes, re-enrolment, an operator's containment
    RECOVERY_CODES_BOUND = "recovery_codes.bound"
    RECOVERY_CODES_READ = "recovery_codes.read"
    RE_ENROLMENT_BEGUN = "re_enrolment.begun"
    RE_ENROLMENT_ENDED = "re_enrolment.ended"
    RE_ENROLMENT_READ = "re_enrolments.read"
    FACTOR_CARRIED_OVER = "factor.carried_over"
    VENUE_CONTAINED = "venue.contained"
    # the ladder and leases
    TOKEN_STATE_READ = "token.state_read"  # noqa: S105
    TOKEN_LIFT_REQUESTED = "token.lift_requested"  # noqa: S105
    TOKEN_LIFTED = "token.lifted"  # noqa: S105
    BLAST_RADIUS_READ = "token.blast_radius_read"
    DEVICE_HEARTBEAT = "device.heartbeat"
    # platforms
    CLIENT_TOKEN_ENDED = "client.token_ended"  # noqa: S105
    PLATFORM_KEY_ADDED = "platform.key_added"
    PLATFORM_KEY_REMOVED = "platform.key_removed"
    PLATFORM_DISABLED = "platform.disabled"
    # the token tree
    TOKEN_ROTATED = "token.rotated"  # noqa: S105
    LEAK_REPORTED = "leak.reported"
    # webhooks: told on the system's chain, for they are a platform's
    WEBHOOK_CREATED = "webhook.created"
    WEBHOOKS_READ = "webhooks.read"
    WEBHOOK_CHANGED = "webhook.changed"
    WEBHOOK_KEY_ROTATED = "webhook.key_rotated"
    WEBHOOK_TESTED = "webhook.tested"
    WEBHOOK_DELETED = "webhook.deleted"
    WEBHOOK_DISABLED = "webhook.disabled"
    STATEMENT_REFUSED = "statement.refused"
    # codes on screens, and several authenticators
    APPROVAL_NUMBER_SHOWN = "approval.number_shown"
    APPROVAL_CODE_REVEALED = "approval.code_revealed"
    FACTOR_CODE_REPLAYED = "factor.code_replayed"
    FACTOR_REMOVED = "factor.removed"
    # the life of an approval beside its decision
    APPROVAL_CANCELLED = "approval.cancelled"
    APPROVAL_EXPIRED = "approval.expired"
    APPROVALS_BATCHED = "approvals.batched"
    APPROVAL_REDEEMED = "approval.redeemed"
    # CIBA and live events
    PLATFORM_CIBA_SET = "platform.ciba_set"
    USER_CODE_SET = "user_code.set"
    EVENTS_READ = "events.read"
    # passkeys: told by the signer alone
    PASSKEY_CHALLENGED = "passkey.challenged"
    PASSKEY_REGISTERED = "passkey.registered"
    PASSKEY_BOUND = "passkey.bound"
    PASSKEY_FROZEN = "passkey.frozen"
    PASSKEY_REMOVED = "passkey.removed"
    # policies and floors
    POLICY_READ = "policy.read"
    POLICY_CHANGED = "policy.changed"
    POLICY_FLOOR_RAISED = "policy.floor_raised"


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happened, before it has a place on a chain. Public halves only."""

    trader_id: UUID
    event: Event
    origin: Origin
    outcome: Outcome = "ok"
    token_id: UUID | None = None
    path: list[UUID] | None = None
    subject_id: UUID | None = None
    rule: str | None = None
    request_digest: bytes | None = None
    answer_digest: bytes | None = None
    venue_outcome: str | None = None


class StoredEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One entry as stored, with its place and hashes (32 bytes each)."""

    trader_id: UUID
    chain: UUID
    position: int
    at: datetime
    event: str
    actor: str
    token_id: UUID | None
    path: list[UUID] | None
    subject_id: UUID | None
    outcome: str
    rule: str | None
    request_digest: bytes | None
    answer_digest: bytes | None
    venue_outcome: str | None
    address: str | None
    user_agent: str | None
    device_id: UUID | None
    previous_hash: bytes
    content_hash: bytes
    entry_hash: bytes


class CheckpointProof(msgspec.Struct, frozen=True, kw_only=True):
    """A signed checkpoint (compact JWS) and why one chain's head is in it (RFC 6962 section 2.1).

    `head_hash` is the chain's `entry_hash` at `position`.
    """

    checkpoint: str
    chain: UUID
    position: int
    head_hash: bytes
    index: int
    proof: list[bytes]
