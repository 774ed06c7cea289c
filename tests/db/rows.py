"""Rows put in as the superuser, beneath the stores and the signer: what is tested is the schema."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import msgspec

from app.core.ids import new_id

MAC, HASH = b"m" * 32, b"h" * 32
FAR = datetime(2100, 1, 1, tzinfo=UTC)
LOCKED = UUID(int=0)


class Tree(msgspec.Struct, frozen=True, kw_only=True):
    """Ids of one trader's nodes: a device, a credential, a grant below it, all below the root."""

    trader_id: UUID
    root: UUID
    device: UUID
    credential: UUID
    grant: UUID


def now() -> datetime:
    return datetime.now(tz=UTC)


async def add_trader(db: Any) -> UUID:
    platform, trader = new_id(), new_id()
    await db.execute("INSERT INTO platform VALUES ($1, 'p', '{}')", platform)
    await db.execute("INSERT INTO trader VALUES ($1, $2)", trader, platform)
    return trader


async def mint(
    db: Any,
    trader: UUID,
    kind: str,
    parent: UUID | None,
    *,
    token: UUID | None = None,
    expires_at: datetime = FAR,
    secret_hash: bytes | None = None,
    jkt: str | None = None,
) -> asyncpg.Record:
    return await db.fetchrow(
        "SELECT * FROM mint_token($1,$2,$3,$4,$5,$6,'{}','node',$7)",
        *(trader, token or new_id(), kind, parent, secret_hash, jkt, expires_at),
    )


async def add_tree(db: Any) -> Tree:
    """A trader with a token for each kind of node, and the rows that hang on them."""
    trader = await add_trader(db)
    root = (await mint(db, trader, "trader", None))["token_id"]
    device = (await mint(db, trader, "device", root, secret_hash=HASH, jkt="k"))["token_id"]
    credential = (await mint(db, trader, "credential", root))["token_id"]
    grant = (await mint(db, trader, "grant", credential))["token_id"]
    tree = Tree(trader_id=trader, root=root, device=device, credential=credential, grant=grant)
    await db.execute(
        "INSERT INTO device VALUES ($1,$2,$3,'{}','phone',now(),1,$4)", trader, device, root, MAC
    )
    await db.execute(
        "INSERT INTO push_registration VALUES ($1,$2,'fcm','fid','reg')", trader, device
    )
    await db.execute("INSERT INTO venue VALUES ('sandbox', 0) ON CONFLICT DO NOTHING")
    return tree


async def add_approval(
    db: Any, tree: Tree, *, state: str = "pending", subject: UUID | None = None
) -> UUID:
    approval = new_id()
    decided = None if state == "pending" else now()
    consumed = now() if state == "consumed" else None
    await db.execute(
        "INSERT INTO approval VALUES"
        " ($1,$2,'device:x','trade.order','{}',sha256('{}'),$3,'medium',$4,$5,$6,$7,$8,$9)",
        *(tree.trader_id, approval, HASH, subject or tree.grant, state),
        *(now(), now() + timedelta(minutes=5), decided, consumed),
    )
    return approval


async def add_credential(db: Any, tree: Tree, *, state: str = "pending") -> None:
    """The row of the tree's credential; `active` comes with its read-back and approval."""
    approval = await add_approval(db, tree, state="approved") if state == "active" else None
    await db.execute(
        "INSERT INTO exchange_credential VALUES"
        " ($1,$2,$3,$4,$5,'sandbox','key','hmac-sha256','mine',$6,$7,$8,NULL,$9,$10,now(),1,$6)",
        *(tree.trader_id, tree.credential, tree.root, [tree.root, tree.credential], tree.device),
        *(MAC, state, "no" if state == "refused" else None, now() if approval else None, approval),
    )


async def add_grant(db: Any, tree: Tree) -> None:
    await add_credential(db, tree, state="active")
    await db.execute(
        "INSERT INTO bot_grant VALUES ($1,$2,$3,$4,$5,$6,'{}','{}',$7,now(),1,$8)",
        *(tree.trader_id, tree.grant, tree.root, [tree.root, tree.credential, tree.grant]),
        *(tree.credential, await add_approval(db, tree, state="consumed"), FAR, MAC),
    )


async def add_order(db: Any, tree: Tree, state: str, *, sequence: int = 1) -> UUID:
    """An order in any state, with the columns that state asks for. The grant's row is there."""
    order = new_id()
    approval = await add_approval(db, tree) if state == "held" else None
    await db.execute(
        "INSERT INTO bot_order (trader_id, order_id, grant_id, credential_id, sequence, jws,"
        " jws_digest, venue_id, client_order_id, approval_id, state, rule, request_digest,"
        " created_at) VALUES ($1,$2,$3,$4,$5,'jws',$6,'sandbox',$7,$8,$9,$10,$11,now())",
        *(tree.trader_id, order, tree.grant, tree.credential, sequence, HASH, str(order)),
        *(approval, state, "no" if state == "refused" else None),
        None if state in {"refused", "held", "expired"} else HASH,
    )
    return order


async def add_session(db: Any, tree: Tree, *, state: str = "pending") -> UUID:
    session = new_id()
    proven = now() if state == "active" else None
    await db.execute(
        "INSERT INTO session VALUES ($1,$2,'k','address','agent',$3,$4,$5,$6,$7,now(),$8)",
        *(tree.trader_id, session, await add_approval(db, tree, subject=session), proven),
        *(new_id() if proven else None, MAC if proven else None, state),
        now() + timedelta(minutes=5),
    )
    return session


async def add_factor(db: Any, tree: Tree) -> UUID:
    factor = new_id()
    await db.execute(
        "INSERT INTO totp_factor VALUES ($1,$2,$3,$4,'SHA1',6,30,'app',now(),1,$5)",
        *(tree.trader_id, factor, tree.root, tree.device, MAC),
    )
    await db.execute("INSERT INTO totp_state VALUES ($1,$2,0,0,NULL)", tree.trader_id, factor)
    return factor


async def add_revocation(db: Any, tree: Tree, *, state: str = "pending") -> UUID:
    revocation = new_id()
    await db.execute(
        "INSERT INTO revocation VALUES"
        " ($1,$2,$3,$4,'cancel_entries','r','device:x',$5,1,$6,$7,$8,$9)",
        *(tree.trader_id, revocation, tree.root, [tree.root], now()),
        *(now() + timedelta(minutes=10), state, HASH, FAR),
    )
    return revocation


async def add_cleanup_item(db: Any, tree: Tree, *, state: str = "pending") -> UUID:
    revocation = await add_revocation(db, tree)
    await db.execute(
        "INSERT INTO cleanup_item VALUES ($1,$2,1,'delete_key',$3,NULL,$4,0,now())",
        *(tree.trader_id, revocation, tree.credential, state),
    )
    return revocation


async def add_passkey(db: Any, tree: Tree, *, state: str = "active") -> UUID:
    """A passkey that was backed up and counted to 5."""
    factor = new_id()
    await db.execute(
        "INSERT INTO passkey VALUES ($1,$2,$3,$4,$5,'\\x00',5,true,true,'{internal}',$2,'none',"
        "'cord.example','phone',$6,now(),1,$7)",
        *(tree.trader_id, factor, tree.root, tree.device, factor.bytes),
        *("pending" if state == "pending" else "active", MAC),
    )
    if state in {"frozen", "removed"}:
        await db.execute(
            "UPDATE passkey SET state = $2, version = 2 WHERE factor_id = $1", factor, state
        )
    return factor


async def add_re_enrolment(db: Any, tree: Tree, *, state: str = "waiting") -> UUID:
    """Begun 25 hours ago, so that it may be completed; ended by the tree's device."""
    code, re_enrolment = new_id(), new_id()
    await db.execute(
        "INSERT INTO recovery_code VALUES ($1,$2,1,$3,$4,'{}',now(),1,$5)",
        *(tree.trader_id, code, tree.root, tree.device, MAC),
    )
    await db.execute(
        "INSERT INTO re_enrolment VALUES ($1,$2,$3,$4,'{}','phone',NULL,NULL,false,$5,$6,$7,"
        "'waiting',NULL,NULL,1,$8)",
        *(tree.trader_id, re_enrolment, tree.root, code, now() - timedelta(hours=25)),
        *(now() - timedelta(hours=1), now() + timedelta(days=6), MAC),
    )
    if state != "waiting":
        await db.execute(
            "UPDATE re_enrolment SET state = $2::text, ended_at = now(), version = 2,"
            " ended_by = CASE WHEN $2 IN ('completed', 'vetoed') THEN $3::uuid END"
            " WHERE re_enrolment_id = $1",
            *(re_enrolment, state, tree.device),
        )
    return re_enrolment


async def until_blocked(holder: Any, waiters: int = 1) -> None:
    """Wait until so many sessions wait for a lock that this connection holds."""
    blocked = "SELECT count(*) FROM pg_stat_activity WHERE $1 = ANY (pg_blocking_pids(pid))"
    own = await holder.fetchval("SELECT pg_backend_pid()")
    async with asyncio.timeout(10):
        while await holder.fetchval(blocked, own) < waiters:  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.005)
