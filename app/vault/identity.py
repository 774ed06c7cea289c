"""Signatures by keys of our own: ES256 by `identity-v1` and `checkpoint-v1` in the HSM."""

from collections.abc import Sequence
from typing import Literal

import msgspec

from app.core.canonical import canonical_json, sha256
from app.core.encoding import b64url
from app.core.jose import Jwk, jwk_thumbprint
from app.vault import wire
from app.vault.client import HsmWorkers
from app.vault.issuer import IssuerKey
from app.vault.models import DEADLINE_SECONDS, Signed

_SIGNED = msgspec.msgpack.Decoder(Signed)


class StatementKey:
    """One P-256 key that never leaves the HSM, and its public half."""

    def __init__(
        self, workers: HsmWorkers, label: Literal["identity-v1", "checkpoint-v1"], point: bytes
    ) -> None:
        self._hot = workers.hot
        self._label = label
        self.public_jwk: Jwk = {
            "crv": "P-256",
            "kty": "EC",
            "x": b64url(point[1:33]),
            "y": b64url(point[33:65]),
        }
        self.jkt = jwk_thumbprint(self.public_jwk)
        """RFC 7638 thumbprint; devices pin the one of the identity key at enrolment."""

    async def es256(
        self,
        digest: bytes,
        *,
        seal: Sequence[bytes] = (),
        deadline_seconds: float = DEADLINE_SECONDS,
    ) -> Signed:
        """Raw r || s (64 bytes) over a SHA-256 digest, and MACs of `seal`, in one round trip."""
        request = wire.Es256(label=self._label, digest=digest, seal=tuple(seal))
        return await self._hot.call(request, _SIGNED, deadline_seconds=deadline_seconds)

    async def sign_jws(
        self, *, typ: str, payload: bytes, deadline_seconds: float = DEADLINE_SECONDS
    ) -> str:
        """Compact JWS {"alg":"ES256","typ":typ,"kid":jkt} over `payload` (RFC 7515).

        The payload is canonical JSON that names its own domain; this method does not look at it.
        """
        header = canonical_json({"alg": "ES256", "kid": self.jkt, "typ": typ})
        signing_input = f"{b64url(header)}.{b64url(payload)}"
        signed = await self.es256(sha256(signing_input.encode()), deadline_seconds=deadline_seconds)
        return f"{signing_input}.{b64url(signed.signature)}"


class Identity:
    """All of them. Make it after `HsmWorkers.start()`, which learns their public halves."""

    def __init__(self, workers: HsmWorkers) -> None:
        status = workers.status
        self.identity = StatementKey(workers, "identity-v1", status.identity_point)
        self.checkpoint = StatementKey(workers, "checkpoint-v1", status.checkpoint_point)
        self.issuer = IssuerKey(workers, status.issuer_modulus)
