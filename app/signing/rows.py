"""What `begin_signing` reads and `finish_signing` writes."""

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec

from app.core.canonical import sha256
from app.core.origin import Origin
from app.credentials.models import Credential, WrappedSecret
from app.db.pool import Row, Tx
from app.exchanges.models import MarketSnapshot, SignedRequest
from app.grants.models import Grant
from app.policies.models import PolicyRow
from app.tokens.models import Level
from app.vault.models import StorageContext, WrappedKey


class OrderRow(msgspec.Struct, frozen=True, kw_only=True):
    """One order as the signer writes it: the fields of the type `signed_order`, in its order."""

    trader_id: UUID
    order_id: UUID
    grant_id: UUID
    credential_id: UUID
    sequence: int
    jws: str
    jws_digest: bytes
    venue_id: str
    market: str | None = None
    side: str | None = None
    order_type: str | None = None
    quantity: Decimal | None = None
    price: Decimal | None = None
    time_in_force: str | None = None
    notional: Decimal | None = None
    quote: str | None = None
    client_order_id: str
    approval_id: UUID | None = None
    state: str
    rule: str | None = None
    request_digest: bytes | None = None
    created_at: datetime
    released_at: datetime | None = None


class Price(msgspec.Struct, frozen=True, kw_only=True):
    venue_id: str
    market: str
    bid: Decimal
    ask: Decimal
    as_of: datetime


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    token_id: UUID
    quote: str
    notional: Decimal


class Balance(msgspec.Struct, frozen=True, kw_only=True):
    asset: str
    free: Decimal
    as_of: datetime


class Begun(msgspec.Struct, frozen=True, kw_only=True):
    """Everything one decision needs, read after the lock. `now` is the database's clock then.

    `ancestors` are the grants above this one, the topmost first. `policy` is the row in force of
    the trader's policy, if there is one, to be verified like the others.
    """

    now: datetime
    grant: Grant
    ancestors: tuple[Grant, ...]
    credential: Credential
    secret: WrappedSecret
    prior: OrderRow | None
    level: Level
    usage: tuple[Usage, ...]
    price: Price | None
    snapshot: MarketSnapshot | None
    balances: tuple[Balance, ...]
    pending_sell: Decimal
    policy: PolicyRow | None


_SNAPSHOT = msgspec.json.Decoder(MarketSnapshot)


async def begin(
    tx: Tx, trader_id: UUID, grant_id: UUID, sequence: int, market: str
) -> Begun | None:
    """Take the trader lock, then read. None when there is no such grant with a usable key."""
    row = await tx.fetchrow(
        "SELECT * FROM begin_signing($1, $2, $3, $4)", trader_id, grant_id, sequence, market
    )
    if row is None or not (
        _present(row["a_grant"]) and _present(row["credential"]) and _present(row["secret"])
    ):
        return None
    return Begun(
        now=row["now"],
        grant=_read(row["a_grant"], Grant),
        ancestors=tuple(_read(item, Grant) for item in row["ancestors"] or ()),
        credential=_read(row["credential"], Credential),
        secret=_read(row["secret"], WrappedSecret),
        prior=_read(row["prior"], OrderRow) if _present(row["prior"]) else None,
        level=Level(max(row["level"], row["venue_level"])),
        usage=tuple(_read(item, Usage) for item in row["usage"] or ()),
        price=_read(row["price"], Price) if _present(row["price"], "market") else None,
        snapshot=snapshot_of(row["snapshot"]) if row["snapshot"] else None,
        balances=tuple(_read(item, Balance) for item in row["balances"] or ()),
        pending_sell=row["pending_sell"] or Decimal(0),
        policy=_read(row["policy"], PolicyRow) if _present(row["policy"]) else None,
    )


async def finish(
    tx: Tx, order: OrderRow, *, path: list[UUID], event: str, origin: Origin, reserve: bool
) -> int:
    """Store the order, reserve its notional on every node, log it; returns the log position."""
    position: int = await tx.fetchval(
        "SELECT finish_signing($1, $2, $3, $4, $5, $6, $7, $8)",
        msgspec.structs.astuple(order),
        path,
        event,
        origin.actor,
        "refused" if order.state == "refused" else "ok",
        origin.address,
        origin.user_agent,
        reserve,
    )
    return position


def request_digest(signed: SignedRequest) -> bytes:
    """Of a signed request, for the log: tells later which one it was, and nobody can send it."""
    return sha256(f"{signed.method} {signed.path_and_query}\n".encode() + signed.body)


def snapshot_of(text: str) -> MarketSnapshot:
    """A pinned market from its row; what it says is checked again in the built request."""
    return _SNAPSHOT.decode(text)


def wrapped_key(credential: Credential, secret: WrappedSecret) -> WrappedKey:
    """The secret as the vault knows it: its context comes from the credential's own columns."""
    algorithm: Any = credential.algorithm
    context = StorageContext(
        trader_id=credential.trader_id,
        subject_id=credential.credential_id,
        purpose=credential.venue_id,
        algorithm=algorithm,
        key_version=1,
    )
    return WrappedKey(
        shard=secret.shard,
        algorithm=algorithm,
        blob=secret.blob,
        context=context.encode(),
        mac=secret.blob_mac,
    )


def _present(composite: Row | None, column: str = "trader_id") -> bool:
    return composite is not None and composite[column] is not None


def _read(composite: Row, shape: Any) -> Any:
    return msgspec.convert(dict(composite), shape)
