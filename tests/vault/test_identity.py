"""Statements and checkpoints: signatures that PyJWT and a pinned thumbprint accept."""

import hashlib

import pytest

from app.core.errors import Malformed
from app.core.jose import SignatureRejected, jwk_thumbprint, verify_jws
from tests.vault.support import Desk, Token, open_desk, row

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_statement_verifies_with_the_published_key_and_no_other(desk: Desk) -> None:
    identity, checkpoint = desk.identity.identity, desk.identity.checkpoint
    statement = await identity.sign_jws(typ="tripcord-test+jws", payload=b'{"domain":"test"}')
    payload = verify_jws(
        statement, expected_key=identity.public_jwk, expected_typ="tripcord-test+jws"
    )
    assert payload == b'{"domain":"test"}'
    assert jwk_thumbprint(identity.public_jwk) == identity.jkt
    with pytest.raises(SignatureRejected):
        verify_jws(statement, expected_key=checkpoint.public_jwk, expected_typ="tripcord-test+jws")


async def test_a_digest_is_signed_and_rows_are_sealed_in_one_call(desk: Desk) -> None:
    digest = hashlib.sha256(b"head").digest()
    signed = await desk.identity.checkpoint.es256(digest, seal=[row("checkpoint")])
    assert len(signed.signature) == 64
    await desk.evidence.verify([(row("checkpoint"), signed.tags[0])])
    with pytest.raises(Malformed):
        await desk.identity.checkpoint.es256(b"not a digest")


async def test_the_bootstrap_secret_is_the_same_after_a_restart_and_differs_by_device(
    token: Token,
) -> None:
    secrets = []
    for _ in range(2):
        async with open_desk(token.config()) as desk:
            secrets.append((await desk.bootstrap.secret_for(b"device 1")).reveal())
            other = (await desk.bootstrap.secret_for(b"device 2")).reveal()
    assert secrets[0] == secrets[1] != other
    assert len(other) == 32


async def test_identity_survives_a_restart(token: Token) -> None:
    thumbprints = []
    for _ in range(2):
        async with open_desk(token.config()) as desk:
            thumbprints.append((desk.identity.identity.jkt, desk.identity.checkpoint.jkt))
    assert thumbprints[0] == thumbprints[1]
    assert thumbprints[0][0] != thumbprints[0][1]
