"""Sealed limits of one node: believed, replaced by the next version, under a MAC or a signature."""

from collections.abc import Sequence
from uuid import UUID

import msgspec

from app.approvals.actions import BotGrant, action_bytes, read_action
from app.approvals.limits import Limits, limits_of, narrowed
from app.core.clock import Clock
from app.core.statements import TOKEN_SEAL_TYP, TokenSeal
from app.db.pool import Tx
from app.granting.errors import GrantRefused
from app.grants import store as grants
from app.grants.models import Grant
from app.platforms import tokens as platform_tokens
from app.platforms.tokens import PlatformToken
from app.tokens.errors import VersionStale
from app.tokens.models import Node
from app.vault.evidence import Evidence
from app.vault.identity import StatementKey
from app.vault.models import LOCKED_DEADLINE_SECONDS


class Seals:
    """All under the trader lock, which the caller holds."""

    def __init__(self, evidence: Evidence, identity: StatementKey, clock: Clock) -> None:
        self._evidence = evidence
        self._identity = identity
        self._clock = clock

    async def grants_on(self, tx: Tx, trader_id: UUID, path: Sequence[UUID]) -> list[Grant]:
        """Every grant of a path, believed, the uppermost first. A gap in it refuses."""
        found = await grants.on_path(tx, trader_id, path)
        if [grant.grant_id for grant in found] != list(path[2:]):
            raise GrantRefused
        await self._evidence.verify([(grant.evidence(), grant.mac) for grant in found])
        if any(grant.path != list(path[: i + 3]) for i, grant in enumerate(found)):
            raise GrantRefused
        return found

    async def next_grant(self, tx: Tx, grant: Grant, limits: Limits) -> int:
        """Seal a grant with other limits as its next version."""
        action = narrowed(read_action(grant.limits, BotGrant), limits)
        changed = msgspec.structs.replace(
            grant,
            limits=action_bytes(action),
            expires_at=limits.expires_at,
            version=grant.version + 1,
            mac=b"",
        )
        (mac,) = await self._evidence.seal([changed.evidence()])
        if not await grants.replace(tx, msgspec.structs.replace(changed, mac=mac)):
            raise VersionStale
        return changed.version

    async def platform(self, tx: Tx, node: Node) -> tuple[PlatformToken, TokenSeal]:
        """A platform token and what it was sealed with."""
        row = await platform_tokens.get(tx, node.trader_id, node.token_id)
        if row is None:
            raise GrantRefused
        seal = platform_tokens.open_seal(row.statement, identity_jwk=self._identity.public_jwk)
        if (seal.trader_id, seal.token_id) != (node.trader_id, node.token_id):
            raise GrantRefused
        return row, seal

    async def sign(self, seal: TokenSeal) -> str:
        return await self._identity.sign_jws(
            typ=TOKEN_SEAL_TYP,
            payload=platform_tokens.seal_bytes(seal),
            deadline_seconds=LOCKED_DEADLINE_SECONDS,
        )

    async def next_platform(self, tx: Tx, row: PlatformToken, seal: TokenSeal) -> int:
        """Seal a platform token with another scope, list or expiry as its next version."""
        version = row.version + 1
        changed = msgspec.structs.replace(
            row,
            statement=await self.sign(msgspec.structs.replace(seal, version=version)),
            version=version,
            sealed_at=self._clock.now(),
        )
        if not await platform_tokens.replace(tx, changed):
            raise VersionStale
        return version


def grant_limits(grant: Grant) -> Limits:
    """What a believed grant may do; its own end may be earlier than what was approved."""
    limits = limits_of(read_action(grant.limits, BotGrant))
    return msgspec.structs.replace(limits, expires_at=min(limits.expires_at, grant.expires_at))
