"""Requests of the hot worker: MACs, signatures, TOTP steps. Verify first, all or nothing."""

from hashlib import sha256
from typing import Any, Final

from pkcs11 import Mechanism

from app.core.errors import Malformed
from app.vault import wire
from app.vault.errors import EvidenceForged
from app.vault.hsm.keys import KeySet
from app.vault.hsm.loading import USES, Handles, RowMac
from app.vault.hsm.module import Hsm
from app.vault.issuer import TYPS, header_part
from app.vault.models import Signed

MAX_COUNTERS: Final = 16
_COUNTER_BYTES: Final = 8
"""RFC 4226 section 5.1."""
_MAX_COUNTER: Final = 2**63
_DIGEST_BYTES: Final = 32


def counter_hmacs(
    handle: Any, mechanism: Mechanism, counters: tuple[int, ...]
) -> tuple[bytes, ...]:
    """HMAC of each TOTP counter.

    Raises
    ------
    Malformed
        More counters than a window has, or one out of range.
    """
    if len(counters) > MAX_COUNTERS or any(not 0 <= counter < _MAX_COUNTER for counter in counters):
        raise Malformed
    return tuple(
        bytes(handle.sign(counter.to_bytes(_COUNTER_BYTES, "big"), mechanism=mechanism))
        for counter in counters
    )


class HotOperations:
    """One method per request; nothing here signs what no check was made for."""

    decoder: Final = wire.HOT_DECODER

    def __init__(self, hsm: Hsm, keys: KeySet, *, recycle_after_unwraps: int) -> None:
        self._keys = keys
        self._mac = RowMac(keys)
        self._issuer_headers = tuple(
            f"{header_part(keys.issuer_modulus, typ)}.".encode() for typ in TYPS
        )
        self._recycle_after = recycle_after_unwraps
        self.handles = Handles(hsm, keys)

    @property
    def retiring(self) -> bool:
        return self.handles.unwraps >= self._recycle_after

    @property
    def loaded_keys(self) -> int:
        return len(self.handles)

    def sweep(self) -> None:
        self.handles.sweep()

    def answer(self, request: wire.HotRequest) -> Any:  # noqa: PLR0911 - one return per request
        match request:
            case wire.Sign():
                return self._sign(request)
            case wire.HmacSteps():
                return self._hmac_steps(request)
            case wire.Mac():
                return tuple(self._mac.seal(message) for message in request.messages)
            case wire.Verify():
                self._mac.verify_all(request.checks)
                return None
            case wire.Es256():
                return self._es256(request)
            case wire.Rs256():
                return self._rs256(request)
            case wire.Bootstrap():
                key = self._keys.bootstrap
                return bytes(key.sign(request.message, mechanism=Mechanism.SHA256_HMAC))
            case wire.Forget():
                self.handles.forget(request.context)
                return None
            case wire.Status():
                return None

    def _sign(self, request: wire.Sign) -> Signed:
        use = USES[request.key.algorithm]
        # (1) A TOTP seed never signs for a venue.
        if use.totp:
            raise EvidenceForged
        # (2) Every row the decision rests on.
        self._mac.verify_all(request.checks)
        # (3) The rows to write. Before the signature: they may still refuse.
        tags = tuple(self._mac.seal(message) for message in request.seal)
        # (4) The key's own MAC, and only then the secret.
        handle = self.handles.load(request.key)
        message = sha256(request.message).digest() if use.kind == "ec" else request.message
        return Signed(bytes(handle.sign(message, mechanism=use.mechanism)), tags)

    def _hmac_steps(self, request: wire.HmacSteps) -> tuple[bytes, ...]:
        use = USES[request.key.algorithm]
        if not use.totp:
            raise EvidenceForged
        self._mac.verify_all(request.checks)
        return counter_hmacs(self.handles.load(request.key), use.mechanism, request.counters)

    def _rs256(self, request: wire.Rs256) -> bytes:
        # The key signs under these headers and no other, whatever the signer becomes.
        if not request.signing_input.startswith(self._issuer_headers):
            raise Malformed
        key = self._keys.issuer
        return bytes(key.sign(request.signing_input, mechanism=Mechanism.SHA256_RSA_PKCS))

    def _es256(self, request: wire.Es256) -> Signed:
        if len(request.digest) != _DIGEST_BYTES:
            raise Malformed
        tags = tuple(self._mac.seal(message) for message in request.seal)
        signer = self._keys.signers[request.label]
        return Signed(bytes(signer.sign(request.digest, mechanism=Mechanism.ECDSA)), tags)
