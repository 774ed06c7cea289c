"""What survives a restart: a JSON snapshot, replaced atomically.

Kept: keys (with HMAC secrets, hence mode 600), accounts, open orders, recent orders and trades,
prices and counters. Not kept: the house's quotes (made again from the seed), the 24-hour ticker,
rate-limit windows and armed faults.
"""

import os
from decimal import Decimal
from pathlib import Path

import msgspec

from app.sandbox.account import Balance
from app.sandbox.engine import HOUSE
from app.sandbox.keys import ApiKey, Kind, Restrictions
from app.sandbox.orders import Order, Trade
from app.sandbox.venue import Venue

FILE_NAME = "sandbox.json"
VERSION = 1


class KeyRecord(msgspec.Struct, frozen=True):
    api_key: str
    account_id: str
    kind: Kind
    material: str
    restrictions: Restrictions
    ip_list: tuple[str, ...]

    def __repr__(self) -> str:
        return f"KeyRecord({self.api_key})"


class AccountRecord(msgspec.Struct, frozen=True):
    balances: dict[str, Balance]
    orders: list[Order]
    trades: list[Trade]
    update_time: int


class MarketRecord(msgspec.Struct, frozen=True):
    base_price: Decimal
    last_price: Decimal
    next_order_id: int
    next_trade_id: int
    update_id: int


class Snapshot(msgspec.Struct, frozen=True):
    version: int
    keys: list[KeyRecord]
    accounts: dict[str, AccountRecord]
    markets: dict[str, MarketRecord]
    credited: dict[str, Decimal]


def encode(venue: Venue) -> bytes:
    """The venue as bytes; reads everything in one go, so it is one moment's state."""
    return msgspec.json.encode(
        Snapshot(
            version=VERSION,
            keys=[
                KeyRecord(
                    key.api_key,
                    key.account_id,
                    key.kind,
                    key.verifier.material(),
                    key.restrictions,
                    key.ip_list,
                )
                for key in venue.keys.values()
            ],
            accounts={
                account_id: AccountRecord(
                    dict(account.balances),
                    [] if account_id == HOUSE else account.orders(),
                    account.all_trades(),
                    account.update_time,
                )
                for account_id, account in venue.exchange.accounts.items()
            },
            markets={
                symbol: MarketRecord(
                    live.base_price,
                    live.ticker.last_price,
                    live.next_order_id,
                    live.next_trade_id,
                    live.update_id,
                )
                for symbol, live in venue.exchange.markets.items()
            },
            credited=dict(venue.exchange.credited),
        )
    )


def restore(venue: Venue, data: bytes) -> None:
    """Fill a fresh venue, before its house has opened the markets."""
    snapshot = msgspec.json.decode(data, type=Snapshot)
    if snapshot.version != VERSION:
        raise ValueError(f"snapshot version {snapshot.version}, expected {VERSION}")
    exchange = venue.exchange
    exchange.credited.clear()
    exchange.credited.update(snapshot.credited)
    for symbol, record in snapshot.markets.items():
        live = exchange.market(symbol)
        live.base_price = record.base_price
        live.ticker.mark(record.last_price)
        live.next_order_id, live.next_trade_id = record.next_order_id, record.next_trade_id
        live.update_id = record.update_id
    for account_id, kept in snapshot.accounts.items():
        _restore_account(venue, account_id, kept)
    for key in snapshot.keys:
        venue.keys[key.api_key] = ApiKey(
            api_key=key.api_key,
            account_id=key.account_id,
            kind=key.kind,
            material=key.material,
            restrictions=key.restrictions,
            ip_list=key.ip_list,
        )


def _restore_account(venue: Venue, account_id: str, kept: AccountRecord) -> None:
    exchange = venue.exchange
    account = exchange.accounts.get(account_id) or exchange.open_account(account_id)
    account.balances.clear()
    account.balances.update(kept.balances)
    if account_id == HOUSE:
        # Its quotes are not kept, so what they held is free again.
        for asset, balance in account.balances.items():
            account.unlock(asset, balance.locked)
    account.update_time = kept.update_time
    # Order ids count arrivals, so adding by id restores time priority.
    for order in sorted(kept.orders, key=lambda order: order.order_id):
        account.add_order(order)
        if order.is_open:
            exchange.market(order.symbol).book.side(order.side).add(order)
    for trade in kept.trades:
        account.add_trade(trade)


def load(directory: Path) -> bytes | None:
    path = directory / FILE_NAME
    return path.read_bytes() if path.exists() else None


def save(directory: Path, data: bytes) -> None:
    """Write beside, sync, rename: a reader sees the old snapshot or the new one."""
    directory.mkdir(parents=True, exist_ok=True)
    beside = directory / f".{FILE_NAME}.new"
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(directory / FILE_NAME)
    directory_handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(directory_handle)
    finally:
        os.close(directory_handle)
