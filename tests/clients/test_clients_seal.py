"""Sealing against an independent reading of the format, from AES single blocks upwards."""

import hashlib
import hmac
import struct
import time
from typing import Any
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from scripts.clients.encoding import BadFormat, b64url, b64url_decode
from scripts.clients.keys import SEALING_KEY_TYP, KeyPair, SignatureInvalid
from scripts.clients.seal import (
    Envelope,
    SealingKey,
    check_sealing_key,
    hmac_block,
    link_proof,
    seal,
)

TRADER = UUID("0198c0de-0000-7000-8000-00000000000a")


def point_of(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def block(key: bytes, data: bytes, *, decrypt: bool = False) -> bytes:
    # ECB of one block is the bare AES permutation: what everything below is rebuilt from.
    cipher = Cipher(algorithms.AES(key), modes.ECB())  # noqa: S305 - single blocks of a reference
    step = cipher.decryptor() if decrypt else cipher.encryptor()
    return step.update(data) + step.finalize()


def xor(left: bytes, right: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(left, right, strict=True))


def unwrap_rfc3394(kek: bytes, wrapped: bytes) -> bytes:
    a, r = wrapped[:8], [wrapped[i : i + 8] for i in range(8, len(wrapped), 8)]
    for j in range(5, -1, -1):
        for i in range(len(r), 0, -1):
            t = struct.pack(">Q", len(r) * j + i)
            out = block(kek, xor(a, t) + r[i - 1], decrypt=True)
            a, r[i - 1] = out[:8], out[8:]
    assert a == b"\xa6" * 8, "integrity check of RFC 3394"
    return b"".join(r)


def lp(*parts: bytes) -> bytes:
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts)


def unseal(  # the HSM's half
    recipient: ec.EllipticCurvePrivateKey, envelope: Envelope, *context: bytes
) -> bytes:
    sender = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), envelope.ephemeral)
    shared = recipient.exchange(ec.ECDH(), sender)
    message = lp(b"tripcord/seal/v1", envelope.ephemeral, point_of(recipient), *context)
    digest = hashlib.sha256(message).digest()
    first = block(shared, digest[:16])
    kek = first + block(shared, xor(first, digest[16:]))
    return unwrap_rfc3394(kek, envelope.ciphertext)


def sealing_key(recipient: ec.EllipticCurvePrivateKey, purpose: str) -> SealingKey:
    return SealingKey("key-1", point_of(recipient), TRADER, purpose)


CONTEXT = (str(TRADER).encode(), b"exchange", b"sandbox/key-1", b"hmac-sha256")


def test_the_envelope_opens_to_the_hmac_block() -> None:
    recipient = ec.generate_private_key(ec.SECP256R1())
    envelope = seal(
        b"secret",
        sealing_key(recipient, "exchange"),
        subject="sandbox/key-1",
        algorithm="hmac-sha256",
    )
    assert unseal(recipient, envelope, *CONTEXT) == b"secret".ljust(64, b"\0")
    assert envelope.wire() == {
        "ephemeral": b64url(envelope.ephemeral),
        "ciphertext": b64url(envelope.ciphertext),
    }
    expected = hashlib.sha256(lp(envelope.ephemeral, envelope.ciphertext)).digest()
    assert envelope.digest() == b64url(expected)


@pytest.mark.parametrize("position", range(4))
def test_the_envelope_opens_for_no_other_context(position: int) -> None:
    recipient = ec.generate_private_key(ec.SECP256R1())
    envelope = seal(
        b"secret",
        sealing_key(recipient, "exchange"),
        subject="sandbox/key-1",
        algorithm="hmac-sha256",
    )
    context = [*CONTEXT]
    context[position] += b"x"
    with pytest.raises(AssertionError, match="RFC 3394"):
        unseal(recipient, envelope, *context)


def test_vector() -> None:
    """Fixed keys, so that other implementations can compare byte by byte."""
    recipient = ec.derive_private_key(0x1111, ec.SECP256R1())
    ephemeral = ec.derive_private_key(0x2222, ec.SECP256R1())
    envelope = seal(
        bytes(range(20)),
        SealingKey("key-1", point_of(recipient), TRADER, "totp"),
        subject="0198c0de-0000-7000-8000-0000000000de",
        algorithm="SHA1",
        ephemeral=ephemeral,
    )
    context = (str(TRADER), "totp", "0198c0de-0000-7000-8000-0000000000de", "SHA1")
    opened = unseal(recipient, envelope, *(part.encode() for part in context))
    assert opened == bytes(range(20)).ljust(64, b"\0")
    assert envelope.ephemeral == point_of(ephemeral)
    assert b64url(envelope.ciphertext) == (
        "GRU5N0_VQKxpoHlyJsIHr8tUj0I5vGN5Ff9CuLQnK9BXpEb0"
        "MryuQ07ygk0IoZ7je4huqBp7Hq72bY3m3QSTyNCAXkMjZr2Y"
    )
    assert envelope.digest() == "UEhUrRb9XMaoO5YcmIb88ejJLi40_bpwtP4ucStK8OM"


def test_a_shared_secret_with_leading_zeros_keeps_its_32_bytes() -> None:
    recipient = ec.derive_private_key(0x1111, ec.SECP256R1())
    number = 1
    while True:
        ephemeral = ec.derive_private_key(number, ec.SECP256R1())
        if ephemeral.exchange(ec.ECDH(), recipient.public_key())[0] == 0:
            break
        number += 1
    key = sealing_key(recipient, "exchange")
    envelope = seal(
        b"s", key, subject="sandbox/key-1", algorithm="hmac-sha256", ephemeral=ephemeral
    )
    assert unseal(recipient, envelope, *CONTEXT) == b"s".ljust(64, b"\0")


def test_two_envelopes_of_one_secret_share_nothing() -> None:
    key = sealing_key(ec.generate_private_key(ec.SECP256R1()), "exchange")
    first, second = (seal(b"s", key, subject="v/k", algorithm="hmac-sha256") for _ in range(2))
    assert first.ephemeral != second.ephemeral
    assert first.ciphertext != second.ciphertext


@pytest.mark.parametrize(
    ("algorithm", "name", "size"),
    [
        ("SHA1", "sha1", 64),
        ("SHA256", "sha256", 64),
        ("SHA512", "sha512", 128),
        ("hmac-sha256", "sha256", 64),
        ("hmac-sha384", "sha384", 128),
        ("hmac-sha512", "sha512", 128),
    ],
)
@pytest.mark.parametrize("length", [1, 20, 63, 64, 65, 127, 128, 129, 300])
def test_the_hmac_block_gives_the_same_hmac(
    algorithm: str, name: str, size: int, length: int
) -> None:
    secret = bytes(range(1, 256))[:length].ljust(length, b"k")
    key_block = hmac_block(secret, algorithm)
    assert len(key_block) == size
    assert hmac.digest(key_block, b"m", name) == hmac.digest(secret, b"m", name)


def test_an_empty_secret_and_an_unknown_algorithm_are_refused() -> None:
    with pytest.raises(BadFormat):
        hmac_block(b"", "SHA1")
    with pytest.raises(BadFormat):
        hmac_block(b"s", "md5")


def test_the_link_proof_is_an_hmac_with_the_exchange_secret() -> None:
    proof = link_proof(
        b"secret",
        trader_id=TRADER,
        venue="sandbox",
        api_key_id="key-1",
        algorithm="hmac-sha512",
        point=b"\4" * 65,
    )
    message = lp(b"tripcord/link-proof/v1", str(TRADER).encode(), b"sandbox", b"key-1", b"\4" * 65)
    assert b64url_decode(proof) == hmac.digest(b"secret", message, "sha512")


def answer(identity: KeyPair, **changes: Any) -> dict[str, Any]:
    now = int(time.time())
    claims = {
        "domain": "tripcord/sealing-key/v1",
        "trader_id": str(TRADER),
        "sealing_key_id": "0198c0de-0000-7000-8000-00000000005e",
        "public_point": b64url(b"\4" * 65),
        "purpose": "totp",
        "expires_at": now + 600,
        "iat": now,
        **{k: v for k, v in changes.items() if k in {"trader_id", "purpose", "expires_at", "iat"}},
    }
    return {
        "sealing_key_id": claims["sealing_key_id"],
        "public_point": claims["public_point"],
        "expires_at": "2026-11-21T01:02:03Z",
        "statement": identity.statement(claims, typ=SEALING_KEY_TYP),
        **{k: v for k, v in changes.items() if k in {"sealing_key_id", "public_point"}},
    }


def checked(given: dict[str, Any], identity: KeyPair) -> SealingKey:
    return check_sealing_key(
        given,
        identity_jwk=identity.public_jwk,
        expected_trader_id=TRADER,
        expected_purpose="totp",
    )


def test_a_signed_sealing_key_is_taken() -> None:
    identity = KeyPair.p256()
    key = checked(answer(identity), identity)
    assert (key.point, key.trader_id, key.purpose) == (b"\4" * 65, TRADER, "totp")


@pytest.mark.parametrize(
    "changes",
    [
        {"trader_id": "0198c0de-0000-7000-8000-00000000000b"},
        {"purpose": "exchange"},
        {"expires_at": int(time.time()) - 1},
        {"iat": int(time.time()) + 3600},
        {"public_point": b64url(b"\5" * 65)},
        {"sealing_key_id": "0198c0de-0000-7000-8000-00000000005f"},
    ],
)
def test_a_sealing_key_for_something_else_is_refused(changes: dict[str, Any]) -> None:
    identity = KeyPair.p256()
    with pytest.raises(SignatureInvalid):
        checked(answer(identity, **changes), identity)


def test_a_sealing_key_of_another_identity_is_refused() -> None:
    with pytest.raises(SignatureInvalid):
        checked(answer(KeyPair.p256()), KeyPair.p256())
