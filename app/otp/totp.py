"""TOTP verification (RFC 6238) over HMACs that the HSM made."""

import hmac
import re
from collections.abc import Sequence
from datetime import datetime

from app.otp.errors import TotpRejected, TotpReplayed

PERIOD_SECONDS = 30
"""RFC 6238 section 5.2 recommended time step."""

DRIFT_STEPS = 1
"""Steps accepted on either side of now, for clock drift and typing time. ASVS 6.5.5 asks for 30
seconds at most; the extra steps are our documented deviation, bounded by single use."""

_CODE = re.compile(r"[0-9]{6}(?:[0-9]{2})?\Z", re.ASCII)


def truncate(digest: bytes, digits: int) -> str:
    """The code of an HMAC made elsewhere (RFC 4226 section 5.3, dynamic truncation)."""
    offset = digest[-1] & 0xF
    number = int.from_bytes(digest[offset : offset + 4], "big") & 0x7FFFFFFF
    return str(number % 10**digits).rjust(digits, "0")


def candidate_steps(at: datetime) -> list[int]:
    """Time steps T-1, T, T+1, oldest first."""
    current = int(at.timestamp()) // PERIOD_SECONDS
    return list(range(current - DRIFT_STEPS, current + DRIFT_STEPS + 1))


def matching_step(
    hmacs: Sequence[bytes], steps: Sequence[int], *, code: str, digits: int, last_used_step: int
) -> int:
    """Find the unused time step that `code` belongs to.

    `hmacs[i]` is the HMAC of `steps[i]`. The code is exactly `digits` ASCII digits: spaces,
    signs and full-width digits are not a spelling of it.

    Raises
    ------
    TotpRejected
        The code matches no step in the window.
    TotpReplayed
        It matches one that is already spent, and no other (RFC 6238 section 5.2: a verifier must
        not accept a second attempt).
    """
    if len(code) != digits or not _CODE.match(code):
        raise TotpRejected
    is_spent = False
    for digest, step in zip(hmacs, steps, strict=True):
        same = hmac.compare_digest(truncate(digest, digits).encode(), code.encode())
        if same and step > last_used_step:
            return step
        is_spent = is_spent or same
    raise TotpReplayed if is_spent else TotpRejected
