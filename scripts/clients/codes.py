"""The phone's own authenticator app (RFC 6238): seed made here, sealed once, codes used once."""

import base64
import hashlib
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pyotp.totp import TOTP

PERIOD_SECONDS = 30
"""RFC 6238 section 5.2; the only period the service binds."""

_SEED_BYTES = {"SHA1": 20, "SHA256": 32, "SHA512": 64}
"""One digest length each, as RFC 4226 section 4 (R6) and RFC 6238 section 5.1 advise."""

_HASHES: dict[str, Any] = {
    "SHA1": hashlib.sha1,
    "SHA256": hashlib.sha256,
    "SHA512": hashlib.sha512,
}
_TRAVEL_SECONDS = 4.0
"""A code of step T-1 that is on its way longer than step T still lasts would arrive stale."""


def new_seed(algorithm: str) -> bytes:
    return secrets.token_bytes(_SEED_BYTES[algorithm])


@dataclass(frozen=True, slots=True)
class Watch:
    """What the person sees of the authenticator. The defaults show nothing."""

    using: Callable[[str, int], None] = lambda _code, _offset: None
    """A code, and its step relative to the current one: -1, 0 or +1."""

    waiting: Callable[[float], None] = lambda _seconds: None
    """All codes of this moment are used; the next step begins in so many seconds."""


class CodeBook:
    """Hands out every code at most once, in growing steps, as the service accepts them.

    The service takes the steps T-1, T and T+1 and stores the highest one used; a code at or
    below it is a replay. So three codes are ready at once, after which the next one exists only
    in the next step: `next_code` then says so and sleeps.
    """

    def __init__(
        self,
        seed: bytes,
        *,
        algorithm: str = "SHA1",
        digits: int = 6,
        watch: Watch | None = None,
        now: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        text = base64.b32encode(seed).decode("ascii")
        self._totp = TOTP(text, digits=digits, digest=_HASHES[algorithm], interval=PERIOD_SECONDS)
        self._last_step = -1
        self._watch, self._now, self._sleep = watch or Watch(), now, sleep

    def __repr__(self) -> str:
        return "CodeBook(…)"

    def code_at(self, step: int) -> str:
        """The code of one step, used or not: for who tries things, never for an app."""
        return self._totp.generate_otp(step)

    def next_code(self) -> str:
        """The lowest code that is still unused and will still be accepted on arrival."""
        step = max(self._last_step + 1, _step(self._now() + _TRAVEL_SECONDS) - 1)
        while (seconds := (step - 1) * PERIOD_SECONDS - self._now()) > 0:
            self._watch.waiting(seconds)
            self._sleep(seconds)
        self._last_step = step
        code = self._totp.generate_otp(step)
        self._watch.using(code, step - _step(self._now()))
        return code


def _step(seconds: float) -> int:
    return int(seconds // PERIOD_SECONDS)
