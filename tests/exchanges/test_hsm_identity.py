"""Requests signed inside SoftHSM are plain ccxt's: order, cancel, balance, open orders, trades."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.asymmetric import ec

from app.vault.client import HsmWorkers
from tests.exchanges.cases.all import CASES
from tests.exchanges.cases.case import Case, seen
from tests.exchanges.cases.comparing import assert_identical
from tests.vault.support import Desk, Token, find_module, make_token, run_inside

_ECDSA = [case for case in CASES if case.algorithm == "es256"]
_HMAC = [case for case in CASES if case.algorithm.startswith("hmac-")]


@pytest.fixture(scope="module")
def token(tmp_path_factory: pytest.TempPathFactory) -> Token:
    module = find_module("softhsm")
    if module is None:
        pytest.skip("SoftHSM is not installed")
    return make_token("softhsm", module, tmp_path_factory.mktemp("venues") / "hsm")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def workers(token: Token) -> AsyncIterator[HsmWorkers]:
    async with HsmWorkers(token.config()) as started:
        yield started


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("case", _HMAC, ids=[case.venue_id for case in _HMAC])
async def test_every_request_signed_by_the_hsm_is_the_one_plain_ccxt_sends(
    case: Case, workers: HsmWorkers
) -> None:
    desk, exchange = Desk(workers), case.plain() if case.plain else None
    linked = await desk.link(case.secret, case.algorithm)
    for expected, theirs in case.everything():
        unsigned = case.build(expected)
        assert unsigned.algorithm == linked.key.algorithm
        made = await desk.signing.sign(checks=[], key=linked.key, message=unsigned.message)
        signed = case.signed(unsigned, made.signature)
        if exchange is None:  # nobody to compare with: at least it is the HMAC of the secret
            assert signed == case.signed(unsigned)
        else:
            assert_identical(case, signed, seen(exchange, theirs))


@pytest.mark.parametrize("case", _ECDSA, ids=[case.venue_id for case in _ECDSA])
def test_every_ecdsa_signature_of_the_hsm_verifies_with_the_public_key(
    case: Case, token: Token
) -> None:
    assert case.plain is not None
    exchange, every = case.plain(), case.everything()
    built = [case.build(expected) for expected, _ in every]
    made = run_inside(
        token, "es256_messages", messages=[unsigned.message.hex() for unsigned in built]
    )
    point = bytes.fromhex(made["point"])
    public_key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
    for unsigned, signature, (_, theirs) in zip(built, made["signatures"], every, strict=True):
        signed = case.signed(unsigned, bytes.fromhex(signature))
        assert_identical(case, signed, seen(exchange, theirs), public_key)
