"""The issuer key signs security event tokens and nothing else, and old tokens get one."""

import subprocess
from pathlib import Path

import msgspec
import pytest

from app.core.errors import Malformed
from app.core.jose import SignatureRejected, verify_jws
from app.vault import wire
from app.vault.issuer import header_part
from tests.vault.support import Desk, Token, make_token, run_inside, run_setup

pytestmark = pytest.mark.asyncio(loop_scope="module")

CLAIMS = b'{"iss":"https://cord.example"}'


async def test_a_token_verifies_with_the_published_key_and_is_the_same_each_time(
    desk: Desk,
) -> None:
    issuer = desk.identity.issuer
    token = await issuer.sign_set(CLAIMS)
    assert verify_jws(token, expected_key=issuer.public_jwk, expected_typ="secevent+jwt") == CLAIMS
    assert await issuer.sign_set(CLAIMS) == token
    with pytest.raises(SignatureRejected):
        verify_jws(token[:-4] + "AAAA", expected_key=issuer.public_jwk, expected_typ="secevent+jwt")


async def test_the_hsm_signs_under_no_other_header(desk: Desk) -> None:
    modulus = desk.workers.status.issuer_modulus
    good = header_part(modulus)
    for head in ("", "e30", good[:-1], good.lower(), "x" + good):
        with pytest.raises(Malformed):
            await desk.workers.hot.call(
                wire.Rs256(signing_input=f"{head}.e30".encode()),
                msgspec.msgpack.Decoder(bytes),
                deadline_seconds=10,
            )


async def test_its_holder_can_neither_decrypt_nor_take_it_out(softhsm: Token) -> None:
    assert run_inside(softhsm, "issuer") == {
        "bits": 2048,
        "raw": "refused",
        "decrypt": "refused",
        "read": "refused",
        "sign_recover": False,
    }


async def test_a_token_of_an_earlier_version_gets_one_and_keeps_all_else(tmp_path: Path) -> None:
    softhsm = _softhsm(tmp_path)
    run_inside(softhsm, "forget_issuer")
    refused = run_inside(softhsm, "examine")
    assert refused["refused"] == "hsm_module_refused"
    assert "tripcord hsm init" in refused["rule"]
    finished: subprocess.CompletedProcess[str] = run_setup(
        "softhsm", softhsm.module, softhsm.directory
    )
    values = msgspec.json.decode(finished.stdout)["check_values"]
    assert values.keys() == softhsm.check_values.keys()
    assert {name for name in values if values[name] != softhsm.check_values[name]} == {"issuer-v1"}


def _softhsm(folder: Path) -> Token:
    from tests.vault.support import find_module  # noqa: PLC0415

    module = find_module("softhsm")
    if module is None:
        pytest.skip("SoftHSM is not installed")
    return make_token("softhsm", module, folder / "hsm")
