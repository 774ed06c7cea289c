"""Client keys: JWK and thumbprint, signed statements (JWS), DPoP proofs, client assertions.

Devices, browsers and platforms use P-256 (ES256), a bot's model key is Ed25519 (EdDSA). In a
shipped app the private half lives in the Secure Enclave, StrongBox or a non-extractable WebCrypto
key; only the three lines that call `sign` change.
"""

import secrets
import time
from typing import Any
from urllib.parse import urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from scripts.clients.encoding import (
    BadFormat,
    Json,
    b64url,
    canonical_json,
    parse_canonical,
    sha256,
)

STATEMENT_TYP = "tripcord+jws"
ORDER_TYP = "tripcord-order+jws"
SEALING_KEY_TYP = "tripcord-sealing-key+jws"
CHECKPOINT_TYP = "tripcord-checkpoint+jws"

Jwk = dict[str, str]

_JWS = jwt.PyJWS()
_THUMBPRINT_MEMBERS = {"EC": ("crv", "kty", "x", "y"), "OKP": ("crv", "kty", "x")}
_COORDINATE_BYTES = 32


class SignatureInvalid(Exception):
    """A signature of the service does not hold. Nothing that it covers may be used."""


class KeyPair:
    """One private key and what is public about it. It never prints or exports the private half."""

    __slots__ = ("_private", "algorithm", "jkt", "public_jwk")

    def __init__(self, private: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey) -> None:
        self._private = private
        self.algorithm = "ES256" if isinstance(private, ec.EllipticCurvePrivateKey) else "EdDSA"
        self.public_jwk = _public_jwk(private)
        self.jkt = thumbprint(self.public_jwk)

    @classmethod
    def p256(cls) -> "KeyPair":
        return cls(ec.generate_private_key(ec.SECP256R1()))

    @classmethod
    def ed25519(cls) -> "KeyPair":
        return cls(ed25519.Ed25519PrivateKey.generate())

    def __repr__(self) -> str:
        return f"KeyPair({self.algorithm}, {self.jkt})"

    def statement(self, payload: Json, *, typ: str = STATEMENT_TYP) -> str:
        """Compact JWS over the canonical JSON of `payload`, which names its own `domain`."""
        return self._sign(canonical_json(payload), {"typ": typ, "kid": self.jkt})

    def dpop_proof(
        self, method: str, url: str, *, token: str | None = None, nonce: str | None = None
    ) -> str:
        """Proof of possession for one request (RFC 9449 section 4.2).

        `htu` is the URL without query and fragment; `ath` binds the proof to the token that
        travels beside it; `nonce` is the newest one the server handed out, if it did.
        """
        claims: Json = {
            "jti": secrets.token_urlsafe(16),
            "htm": method,
            "htu": urlsplit(url)._replace(query="", fragment="").geturl(),
            "iat": int(time.time()),
        }
        if token is not None:
            claims["ath"] = b64url(sha256(token.encode("ascii")))
        if nonce is not None:
            claims["nonce"] = nonce
        return self._sign(canonical_json(claims), {"typ": "dpop+jwt", "jwk": self.public_jwk})

    def client_assertion(self, *, client_id: str, audience: str, lifetime_seconds: int = 60) -> str:
        """`private_key_jwt` of RFC 7523: who the client is, to one audience, once (`jti`)."""
        now = int(time.time())
        claims = {
            "iss": client_id,
            "sub": client_id,
            "aud": audience,
            "jti": secrets.token_urlsafe(16),
            "iat": now,
            "exp": now + lifetime_seconds,
        }
        return self._sign(canonical_json(claims), {"typ": "JWT", "kid": self.jkt})

    def _sign(self, payload: bytes, header: dict[str, Any]) -> str:
        return _JWS.encode(payload, self._private, algorithm=self.algorithm, headers=header)


def thumbprint(jwk: Jwk) -> str:
    """`jkt`: base64url SHA-256 over the required members in canonical order (RFC 7638)."""
    members = _THUMBPRINT_MEMBERS.get(jwk.get("kty", ""))
    if members is None or any(member not in jwk for member in members):
        raise BadFormat("not a public key of a kind we use")
    return b64url(sha256(canonical_json({member: jwk[member] for member in members})))


def pin_key(jwk: Jwk, *, expected_jkt: str) -> Jwk:
    """Accept a public key only if it is the one whose thumbprint we already hold."""
    if thumbprint(jwk) != expected_jkt:
        raise SignatureInvalid("the service presents a key other than the pinned one")
    return jwk


def verify_statement(
    token: str, *, expected_jwk: Jwk, expected_typ: str, expected_domain: str
) -> Json:
    """Check an ES256 statement of the service and return its claims.

    The algorithm is ours to name, never the header's (RFC 8725 section 3.1).

    Raises
    ------
    SignatureInvalid
        Wrong signature, key, type or domain, or a payload that is not canonical JSON.
    """
    try:
        complete = _JWS.decode_complete(
            token, jwt.PyJWK({**expected_jwk, "alg": "ES256"}), algorithms=["ES256"]
        )
        claims = parse_canonical(complete["payload"])
    except (jwt.PyJWTError, BadFormat):
        raise SignatureInvalid("a signed statement of the service does not verify") from None
    header = {"alg": "ES256", "typ": expected_typ, "kid": thumbprint(expected_jwk)}
    if complete["header"] != header or not isinstance(claims, dict):
        raise SignatureInvalid("a signed statement of the service has another header")
    if claims.get("domain") != expected_domain:
        raise SignatureInvalid("a signed statement of the service is meant for something else")
    return claims


def _public_jwk(private: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey) -> Jwk:
    if isinstance(private, ed25519.Ed25519PrivateKey):
        raw = private.public_key().public_bytes_raw()
        return {"kty": "OKP", "crv": "Ed25519", "x": b64url(raw)}
    numbers = private.public_key().public_numbers()
    x, y = (n.to_bytes(_COORDINATE_BYTES, "big") for n in (numbers.x, numbers.y))
    return {"kty": "EC", "crv": "P-256", "x": b64url(x), "y": b64url(y)}
