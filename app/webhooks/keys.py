"""Signing keys of webhooks: Ed25519, derived, and the signature header of Standard Webhooks.

One key per webhook and version, from HKDF-SHA-256 (RFC 5869) over the dispatcher's secret. So there
is nothing to store, nothing to lose with the database, and no process but the dispatcher can make
one; asymmetric (`v1a`), so that a receiver's copy forges nothing.
"""

import base64
from collections.abc import Iterable
from typing import Final
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from app.core.encoding import lp
from app.core.secret import Secret

LEAST_SECRET_BYTES: Final = 32
_SEED_BYTES: Final = 32
"""RFC 8032 section 5.1.5."""
_DOMAIN: Final = b"tripcord/webhook-key/v1"


class SigningKeys:
    """Derives keys from the dispatcher's secret, of `LEAST_SECRET_BYTES` or more."""

    def __init__(self, secret: Secret) -> None:
        if len(secret.reveal()) < LEAST_SECRET_BYTES:
            raise ValueError("is too short: 32 random bytes or more")
        self._secret = secret

    def public_key(self, webhook_id: UUID, version: int) -> bytes:
        """32 bytes."""
        return self._key(webhook_id, version).public_key().public_bytes_raw()

    def signatures(self, webhook_id: UUID, versions: Iterable[int], signed: bytes) -> str:
        """The `webhook-signature` header: a `v1a,` part per version, spaces between."""
        parts = [self._key(webhook_id, version).sign(signed) for version in versions]
        return " ".join(f"v1a,{base64.b64encode(part).decode()}" for part in parts)

    def _key(self, webhook_id: UUID, version: int) -> Ed25519PrivateKey:
        info = lp(_DOMAIN, webhook_id.bytes, version.to_bytes(4, "big"))
        derived = HKDF(SHA256(), _SEED_BYTES, salt=None, info=info).derive(self._secret.reveal())
        return Ed25519PrivateKey.from_private_bytes(derived)


def signed_content(message_id: str, timestamp: int, body: bytes) -> bytes:
    """What is signed: id, seconds and body with dots between (Standard Webhooks, "Signature")."""
    return f"{message_id}.{timestamp}.".encode() + body


def public_text(public_key: bytes) -> str:
    """`whpk_` and base64, as the standard serialises public keys."""
    return f"whpk_{base64.b64encode(public_key).decode()}"
