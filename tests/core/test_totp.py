"""Codes of RFC 4226 and RFC 6238 over HMACs from hashlib, and every spelling that is none."""

import hmac
from datetime import UTC, datetime, timedelta
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.otp.errors import TotpRejected
from app.otp.totp import candidate_steps, matching_step, truncate

RFC4226_CODES = (
    "755224", "287082", "359152", "969429", "338314",
    "254676", "287922", "162583", "399871", "520489",
)  # fmt: skip
"""RFC 4226 appendix D: counters 0 to 9, six digits."""
RFC6238_TIMES = (59, 1111111109, 1111111111, 1234567890, 2000000000, 20000000000)
RFC6238_CODES = {
    "SHA1": ("94287082", "07081804", "14050471", "89005924", "69279037", "65353130"),
    "SHA256": ("46119246", "68084774", "67062674", "91819424", "90698825", "77737706"),
    "SHA512": ("90693936", "25091201", "99943326", "93441116", "38618901", "47863826"),
}
"""RFC 6238 appendix B; seeds are the ASCII digits repeated to the hash's length."""
SEED_BYTES = {"SHA1": 20, "SHA256": 32, "SHA512": 64}
NOW = datetime.fromtimestamp(1111111111, tz=UTC)
STEP = 1111111111 // 30


def hmacs(steps: list[int], algorithm: str = "SHA1") -> list[bytes]:
    seed = (b"1234567890" * 7)[: SEED_BYTES[algorithm]]
    return [hmac.digest(seed, step.to_bytes(8, "big"), algorithm) for step in steps]


def code_of(step: int, digits: int = 6) -> str:
    return truncate(hmacs([step])[0], digits)


def match(
    code: str, *, at: datetime = NOW, digits: Literal[6, 8] = 6, last_used_step: int = 0
) -> int:
    steps = candidate_steps(at)
    return matching_step(
        hmacs(steps), steps, code=code, digits=digits, last_used_step=last_used_step
    )


def test_truncation_gives_the_codes_of_rfc_4226() -> None:
    assert tuple(truncate(tag, 6) for tag in hmacs(list(range(10)))) == RFC4226_CODES


@pytest.mark.parametrize("algorithm", ["SHA1", "SHA256", "SHA512"])
def test_codes_and_their_steps_are_those_of_rfc_6238(algorithm: str) -> None:
    for at, code in zip(RFC6238_TIMES, RFC6238_CODES[algorithm], strict=True):
        steps = candidate_steps(datetime.fromtimestamp(at, tz=UTC))
        tags = hmacs(steps, algorithm)
        step = matching_step(tags, steps, code=code, digits=8, last_used_step=-1)
        assert step == at // 30


@pytest.mark.parametrize("algorithm", ["SHA1", "SHA256", "SHA512"])
def test_six_digits_are_the_last_six_of_eight(algorithm: str) -> None:
    """RFC 6238 has vectors of eight digits only; both are one number, modulo a power of ten."""
    for at, code in zip(RFC6238_TIMES, RFC6238_CODES[algorithm], strict=True):
        steps = candidate_steps(datetime.fromtimestamp(at, tz=UTC))
        tags = hmacs(steps, algorithm)
        step = matching_step(tags, steps, code=code[2:], digits=6, last_used_step=-1)
        assert step == at // 30


def test_the_window_is_one_step_on_either_side() -> None:
    assert candidate_steps(NOW) == [STEP - 1, STEP, STEP + 1]
    for near in (STEP - 1, STEP, STEP + 1):
        assert match(code_of(near)) == near
    for far in (STEP - 3, STEP - 2, STEP + 2, STEP + 3):
        with pytest.raises(TotpRejected):
            match(code_of(far))


def test_a_step_lasts_thirty_seconds_to_the_second() -> None:
    start = datetime.fromtimestamp(STEP * 30, tz=UTC)
    assert candidate_steps(start - timedelta(microseconds=1))[1] == STEP - 1
    assert candidate_steps(start)[1] == STEP
    assert candidate_steps(start + timedelta(seconds=29, microseconds=999_999))[1] == STEP


def test_a_used_step_and_every_step_before_it_are_refused() -> None:
    assert match(code_of(STEP), last_used_step=STEP - 1) == STEP
    for spent in (STEP, STEP + 1):
        with pytest.raises(TotpRejected):
            match(code_of(STEP), last_used_step=spent)


def test_a_code_that_two_steps_share_belongs_to_the_unused_one() -> None:
    tag = hmacs([STEP])[0]
    assert matching_step([tag, tag], [7, 8], code=code_of(STEP), digits=6, last_used_step=7) == 8


def test_a_leading_zero_is_part_of_the_code() -> None:
    step = 1111111109 // 30
    at = datetime.fromtimestamp(1111111109, tz=UTC)
    assert match("07081804", at=at, digits=8) == step
    for shorter in ("7081804", " 7081804"):
        with pytest.raises(TotpRejected):
            match(shorter, at=at, digits=8)


@pytest.mark.parametrize(
    "spell",
    [
        lambda code: f" {code}",
        lambda code: f"{code} ",
        lambda code: f"{code}\n",
        lambda code: f"\t{code}",
        lambda code: f"{code[:3]} {code[3:]}",
        lambda code: f"{code[:3]}\u00a0{code[3:]}",
        lambda code: f"{code[:3]}-{code[3:]}",
        lambda code: f"{code[:3]}_{code[3:]}",
        lambda code: f"+{code}",
        lambda code: f"+{code[1:]}",
        lambda code: f"-{code[1:]}",
        lambda code: f"0{code}",
        lambda code: f"00{code}",
        lambda code: code[1:],
        lambda code: f"{code}.",
        lambda code: f"{code}\0",
        lambda code: "".join(chr(0xFF10 + int(digit)) for digit in code),
        lambda code: "".join(chr(0x0660 + int(digit)) for digit in code),
        lambda code: code[:5] + chr(0x1D7CE + int(code[5])),
        lambda code: code[:5] + "²",
        lambda _: "",
        lambda _: "abcdef",
    ],
)
def test_only_ascii_digits_of_the_right_number_are_a_code(spell: object) -> None:
    assert callable(spell)
    right = code_of(STEP)
    assert match(right) == STEP
    with pytest.raises(TotpRejected):
        match(spell(right))


def test_a_code_of_the_other_length_is_refused() -> None:
    with pytest.raises(TotpRejected):
        match(code_of(STEP, 8), digits=6)
    with pytest.raises(TotpRejected):
        match(code_of(STEP, 6), digits=8)


@given(st.text(max_size=9))
def test_no_other_text_is_ever_accepted(text: str) -> None:
    codes = {code_of(step): step for step in reversed(candidate_steps(NOW))}
    try:
        assert match(text) == codes[text]
    except TotpRejected:
        assert text not in codes
