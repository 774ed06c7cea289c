"""Numbers from outside have one spelling, and arithmetic on them is exact."""

import decimal
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.guardrails.amounts import (
    ceil_to,
    check_amount,
    floor_to,
    is_multiple,
    parse_amount,
    plain,
    plus,
    share,
    times,
)
from app.guardrails.errors import AmountRefused

_AMOUNTS = st.integers(1, 10**36 - 1).map(lambda units: Decimal(f"{units}E-18"))


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("1", Decimal(1)),
        ("0.01", Decimal("0.01")),
        ("50000.00", Decimal(50000)),
        ("999999999999999999.999999999999999999", Decimal("999999999999999999.999999999999999999")),
        ("0.000000000000000001", Decimal("1E-18")),
    ],
)
def test_a_plain_amount_is_taken_exactly(text: str, amount: Decimal) -> None:
    assert parse_amount(text) == amount


_WRONG = [
    *("1e3", "1E3", "1e-3", "0x10", "0b1", "0o7", "1f", "1L", "1j"),
    *("NaN", "nan", "sNaN", "NaN123", "inf", "Infinity", "-Infinity", "True", "None"),
    *("-0", "-0.0", "-1", "+1", "0", "0.0", "0.00", "00", "01", "00.1", ".5", "5.", "1.0.0"),
    *("1_000", "1,000", "1'000", "1 000", "1/2", "5%"),
    *("\u0661", "\uff11", "1\u00b2", "\u00bd", "1\u066b5", "\u22121", "1\u200b", "1\x00"),
    *("0.0000000000000000001", "1000000000000000000", "9" * 5000),
    *("", " ", " 1", "1 ", "1\n", "\t1"),
]


@pytest.mark.parametrize("text", _WRONG, ids=lambda text: repr(text[:24]))
def test_any_other_spelling_is_refused(text: str) -> None:
    with pytest.raises(AmountRefused):
        parse_amount(text)


@given(st.text(alphabet="0123456789.eE+-_ xNnaIif\u0661\n", max_size=24))
def test_what_is_taken_is_spelled_in_digits_and_one_point(text: str) -> None:
    try:
        amount = parse_amount(text)
    except AmountRefused:
        return
    assert set(text) <= set("0123456789.")
    assert 0 < amount < 10**18
    assert parse_amount(plain(amount)) == amount


@given(_AMOUNTS)
def test_the_short_spelling_reads_back_and_has_no_idle_zeros(amount: Decimal) -> None:
    assert parse_amount(plain(amount)) == amount
    assert not ("." in plain(amount) and plain(amount).endswith(("0", ".")))


@given(_AMOUNTS, _AMOUNTS, _AMOUNTS)
def test_arithmetic_neither_rounds_nor_listens_to_the_threads_context(
    left: Decimal, right: Decimal, step: Decimal
) -> None:
    with decimal.localcontext(decimal.Context(prec=2)):
        product, total, part = times(left, right), plus(left, right, step), share(left, step)
        down, up = floor_to(left, step), ceil_to(left, step)
    a, b, c = (int(value.scaleb(18, decimal.Context(prec=60))) for value in (left, right, step))
    units = decimal.Context(prec=200)
    assert int(product.scaleb(36, units)) == a * b
    assert int(total.scaleb(18, units)) == a + b + c
    assert int(part.scaleb(38, units)) == a * c
    assert int(down.scaleb(18, units)) == a // c * c
    assert int(up.scaleb(18, units)) == -(-a // c) * c
    assert is_multiple(down, step)
    assert is_multiple(up, step)
    assert is_multiple(left, step) == (a % c == 0)


@pytest.mark.parametrize("value", [0.1, 1, True, "1", None, Decimal("NaN"), Decimal("-0")], ids=str)
def test_only_a_plain_decimal_is_an_amount(value: object) -> None:
    with pytest.raises(AmountRefused):
        check_amount(value, zero=True)


def test_zero_is_an_amount_only_where_it_is_said_so() -> None:
    check_amount(Decimal("0.00"), zero=True)
    with pytest.raises(AmountRefused):
        check_amount(Decimal("0.00"), zero=False)
