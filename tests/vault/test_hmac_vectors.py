"""The HSM computes what everybody else computes: hashlib, RFC 6238 and Wycheproof as witnesses."""

import json
import os
from typing import Any

import pytest

from app.vault.errors import EvidenceForged
from tests.vault import phone
from tests.vault.support import VECTORS, Desk, Token

pytestmark = pytest.mark.asyncio(loop_scope="module")

RFC6238_TIMES = (59, 1111111109, 1111111111, 1234567890, 2000000000, 20000000000)
RFC6238_CODES = {
    "SHA1": ("94287082", "07081804", "14050471", "89005924", "69279037", "65353130"),
    "SHA256": ("46119246", "68084774", "67062674", "91819424", "90698825", "77737706"),
    "SHA512": ("90693936", "25091201", "99943326", "93441116", "38618901", "47863826"),
}
"""RFC 6238 appendix B, 8 digits; seeds are the ASCII digits repeated to the hash's length."""
SEED_LENGTHS = {"SHA1": 20, "SHA256": 32, "SHA512": 64}


def _code(tag: bytes) -> str:
    """Dynamic truncation to 8 digits, RFC 4226 section 5.3."""
    offset = tag[-1] & 15
    number = int.from_bytes(tag[offset : offset + 4], "big") & 0x7FFFFFFF
    return f"{number % 10**8:08}"


@pytest.mark.parametrize("algorithm", ["hmac-sha256", "hmac-sha384", "hmac-sha512"])
async def test_hmac_equals_hashlib_for_secrets_of_every_length(
    desk: Desk, token: Token, algorithm: str
) -> None:
    # NSS decrypts its token keys on every use, 10 ms each: the edges are enough there.
    slow = token.profile == "nss" or algorithm == "hmac-sha384"
    lengths = (1, 16, 31, 32, 47, 63, 64, 65, 127, 128, 129, 200) if slow else range(1, 201)
    for length in lengths:
        secret, message = os.urandom(length), os.urandom(length)
        key = (await desk.link(secret, algorithm)).key
        signed = await desk.signing.sign(checks=(), key=key, message=message)
        assert signed.signature == phone.hmac_of(secret, algorithm, message), length


@pytest.mark.parametrize("algorithm", ["SHA1", "SHA256", "SHA512"])
async def test_totp_codes_are_those_of_rfc_6238(desk: Desk, algorithm: str) -> None:
    seed = (b"1234567890" * 7)[: SEED_LENGTHS[algorithm]]
    counters = tuple(at // 30 for at in RFC6238_TIMES)
    imported = await desk.link(seed, algorithm, counters=counters)
    hmacs = await desk.signing.totp_hmacs(checks=(), key=imported.key, counters=counters)
    assert tuple(_code(tag) for tag in hmacs) == RFC6238_CODES[algorithm]
    assert hmacs == imported.hmacs


async def test_a_totp_seed_never_signs_and_an_exchange_secret_never_counts(desk: Desk) -> None:
    seed = (await desk.link(b"12345678901234567890", "SHA256")).key
    secret = (await desk.link(b"12345678901234567890", "hmac-sha256")).key
    with pytest.raises(EvidenceForged):
        await desk.signing.sign(checks=(), key=seed, message=b"m")
    with pytest.raises(EvidenceForged):
        await desk.signing.totp_hmacs(checks=(), key=secret, counters=(1,))


def _wycheproof(algorithm: str) -> list[tuple[dict[str, Any], int]]:
    path = VECTORS / f"hmac_{algorithm.removeprefix('hmac-')}_test.json"
    if not path.exists():
        pytest.skip("the Wycheproof vectors are not beside this checkout")
    groups = json.loads(path.read_text())["testGroups"]
    return [(test, group["tagSize"] // 8) for group in groups for test in group["tests"]]


@pytest.mark.parametrize("algorithm", ["hmac-sha256", "hmac-sha384", "hmac-sha512"])
async def test_hmac_agrees_with_wycheproof(desk: Desk, token: Token, algorithm: str) -> None:
    step = 6 if token.profile == "nss" else 1
    for test, tag_bytes in _wycheproof(algorithm)[::step]:
        key = (await desk.link(bytes.fromhex(test["key"]), algorithm)).key
        signed = await desk.signing.sign(checks=(), key=key, message=bytes.fromhex(test["msg"]))
        equal = signed.signature[:tag_bytes] == bytes.fromhex(test["tag"])
        assert equal is (test["result"] == "valid"), test["tcId"]
