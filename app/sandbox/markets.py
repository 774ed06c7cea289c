"""The four markets and their rules."""

from decimal import Decimal

import msgspec


class Quoting(msgspec.Struct, frozen=True, kw_only=True):
    """The house's quotes around the base price. A basis point is 1/10,000 of the price."""

    levels: int
    half_spread_bps: int
    spacing_bps: int
    lot: Decimal  # base asset; a level holds 0.5 to 1.5 of it, by the seed
    refills: bool  # whether a taken quote comes back at once


class Market(msgspec.Struct, frozen=True, kw_only=True):
    """Static rules of one symbol; prices in the quote asset, quantities in the base asset."""

    symbol: str
    base: str
    quote: str
    tick: Decimal
    min_price: Decimal
    max_price: Decimal
    step: Decimal
    min_quantity: Decimal
    max_quantity: Decimal
    max_market_quantity: Decimal
    min_notional: Decimal
    max_notional: Decimal
    start_price: Decimal
    quoting: Quoting
    max_orders: int = 200
    multiplier_up: Decimal = Decimal(5)
    multiplier_down: Decimal = Decimal("0.2")


FEE_RATE = Decimal("0.001")  # maker and taker alike, the venue's published base rate

_D = Decimal

MARKETS: tuple[Market, ...] = (
    Market(
        symbol="BTCUSDT",
        base="BTC",
        quote="USDT",
        tick=_D("0.01"),
        min_price=_D("0.01"),
        max_price=_D(1_000_000),
        step=_D("0.00001"),
        min_quantity=_D("0.00001"),
        max_quantity=_D(9_000),
        max_market_quantity=_D(100),
        min_notional=_D(5),
        max_notional=_D(9_000_000),
        start_price=_D(50_000),
        quoting=Quoting(levels=20, half_spread_bps=1, spacing_bps=2, lot=_D(1), refills=True),
    ),
    Market(
        symbol="ETHUSDT",
        base="ETH",
        quote="USDT",
        tick=_D("0.01"),
        min_price=_D("0.01"),
        max_price=_D(1_000_000),
        step=_D("0.0001"),
        min_quantity=_D("0.0001"),
        max_quantity=_D(9_000),
        max_market_quantity=_D(2_000),
        min_notional=_D(5),
        max_notional=_D(9_000_000),
        start_price=_D(2_500),
        quoting=Quoting(levels=20, half_spread_bps=1, spacing_bps=2, lot=_D(10), refills=True),
    ),
    Market(
        symbol="ETHBTC",
        base="ETH",
        quote="BTC",
        tick=_D("0.00001"),
        min_price=_D("0.00001"),
        max_price=_D(922_327),
        step=_D("0.0001"),
        min_quantity=_D("0.0001"),
        max_quantity=_D(100_000),
        max_market_quantity=_D(1_000),
        min_notional=_D("0.0001"),
        max_notional=_D(9_000_000),
        start_price=_D("0.05"),
        quoting=Quoting(levels=10, half_spread_bps=2, spacing_bps=4, lot=_D(5), refills=True),
    ),
    # Thin on purpose: the thefts of 2022 moved money through pairs whose book a few thousand
    # dollars could empty. Quotes taken here come back only when the price is set or at a restart.
    Market(
        symbol="DMGUSDT",
        base="DMG",
        quote="USDT",
        tick=_D("0.00001"),
        min_price=_D("0.00001"),
        max_price=_D(1_000),
        step=_D(1),
        min_quantity=_D(1),
        max_quantity=_D(9_222_449),
        max_market_quantity=_D(1_000_000),
        min_notional=_D(5),
        max_notional=_D(9_000_000),
        start_price=_D("0.05"),
        quoting=Quoting(
            levels=3, half_spread_bps=100, spacing_bps=150, lot=_D(2_000), refills=False
        ),
    ),
)

ASSETS: dict[str, str] = {
    "BTC": "Bitcoin",
    "ETH": "Ethereum",
    "USDT": "TetherUS",
    "DMG": "DMM Governance",
}
