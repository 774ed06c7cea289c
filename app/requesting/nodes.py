"""Ask the trader for a platform token, or for other addresses of a node; rotate a secret."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from app.accesslog.log import append_locked
from app.accesslog.models import Entry, Event
from app.approvals.actions import Claimed, IpChange, TokenChild
from app.core import networks, token
from app.core.clock import Clock
from app.core.errors import Malformed
from app.core.ids import new_id
from app.core.jose import jwk_thumbprint, public_jwk
from app.core.origin import Origin
from app.db.pool import Database
from app.guardrails.errors import WiderThanParent
from app.guardrails.rungs import Verb, check_rung, rung_at
from app.platforms.models import Platform
from app.platforms.tokens import SCOPES
from app.requesting.asking import ask
from app.tokens import nodes
from app.tokens import store as tokens
from app.tokens.errors import ParentNotActive, TokenNotFound
from app.tokens.models import NewNode
from app.traders import store as traders

LONGEST_PLATFORM_TOKEN = timedelta(days=90)


class PlatformTokenRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What a platform asks for. None: the whole closed list of scopes is never assumed, so
    `scope` is named; addresses and expiry are the root's.
    """

    trader_id: UUID
    parent_id: UUID | None
    public_jwk: dict[str, object]
    label: str
    scope: list[str]
    ip_networks: list[str] | None
    expires_at: datetime | None
    claimed: Claimed | msgspec.UnsetType = msgspec.UNSET


class RequestedToken(msgspec.Struct, frozen=True, kw_only=True):
    """A bearer, shown once and dead until approved."""

    bearer: token.Token
    approval_id: UUID


class Rotated(msgspec.Struct, frozen=True, kw_only=True):
    """A new secret, shown once; the old one is good until it is used, or until `old_dies_at`."""

    bearer: token.Token
    old_dies_at: datetime


class NodeRequests:
    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def platform_token(
        self, asked: PlatformTokenRequest, platform: Platform, origin: Origin
    ) -> RequestedToken:
        """Mint the dead token, store the approval, ring the phones: one commit.

        Raises
        ------
        TokenNotFound, ParentNotActive
            The parent is not the trader's root; the root is contained, or there is none.
        KeyRejected, Malformed, WiderThanParent
            The rule names the field.
        """
        jkt = jwk_thumbprint(public_jwk(asked.public_jwk, "ES256", "EdDSA"))
        scope = sorted(set(asked.scope))
        if not scope or not set(scope) <= SCOPES:
            raise WiderThanParent(rule="scope") if scope else Malformed(rule="scope")
        async with self._db.locked(asked.trader_id) as tx:
            now = self._clock.now()
            trader = await traders.get(tx, asked.trader_id)
            if trader is None or trader.root_id is None:
                raise ParentNotActive
            if asked.parent_id not in {None, trader.root_id}:
                raise TokenNotFound
            root = await tokens.get(tx, asked.trader_id, trader.root_id)
            if root is None:
                raise ParentNotActive
            latest = min(now + LONGEST_PLATFORM_TOKEN, root.expires_at)
            if asked.expires_at is not None and asked.expires_at <= now:
                raise Malformed(rule="expires_at")
            if asked.expires_at is not None and asked.expires_at > latest:
                raise WiderThanParent(rule="expires_at")
            bearer = token.mint(token.TokenKind.PLATFORM, asked.trader_id, new_id())
            node = await tokens.mint(
                tx,
                NewNode(
                    trader_id=asked.trader_id,
                    token_id=bearer.token_id,
                    kind="platform",
                    parent_id=trader.root_id,
                    label=asked.label,
                    expires_at=asked.expires_at or latest,
                    scope=scope,
                    secret_hash=bearer.secret_hash(),
                    jkt=jkt,
                    networks=_list(asked.ip_networks, root.networks),
                ),
            )
            action = TokenChild(
                trader_id=asked.trader_id,
                token_id=node.token_id,
                parent_id=trader.root_id,
                kind="platform",
                platform_id=platform.platform_id,
                platform_name=platform.name,
                label=asked.label,
                jkt=jkt,
                scope=scope,
                ip_networks=node.networks,
                expires_at=node.expires_at,
                requested_by=origin.actor,
                claimed=asked.claimed,
            )
            approval_id = await ask(
                tx,
                action,
                node=node,
                event=Event.APPROVAL_REQUESTED,
                origin=origin,
                now=now,
            )
        return RequestedToken(bearer=bearer, approval_id=approval_id)

    async def ip_change(
        self,
        trader_id: UUID,
        token_id: UUID,
        texts: Iterable[str],
        origin: Origin,
        *,
        claimed: Claimed | msgspec.UnsetType = msgspec.UNSET,
    ) -> UUID:
        """Ask for another address list of a node; returns the approval's id.

        Raises
        ------
        TokenNotFound
            No such node in this trader's living tree.
        RungForbids
            The node is contained: nobody is asked to widen it.
        Malformed, WiderThanParent
            With the rule `ip_networks`.
        """
        wanted = networks.parse_networks(texts)
        async with self._db.locked(trader_id) as tx:
            trader = await traders.get(tx, trader_id)
            node = await tokens.get(tx, trader_id, token_id)
            if trader is None or node is None or node.path[0] != trader.root_id:
                raise TokenNotFound
            level = await tokens.effective_level(tx, trader_id, node.path)
            check_rung(rung_at(level), Verb.WIDEN, node_id=token_id)
            for outer in await nodes.lists_on(tx, trader_id, node.path[:-1]):
                if not networks.is_within(wanted, outer):
                    raise WiderThanParent(rule=networks.FIELD)
            action = IpChange(
                trader_id=trader_id,
                token_id=token_id,
                kind=node.kind,
                label=node.label,
                version=node.version,
                from_networks=node.networks,
                to_networks=wanted,
                requested_by=origin.actor,
                claimed=claimed,
            )
            return await ask(
                tx,
                action,
                node=node,
                event=Event.APPROVAL_REQUESTED,
                origin=origin,
                now=self._clock.now(),
            )

    async def rotate(self, trader_id: UUID, token_id: UUID, origin: Origin) -> Rotated:
        """A new secret for a living token, bound to the same key as before.

        Asked again after a lost reply it gives another secret; until one of them is used, all
        are good. Scope, addresses and expiry stay.

        Raises
        ------
        TokenNotFound, ParentNotActive
            No such token; it, or something above it, is contained or expired.
        """
        async with self._db.locked(trader_id) as tx:
            node = await tokens.get(tx, trader_id, token_id)
            if node is None or node.jkt is None:
                raise TokenNotFound
            bearer = token.mint(token.TokenKind(node.kind), trader_id, token_id)
            old_dies_at = await nodes.rotate(tx, trader_id, token_id, bearer.secret_hash())
            await append_locked(
                tx,
                Entry(
                    trader_id=trader_id,
                    event=Event.TOKEN_ROTATED,
                    origin=origin,
                    token_id=token_id,
                    path=node.path,
                    subject_id=token_id,
                ),
            )
        return Rotated(bearer=bearer, old_dies_at=old_dies_at)


def _list(asked: list[str] | None, above: list[str]) -> list[str]:
    """The parent's list where none is named."""
    if asked is None:
        return above
    wanted = networks.parse_networks(asked)
    if not networks.is_within(wanted, above):
        raise WiderThanParent(rule=networks.FIELD)
    return wanted
