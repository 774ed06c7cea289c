"""Traders, their trees and platforms, written beneath the signer.

It cheats: rows go in as the superuser with MACs of zeros. The edge never looks at a MAC, it only
relays to the signer, which does; the real way there needs an HSM and is in
`test_with_the_real_signer.py`.
"""

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import msgspec

from app.core import token
from app.core.ids import new_id
from app.core.token import Token, TokenKind
from scripts.clients.encoding import canonical_json
from scripts.clients.keys import KeyPair
from tests.api.caller import Bot, Party
from tests.api.signer import IDENTITY

FAR = datetime(2100, 1, 1, tzinfo=UTC)
_MAC = bytes(32)


class PlatformRow(msgspec.Struct, frozen=True, kw_only=True):
    """A registered platform with its key and a living access token."""

    platform_id: UUID
    key: KeyPair
    token: Token


class TraderRow(msgspec.Struct, frozen=True, kw_only=True):
    """A trader's tree: root, one device, one session, one credential, one sealed grant."""

    trader_id: UUID
    root_id: UUID
    device: Party
    session: Party
    credential_id: UUID
    grant: Bot
    platform: Party
    """A platform token with every scope."""

    approval_id: UUID
    """Pending: the next decision is about this one."""

    card: Token

    @property
    def parties(self) -> tuple[Party, Party, Party]:
        return self.device, self.session, self.grant


async def add_platform(
    db: asyncpg.Connection, *, jwks: Mapping[str, Any] | None = None
) -> PlatformRow:
    key, platform_id = KeyPair.p256(), new_id()
    keys = {"keys": [{**key.public_jwk, "kid": key.jkt}]} if jwks is None else jwks
    await db.execute(
        "INSERT INTO platform VALUES ($1, 'a platform', $2)", platform_id, json.dumps(keys)
    )
    access = token.mint(TokenKind.CLIENT, platform_id, new_id())
    await add_client_token(db, access, datetime.now(UTC) + timedelta(minutes=10))
    return PlatformRow(platform_id=platform_id, key=key, token=access)


async def add_client_token(db: asyncpg.Connection, access: Token, expires_at: datetime) -> None:
    await db.execute(
        "INSERT INTO client_token (platform_id, token_id, secret_hash, expires_at)"
        " VALUES ($1, $2, $3, $4)",
        *(access.trader_id, access.token_id, access.secret_hash(), expires_at),
    )


async def add_trader(db: asyncpg.Connection, platform: PlatformRow) -> TraderRow:
    trader_id, root_id, credential_id = new_id(), new_id(), new_id()
    await db.execute("INSERT INTO trader VALUES ($1, $2)", trader_id, platform.platform_id)
    await _node(db, trader_id, root_id, "trader", None)
    device = await add_party(db, trader_id, TokenKind.DEVICE, root_id)
    await db.execute(
        "INSERT INTO device VALUES ($1, $2, $3, $4, 'a phone', now(), 1, $5)",
        *(trader_id, device.token.token_id, root_id, canonical_json(device.key.public_jwk), _MAC),
    )
    session = await add_party(db, trader_id, TokenKind.SESSION, root_id)
    await _credential(db, trader_id, root_id, device, credential_id)
    grant = await add_grant(db, trader_id, root_id, credential_id)
    card = token.mint(TokenKind.CARD, trader_id, new_id())
    await db.execute(
        "INSERT INTO revocation_card VALUES ($1, $2, $3, $4)",
        *(trader_id, card.token_id, card.secret_hash(), root_id),
    )
    return TraderRow(
        trader_id=trader_id,
        root_id=root_id,
        device=device,
        session=session,
        credential_id=credential_id,
        grant=grant,
        platform=await add_platform_token(db, trader_id, root_id, platform.platform_id),
        approval_id=await add_approval(db, trader_id, credential_id),
        card=card,
    )


async def add_party(
    db: asyncpg.Connection,
    trader_id: UUID,
    kind: TokenKind,
    parent_id: UUID,
    *,
    key: KeyPair | None = None,
    expires_at: datetime = FAR,
) -> Party:
    """A node with a bearer form, and who holds it. Expiry may lie in the past."""
    key, bearer = key or KeyPair.p256(), token.mint(kind, trader_id, new_id())
    await _node(db, trader_id, bearer.token_id, kind.value, parent_id, bearer, key, expires_at)
    return Party(key=key, token=bearer)


async def add_grant(
    db: asyncpg.Connection,
    trader_id: UUID,
    root_id: UUID,
    credential_id: UUID,
    *,
    sealed: bool = True,
) -> Bot:
    """A bot's grant; without `sealed` it is what a request leaves before anybody approved."""
    party = await add_party(db, trader_id, TokenKind.GRANT, credential_id, key=KeyPair.ed25519())
    if sealed:
        approval_id = await add_approval(db, trader_id, party.token.token_id, state="approved")
        limits = canonical_json({"type": "bot.grant", "markets": ["BTCUSDT"]})
        await db.execute(
            "INSERT INTO bot_grant VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,now(),1,$10)",
            *(trader_id, party.token.token_id, root_id),
            [root_id, credential_id, party.token.token_id],
            *(credential_id, approval_id, canonical_json(party.key.public_jwk), limits, FAR, _MAC),
        )
    return party


async def add_platform_token(
    db: asyncpg.Connection, trader_id: UUID, root_id: UUID, platform_id: UUID, /, **changes: Any
) -> Party:
    """A platform token sealed by the stand-in signer's key; `changes` are of the seal."""
    party = await add_party(db, trader_id, TokenKind.PLATFORM, root_id)
    token_id = party.token.token_id
    approval_id = await add_approval(db, trader_id, token_id, state="approved")
    seal = {
        "domain": "tripcord/token-seal/v1",
        "trader_id": str(trader_id),
        "token_id": str(token_id),
        "root_id": str(root_id),
        "platform_id": str(platform_id),
        "approval_id": str(approval_id),
        "jkt": party.key.jkt,
        "scope": ["approvals.read", "approvals.request", "grants.request", "tree.read"],
        "ip_networks": [],
        "expires_at": "2100-01-01T00:00:00Z",
        "version": 1,
    } | changes
    await db.execute(
        "INSERT INTO platform_token VALUES ($1, $2, $3, $4, 1, now())",
        *(trader_id, token_id, approval_id),
        IDENTITY.statement(seal, typ="tripcord-token-seal+jws"),
    )
    return party


async def add_approval(
    db: asyncpg.Connection, trader_id: UUID, subject_id: UUID, *, state: str = "pending"
) -> UUID:
    approval_id = new_id()
    decided_at = None if state == "pending" else datetime.now(UTC)
    await db.execute(
        "INSERT INTO approval VALUES ($1,$2,'platform:x','trade.key_link',$3,$4,$5,'medium',$6,$7,"
        "now(),now() + interval '5 minutes',$8,NULL)",
        *(trader_id, approval_id, b"{}", hashlib.sha256(b"{}").digest(), _MAC, subject_id, state),
        decided_at,
    )
    return approval_id


async def approve(db: asyncpg.Connection, trader: TraderRow, approval_id: UUID) -> None:
    """What the signer leaves of an approving decision by the trader's phone and its code."""
    async with db.transaction():
        await db.execute(
            "UPDATE approval SET state = 'approved', decided_at = now()"
            " WHERE trader_id = $1 AND approval_id = $2",
            *(trader.trader_id, approval_id),
        )
        await db.execute(
            "INSERT INTO decision (trader_id, approval_id, root_id, device_id, nonce, digest,"
            " decision, method, factor_id, statement, decided_at, version, mac)"
            " VALUES ($1,$2,$3,$4,$5,$5,'approve','totp',$6,'x',now(),1,$5)",
            *(trader.trader_id, approval_id, trader.root_id, trader.device.token.token_id),
            *(_MAC, new_id()),
        )


async def fence(db: asyncpg.Connection, trader_id: UUID, token_id: UUID, level: int) -> None:
    """What `tighten` leaves, without its log entry: an operator's fence on one node."""
    await db.execute(
        "INSERT INTO fence VALUES ($1, $2, 'operator', $3, 'test', now(), 1)",
        *(trader_id, token_id, level),
    )


async def counts(db: asyncpg.Connection) -> dict[str, int]:
    """Rows per table, without what refusals may add: log entries, heads and spent proofs."""
    quiet = {"access_log", "access_log_head", "spent_proof", "checkpoint", "checkpoint_leaf"}
    tables = await db.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    return {
        name: await db.fetchval(f'SELECT count(*) FROM "{name}"')
        for (name,) in tables
        if name not in quiet
    }


async def _node(
    db: asyncpg.Connection,
    trader_id: UUID,
    token_id: UUID,
    kind: str,
    parent_id: UUID | None,
    bearer: Token | None = None,
    key: KeyPair | None = None,
    expires_at: datetime = FAR,
) -> None:
    await db.execute(
        "SELECT mint_token($1,$2,$3,$4,$5,$6,'{read}','a node',$7)",
        *(trader_id, token_id, kind, parent_id),
        None if bearer is None else bearer.secret_hash(),
        None if key is None else key.jkt,
        expires_at,
    )


async def _credential(
    db: asyncpg.Connection, trader_id: UUID, root_id: UUID, device: Party, credential_id: UUID
) -> None:
    await _node(db, trader_id, credential_id, "credential", root_id)
    approval_id = await add_approval(db, trader_id, credential_id, state="approved")
    await db.execute(
        "INSERT INTO exchange_credential VALUES ($1,$2,$3,$4,$5,'sandbox','AKID','hmac-sha256',"
        "'a key',$6,'active',NULL,'{SPOT}',now(),$7,now(),1,$6)",
        *(trader_id, credential_id, root_id, [root_id, credential_id], device.token.token_id),
        *(_MAC, approval_id),
    )
