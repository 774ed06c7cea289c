"""How much an approval proves. Ordered; compared, never added."""

from enum import Enum
from functools import total_ordering
from types import MappingProxyType


@total_ordering
class Strength(Enum):
    """Strength of an approval, weakest first. The value is the word on the wire."""

    OUT_OF_BAND = "out_of_band"
    MEDIUM = "medium"
    STRONG = "strong"
    PHISHING_RESISTANT = "phishing_resistant"

    def __lt__(self, other: object) -> bool:
        if not isinstance(other, Strength):
            return NotImplemented
        return _RANK[self] < _RANK[other]


_RANK = {strength: rank for rank, strength in enumerate(Strength)}

METHOD_STRENGTH = MappingProxyType(
    {
        "webauthn": Strength.PHISHING_RESISTANT,
        "device_number": Strength.STRONG,
        "totp": Strength.MEDIUM,
        "push_otp": Strength.OUT_OF_BAND,
    }
)
"""What each method proves (DESIGN section 6). `none` proves nothing and only denies."""
