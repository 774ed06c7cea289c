"""Row evidence: HMAC-SHA-256 by the HSM's `row-mac-v1` over `app.core.evidence.encode_row`."""

from collections.abc import Sequence

import msgspec

from app.vault import wire
from app.vault.client import HsmWorkers
from app.vault.models import LOCKED_DEADLINE_SECONDS, Check

_TAGS = msgspec.msgpack.Decoder(tuple[bytes, ...])
_NOTHING = msgspec.msgpack.Decoder(None)


class Evidence:
    """Seals and verifies rows. Verify before believing; seal only what was verified itself."""

    def __init__(self, workers: HsmWorkers) -> None:
        self._hot = workers.hot

    async def seal(
        self, messages: Sequence[bytes], *, deadline_seconds: float = LOCKED_DEADLINE_SECONDS
    ) -> tuple[bytes, ...]:
        """MAC of each message, 32 bytes, in order. Messages come from `encode_row` only.

        Raises
        ------
        HsmUnavailable
            No answer within the deadline.
        """
        request = wire.Mac(messages=tuple(messages))
        return await self._hot.call(request, _TAGS, deadline_seconds=deadline_seconds)

    async def verify(
        self, checks: Sequence[Check], *, deadline_seconds: float = LOCKED_DEADLINE_SECONDS
    ) -> None:
        """Verify all (message, tag) pairs, or raise for all of them.

        Raises
        ------
        EvidenceForged
            At least one tag is wrong.
        HsmUnavailable
            No answer within the deadline.
        """
        request = wire.Verify(checks=tuple(checks))
        await self._hot.call(request, _NOTHING, deadline_seconds=deadline_seconds)
