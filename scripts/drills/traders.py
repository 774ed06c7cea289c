"""Traders for drills, planted beneath the API.

This cheats, because through the API each trader needs a phone, a factor and two approvals, and a
one-time password is good once in half a minute: a thousand would take a day. What the signer
believes is real all the same: each venue secret is imported into the HSM, each row has its MAC from
there. What is left out is that a person was asked.
"""

import hashlib
import hmac
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import msgspec

from app.approvals.actions import Amount, BotGrant, ModelCard, action_bytes
from app.core import token
from app.core.canonical import canonical_json
from app.core.ids import new_id
from app.core.token import Token, TokenKind
from app.credentials.models import Credential, LinkState
from app.devices.models import Device
from app.grants.models import Grant
from app.vault.client import HsmWorkers
from app.vault.evidence import Evidence
from app.vault.models import Envelope, Proof, SealContext, StorageContext
from app.vault.wrap import SealingKeys
from scripts.clients import seal
from scripts.clients.keys import KeyPair

VENUE, MARKET, QUOTE = "sandbox", "BTCUSDT", "USDT"
_LIFE = timedelta(days=1)
_ALGORITHM: Final = "hmac-sha256"
_HSM_SECONDS = 30.0
_MONEY = Amount(amount="1000000", quote=QUOTE)

_PLATFORM = "INSERT INTO platform (platform_id, name, jwks) VALUES ($1, 'drill', $2)"
_ADD_CLIENT = """
    INSERT INTO client_token (platform_id, token_id, secret_hash, expires_at)
    VALUES ($1, $2, $3, $4)
"""
_TRADER = "INSERT INTO trader (trader_id, platform_id) VALUES ($1, $2)"
_ROOT = "UPDATE trader SET root_id = $2 WHERE trader_id = $1"
_NODE = """
    INSERT INTO token (trader_id, token_id, kind, parent_id, path, secret_hash, jkt, scope, label,
                       expires_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, '{order,read}', 'drill', $8)
"""
_CARD = """
    INSERT INTO revocation_card (trader_id, card_id, secret_hash, root_id) VALUES ($1, $2, $3, $4)
"""
_APPROVAL = """
    INSERT INTO approval (trader_id, approval_id, requester, action_type, action, digest, nonce,
                          required_strength, subject_id, state, created_at, expires_at, decided_at,
                          consumed_at)
    VALUES ($1, $2, 'drill', 'bot.grant', $3, sha256($3), sha256($3), 'medium', $4, 'consumed',
            now(), now() + interval '2 minutes', now(), now())
"""
_Row = Device | Credential | Grant
_TABLES: dict[type[_Row], str] = {
    Device: "device",
    Credential: "exchange_credential",
    Grant: "bot_grant",
}


@dataclass(frozen=True, slots=True)
class Bearer:
    """A token with a bearer form, and the key that it is bound to."""

    token: Token
    key: KeyPair
    path: tuple[UUID, ...]


@dataclass(frozen=True, slots=True)
class Trader:
    """Root, two phones, one browser, one linked key, sealed grants below it, a revocation card.

    `subs`: of each bot in turn, a grant that hangs below its own.
    """

    trader_id: UUID
    phone: Bearer
    spare: Bearer
    browser: Bearer
    key_path: tuple[UUID, ...]
    bots: Sequence[Bearer]
    subs: Sequence[Bearer]
    card: Token

    @property
    def bearers(self) -> Sequence[Bearer]:
        return (self.phone, self.spare, self.browser, *self.bots, *self.subs)

    @property
    def root_path(self) -> tuple[UUID, ...]:
        return self.key_path[:1]


_UNGOVERNED = (
    """
    CREATE OR REPLACE FUNCTION count_for_nobody() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN NEW.lineage := ''; RETURN NEW; END $$
    """,
    """
    CREATE OR REPLACE TRIGGER how_often_is_not_raced BEFORE INSERT ON approval
        FOR EACH ROW EXECUTE FUNCTION count_for_nobody()
    """,
)
"""Beneath the API: a platform that asks a thousand times is let, or nothing is born to race."""


class Nursery:
    """Plants traders as the database's owner, with the signer's own HSM token."""

    def __init__(self, owner: Any, workers: HsmWorkers) -> None:
        self._owner = owner
        self._evidence, self._sealing = Evidence(workers), SealingKeys(workers)
        self.platform_id, self.client = new_id(), Token(TokenKind.CLIENT, new_id(), new_id(), _NONE)

    async def open(self) -> None:
        """Register the one platform that all the traders belong to, with a token for the day."""
        self.client = token.mint(TokenKind.CLIENT, self.platform_id, new_id())
        for statement in _UNGOVERNED:
            await self._owner.execute(statement)
        await self._owner.execute(_PLATFORM, self.platform_id, json.dumps({"keys": []}))
        await self._owner.execute(
            _ADD_CLIENT,
            *(self.platform_id, self.client.token_id, self.client.secret_hash()),
            datetime.now(UTC) + timedelta(days=7),
        )

    async def plant(self, count: int, bots: int) -> list[Trader]:
        return [await self._trader(bots) for _ in range(count)]

    async def _trader(self, bots: int) -> Trader:
        trader_id, root, credential_id = new_id(), new_id(), new_id()
        key_path = (root, credential_id)
        phone = _bearer(TokenKind.DEVICE, trader_id, (root,), KeyPair.p256())
        spare = _bearer(TokenKind.DEVICE, trader_id, (root,), KeyPair.p256())
        browser = _bearer(TokenKind.SESSION, trader_id, (root,), KeyPair.p256())
        grants = [
            _bearer(TokenKind.GRANT, trader_id, key_path, KeyPair.ed25519()) for _ in range(bots)
        ]
        subs = [_bearer(TokenKind.GRANT, trader_id, bot.path, KeyPair.ed25519()) for bot in grants]
        card = token.mint(TokenKind.CARD, trader_id, new_id())
        trader = Trader(trader_id, phone, spare, browser, key_path, grants, subs, card)
        imported = await self._import(trader_id, credential_id)
        rows: list[_Row] = [_device(trader, one) for one in (phone, spare)]
        rows += [_credential(trader)]
        rows += [_grant(trader, bot) for bot in (*grants, *subs)]
        messages = [row.evidence() for row in rows]
        macs = await self._evidence.seal(messages, deadline_seconds=_HSM_SECONDS)
        sealed = [
            msgspec.structs.replace(row, mac=mac) for row, mac in zip(rows, macs, strict=True)
        ]
        async with self._owner.transaction():
            await self._nodes(trader, root, card)
            await self._rows(trader, sealed)
            await self._owner.execute(
                "INSERT INTO wrapped_secret (trader_id, credential_id, shard, blob, blob_mac)"
                " VALUES ($1, $2, $3, $4, $5)",
                *(trader_id, credential_id, imported.shard, imported.blob, imported.mac),
            )
        return trader

    async def _nodes(self, trader: Trader, root: UUID, card: Token) -> None:
        ends, owner, trader_id = datetime.now(UTC) + _LIFE, self._owner, trader.trader_id
        bare = [((root,), "trader"), (trader.key_path, "credential")]
        nodes: list[tuple[object, ...]] = [
            (trader_id, path[-1], kind, path[-2] if path[1:] else None, path, None, None, ends)
            for path, kind in bare
        ]
        nodes += [
            (
                *(trader_id, one.path[-1], one.token.kind.value, one.path[-2], one.path),
                *(one.token.secret_hash(), one.key.jkt, ends),
            )
            for one in trader.bearers
        ]
        await owner.execute(_TRADER, trader_id, self.platform_id)
        await owner.executemany(_NODE, nodes)
        await owner.execute(_ROOT, trader_id, root)
        await owner.execute(_CARD, trader_id, card.token_id, card.secret_hash(), root)

    async def _rows(self, trader: Trader, sealed: Sequence[_Row]) -> None:
        approvals = [(trader.trader_id, *asked) for row in sealed if (asked := _asked(row))]
        await self._owner.executemany(_APPROVAL, approvals)
        for row in sealed:
            names = row.__struct_fields__
            places = ", ".join(f"${number}" for number in range(1, len(names) + 1))
            statement = f"INSERT INTO {_TABLES[type(row)]} ({', '.join(names)}) VALUES ({places})"
            await self._owner.execute(statement, *(getattr(row, name) for name in names))

    async def _import(self, trader_id: UUID, credential_id: UUID) -> Any:
        """A venue secret into the HSM, sealed as a phone seals it."""
        secret = hashlib.sha256(credential_id.bytes).digest()
        subject = f"{VENUE}/{credential_id.hex}"
        key = await self._sealing.open_sealing_key(deadline_seconds=_HSM_SECONDS)
        envelope = seal.seal(
            secret,
            seal.SealingKey(str(key.sealing_key_id), key.public_point, trader_id, "exchange"),
            subject=subject,
            algorithm=_ALGORITHM,
        )
        imported = await self._sealing.import_secret(
            sealing_key_id=key.sealing_key_id,
            envelope=Envelope(envelope.ephemeral, envelope.ciphertext),
            seal_context=SealContext(
                trader_id=trader_id, purpose="exchange", subject=subject, algorithm=_ALGORITHM
            ),
            storage_context=StorageContext(
                trader_id=trader_id,
                subject_id=credential_id,
                purpose=VENUE,
                algorithm=_ALGORITHM,
                key_version=1,
            ),
            proof=Proof(b"drill", hmac.digest(secret, b"drill", "sha256")),
            deadline_seconds=_HSM_SECONDS,
        )
        return imported.key


_NONE = token.mint(TokenKind.CLIENT, UUID(int=0), UUID(int=0)).secret


def _bearer(kind: TokenKind, trader_id: UUID, parent: tuple[UUID, ...], key: KeyPair) -> Bearer:
    bearer = token.mint(kind, trader_id, new_id())
    return Bearer(bearer, key, (*parent, bearer.token_id))


def _device(trader: Trader, phone: Bearer) -> Device:
    return Device(
        trader_id=trader.trader_id,
        device_id=phone.token.token_id,
        root_id=trader.root_path[0],
        public_jwk=canonical_json(phone.key.public_jwk),
        name="drill",
        bound_at=datetime.now(UTC),
        version=1,
        mac=b"",
    )


def _credential(trader: Trader) -> Credential:
    now = datetime.now(UTC)
    credential_id = trader.key_path[-1]
    return Credential(
        trader_id=trader.trader_id,
        credential_id=credential_id,
        root_id=trader.root_path[0],
        path=list(trader.key_path),
        device_id=trader.phone.token.token_id,
        venue_id=VENUE,
        api_key_id=credential_id.hex,
        algorithm=_ALGORITHM,
        label="drill",
        envelope_sha256=bytes(32),
        state=LinkState.ACTIVE,
        refused_reason=None,
        permissions=["SPOT"],
        attested_at=now,
        approval_id=new_id(),
        linked_at=now,
        version=1,
        mac=b"",
    )


def _grant(trader: Trader, bot: Bearer) -> Grant:
    now, jkt = datetime.now(UTC), bot.key.jkt
    action = BotGrant(
        trader_id=trader.trader_id,
        grant_id=bot.path[-1],
        credential_id=trader.key_path[-1],
        venue=VENUE,
        label="drill",
        model=ModelCard(name="drill", digest="d", version="1", jkt=jkt),
        model_jwk=bot.key.public_jwk,
        markets=[MARKET],
        allocation=_MONEY,
        free_limit=_MONEY,
        max_order=_MONEY,
        expires_at=now + _LIFE,
        requested_by="drill",
    )
    return Grant(
        trader_id=trader.trader_id,
        grant_id=bot.path[-1],
        root_id=trader.root_path[0],
        path=list(bot.path),
        credential_id=trader.key_path[-1],
        approval_id=new_id(),
        model_jwk=canonical_json(bot.key.public_jwk),
        limits=action_bytes(action),
        expires_at=action.expires_at,
        granted_at=now,
        version=1,
        mac=b"",
    )


def _asked(row: _Row) -> tuple[UUID | None, bytes, UUID] | None:
    """The approval that a row came from: its id, its action and its subject."""
    match row:
        case Grant():
            return row.approval_id, row.limits, row.grant_id
        case Credential():
            return row.approval_id, b"{}", row.credential_id
        case Device():
            return None
