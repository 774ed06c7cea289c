"""The authenticator: vectors of RFC 6238, and every code at most once."""

import pytest

from scripts.clients.codes import CodeBook, Watch, new_seed

SEEDS = {
    "SHA1": b"12345678901234567890",
    "SHA256": b"12345678901234567890123456789012",
    "SHA512": b"1234567890" * 6 + b"1234",
}


class Clock:
    """Time that moves only when somebody sleeps."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.slept: list[float] = []

    def now(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.seconds += seconds


def book(clock: Clock, seen: list[object], algorithm: str = "SHA1", digits: int = 8) -> CodeBook:
    watch = Watch(
        using=lambda code, offset: seen.append((code, offset)),
        waiting=seen.append,
    )
    return CodeBook(
        SEEDS[algorithm],
        algorithm=algorithm,
        digits=digits,
        watch=watch,
        now=clock.now,
        sleep=clock.sleep,
    )


@pytest.mark.parametrize(
    ("seconds", "algorithm", "code"),
    [
        (59, "SHA1", "94287082"),
        (59, "SHA256", "46119246"),
        (59, "SHA512", "90693936"),
        (1111111109, "SHA1", "07081804"),
        (1111111111, "SHA256", "67062674"),
        (1234567890, "SHA512", "93441116"),
        (2000000000, "SHA1", "69279037"),
        (20000000000, "SHA512", "47863826"),
    ],
)
def test_vectors_of_rfc_6238(seconds: int, algorithm: str, code: str) -> None:
    seen: list[object] = []
    codes = book(Clock(seconds // 30 * 30), seen, algorithm)
    codes.next_code()  # step T-1
    assert codes.next_code() == code


def test_three_codes_at_once_then_it_waits_and_says_so() -> None:
    clock, seen = Clock(3000.0), list[object]()
    codes = book(clock, seen)
    handed = [codes.next_code() for _ in range(5)]
    assert len(set(handed)) == 5
    assert seen == [
        (handed[0], -1),
        (handed[1], 0),
        (handed[2], 1),
        30.0,
        (handed[3], 1),
        30.0,
        (handed[4], 1),
    ]
    assert clock.slept == [30.0, 30.0]


def test_a_code_of_the_last_step_is_skipped_when_this_step_is_nearly_over() -> None:
    seen: list[object] = []
    codes = book(Clock(3027.0), seen)
    code = codes.next_code()
    assert seen == [(code, 0)]


def test_after_a_pause_it_starts_again_behind_the_clock_and_never_repeats() -> None:
    clock, seen = Clock(3000.0), list[object]()
    codes = book(clock, seen)
    first = [codes.next_code() for _ in range(2)]
    clock.seconds += 300
    assert codes.next_code() not in first
    assert seen[-1][1] == -1  # type: ignore[index]


def test_a_clock_that_steps_back_never_brings_a_code_back() -> None:
    clock, seen = Clock(3000.0), list[object]()
    codes = book(clock, seen)
    handed = [codes.next_code() for _ in range(3)]
    clock.seconds -= 120
    assert codes.next_code() not in handed


def test_a_sleep_that_ends_early_is_slept_again() -> None:
    clock, seen = Clock(3000.0), list[object]()
    codes = book(clock, seen)
    for _ in range(3):
        codes.next_code()
    codes._sleep = lambda seconds: clock.sleep(seconds / 2 if seconds > 1 else seconds)
    codes.next_code()
    assert clock.seconds >= 3030


@pytest.mark.parametrize(("algorithm", "length"), [("SHA1", 20), ("SHA256", 32), ("SHA512", 64)])
def test_a_seed_is_as_long_as_its_digest_and_fresh(algorithm: str, length: int) -> None:
    assert len(new_seed(algorithm)) == length
    assert new_seed(algorithm) != new_seed(algorithm)


def test_the_code_book_does_not_print_its_seed() -> None:
    assert repr(book(Clock(0.0), [])) == "CodeBook(…)"
