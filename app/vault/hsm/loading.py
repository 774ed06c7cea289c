"""Wrapped keys become handles here, once their MAC was verified, for ten minutes at most."""

import time
from collections import OrderedDict
from collections.abc import Callable
from hashlib import sha256
from hmac import compare_digest
from typing import Any, Final

import msgspec
from pkcs11 import Mechanism, MechanismFlag

from app.core.encoding import lp
from app.core.errors import Malformed
from app.vault.errors import EvidenceForged
from app.vault.hsm.attributes import KINDS, asked_on_unwrap
from app.vault.hsm.keys import SHARDS, KeySet
from app.vault.hsm.module import Hsm
from app.vault.hsm.selftest import refuse_soft_key
from app.vault.models import Check, SecretAlgorithm, WrappedKey

MAX_HANDLES: Final = 4096
"""About 11 kB each in SoftHSM: 45 MB."""
MAX_HANDLE_SECONDS: Final = 600.0
_EVIDENCE_PREFIX: Final = b"tripcord/evidence/v1\0"
"""How `app.core.evidence.encode_row` begins: the row-MAC key covers nothing else by request."""


class Use(msgspec.Struct, frozen=True):
    """What an algorithm means here. `block_bytes`: length of K0 (RFC 2104), 0 for private keys."""

    kind: str
    mechanism: Mechanism
    block_bytes: int = 0
    totp: bool = False


USES: Final[dict[SecretAlgorithm, Use]] = {
    "hmac-sha256": Use("hmac", Mechanism.SHA256_HMAC, 64),
    "hmac-sha384": Use("hmac", Mechanism.SHA384_HMAC, 128),
    "hmac-sha512": Use("hmac", Mechanism.SHA512_HMAC, 128),
    "SHA1": Use("hmac", Mechanism.SHA_1_HMAC, 64, totp=True),
    "SHA256": Use("hmac", Mechanism.SHA256_HMAC, 64, totp=True),
    "SHA512": Use("hmac", Mechanism.SHA512_HMAC, 128, totp=True),
    "rsa-sha256": Use("rsa", Mechanism.SHA256_RSA_PKCS),
    "es256": Use("ec", Mechanism.ECDSA),
}


def blob_message(*, context: bytes, shard: str, algorithm: SecretAlgorithm, blob: bytes) -> bytes:
    """What the MAC of a wrapped key covers: RFC 3394 has no associated data of its own."""
    return lp(
        b"tripcord/blob/v1", context, shard.encode(), algorithm.encode(), sha256(blob).digest()
    )


class RowMac:
    """HMAC-SHA-256 with `row-mac-v1`. Signing and comparing takes half as long as C_Verify."""

    def __init__(self, keys: KeySet) -> None:
        self._key = keys.row_mac

    def tag(self, message: bytes) -> bytes:
        return bytes(self._key.sign(message, mechanism=Mechanism.SHA256_HMAC))

    def seal(self, message: bytes) -> bytes:
        """MAC by request: evidence messages only, never one that could pass for a blob's.

        Raises
        ------
        Malformed
            Not made by `encode_row`.
        """
        if not message.startswith(_EVIDENCE_PREFIX):
            raise Malformed
        return self.tag(message)

    def verify(self, message: bytes, tag: bytes) -> None:
        """Raise EvidenceForged unless `tag` is the MAC of `message`."""
        if not compare_digest(self.tag(message), tag):
            raise EvidenceForged

    def verify_all(self, checks: tuple[Check, ...]) -> None:
        """Verify every row before anything is done for one of them."""
        for message, tag in checks:
            self.verify(message, tag)

    def verify_key(self, key: WrappedKey) -> None:
        """Raise EvidenceForged unless a signer stored this very blob for this very context."""
        message = blob_message(
            context=key.context, shard=key.shard, algorithm=key.algorithm, blob=key.blob
        )
        self.verify(message, key.mac)


class Handles:
    """Loaded keys: bounded, aged, forgotten by context.

    The name of a handle is the whole wrapped key, its MAC included: a hit is a key whose MAC was
    verified when it was loaded, byte for byte the same.
    """

    def __init__(self, hsm: Hsm, keys: KeySet, clock: Callable[[], float] = time.monotonic) -> None:
        self._mac = RowMac(keys)
        self._shards = keys.shards
        self._clock = clock
        self._handles: OrderedDict[WrappedKey, tuple[float, Any]] = OrderedDict()
        self.unwraps = 0
        self._templates = {kind: hsm.mapper.vetted(asked_on_unwrap(kind)) for kind in KINDS}

    def __len__(self) -> int:
        return len(self._handles)

    def load(self, key: WrappedKey) -> Any:
        """Handle of a key, after its MAC was verified.

        Raises
        ------
        EvidenceForged
            The MAC is wrong, or the shard is not one for the algorithm.
        pkcs11.PKCS11Error
            The device failed: the blob is what a signer stored.
        """
        found = self._handles.get(key)
        if found is not None:
            if self._clock() - found[0] <= MAX_HANDLE_SECONDS:
                self._handles.move_to_end(key)
                return found[1]
            self._drop(key)
        self._mac.verify_key(key)
        handle = self.unwrap(USES[key.algorithm].kind, key.shard, key.blob)
        if len(self._handles) >= MAX_HANDLES:
            self._drop(next(iter(self._handles)))
        self._handles[key] = (self._clock(), handle)
        return handle

    def unwrap(self, kind: str, shard: str, blob: bytes) -> Any:
        """Unwrap without caching: sensitive, non-extractable, signing only."""
        if shard not in self._shards or SHARDS[kind] != shard:
            raise EvidenceForged
        object_class, key_type = KINDS[kind]
        self.unwraps += 1
        handle = self._shards[shard].unwrap_key(
            object_class,
            key_type,
            blob,
            mechanism=Mechanism.AES_KEY_WRAP,
            capabilities=MechanismFlag.SIGN,
            template=self._templates[kind],
        )
        refuse_soft_key(handle)
        return handle

    def forget(self, context: bytes) -> None:
        """Destroy every handle of this storage context."""
        for key in [key for key in self._handles if key.context == context]:
            self._drop(key)

    def sweep(self) -> None:
        """Destroy handles that are too old, also where nobody asks for them any more."""
        oldest = self._clock() - MAX_HANDLE_SECONDS
        for key in [key for key, (loaded, _) in self._handles.items() if loaded < oldest]:
            self._drop(key)

    def _drop(self, key: WrappedKey) -> None:
        self._handles.pop(key)[1].destroy()
