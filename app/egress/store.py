"""SQL of what the courier reads for everybody and writes from scheduled reads."""

from collections.abc import Sequence

import msgspec

from app.db.pool import Tx
from app.egress.reads import KeyRef
from app.exchanges.models import OpenOrder, VenueBalance

# 4 is `frozen`: from there on the signer signs no read. Not per trader on purpose, here and below:
# the courier serves all.
_UNREAD_KEYS = """
    SELECT trader_id, credential_id, venue_id, version FROM exchange_credential
     WHERE state IN ('pending', 'verifying') AND attested_at IS NULL AND approval_id IS NULL
       AND effective_level(trader_id, path) < 4
     ORDER BY linked_at DESC LIMIT $1
"""

_ACTIVE_KEYS = """
    SELECT trader_id, credential_id, venue_id FROM exchange_credential
     WHERE state = 'active' AND effective_level(trader_id, path) < 4
     ORDER BY trader_id, credential_id
"""

# What is not in the answer is zero. An answer that was overtaken by a later one changes nothing.
_PUT_BALANCES = """
    INSERT INTO venue_balance AS b (trader_id, credential_id, asset, free, locked, as_of)
    SELECT $1, $2, r.asset, r.free, r.locked, clock_timestamp() - make_interval(secs => $6)
      FROM unnest($3::text[], $4::numeric[], $5::numeric[]) AS r(asset, free, locked)
    ON CONFLICT (trader_id, credential_id, asset) DO UPDATE
       SET free = excluded.free, locked = excluded.locked, as_of = excluded.as_of
     WHERE b.as_of < excluded.as_of
"""
_ZERO_BALANCES = """
    UPDATE venue_balance
       SET free = 0, locked = 0, as_of = clock_timestamp() - make_interval(secs => $4)
     WHERE trader_id = $1 AND credential_id = $2 AND asset <> ALL ($3::text[])
       AND as_of < clock_timestamp() - make_interval(secs => $4)
"""

_PUT_OPEN_ORDERS = """
    INSERT INTO venue_open_order (trader_id, credential_id, venue_order_id, client_order_id, market,
                                  side, order_type, quantity, filled_quantity, price, as_of)
    SELECT $1, $2, r.*, clock_timestamp() - make_interval(secs => $11)
      FROM unnest($3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::numeric[],
                  $9::numeric[], $10::numeric[]) AS r
    ON CONFLICT (trader_id, credential_id, venue_order_id) DO UPDATE
       SET filled_quantity = excluded.filled_quantity, quantity = excluded.quantity,
           price = excluded.price, as_of = excluded.as_of
"""
_DROP_OPEN_ORDERS = """
    DELETE FROM venue_open_order
     WHERE trader_id = $1 AND credential_id = $2 AND venue_order_id <> ALL ($3::text[])
"""


class UnreadKey(msgspec.Struct, frozen=True):
    """A key whose permissions nobody has read back yet; `version` is its row's."""

    key: KeyRef
    version: int


async def unread_keys(tx: Tx, limit: int) -> list[UnreadKey]:
    """Keys that wait for their permissions to be read back, the newest first."""
    rows = await tx.fetch(_UNREAD_KEYS, limit)
    return [
        UnreadKey(KeyRef(row["trader_id"], row["credential_id"], row["venue_id"]), row["version"])
        for row in rows
    ]


async def active_keys(tx: Tx) -> list[KeyRef]:
    """Linked keys that may still read."""
    rows = await tx.fetch(_ACTIVE_KEYS)
    return [KeyRef(row["trader_id"], row["credential_id"], row["venue_id"]) for row in rows]


async def put_balances(
    tx: Tx, key: KeyRef, balances: Sequence[VenueBalance], *, age_seconds: float
) -> None:
    """Replace a key's balances by those of one answer asked for `age_seconds` ago."""
    assets = [balance.asset for balance in balances]
    await tx.execute(
        _PUT_BALANCES,
        key.trader_id,
        key.credential_id,
        assets,
        [balance.free for balance in balances],
        [balance.locked for balance in balances],
        age_seconds,
    )
    await tx.execute(_ZERO_BALANCES, key.trader_id, key.credential_id, assets, age_seconds)


async def put_open_orders(
    tx: Tx, key: KeyRef, orders: Sequence[OpenOrder], *, age_seconds: float
) -> None:
    """Replace a key's open orders, ours and foreign ones, by those of one answer."""
    ids = [order.venue_order_id for order in orders]
    await tx.execute(_DROP_OPEN_ORDERS, key.trader_id, key.credential_id, ids)
    await tx.execute(
        _PUT_OPEN_ORDERS,
        key.trader_id,
        key.credential_id,
        ids,
        [order.client_order_id for order in orders],
        [order.market for order in orders],
        [order.side for order in orders],
        [order.type for order in orders],
        [order.quantity for order in orders],
        [order.filled_quantity for order in orders],
        [order.price for order in orders],
        age_seconds,
    )
