"""The deterministic secret of a device token: HMAC-SHA-256 by the HSM's `bootstrap-v1`.

Enrolment answers the same device with the same token although only a hash of it is stored; so the
secret must be computable again, and only here.
"""

import msgspec

from app.core.secret import Secret
from app.vault import wire
from app.vault.client import HsmWorkers
from app.vault.models import DEADLINE_SECONDS

_SECRET = msgspec.msgpack.Decoder(bytes)


class Bootstrap:
    def __init__(self, workers: HsmWorkers) -> None:
        self._hot = workers.hot

    async def secret_for(
        self, message: bytes, *, deadline_seconds: float = DEADLINE_SECONDS
    ) -> Secret:
        """32 bytes, the same for the same message. The message names its domain and its device."""
        request = wire.Bootstrap(message=message)
        return Secret(await self._hot.call(request, _SECRET, deadline_seconds=deadline_seconds))
