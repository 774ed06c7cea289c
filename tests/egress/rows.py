"""Rows other processes write: a trader with a linked key, a grant and orders.

They go in as the superuser, beneath the signer: its evidence (MACs, approvals) is nothing the
courier looks at, and the real way there needs an HSM.
"""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import asyncpg
import msgspec

from app.core.ids import new_id
from app.exchanges.client_ids import client_order_id

_MAC = bytes(32)
FAR = datetime(2100, 1, 1, tzinfo=UTC)


class Trader(msgspec.Struct, kw_only=True):
    """Ids of one trader's rows, and the venue key (the secret is the stand-in signer's)."""

    trader_id: UUID
    root_id: UUID
    device_id: UUID
    credential_id: UUID
    grant_id: UUID
    api_key: str
    secret: str
    orders: int = 0

    @property
    def path(self) -> list[UUID]:
        return [self.root_id, self.credential_id, self.grant_id]


async def add_trader(
    db: asyncpg.Connection,
    key: dict[str, str],
    *,
    state: str = "active",
    markets: tuple[str, ...] = ("BTCUSDT",),
    venue: str = "sandbox",
) -> Trader:
    """A trader with one device, one credential and, where it is active, one grant."""
    t = Trader(
        trader_id=new_id(),
        root_id=new_id(),
        device_id=new_id(),
        credential_id=new_id(),
        grant_id=new_id(),
        api_key=key["api_key"],
        secret=key["secret"],
    )
    await db.execute("INSERT INTO venue VALUES ($1, 0) ON CONFLICT DO NOTHING", venue)
    platform = new_id()
    await db.execute("INSERT INTO platform VALUES ($1, 'test', '{}')", platform)
    await db.execute("INSERT INTO trader VALUES ($1, $2)", t.trader_id, platform)
    await _mint(db, t, t.root_id, "trader", None)
    await _mint(db, t, t.device_id, "device", t.root_id)
    await _mint(db, t, t.credential_id, "credential", t.root_id)
    await _mint(db, t, t.grant_id, "grant", t.credential_id)
    await db.execute(
        "INSERT INTO device VALUES ($1,$2,$3,'{}','phone',now(),1,$4)",
        *(t.trader_id, t.device_id, t.root_id, _MAC),
    )
    approval = await _add_approval(db, t)
    active = state == "active"
    await db.execute(
        "INSERT INTO exchange_credential VALUES"
        " ($1,$2,$3,$4,$5,$11,$6,'hmac-sha256','key',$7,$8,NULL,NULL,$9,$10,now(),1,$7)",
        *(t.trader_id, t.credential_id, t.root_id, t.path[:2], t.device_id, t.api_key, _MAC),
        *(state, datetime.now(tz=UTC) if active else None, approval if active else None, venue),
    )
    if active:
        await db.execute(
            "INSERT INTO bot_grant VALUES ($1,$2,$3,$4,$5,$6,'{}',$7,$8,now(),1,$9)",
            *(t.trader_id, t.grant_id, t.root_id, t.path, t.credential_id, approval),
            *(json.dumps({"markets": markets}).encode(), FAR, _MAC),
        )
    return t


async def add_order(db: asyncpg.Connection, t: Trader, **changes: Any) -> UUID:
    """A released order with its notional (quantity x price) reserved on every node, as by
    `finish_signing`.
    """
    t.orders += 1
    order_id = new_id()
    fields: dict[str, Any] = {
        "market": "BTCUSDT",
        "side": "buy",
        "order_type": "limit",
        "quantity": Decimal("0.01"),
        "price": Decimal("50000.00"),
        "time_in_force": "GTC",
        "state": "released",
        "released_at": datetime.now(tz=UTC),
    } | changes
    notional = fields["quantity"] * fields["price"]
    await db.execute(
        "INSERT INTO bot_order VALUES ($1,$2,$3,$4,$5,'jws',$6,'sandbox',$7,$8,$9,$10,$11,$12,$13,"
        "'USDT',$14,NULL,$15,NULL,$6,NULL,0,NULL,now(),$16,NULL)",
        *(t.trader_id, order_id, t.grant_id, t.credential_id, t.orders, _MAC, fields["market"]),
        *(fields["side"], fields["order_type"], fields["quantity"], fields["price"]),
        *(fields["time_in_force"], notional, client_order_id(order_id), fields["state"]),
        fields["released_at"],
    )
    day = fields["released_at"].date()
    for node in t.path:
        await db.execute(
            "INSERT INTO node_usage AS u VALUES ($1,$2,$3,'USDT',$4)"
            " ON CONFLICT (trader_id, token_id, day, quote)"
            " DO UPDATE SET notional = u.notional + $4",
            *(t.trader_id, node, day, notional),
        )
    return order_id


async def revoke(db: asyncpg.Connection, t: Trader, node: UUID, at: datetime) -> UUID:
    """What `tighten` leaves behind. (Only the api's roles may call it; the fence is its half.)"""
    revocation_id = new_id()
    path = t.path[: t.path.index(node) + 1]
    await db.execute(
        "INSERT INTO fence VALUES ($1,$2,'trader',5,'test',$3,1)", t.trader_id, node, at
    )
    await db.execute(
        "INSERT INTO revocation (trader_id, revocation_id, token_id, path, mode, reason, actor,"
        " revoked_at, log_position, cleanup_deadline_at, receipt_hash, receipt_expires_at)"
        " VALUES ($1,$2,$3,$4,'cancel_entries','test','device:x',$5,1,$6,$7,$8)",
        *(t.trader_id, revocation_id, node, path, at, at + timedelta(minutes=15), _MAC, FAR),
    )
    return revocation_id


async def order_row(db: asyncpg.Connection, order_id: UUID) -> asyncpg.Record:
    return await db.fetchrow("SELECT * FROM bot_order WHERE order_id = $1", order_id)


async def usage(db: asyncpg.Connection, t: Trader) -> list[Decimal]:
    """Reserved notional on root, credential and grant."""
    return [
        await db.fetchval("SELECT sum(notional) FROM node_usage WHERE token_id = $1", node)
        for node in t.path
    ]


async def entries(db: asyncpg.Connection, t: Trader, event: str) -> list[asyncpg.Record]:
    """The trader's log entries of one kind, in order, from the locked chain."""
    found: list[asyncpg.Record] = await db.fetch(
        "SELECT * FROM access_log WHERE trader_id = $1 AND event = $2"
        " AND chain = '00000000-0000-0000-0000-000000000000' ORDER BY position",
        t.trader_id,
        event,
    )
    return found


async def _mint(
    db: asyncpg.Connection, t: Trader, node: UUID, kind: str, parent: UUID | None
) -> None:
    await db.execute(
        "SELECT mint_token($1,$2,$3,$4,NULL,NULL,'{}','node',$5)",
        *(t.trader_id, node, kind, parent, FAR),
    )


async def _add_approval(db: asyncpg.Connection, t: Trader) -> UUID:
    approval_id = new_id()
    await db.execute(
        "INSERT INTO approval VALUES ($1,$2,'device:x','test','{}',sha256('{}'),$3,'medium',$4,"
        "'approved',now(),now() + interval '5 minutes',now(),NULL)",
        *(t.trader_id, approval_id, _MAC, t.credential_id),
    )
    return approval_id
