"""Sealing a secret to the HSM: nobody between this client and the HSM can read it.

The recipe, for any platform with P-256, AES and HMAC (WebCrypto has all of them):

(1) check the one-time sealing key: signed by the HSM's identity key, whose fingerprint the trader
    scanned at enrolment; for this trader and purpose; not expired;
(2) draw an ephemeral P-256 key e; X = x-coordinate of ECDH(e, sealing key);
(3) bind the context: h = SHA-256(lp("tripcord/seal/v1", e's point, sealing point, trader id,
    purpose, subject, algorithm)), so that the envelope opens for nothing else;
(4) KEK = AES-256-CBC(key X, iv 0, h), the first 32 bytes, which is what
    CKM_AES_CBC_ENCRYPT_DATA derives inside the HSM;
(5) envelope = AES-KW (RFC 3394) of K0 under the KEK. K0 is the HMAC key block of RFC 2104: the
    secret, hashed if longer than the block, zero-padded to it. HMAC results are the same.
"""

import hashlib
import hmac
import time
from dataclasses import dataclass
from uuid import UUID

from cryptography.hazmat.primitives import keywrap
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from scripts.clients.encoding import BadFormat, Json, b64url, b64url_decode, lp, sha256
from scripts.clients.keys import SEALING_KEY_TYP, Jwk, SignatureInvalid, verify_statement

_HASHES = {
    "SHA1": "sha1",
    "SHA256": "sha256",
    "SHA512": "sha512",
    "hmac-sha256": "sha256",
    "hmac-sha384": "sha384",
    "hmac-sha512": "sha512",
}
"""Algorithm names of factors (upper case) and of venue keys (`hmac-…`)."""

_CLOCK_SKEW_SECONDS = 60


@dataclass(frozen=True, slots=True)
class SealingKey:
    """A one-time public key of the HSM, already checked by `check_sealing_key`."""

    sealing_key_id: str
    point: bytes
    """Uncompressed P-256 point, 65 bytes."""

    trader_id: UUID
    purpose: str


@dataclass(frozen=True, slots=True)
class Envelope:
    ephemeral: bytes
    """Uncompressed point of the ephemeral key, 65 bytes."""

    ciphertext: bytes

    def wire(self) -> Json:
        return {"ephemeral": b64url(self.ephemeral), "ciphertext": b64url(self.ciphertext)}

    def digest(self) -> str:
        """`envelope_sha256`: what the device's statement over this envelope names."""
        return b64url(sha256(lp(self.ephemeral, self.ciphertext)))


def check_sealing_key(
    answer: Json, *, identity_jwk: Jwk, expected_trader_id: UUID, expected_purpose: str
) -> SealingKey:
    """Step (1). A sealing key that anybody else could have made is refused.

    Raises
    ------
    SignatureInvalid
        Not signed by the pinned identity key, or for another trader, purpose or time.
    """
    claims = verify_statement(
        answer["statement"],
        expected_jwk=identity_jwk,
        expected_typ=SEALING_KEY_TYP,
        expected_domain="tripcord/sealing-key/v1",
    )
    now = time.time()
    if claims.get("trader_id") != str(expected_trader_id):
        raise SignatureInvalid("the sealing key is another trader's")
    if claims.get("purpose") != expected_purpose:
        raise SignatureInvalid("the sealing key is for another purpose")
    if any(answer[field] != claims.get(field) for field in ("sealing_key_id", "public_point")):
        raise SignatureInvalid("the sealing key is not the one in its signed statement")
    if not claims["iat"] - _CLOCK_SKEW_SECONDS <= now < claims["expires_at"]:
        raise SignatureInvalid("the sealing key is not valid now")
    point = b64url_decode(claims["public_point"])
    return SealingKey(claims["sealing_key_id"], point, expected_trader_id, expected_purpose)


def seal(
    secret: bytes,
    key: SealingKey,
    *,
    subject: str,
    algorithm: str,
    ephemeral: ec.EllipticCurvePrivateKey | None = None,
) -> Envelope:
    """Steps (2) to (5).

    `subject` is the device id for a TOTP seed, `<venue>/<api key id>` for an exchange secret.
    `ephemeral` stays None outside test vectors: one key seals one envelope.
    """
    private = ephemeral or ec.generate_private_key(ec.SECP256R1())
    point = private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    recipient = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), key.point)
    shared = private.exchange(ec.ECDH(), recipient)
    context = sha256(
        lp(
            b"tripcord/seal/v1",
            point,
            key.point,
            str(key.trader_id).encode(),
            key.purpose.encode(),
            subject.encode(),
            algorithm.encode(),
        )
    )
    # The zero IV is right here: AES-CBC is used once per key X as a PRF, and X is never reused.
    encryptor = Cipher(algorithms.AES(shared), modes.CBC(bytes(16))).encryptor()
    wrapping_key = encryptor.update(context) + encryptor.finalize()
    return Envelope(point, keywrap.aes_key_wrap(wrapping_key, hmac_block(secret, algorithm)))


def hmac_block(secret: bytes, algorithm: str) -> bytes:
    """K0 of RFC 2104: 64 bytes for SHA-1 and SHA-256, 128 bytes for SHA-384 and SHA-512."""
    if not secret:
        raise BadFormat("an empty secret")
    digest = hashlib.new(_hash(algorithm))
    if len(secret) > digest.block_size:
        digest.update(secret)
        secret = digest.digest()
    return secret.ljust(digest.block_size, b"\0")


def link_proof(
    secret: bytes, *, trader_id: UUID, venue: str, api_key_id: str, algorithm: str, point: bytes
) -> str:
    """Made with the exchange secret itself, so that a seen envelope is worth nothing elsewhere.

    `point` is the ephemeral point of the envelope that this proof travels with.
    """
    message = lp(
        b"tripcord/link-proof/v1",
        str(trader_id).encode(),
        venue.encode(),
        api_key_id.encode(),
        point,
    )
    return b64url(hmac.digest(secret, message, _hash(algorithm)))


def _hash(algorithm: str) -> str:
    try:
        return _HASHES[algorithm]
    except KeyError:
        raise BadFormat(f"no sealing rule for {algorithm}") from None
