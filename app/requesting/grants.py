"""Ask the trader to grant a bot."""

import secrets
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from app.accesslog.log import append_locked
from app.accesslog.models import Entry, Event
from app.approvals import store as approvals
from app.approvals.actions import Amount, BotGrant, ModelCard, action_bytes
from app.approvals.models import LONGEST_LIFE, Approval, ApprovalState
from app.core import token
from app.core.canonical import sha256
from app.core.clock import Clock
from app.core.errors import Malformed
from app.core.ids import new_id
from app.core.jose import jwk_thumbprint, public_jwk
from app.core.origin import Origin
from app.credentials import store as credentials
from app.credentials.errors import CredentialNotActive, CredentialNotFound
from app.credentials.models import LinkState
from app.db.pool import Database
from app.guardrails.amounts import parse_amount, plain
from app.guardrails.errors import AmountRefused, WiderThanParent
from app.guardrails.leases import inherited_lease
from app.guardrails.presets import NORMAL, required_strength
from app.outbox import store as outbox
from app.outbox.models import Topic
from app.tokens import store as tokens
from app.tokens.models import NewNode

LONGEST_GRANT = timedelta(days=90)


class GrantRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What a platform asks for. Amounts are decimal strings in one quote currency."""

    trader_id: UUID
    parent_id: UUID
    public_jwk: dict[str, Any]
    model_name: str
    model_digest: str
    model_version: str
    markets: list[str]
    allocation: Amount
    free_limit: Amount
    max_order: Amount
    expires_at: datetime | None
    lease_hours: int | None = None


class RequestedGrant(msgspec.Struct, frozen=True, kw_only=True):
    """The bot's token, shown once and dead until approved."""

    bearer: token.Token
    approval_id: UUID


class GrantRequests:
    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def request(
        self, asked: GrantRequest, *, requested_by: str, origin: Origin
    ) -> RequestedGrant:
        """Mint the dead token, store the approval, ring the phones: one commit.

        Raises
        ------
        CredentialNotFound, CredentialNotActive
            Nothing to grant on.
        KeyRejected, AmountRefused, WiderThanParent, Malformed
            The request contradicts itself; the rule names the field.
        ParentNotActive
            The credential is contained.
        """
        jwk = public_jwk(asked.public_jwk, "EdDSA")
        jkt, grant_id = jwk_thumbprint(jwk), new_id()
        allocation, free_limit, max_order = _amounts(asked)
        async with self._db.locked(asked.trader_id) as tx:
            now = self._clock.now()
            if asked.expires_at is not None and asked.expires_at <= now:
                raise Malformed(rule="expires_at")
            credential = await credentials.get(tx, asked.trader_id, asked.parent_id)
            if credential is None:
                raise CredentialNotFound
            if credential.state is not LinkState.ACTIVE:
                raise CredentialNotActive
            bearer = token.mint(token.TokenKind.GRANT, asked.trader_id, grant_id)
            node = await tokens.mint(
                tx,
                NewNode(
                    trader_id=asked.trader_id,
                    token_id=grant_id,
                    kind="grant",
                    parent_id=credential.credential_id,
                    label=asked.model_name,
                    expires_at=min(asked.expires_at or now + LONGEST_GRANT, now + LONGEST_GRANT),
                    scope=["order", "read"],
                    secret_hash=bearer.secret_hash(),
                    jkt=jkt,
                ),
            )
            action = BotGrant(
                trader_id=asked.trader_id,
                grant_id=grant_id,
                credential_id=credential.credential_id,
                venue=credential.venue_id,
                label=credential.label,
                model=ModelCard(
                    name=asked.model_name,
                    digest=asked.model_digest,
                    version=asked.model_version,
                    jkt=jkt,
                ),
                model_jwk=jwk,
                markets=sorted(set(asked.markets)),
                allocation=allocation,
                free_limit=free_limit,
                max_order=max_order,
                expires_at=node.expires_at,
                requested_by=requested_by,
                lease_hours=inherited_lease(asked.lease_hours, None),
            )
            raw = action_bytes(action)
            approval = Approval(
                trader_id=asked.trader_id,
                approval_id=new_id(),
                requester=origin.actor,
                action_type="bot.grant",
                action=raw,
                digest=sha256(raw),
                nonce=secrets.token_bytes(32),
                required_strength=required_strength(NORMAL, "bot.grant").value,
                subject_id=grant_id,
                state=ApprovalState.PENDING,
                created_at=now,
                expires_at=now + LONGEST_LIFE,
                decided_at=None,
                consumed_at=None,
            )
            await approvals.insert(tx, approval)
            await append_locked(
                tx,
                Entry(
                    trader_id=asked.trader_id,
                    event=Event.GRANT_REQUESTED,
                    origin=origin,
                    token_id=grant_id,
                    path=node.path,
                    subject_id=approval.approval_id,
                    request_digest=approval.digest,
                ),
            )
            await outbox.ring(
                tx, asked.trader_id, Topic.APPROVAL, approval.approval_id, approval.expires_at
            )
        return RequestedGrant(bearer=bearer, approval_id=approval.approval_id)


def _amounts(asked: GrantRequest) -> tuple[Amount, Amount, Amount]:
    """The three limits in their one spelling, in one quote, each within the next (P5)."""
    limits = {"allocation": asked.allocation, "max_order": asked.max_order}
    values = {name: parse_amount(limit.amount) for name, limit in limits.items()}
    if not asked.markets:
        raise AmountRefused(rule="markets")
    free = asked.free_limit.amount
    values["free_limit"] = parse_amount(free) if free != "0" else values["allocation"] * 0
    for name, limit in (*limits.items(), ("free_limit", asked.free_limit)):
        if limit.quote != asked.allocation.quote:
            raise AmountRefused(rule=f"{name}.quote")
    if values["max_order"] > values["allocation"]:
        raise WiderThanParent(rule="max_order")
    if values["free_limit"] > values["max_order"]:
        raise WiderThanParent(rule="free_limit")
    quote = asked.allocation.quote
    return (
        Amount(amount=plain(values["allocation"]), quote=quote),
        Amount(amount=plain(values["free_limit"]) if values["free_limit"] else "0", quote=quote),
        Amount(amount=plain(values["max_order"]), quote=quote),
    )
