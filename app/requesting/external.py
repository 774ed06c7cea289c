"""A platform asks for an action it will carry out itself: ask, look, take back.

REST (`POST /v1/approvals`) and CIBA are two faces of these. What is asked for comes as one element
of `authorization_details` (RFC 9396), its type known and every field of it.
"""

import re
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from app.accesslog.log import append_locked
from app.accesslog.models import Entry, Event
from app.approvals import store
from app.approvals.asking import ask
from app.approvals.catalogue import ACTIONS, EXTERNAL
from app.approvals.errors import ApprovalNotFound, ApprovalNotPending
from app.approvals.models import DEFAULT_LIFE, Approval
from app.approvals.other_actions import ExternalAction
from app.core.clock import Clock
from app.core.origin import Origin
from app.db.pool import Database, Tx
from app.guardrails.amounts import parse_amount
from app.guardrails.errors import AmountRefused
from app.guardrails.rungs import Verb, check_rung, rung_at
from app.guardrails.strength import Strength
from app.platforms.models import Platform
from app.requesting.claiming import Claim, claimed_by, clean
from app.requesting.errors import DetailsRefused
from app.tokens import store as tokens
from app.tokens.errors import ParentNotActive
from app.traders import store as traders

_UNIT = re.compile(r"[A-Z0-9]{1,16}\Z")
_OURS = ("trader_id", "platform_id", "platform_name", "claimed")
"""Fields of the action that no platform writes: who it is, and about whom."""


class ExternalRequest(msgspec.Struct, frozen=True, kw_only=True):
    """`details` is one element of `authorization_details` as it came; `claim` what the platform
    says of its user. `life` is at most ten minutes; `least` can only raise what the policy asks.
    """

    trader_id: UUID
    details: dict[str, Any]
    claim: Claim | None = None
    life: timedelta = DEFAULT_LIFE
    least: Strength | None = None


class ExternalRequests:
    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def request(self, asked: ExternalRequest, platform: Platform, origin: Origin) -> Approval:
        """Store the approval, log it and ring: one commit.

        Raises
        ------
        DetailsRefused, AmountRefused, Malformed
            An unknown type, an unknown or missing field, a text that could mislead.
        ParentNotActive, RungForbids
            The trader has no root yet, or it is contained.
        PolicyDenies
            The trader's policy does not let it happen.
        PromptsExhausted, PromptOpen, CoolingDown, RequesterMuted
            The governor: this platform has asked enough for now.
        """
        async with self._db.locked(asked.trader_id) as tx:
            return await self.request_locked(
                tx, asked, platform=platform, origin=origin, now=self._clock.now()
            )

    async def request_locked(
        self,
        tx: Tx,
        asked: ExternalRequest,
        *,
        platform: Platform,
        origin: Origin,
        now: datetime,
    ) -> Approval:
        """As `request`, in the transaction of a caller that holds the trader lock."""
        action = _action(asked, platform)
        trader = await traders.get(tx, asked.trader_id)
        if trader is None or trader.root_id is None:
            raise ParentNotActive
        level = await tokens.effective_level(tx, asked.trader_id, [trader.root_id])
        check_rung(rung_at(level), Verb.REDEEM, node_id=trader.root_id)
        approval = await ask(
            tx,
            action,
            requester=f"platform:{platform.platform_id}",
            subject_id=platform.platform_id,
            now=now,
            life=asked.life,
            strength=asked.least,
            address=origin.address,
        )
        await append_locked(
            tx,
            Entry(
                trader_id=asked.trader_id,
                event=Event.APPROVAL_REQUESTED,
                origin=origin,
                token_id=trader.root_id,
                path=[trader.root_id],
                subject_id=approval.approval_id,
                rule=approval.action_type,
                request_digest=approval.digest,
            ),
        )
        return approval

    async def find(self, trader_id: UUID, approval_id: UUID, *, requester: str) -> Approval:
        """An approval that `requester` asked for, as it stands now, or raise ApprovalNotFound."""
        async with self._db.session() as tx:
            approval = await store.get(tx, trader_id, approval_id)
        if approval is None or approval.requester != requester:
            raise ApprovalNotFound
        return approval

    async def cancel(self, trader_id: UUID, approval_id: UUID, origin: Origin) -> None:
        """Take back what this requester asked, while nobody has decided it.

        Raises
        ------
        ApprovalNotFound
            No such approval, or another's.
        ApprovalNotPending
            Decided, expired or taken back already.
        """
        async with self._db.locked(trader_id) as tx:
            approval = await store.get(tx, trader_id, approval_id)
            if approval is None or approval.requester != origin.actor:
                raise ApprovalNotFound
            if not await store.cancel_asked(tx, approval, self._clock.now()):
                raise ApprovalNotPending
            await append_locked(
                tx,
                Entry(
                    trader_id=trader_id,
                    event=Event.APPROVAL_CANCELLED,
                    origin=origin,
                    subject_id=approval_id,
                    rule=approval.action_type,
                    request_digest=approval.digest,
                ),
            )


def _action(asked: ExternalRequest, platform: Platform) -> ExternalAction:
    """The action with our own fields in it. What it says of itself is checked, not believed."""
    named = asked.details.get("type")
    if not isinstance(named, str) or named not in EXTERNAL:
        raise DetailsRefused(rule="type")
    for name in _OURS:
        if name in asked.details:
            raise DetailsRefused(rule=name)
    ours = {
        "trader_id": str(asked.trader_id),
        "platform_id": str(platform.platform_id),
        "platform_name": platform.name,
    }
    try:
        action = msgspec.convert(asked.details | ours, ACTIONS[named])
    except msgspec.ValidationError as error:
        raise DetailsRefused(rule=_field(str(error))) from None
    if not isinstance(action, ExternalAction):
        raise DetailsRefused(rule="type")
    _check_texts(action)
    if asked.claim is None:
        return action
    return msgspec.structs.replace(action, claimed=claimed_by(platform, asked.claim))


def _check_texts(action: ExternalAction) -> None:
    if action.description != clean(action.description):
        raise DetailsRefused(rule="description")
    if action.amount is None:
        return
    try:
        parse_amount(action.amount.amount)
    except AmountRefused:
        raise DetailsRefused(rule="amount") from None
    if not _UNIT.match(action.amount.quote):
        raise DetailsRefused(rule="amount.quote")


def _field(text: str) -> str | None:
    """The field that msgspec names, as in "unknown field `fee` - at `$.amount`"."""
    named = re.findall(r"`\$?\.?([A-Za-z0-9_.]{1,64})`", text)
    return ".".join(reversed(named)) or None
