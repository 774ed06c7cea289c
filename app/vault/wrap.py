"""The door in: one-time sealing keys, and import of what was sealed to them."""

from collections.abc import Sequence
from uuid import UUID

import msgspec

from app.core.ids import new_id
from app.vault import wire
from app.vault.client import HsmWorkers
from app.vault.models import (
    DEADLINE_SECONDS,
    SEALING_KEY_SECONDS,
    Envelope,
    ImportedKey,
    Proof,
    SealContext,
    SealingKey,
    StorageContext,
)

_POINT = msgspec.msgpack.Decoder(bytes)
_IMPORTED = msgspec.msgpack.Decoder(ImportedKey)


class SealingKeys:
    """Opens sealing keys and imports envelopes. What comes back is ciphertext under a shard key."""

    def __init__(self, workers: HsmWorkers) -> None:
        self._keys = workers.keys

    async def open_sealing_key(self, *, deadline_seconds: float = DEADLINE_SECONDS) -> SealingKey:
        """Make a one-time P-256 key pair in the HSM.

        It dies after 10 minutes, after one import whatever its outcome, or with its worker.

        Raises
        ------
        HsmUnavailable
            No answer within the deadline, or too many sealing keys are open.
        """
        sealing_key_id = new_id()
        request = wire.OpenSealingKey(sealing_key_id=sealing_key_id.bytes)
        point = await self._keys.call(request, _POINT, deadline_seconds=deadline_seconds)
        return SealingKey(sealing_key_id, point, SEALING_KEY_SECONDS)

    async def import_secret(
        self,
        *,
        sealing_key_id: UUID,
        envelope: Envelope,
        seal_context: SealContext,
        storage_context: StorageContext,
        proof: Proof | None = None,
        totp_counters: Sequence[int] = (),
        deadline_seconds: float = DEADLINE_SECONDS,
    ) -> ImportedKey:
        """Open the envelope inside the HSM, check it there, wrap it under a shard key.

        An exchange secret needs `proof`; a TOTP seed gives the HMAC of each of `totp_counters`,
        for the confirming code. The sealing key is destroyed whatever happens.

        Raises
        ------
        SealingKeyGone
            Used, expired, or its worker was replaced.
        EnvelopeRefused
            Wrong context, key or length, a changed bit, or contexts that contradict each other.
        ProofRefused
            The proof was not made with this secret.
        HsmUnavailable
            No answer within the deadline; the sealing key is gone then too.
        """
        request = wire.ImportSecret(
            sealing_key_id=sealing_key_id.bytes,
            envelope=envelope,
            seal_context=seal_context,
            storage_context=storage_context,
            proof=proof,
            totp_counters=tuple(totp_counters),
        )
        return await self._keys.call(request, _IMPORTED, deadline_seconds=deadline_seconds)
