"""Compact JWS with public keys the caller already trusts (RFC 7515), thumbprints (RFC 7638).

PyJWT does the cryptography; what stands here is the strictness around it (RFC 8725): the
algorithm follows from the key and not from the header, `typ` is compared, and every header field
beyond a closed list refuses.
"""

from functools import lru_cache
from typing import Any

import jwt
import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt.algorithms import get_default_algorithms

from app.core.canonical import canonical_json, parse_canonical, sha256
from app.core.encoding import b64url, b64url_decode
from app.core.errors import DomainError, Malformed

Jwk = dict[str, str]

_MEMBERS = {"EC": ("crv", "kty", "x", "y"), "OKP": ("crv", "kty", "x"), "RSA": ("e", "kty", "n")}
_ALGORITHM = {("EC", "P-256"): "ES256", ("OKP", "Ed25519"): "EdDSA", ("RSA", None): "RS256"}
_ALGORITHMS = get_default_algorithms()
_MAX_JWS_CHARS = 16_384
_MIN_RSA_BITS = 2048
"""RFC 7518 section 3.3."""
_PRIVATE = {"d", "p", "q", "k", "dp", "dq", "qi", "oth"}
_ED25519_PRIME = 2**255 - 19
_ED25519_ORDER_8 = int.from_bytes(
    bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"), "little"
)
_SMALL_ORDER = frozenset(
    {0, 1, _ED25519_PRIME - 1, _ED25519_ORDER_8, _ED25519_PRIME - _ED25519_ORDER_8}
)
"""y of the Ed25519 points whose order divides 8 (RFC 8032 section 5.1): under such a key one
signature fits every message, and OpenSSL takes it."""


class SignatureRejected(DomainError):
    """The signature, its key or its header is not what it must be. One answer for all."""

    code = "signature_rejected"
    sentence = "The signature is not valid."


class KeyRejected(DomainError):
    """A public key of a kind we do not accept, or one with a private part in it."""

    code = "key_rejected"
    sentence = "The public key is of a kind that is not accepted."


def public_jwk(jwk: Any, *expected_algorithms: str) -> Jwk:
    """Reduce to the required members of a public key we accept.

    Raises
    ------
    KeyRejected
        Unknown type or curve, missing member, a private or symmetric part, a point that is not
        on the curve or of small order, a second spelling of a number, a key that says it is for
        something else, or an algorithm outside `expected_algorithms`.
    """
    if not isinstance(jwk, dict) or _PRIVATE & jwk.keys():
        raise KeyRejected
    members = _MEMBERS.get(str(jwk.get("kty")))
    if members is None or any(not isinstance(jwk.get(m), str) for m in members):
        raise KeyRejected
    reduced = {member: str(jwk[member]) for member in members}
    algorithm = algorithm_of(reduced)
    if expected_algorithms and algorithm not in expected_algorithms:
        raise KeyRejected
    _check_use(jwk, algorithm)
    try:
        _check_spelling(reduced)
        _key(_canonical(tuple(reduced.items())))
    except (SignatureRejected, Malformed):
        raise KeyRejected from None
    return reduced


def _check_use(jwk: dict[str, Any], algorithm: str) -> None:
    """What the key says of itself (RFC 7517 sections 4.2 to 4.4) may only agree."""
    named = {"EdDSA", "Ed25519"} if algorithm == "EdDSA" else {algorithm}
    operations = jwk.get("key_ops", ["verify"])
    if jwk.get("use", "sig") != "sig" or str(jwk.get("alg", algorithm)) not in named:
        raise KeyRejected
    if not isinstance(operations, list) or "verify" not in operations:
        raise KeyRejected


def _check_spelling(reduced: Jwk) -> None:
    """One spelling per key: a second one would give the same key a second thumbprint."""
    for member in reduced.keys() - {"kty", "crv"}:
        number = b64url_decode(reduced[member])
        if reduced["kty"] == "RSA" and number.startswith(b"\0"):
            raise KeyRejected


def algorithm_of(jwk: Jwk) -> str:
    algorithm = _ALGORITHM.get((jwk["kty"], jwk.get("crv")))
    if algorithm is None:
        raise KeyRejected
    return algorithm


@lru_cache(maxsize=4096)
def _canonical(members: tuple[tuple[str, str], ...]) -> bytes:
    """Canonical form of a key, made once: the encoder takes longer than all else but the curve."""
    return canonical_json(dict(members))


@lru_cache(maxsize=4096)
def _thumbprint(canonical: bytes) -> str:
    return b64url(sha256(canonical))


def jwk_thumbprint(jwk: Jwk) -> str:
    """`jkt`: base64url SHA-256 of the canonical required members (RFC 7638, RFC 9449)."""
    return _thumbprint(_canonical(tuple((m, jwk[m]) for m in _MEMBERS[jwk["kty"]])))


@lru_cache(maxsize=4096)
def _key(canonical: bytes) -> tuple[str, Any]:
    """Parse a public key once. A cache of public keys is no cache of decisions."""
    jwk: Jwk = msgspec.json.decode(canonical)
    algorithm = algorithm_of(jwk)
    try:
        key = _ALGORITHMS[algorithm].from_jwk(canonical.decode())
    except (jwt.InvalidKeyError, ValueError):
        raise SignatureRejected from None
    if isinstance(key, RSAPublicKey) and key.key_size < _MIN_RSA_BITS:
        raise SignatureRejected
    if isinstance(key, Ed25519PublicKey) and _is_of_small_order(key):
        raise SignatureRejected
    return algorithm, key


def _is_of_small_order(key: Ed25519PublicKey) -> bool:
    without_sign = int.from_bytes(key.public_bytes_raw(), "little") & (2**255 - 1)
    return without_sign % _ED25519_PRIME in _SMALL_ORDER


def split(token: str) -> tuple[dict[str, Any], bytes, bytes, bytes]:
    """(header, payload bytes, signing input, signature), unverified."""
    parts = token.split(".") if len(token) <= _MAX_JWS_CHARS and token.isascii() else []
    if len(parts) != 3:  # noqa: PLR2004 - RFC 7515 section 7.1
        raise SignatureRejected
    try:
        header = msgspec.json.decode(b64url_decode(parts[0]))
        payload, signature = b64url_decode(parts[1]), b64url_decode(parts[2])
    except (DomainError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise SignatureRejected from None
    if not isinstance(header, dict):
        raise SignatureRejected
    return header, payload, f"{parts[0]}.{parts[1]}".encode(), signature


def verify_jws(
    token: str,
    *,
    expected_key: Jwk,
    expected_typ: str,
    expected_kid: str | None = None,
    allowed_header: frozenset[str] = frozenset({"alg", "typ", "kid"}),
) -> bytes:
    """Verify a compact JWS with one known key and return its payload.

    Raises
    ------
    SignatureRejected
        Wrong shape, header field, type, algorithm or signature.
    """
    header, payload, signing_input, signature = split(token)
    algorithm, key = _key(_canonical(tuple(expected_key.items())))
    # (1) The key decides the algorithm; the header may only agree (RFC 8725 section 3.1).
    if header.get("alg") != algorithm or header.get("typ") != expected_typ:
        raise SignatureRejected
    # (2) Unknown header fields, "crit" among them, could change the meaning: refuse.
    if header.keys() - allowed_header:
        raise SignatureRejected
    # (3) A named key must be the expected one.
    if "kid" in header and header["kid"] != (expected_kid or jwk_thumbprint(expected_key)):
        raise SignatureRejected
    # (4) The signature itself.
    if not _ALGORITHMS[algorithm].verify(signing_input, key, signature):
        raise SignatureRejected
    return payload


def verify_statement(
    token: str, *, expected_key: Jwk, expected_typ: str, expected_domain: str
) -> dict[str, Any]:
    """Verify a JWS whose payload is canonical JSON naming its own domain."""
    payload = verify_jws(token, expected_key=expected_key, expected_typ=expected_typ)
    try:
        claims = parse_canonical(payload)
    except DomainError:
        raise SignatureRejected from None
    if not isinstance(claims, dict) or claims.get("domain") != expected_domain:
        raise SignatureRejected
    return claims
