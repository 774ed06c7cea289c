"""Numbers: one spelling from outside, a sensible size, and arithmetic that cannot round."""

import decimal
import re
from decimal import Decimal

from app.guardrails.errors import AmountRefused

# 18 digits on each side hold every price and quantity a venue quotes and every wei.
_PLAIN = re.compile(r"(0|[1-9][0-9]{0,17})(\.[0-9]{1,18})?\Z")

EXACT = decimal.Context(
    prec=250,
    traps=[
        decimal.Inexact,
        decimal.InvalidOperation,
        decimal.DivisionByZero,
        decimal.Overflow,
        decimal.Underflow,
        decimal.FloatOperation,
    ],
)
"""Wide enough for a product of two amounts and a percentage; a result that would have to be
rounded raises instead. Every operation names it: the thread's own context is not ours."""

MAX_DIGITS, MAX_DECIMALS = 18, 18
SUM_DIGITS, SUM_DECIMALS = 30, 40
"""Sums of notionals: a product has twice the decimals of its factors."""


def parse_amount(text: str) -> Decimal:
    """A positive amount in the one spelling we take: ASCII digits and at most one point.

    Raises
    ------
    AmountRefused
        Sign, exponent, NaN, infinity, leading zero, blank, foreign digit, zero, or more than 18
        digits on a side of the point.
    """
    if not _PLAIN.match(text):
        raise AmountRefused(rule="spelling")
    amount = Decimal(text)
    if not amount:
        raise AmountRefused(rule="zero")
    return amount


def plain(amount: Decimal) -> str:
    """The shortest spelling `parse_amount` reads back: no exponent, no trailing zeros."""
    return format(tidy(amount), "f")


def tidy(amount: Decimal) -> Decimal:
    """The same value without trailing zeros and without a positive exponent."""
    short = amount.normalize(EXACT)
    if int(short.as_tuple().exponent) > 0:
        return short.quantize(Decimal(1), context=EXACT)
    return short


def check_amount(
    value: object, *, zero: bool, digits: int = MAX_DIGITS, decimals: int = MAX_DECIMALS
) -> None:
    """Refuse what is not a finite, non-negative Decimal of the given size.

    Raises
    ------
    AmountRefused
        Also for a float or an int, for negative zero, and for zero unless `zero`.
    """
    if not isinstance(value, Decimal) or not value.is_finite() or value.is_signed():
        raise AmountRefused(rule="not_plain")
    if not value and not zero:
        raise AmountRefused(rule="zero")
    if value.adjusted() >= digits or int(value.as_tuple().exponent) < -decimals:
        raise AmountRefused(rule="size")


def times(left: Decimal, right: Decimal) -> Decimal:
    return EXACT.multiply(left, right)


def plus(*amounts: Decimal) -> Decimal:
    total = Decimal(0)
    for amount in amounts:
        total = EXACT.add(total, amount)
    return total


def share(amount: Decimal, percent: Decimal) -> Decimal:
    """`percent` hundredths of `amount`, exactly."""
    return EXACT.scaleb(times(amount, percent), -2)


def is_multiple(amount: Decimal, step: Decimal) -> bool:
    return not EXACT.remainder(amount, step)


def floor_to(amount: Decimal, step: Decimal) -> Decimal:
    return times(EXACT.divide_int(amount, step), step)


def ceil_to(amount: Decimal, step: Decimal) -> Decimal:
    down = floor_to(amount, step)
    return down if down == amount else plus(down, step)
