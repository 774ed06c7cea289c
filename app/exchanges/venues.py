"""The venues by name: where they are, what they can do, how long we wait.

A venue without a dialect (a table that reads its requests back) is not in this list, except one
that is gone. One row is one product of a venue, because venues name different things alike: on
Bybit "BTCUSDT" is a spot market and a perpetual, and a grant must not mean both.
"""

import re
from types import MappingProxyType
from typing import Any, Literal

import msgspec

from app.exchanges.errors import VenueUnknown
from app.exchanges.models import Product

_LOOPBACK = re.compile(r"http://(127\.0\.0\.1|localhost|\[::1\]):[0-9]{1,5}\Z")


Status = Literal["tradable", "dialect", "gone"]
"""`tradable`: linked, priced and sent. `dialect`: requests are built, read back and proven, answers
read, but the courier has no market and price feed for it yet, so no key can be linked. `gone`: the
venue is no more."""
DialectName = Literal[
    "binance",
    "kraken",
    "binance-futures",
    "bybit",
    "okx",
    "coinbase",
    "bitget",
    "bingx",
    "bitvavo",
    "onetrading",
    "bitmex",
]


class Venue(msgspec.Struct, frozen=True, kw_only=True):
    """One product of one venue.

    `base_url` is scheme and host without a path; None for the sandbox, which gets its own from
    `sandbox_at`. `other_hosts` are the few paths that the venue serves elsewhere, by prefix.
    `emergency_url` is where a person deletes a key by hand. `can_delete_key` says whether the
    interface offers that. `receive_window_ms` is how long after its timestamp the venue takes a
    signed request; `answer_seconds` is how long `courier` waits for one answer. `secret_in_clear`
    says that the venue wants a secret in a header (P4 names these). `settles_in` is set where a row
    stands only for the contracts that settle in one asset.
    """

    id: str
    title: str
    dialect: DialectName | None
    base_url: str | None
    emergency_url: str | None
    can_delete_key: bool
    receive_window_ms: int
    connect_seconds: int
    answer_seconds: int
    secret_in_clear: bool = False
    status: Status = "tradable"
    family: str = ""
    product: Product = "spot"
    settles_in: str | None = None
    other_hosts: tuple[tuple[str, str], ...] = ()

    @property
    def enabled(self) -> bool:
        return self.status == "tradable"


def _untraded(
    venue_id: str,
    family: str,
    title: str,
    dialect: DialectName,
    base_url: str,
    emergency_url: str,
    **changes: Any,
) -> Venue:
    fields: dict[str, Any] = {
        "can_delete_key": False,
        "receive_window_ms": 10_000,
        "connect_seconds": 3,
        "answer_seconds": 10,
        "status": "dialect",
    }
    return Venue(
        id=venue_id,
        family=family,
        title=title,
        dialect=dialect,
        base_url=base_url,
        emergency_url=emergency_url,
        **(fields | changes),
    )


_BINANCE_KEYS = "https://www.binance.com/en/my/settings/api-management"
_BINANCE_RIGHTS = (("/sapi/", "https://api.binance.com"),)
_BYBIT_KEYS = "https://www.bybit.com/app/user/api-management"
_ROWS = (
    Venue(
        id="binance",
        family="binance",
        title="Binance",
        dialect="binance",
        base_url="https://api.binance.com",
        emergency_url=_BINANCE_KEYS,
        # Binance offers key deletion for broker sub-accounts only.
        can_delete_key=False,
        receive_window_ms=10_000,  # ccxt's own value; the venue's maximum is 60,000
        connect_seconds=3,
        answer_seconds=10,  # the venue answers -1007 when its own engine took longer
    ),
    Venue(
        id="sandbox",
        family="sandbox",
        title="Sandbox",
        dialect="binance",
        base_url=None,
        emergency_url=None,
        can_delete_key=False,
        receive_window_ms=10_000,
        connect_seconds=3,
        answer_seconds=10,
    ),
    _untraded(
        "kraken", "kraken", "Kraken", "kraken",
        "https://api.kraken.com", "https://pro.kraken.com/app/settings/api",
    ),
    _untraded(
        "bybit-spot", "bybit", "Bybit", "bybit", "https://api.bybit.com", _BYBIT_KEYS,
    ),
    _untraded(
        "bybit-linear", "bybit", "Bybit", "bybit", "https://api.bybit.com", _BYBIT_KEYS,
        product="linear", settles_in="USDT",
    ),
    _untraded(
        "bybit-inverse", "bybit", "Bybit", "bybit", "https://api.bybit.com", _BYBIT_KEYS,
        product="inverse",
    ),
    _untraded(
        "okx", "okx", "OKX", "okx", "https://www.okx.com", "https://www.okx.com/account/my-api",
        secret_in_clear=True,
    ),
    _untraded(
        "coinbase", "coinbase", "Coinbase Advanced", "coinbase",
        "https://api.coinbase.com", "https://portal.cdp.coinbase.com/access/api",
        receive_window_ms=60_000,  # a token lives two minutes; ours is the shorter
    ),
    _untraded(
        "binance-usdm", "binance-futures", "Binance USD-M futures", "binance-futures",
        "https://fapi.binance.com", _BINANCE_KEYS, product="linear", other_hosts=_BINANCE_RIGHTS,
    ),
    _untraded(
        "binance-coinm", "binance-futures", "Binance COIN-M futures", "binance-futures",
        "https://dapi.binance.com", _BINANCE_KEYS, product="inverse", other_hosts=_BINANCE_RIGHTS,
    ),
    _untraded(
        "binance-us", "binance-us", "Binance.US", "binance",
        "https://api.binance.us", "https://www.binance.us/settings/api-management",
    ),
    _untraded(
        "bitget", "bitget", "Bitget", "bitget",
        "https://api.bitget.com", "https://www.bitget.com/account/newapi", secret_in_clear=True,
    ),
    _untraded(
        "bingx", "bingx", "BingX", "bingx",
        "https://open-api.bingx.com", "https://bingx.com/en/accounts/api",
    ),
    _untraded(
        "bitvavo", "bitvavo", "Bitvavo", "bitvavo",
        "https://api.bitvavo.com", "https://account.bitvavo.com/user/api",
    ),
    _untraded(
        "onetrading", "onetrading", "One Trading", "onetrading",
        "https://api.onetrading.com", "https://onetrading.com/", secret_in_clear=True,
    ),
    _untraded(
        "bitmex", "bitmex", "BitMEX", "bitmex",
        "https://www.bitmex.com", "https://www.bitmex.com/app/apiKeys", product="inverse",
    ),
    Venue(
        id="ftx",
        family="ftx",
        title="FTX",
        dialect=None,
        base_url=None,
        emergency_url=None,
        can_delete_key=False,
        receive_window_ms=0,
        connect_seconds=0,
        answer_seconds=0,
        status="gone",
    ),
)  # fmt: skip
VENUES = MappingProxyType({row.id: row for row in _ROWS})


def venue(venue_id: str) -> Venue:
    """Row of a venue that keys can be linked to, or raise VenueUnknown."""
    row = VENUES.get(venue_id)
    if row is None or not row.enabled:
        raise VenueUnknown
    return row


def spoken(venue_id: str) -> tuple[Venue, DialectName]:
    """Row of a venue whose dialect we speak, tradable or not yet, or raise VenueUnknown."""
    row = VENUES.get(venue_id)
    if row is None or row.dialect is None:
        raise VenueUnknown
    return row, row.dialect


def sandbox_at(url: str) -> Venue:
    """Row of the sandbox at `url`: the only one that may name loopback and plain HTTP.

    Raises
    ------
    ValueError
        `url` is not plain HTTP to loopback with a port.
    """
    if not _LOOPBACK.match(url):
        raise ValueError("the sandbox is at http://<loopback>:<port>, without a path")
    return msgspec.structs.replace(VENUES["sandbox"], base_url=url)
