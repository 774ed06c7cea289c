"""Amounts: `Decimal` with at most eight places, as every asset here has."""

from decimal import ROUND_DOWN, Decimal

ZERO = Decimal(0)
UNIT = Decimal("0.00000001")
PLACES = 8


def trunc8(amount: Decimal) -> Decimal:
    """The amount that changes hands or is set aside: cut, so that no satoshi is invented."""
    return amount.quantize(UNIT, rounding=ROUND_DOWN)


def floor_to(amount: Decimal, step: Decimal) -> Decimal:
    """The largest multiple of `step` not above `amount` (both positive)."""
    return amount // step * step


def text(amount: Decimal) -> str:
    """Eight fixed places, as on the venue's wire."""
    return f"{amount:.8f}"


def places(amount: Decimal) -> int:
    """Decimal places that carry a digit: 1.500 has one."""
    exponent = amount.normalize().as_tuple().exponent
    if not isinstance(exponent, int):
        raise TypeError("an amount is finite")
    return max(0, -exponent)
