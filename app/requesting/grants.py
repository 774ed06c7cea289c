"""Ask the trader to grant a bot."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from app.accesslog.models import Event
from app.approvals.actions import Amount, BotGrant, Claimed, ModelCard
from app.approvals.lineages import lineage_of
from app.core import token
from app.core.clock import Clock
from app.core.errors import Malformed
from app.core.ids import new_id
from app.core.jose import jwk_thumbprint, public_jwk
from app.core.origin import Origin
from app.db.pool import Database
from app.requesting.asking import ask
from app.requesting.parents import asked_limits, find_parent
from app.tokens import store as tokens
from app.tokens.models import NewNode

LONGEST_GRANT = timedelta(days=90)


class GrantRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What a platform, or a bot for a grant under its own, asks for.

    Amounts are decimal strings in one quote currency. Under a grant, None means what the parent
    has; on a credential only `expires_at`, `scope` and `ip_networks` may be None.
    """

    trader_id: UUID
    parent_id: UUID
    public_jwk: dict[str, Any]
    model_name: str
    model_digest: str
    model_version: str
    markets: list[str] | None = None
    allocation: Amount | None = None
    free_limit: Amount | None = None
    max_order: Amount | None = None
    expires_at: datetime | None = None
    scope: list[str] | None = None
    ip_networks: list[str] | None = None
    lease_hours: int | None = None
    claimed: Claimed | msgspec.UnsetType = msgspec.UNSET
    under_grant_id: UUID | None = None
    """Where the requester is a bot: its own grant, which the parent must be or lie under."""


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
            Nothing to grant on; a parent of somebody else's is no parent.
        KeyRejected, AmountRefused, WiderThanParent, Malformed
            The request contradicts itself; the rule names the field.
        ParentNotActive
            The parent is contained, or is a grant that nobody approved.
        """
        jwk = public_jwk(asked.public_jwk, "EdDSA")
        jkt, grant_id = jwk_thumbprint(jwk), new_id()
        async with self._db.locked(asked.trader_id) as tx:
            now = self._clock.now()
            if asked.expires_at is not None and asked.expires_at <= now:
                raise Malformed(rule="expires_at")
            parent = await find_parent(tx, asked.trader_id, asked.parent_id, asked.under_grant_id)
            limits = asked_limits(asked, parent, latest=now + LONGEST_GRANT)
            credential = parent.credential
            bearer = token.mint(token.TokenKind.GRANT, asked.trader_id, grant_id)
            node = await tokens.mint(
                tx,
                NewNode(
                    trader_id=asked.trader_id,
                    token_id=grant_id,
                    kind="grant",
                    parent_id=parent.node.token_id,
                    label=asked.model_name,
                    expires_at=limits.expires_at,
                    scope=limits.scope,
                    secret_hash=bearer.secret_hash(),
                    jkt=jkt,
                    networks=limits.ip_networks,
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
                markets=limits.markets,
                allocation=limits.allocation,
                free_limit=limits.free_limit,
                max_order=limits.max_order,
                expires_at=node.expires_at,
                requested_by=requested_by,
                parent_grant_id=parent.grant_id,
                parent_name=parent.name,
                scope=limits.scope,
                ip_networks=limits.ip_networks,
                lease_hours=limits.lease_hours,
                claimed=asked.claimed,
            )
            approval_id = await ask(
                tx,
                action,
                node=node,
                event=Event.GRANT_REQUESTED,
                origin=origin,
                now=now,
                lineage=(
                    lineage_of(parent.node.path) if asked.under_grant_id is not None else None
                ),
            )
        return RequestedGrant(bearer=bearer, approval_id=approval_id)
