"""Keys and signatures as their holders make them: with `cryptography`, and nothing of ours."""

import base64
import hashlib
import json
from typing import Any, Protocol

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

Jwk = dict[str, str]


class Signer(Protocol):
    """A private key, its public JWK and the JWS algorithm it signs with."""

    alg: str
    jwk: Jwk

    def raw(self, message: bytes) -> bytes: ...


def text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def number(value: int, length: int) -> str:
    return text(value.to_bytes(length, "big"))


def canonical(value: Any) -> bytes:
    """RFC 8785 for what we sign: ASCII keys, strings and integers."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def thumbprint(jwk: Jwk) -> str:
    """RFC 7638, of a JWK that has its required members only."""
    return text(hashlib.sha256(canonical(jwk)).digest())


class P256:
    """A device's or a browser's key."""

    alg = "ES256"

    def __init__(self) -> None:
        self._private = ec.generate_private_key(ec.SECP256R1())
        point = self._private.public_key().public_numbers()
        self.jwk: Jwk = {
            "crv": "P-256",
            "kty": "EC",
            "x": number(point.x, 32),
            "y": number(point.y, 32),
        }
        self.jkt = thumbprint(self.jwk)

    def der(self, message: bytes) -> bytes:
        return self._private.sign(message, ec.ECDSA(hashes.SHA256()))

    def raw(self, message: bytes) -> bytes:
        r, s = decode_dss_signature(self.der(message))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")


class Ed25519:
    """A model's key."""

    alg = "EdDSA"

    def __init__(self) -> None:
        self._private = ed25519.Ed25519PrivateKey.generate()
        self.jwk: Jwk = {
            "crv": "Ed25519",
            "kty": "OKP",
            "x": text(self._private.public_key().public_bytes_raw()),
        }
        self.jkt = thumbprint(self.jwk)

    def raw(self, message: bytes) -> bytes:
        return self._private.sign(message)


class Rsa:
    """A platform's key."""

    alg = "RS256"

    def __init__(self, bits: int = 2048) -> None:
        self._private = rsa.generate_private_key(65537, bits)
        self.modulus = self._private.public_key().public_numbers().n.to_bytes(bits // 8, "big")
        self.jwk: Jwk = {"e": "AQAB", "kty": "RSA", "n": text(self.modulus)}

    def raw(self, message: bytes) -> bytes:
        return self._private.sign(message, padding.PKCS1v15(), hashes.SHA256())


def compact(header: Any, payload: bytes, signer: Signer) -> str:
    """A JWS over whatever header and payload are given."""
    head = header if isinstance(header, bytes) else canonical(header)
    signing_input = f"{text(head)}.{text(payload)}"
    return f"{signing_input}.{text(signer.raw(signing_input.encode()))}"


def jws(signer: Signer, typ: str, claims: dict[str, Any]) -> str:
    """A statement as it should be: canonical payload, `alg`, `typ` and `kid` in the header."""
    header = {"alg": signer.alg, "kid": thumbprint(signer.jwk), "typ": typ}
    return compact(header, canonical(claims), signer)
