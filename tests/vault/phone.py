"""The other side: what a phone does to seal a secret, with `cryptography` and nothing of ours.

Run as a program it is a phone in a process of its own, for the test that looks for its secret in
our memory: JSON lines in, JSON lines out.
"""

import hashlib
import hmac
import json
import os
import struct
import sys
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.keywrap import aes_key_wrap
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

HASHES = {
    "hmac-sha256": ("sha256", 64),
    "hmac-sha384": ("sha384", 128),
    "hmac-sha512": ("sha512", 128),
    "SHA1": ("sha1", 64),
    "SHA256": ("sha256", 64),
    "SHA512": ("sha512", 128),
}


def hmac_k0(secret: bytes, algorithm: str) -> bytes:
    """RFC 2104's K0: hashed when longer than a block, zero-padded to one."""
    name, block = HASHES[algorithm]
    return (hashlib.new(name, secret).digest() if len(secret) > block else secret).ljust(
        block, b"\0"
    )


def hmac_of(secret: bytes, algorithm: str, message: bytes) -> bytes:
    return hmac.digest(secret, message, HASHES[algorithm][0])


def _lp(*parts: bytes) -> bytes:
    return b"".join(struct.pack(">I", len(part)) + part for part in parts)


def seal(
    k0: bytes,
    *,
    public_point: bytes,
    trader_id: str,
    purpose: str,
    subject: str,
    algorithm: str,
) -> tuple[bytes, bytes, bytes]:
    """(ephemeral point, ciphertext, shared secret): the last is for the memory test alone."""
    ephemeral = ec.generate_private_key(ec.SECP256R1())
    point = ephemeral.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    theirs = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), public_point)
    shared = ephemeral.exchange(ec.ECDH(), theirs)
    context = hashlib.sha256(
        _lp(
            b"tripcord/seal/v1",
            point,
            public_point,
            *(text.encode() for text in (trader_id, purpose, subject, algorithm)),
        )
    ).digest()
    cipher = Cipher(algorithms.AES(shared), modes.CBC(bytes(16))).encryptor()
    return point, aes_key_wrap(cipher.update(context), k0), shared


def count_in_memory(pid: int, needles: dict[str, bytes]) -> dict[str, int]:
    """How often each needle occurs in the readable memory of a process."""
    counts = dict.fromkeys(needles, 0)
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
        for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
            span, permissions = line.split()[:2]
            start, end = (int(part, 16) for part in span.split("-"))
            if not permissions.startswith("r") or "[v" in line:  # vvar, vsyscall
                continue
            memory.seek(start)
            try:
                region = memory.read(end - start)
            except OSError:
                continue
            for name, needle in needles.items():
                counts[name] += region.count(needle)
    return counts


def main() -> None:
    secret, needles = os.urandom(64), {}
    for line in sys.stdin:
        order: dict[str, Any] = json.loads(line)
        if order["do"] == "seal":
            fields = {**order, "public_point": bytes.fromhex(order["public_point"])}
            proof_message = bytes.fromhex(fields.pop("proof_message"))
            del fields["do"]
            point, ciphertext, shared = seal(hmac_k0(secret, order["algorithm"]), **fields)
            needles = {
                "secret": secret,
                "first 16 bytes": secret[:16],
                "inner pad key": bytes(byte ^ 0x36 for byte in secret),
                "outer pad key": bytes(byte ^ 0x5C for byte in secret),
                "shared secret": shared,
            }
            tag = hmac_of(secret, order["algorithm"], proof_message)
            answer: Any = [point.hex(), ciphertext.hex(), tag.hex()]
        elif order["do"] == "sign":
            message = bytes.fromhex(order["message"])
            answer = hmac_of(secret, order["algorithm"], message).hex()
        else:
            answer = count_in_memory(order["pid"], needles)
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
