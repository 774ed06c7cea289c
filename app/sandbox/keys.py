"""API keys as the venue keeps them: its own copy of the secret, or the public key.

Source: binance-spot-api-docs, rest-api.md ("SIGNED Endpoint security"): HMAC-SHA-256 in hex, any
case; Ed25519 and RSA (PKCS #1 v1.5, SHA-256) in base64, case-sensitive.
"""

import base64
import binascii
import hashlib
import hmac
import secrets
import string
from enum import StrEnum
from typing import Protocol

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from app.core.secret import Secret
from app.sandbox.errors import bad_signature

ALPHABET = string.ascii_letters + string.digits
KEY_LENGTH = 64  # characters, of an API key and of an HMAC secret
MIN_RSA_BITS = 2048


class Kind(StrEnum):
    HMAC = "hmac"
    ED25519 = "ed25519"
    RSA = "rsa"


class Restrictions(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """What `GET /sapi/v1/account/apiRestrictions` tells; a new key may read and trade spot."""

    ip_restrict: bool = False
    create_time: int = 0
    enable_reading: bool = True
    enable_withdrawals: bool = False
    enable_internal_transfer: bool = False
    enable_margin: bool = False
    enable_futures: bool = False
    permits_universal_transfer: bool = False
    enable_vanilla_options: bool = False
    enable_fix_api_trade: bool = False
    enable_fix_read_only: bool = False
    enable_spot_and_margin_trading: bool = True
    enable_portfolio_margin_trading: bool = False


class Verifier(Protocol):
    def verify(self, payload: bytes, signature: str) -> None:
        """Raise -1022 unless `signature` is this key's over `payload`."""

    def material(self) -> str:
        """What a snapshot has to keep: the HMAC secret, or the public key as PEM."""


class HmacVerifier:
    def __init__(self, secret: str) -> None:
        self._secret = Secret(secret.encode())

    def verify(self, payload: bytes, signature: str) -> None:
        expected = hmac.new(self._secret.reveal(), payload, hashlib.sha256).hexdigest()
        # As bytes: compare_digest refuses non-ASCII text with a TypeError.
        if not hmac.compare_digest(expected.encode(), signature.lower().encode()):
            raise bad_signature()

    def material(self) -> str:
        return self._secret.reveal().decode()


class PublicKeyVerifier:
    def __init__(self, kind: Kind, pem: str) -> None:
        self._pem = pem
        key = load_pem_public_key(pem.encode())
        if kind is Kind.ED25519 and isinstance(key, Ed25519PublicKey):
            self._key: Ed25519PublicKey | RSAPublicKey = key
        elif kind is Kind.RSA and isinstance(key, RSAPublicKey) and key.key_size >= MIN_RSA_BITS:
            self._key = key
        else:
            raise ValueError(f"not an {kind.value} public key this venue accepts")

    def verify(self, payload: bytes, signature: str) -> None:
        try:
            raw = base64.b64decode(signature, validate=True)
            if isinstance(self._key, Ed25519PublicKey):
                self._key.verify(raw, payload)
            else:
                self._key.verify(raw, payload, PKCS1v15(), SHA256())
        except (binascii.Error, ValueError, InvalidSignature) as refused:
            raise bad_signature() from refused

    def material(self) -> str:
        return self._pem


class ApiKey:
    """`ip_list` counts only with `restrictions.ip_restrict`, as at the venue."""

    def __init__(
        self,
        *,
        api_key: str,
        account_id: str,
        kind: Kind,
        material: str,
        restrictions: Restrictions,
        ip_list: tuple[str, ...] = (),
    ) -> None:
        self.api_key = api_key
        self.account_id = account_id
        self.kind = kind
        self.verifier: Verifier = (
            HmacVerifier(material) if kind is Kind.HMAC else PublicKeyVerifier(kind, material)
        )
        self.restrictions = restrictions
        self.ip_list = ip_list


def random_text() -> str:
    """64 alphanumeric characters: the form of an API key and of an HMAC secret."""
    return "".join(secrets.choice(ALPHABET) for _ in range(KEY_LENGTH))
