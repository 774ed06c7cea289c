"""The door out: sign with, and decide by, secrets that stay in the HSM.

Only signing and deciding may import this.
"""

from collections.abc import Sequence

import msgspec

from app.vault import wire
from app.vault.client import HsmWorkers
from app.vault.models import LOCKED_DEADLINE_SECONDS, Check, Signed, WrappedKey

_SIGNED = msgspec.msgpack.Decoder(Signed)
_HMACS = msgspec.msgpack.Decoder(tuple[bytes, ...])
_NOTHING = msgspec.msgpack.Decoder(None)


class SigningKeys:
    """Uses wrapped keys. No method returns a key, a handle or a seed."""

    def __init__(self, workers: HsmWorkers) -> None:
        self._hot = workers.hot

    async def sign(
        self,
        *,
        checks: Sequence[Check],
        key: WrappedKey,
        message: bytes,
        seal: Sequence[bytes] = (),
        deadline_seconds: float = LOCKED_DEADLINE_SECONDS,
    ) -> Signed:
        """Verify every row in `checks` and the key's own MAC, sign `message`, MAC `seal`.

        One round trip, all or nothing. The signature is raw: HMAC bytes, PKCS#1 v1.5, or r || s.

        Raises
        ------
        EvidenceForged
            A check or the key's MAC is wrong, or the key is a TOTP seed; nothing was signed.
        HsmUnavailable
            No answer within the deadline; a signature that may have been made was destroyed.
        """
        request = wire.Sign(checks=tuple(checks), key=key, message=message, seal=tuple(seal))
        return await self._hot.call(request, _SIGNED, deadline_seconds=deadline_seconds)

    async def totp_hmacs(
        self,
        *,
        checks: Sequence[Check],
        key: WrappedKey,
        counters: Sequence[int],
        deadline_seconds: float = LOCKED_DEADLINE_SECONDS,
    ) -> tuple[bytes, ...]:
        """HMAC of each counter (RFC 4226: 8 bytes, big-endian) with a TOTP seed, in order.

        At most 16 counters: a window around now, never a book of codes.

        Raises
        ------
        EvidenceForged
            A check or the key's MAC is wrong, or the key is not a TOTP seed.
        HsmUnavailable
            No answer within the deadline.
        """
        request = wire.HmacSteps(checks=tuple(checks), key=key, counters=tuple(counters))
        return await self._hot.call(request, _HMACS, deadline_seconds=deadline_seconds)

    async def forget(
        self, context: bytes, *, deadline_seconds: float = LOCKED_DEADLINE_SECONDS
    ) -> None:
        """Destroy cached handles of this storage context: on revoke, rotation and deletion."""
        request = wire.Forget(context=context)
        await self._hot.call(request, _NOTHING, deadline_seconds=deadline_seconds)
