"""Requests of the keys worker: one-time sealing keys and import of what was sealed to them.

The envelope (variant B of our sealing design): X = ECDH(ephemeral, sealing key); key-encryption key
= AES-256-CBC(X, iv 0, SHA-256(context))[0:32]; ciphertext = RFC 3394 of the secret under it. The
context is inside the key: the HSM itself refuses an envelope made for another trader or purpose.
X, the key-encryption key and the secret are objects of the HSM, never bytes of ours.
"""

import time
from collections.abc import Callable
from contextlib import ExitStack
from hashlib import sha256
from hmac import compare_digest
from typing import Any, Final

import msgspec
from pkcs11 import KDF, Attribute, KeyType, Mechanism, MechanismFlag
from pkcs11 import exceptions as p11

from app.core.encoding import lp
from app.vault import wire
from app.vault.errors import EnvelopeRefused, HsmUnavailable, ProofRefused, SealingKeyGone
from app.vault.hsm.attributes import KINDS, LOCKED, MOVABLE, Template
from app.vault.hsm.curve import on_p256
from app.vault.hsm.hot import counter_hmacs
from app.vault.hsm.keys import SHARDS, KeySet, p256, public_point
from app.vault.hsm.loading import USES, Handles, RowMac, Use, blob_message
from app.vault.hsm.module import Hsm
from app.vault.models import (
    SEALING_KEY_SECONDS,
    ImportedKey,
    Proof,
    SealContext,
    WrappedKey,
)

MAX_OPEN_SEALING_KEYS: Final = 1024
_KEY_WRAP_OVERHEAD_BYTES: Final = 8
"""RFC 3394 section 2.2.1: one block more than what was wrapped."""
_ZERO_IV: Final = bytes(16)
"""CBC over one context digest under a key used once: nothing for a random IV to hide."""


class _SealingPair(msgspec.Struct, frozen=True):
    public_key: Any
    private_key: Any
    point: bytes
    expires_at: float

    def destroy(self) -> None:
        self.private_key.destroy()
        self.public_key.destroy()


class KeysOperations:
    """Sealing keys live here, in this process, and nowhere else."""

    decoder: Final = wire.KEYS_DECODER

    def __init__(
        self,
        hsm: Hsm,
        keys: KeySet,
        *,
        recycle_after_unwraps: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._hsm = hsm
        self._keys = keys
        self._mac = RowMac(keys)
        self._clock = clock
        self._recycle_after = recycle_after_unwraps
        self._pairs: dict[bytes, _SealingPair] = {}
        self.handles = Handles(hsm, keys)

    @property
    def retiring(self) -> bool:
        """Only between link sessions: a successor does not have our sealing keys."""
        return not self._pairs and self.handles.unwraps >= self._recycle_after

    @property
    def loaded_keys(self) -> int:
        return len(self._pairs)

    def sweep(self) -> None:
        now = self._clock()
        for name in [name for name, pair in self._pairs.items() if pair.expires_at <= now]:
            self._pairs.pop(name).destroy()

    def answer(self, request: wire.KeysRequest) -> Any:
        match request:
            case wire.OpenSealingKey():
                return self._open(request.sealing_key_id)
            case wire.ImportSecret():
                return self._import(request)
            case wire.Status():
                return None

    def _open(self, sealing_key_id: bytes) -> bytes:
        self.sweep()
        if len(self._pairs) >= MAX_OPEN_SEALING_KEYS or sealing_key_id in self._pairs:
            raise HsmUnavailable(rule="too many sealing keys")
        public_key, private_key = p256(self._hsm).generate_keypair(
            capabilities=MechanismFlag.DERIVE,
            private_template=self._locked(Mechanism.ECDH1_DERIVE, MODIFIABLE=False),
        )
        pair = _SealingPair(
            public_key, private_key, public_point(public_key), self._clock() + SEALING_KEY_SECONDS
        )
        self._pairs[sealing_key_id] = pair
        return pair.point

    def _import(self, request: wire.ImportSecret) -> ImportedKey:
        # (1) The sealing key is spent by the attempt, whatever comes of it.
        self.sweep()
        pair = self._pairs.pop(request.sealing_key_id, None)
        if pair is None:
            raise SealingKeyGone
        try:
            # (2) Shape: contexts agree, the point is on the curve, the length is that of K0.
            use = _validate(request)
            # (3) Open, wrap under the shard key, and forget the movable object.
            shard = SHARDS[use.kind]
            blob = self._rewrap(pair, request, use, shard)
        finally:
            pair.destroy()
        # (4) Use it as it will be used from now on: loaded from its blob, locked.
        handle = self.handles.unwrap(use.kind, shard, blob)
        try:
            if request.proof is not None:
                _verify_proof(handle, use, request.proof)
            hmacs = counter_hmacs(handle, use.mechanism, request.totp_counters)
        finally:
            handle.destroy()
        context = request.storage_context.encode()
        algorithm = request.storage_context.algorithm
        message = blob_message(context=context, shard=shard, algorithm=algorithm, blob=blob)
        key = WrappedKey(
            shard=shard,
            algorithm=algorithm,
            blob=blob,
            context=context,
            mac=self._mac.tag(message),
        )
        return ImportedKey(key, hmacs)

    def _rewrap(
        self, pair: _SealingPair, request: wire.ImportSecret, use: Use, shard: str
    ) -> bytes:
        """Envelope in, blob under the shard key out.

        Raises
        ------
        EnvelopeRefused
            It does not open. Modules answer a wrong key and a broken device alike here, and the
            input is the caller's: a device that is really gone shows at the next sealing key.
        """
        digest = context_digest(request.envelope.ephemeral, pair.point, request.seal_context)
        object_class, key_type = KINDS[use.kind]
        with ExitStack() as objects:
            try:
                shared = pair.private_key.derive_key(
                    KeyType.AES,
                    256,
                    mechanism=Mechanism.ECDH1_DERIVE,
                    mechanism_param=(KDF.NULL, None, request.envelope.ephemeral),
                    capabilities=MechanismFlag.DERIVE,
                    template=self._locked(Mechanism.AES_CBC_ENCRYPT_DATA),
                )
                objects.callback(shared.destroy)
                kek = shared.derive_key(
                    KeyType.AES,
                    256,
                    mechanism=Mechanism.AES_CBC_ENCRYPT_DATA,
                    mechanism_param=(_ZERO_IV, digest),
                    capabilities=MechanismFlag.UNWRAP,
                    template=self._locked(Mechanism.AES_KEY_WRAP),
                )
                objects.callback(kek.destroy)
                self.handles.unwraps += 1
                secret = kek.unwrap_key(
                    object_class,
                    key_type,
                    request.envelope.ciphertext,
                    mechanism=Mechanism.AES_KEY_WRAP,
                    capabilities=0,
                    template=self._hsm.mapper.vetted(dict(MOVABLE)),
                )
                objects.callback(secret.destroy)
            except p11.PKCS11Error:
                raise EnvelopeRefused from None
            return bytes(
                self._keys.shards[shard].wrap_key(secret, mechanism=Mechanism.AES_KEY_WRAP)
            )

    def _locked(self, mechanism: Mechanism, **more: bool) -> Template:
        template: Template = dict(LOCKED)
        if self._hsm.profile.allowed_mechanisms:
            template[Attribute.ALLOWED_MECHANISMS] = [mechanism]
        template |= {Attribute[name]: value for name, value in more.items()}
        return self._hsm.mapper.vetted(template)


def context_digest(ephemeral: bytes, point: bytes, context: SealContext) -> bytes:
    """SHA-256 over both public points and what the client said the secret is for."""
    return sha256(
        lp(
            b"tripcord/seal/v1",
            ephemeral,
            point,
            str(context.trader_id).encode(),
            context.purpose.encode(),
            context.subject.encode(),
            context.algorithm.encode(),
        )
    ).digest()


def _validate(request: wire.ImportSecret) -> Use:
    seal, storage = request.seal_context, request.storage_context
    use = USES[seal.algorithm]
    totp = seal.purpose == "totp"
    if (seal.trader_id, seal.algorithm) != (storage.trader_id, storage.algorithm):
        raise EnvelopeRefused(rule="contexts differ")
    if use.kind != "hmac" or use.totp != totp or (storage.purpose == "totp") != totp:
        raise EnvelopeRefused(rule="purpose")
    if totp != (request.proof is None) or (request.totp_counters and not totp):
        raise EnvelopeRefused(rule="proof")
    if len(request.envelope.ciphertext) != use.block_bytes + _KEY_WRAP_OVERHEAD_BYTES:
        raise EnvelopeRefused(rule="length")
    if not on_p256(request.envelope.ephemeral):
        raise EnvelopeRefused(rule="ephemeral point")
    return use


def _verify_proof(handle: Any, use: Use, proof: Proof) -> None:
    tag = bytes(handle.sign(proof.message, mechanism=use.mechanism))
    if not compare_digest(tag, proof.tag):
        raise ProofRefused
