"""A module or a key that protects less than promised is not used."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pkcs11 import Attribute, TokenFlag
from pkcs11 import exceptions as p11

from app.vault.client import HsmWorkers
from app.vault.errors import HsmUnavailable, ModuleRefused, PinRefused
from app.vault.hsm.attributes import Mapper
from app.vault.hsm.module import log_in
from app.vault.hsm.selftest import refuse_soft_key
from tests.vault.support import VECTORS, Token, make_token, run_inside


async def test_the_enforcing_module_lacks_nothing(softhsm: Token) -> None:
    async with HsmWorkers(softhsm.config()) as workers:
        assert workers.status.not_enforced == ()


async def test_a_module_without_enforcement_is_for_development_only(token: Token) -> None:
    if token.profile == "softhsm":
        pytest.skip("SoftHSM enforces unwrap templates")
    async with HsmWorkers(token.config()) as workers:
        assert "shard-hmac-00: unwrap with SENSITIVE=False" in workers.status.not_enforced
    workers = HsmWorkers(token.config(development=False))
    with pytest.raises(ModuleRefused, match="hsm_module_refused") as refusal:
        await workers.start()
    assert "unwrap with SENSITIVE=False" in (refusal.value.rule or "")


_HARD = {"COPYABLE": False, "MODIFIABLE": False}
_SOFTER: tuple[tuple[dict[str, bool], bool, str], ...] = (
    ({"COPYABLE": False}, True, "MODIFIABLE"),
    ({"MODIFIABLE": False}, True, "COPYABLE"),
    (_HARD, False, "ALLOWED_MECHANISMS"),
    ({**_HARD, "EXTRACTABLE": True}, True, "EXTRACTABLE"),
    ({**_HARD, "SENSITIVE": False}, True, "SENSITIVE"),
    ({**_HARD, "DECRYPT": True}, True, "DECRYPT"),
)
"""(template, whether the mechanism is limited, what is found)."""


def test_a_softer_wrapping_key_refuses_the_start(softhsm: Token, tmp_path: Path) -> None:
    victim = make_token("softhsm", softhsm.module, tmp_path / "hsm")
    label = "shard-hmac-00"
    keys = [(template, mechanism) for template, mechanism, _ in _SOFTER]
    *softer, templateless = run_inside(victim, "soften", label=label, keys=[*keys, (_HARD, True)])
    for outcome, (_, _, rule) in zip(softer, _SOFTER, strict=True):
        assert outcome == {"refused": "hsm_module_refused", "rule": f"{label}: {rule}"}
    # No attribute shows that an unwrap template is missing; trying does.
    assert f"{label}: unwrap with SENSITIVE=False" in templateless["not_enforced"]


class _LyingKey(dict[Attribute, bool]):
    destroyed = False

    def destroy(self) -> None:
        self.destroyed = True


@pytest.mark.parametrize(("sensitive", "extractable"), [(False, False), (True, True)])
def test_a_module_that_ignores_what_it_was_asked_is_refused(
    sensitive: bool,  # noqa: FBT001
    extractable: bool,  # noqa: FBT001
) -> None:
    key = _LyingKey({Attribute.SENSITIVE: sensitive, Attribute.EXTRACTABLE: extractable})
    with pytest.raises(ModuleRefused):
        refuse_soft_key(key)
    assert key.destroyed


class _CountingToken(SimpleNamespace):
    attempts = 0

    def open(self, **_: Any) -> None:
        self.attempts += 1
        raise self.refusal


@pytest.mark.parametrize(
    ("refusal", "expected"),
    [
        (p11.PinIncorrect(), PinRefused),
        (p11.PinLocked(), PinRefused),
        (p11.PinExpired(), PinRefused),
        (p11.GeneralError(), HsmUnavailable),
    ],
)
def test_one_process_makes_one_attempt_to_log_in(
    refusal: Exception, expected: type[Exception]
) -> None:
    token = _CountingToken(flags=TokenFlag(0), refusal=refusal)
    with pytest.raises(expected):
        log_in(token, b"1234", Mapper())
    assert token.attempts == 1


@pytest.mark.parametrize("flag", [TokenFlag.USER_PIN_FINAL_TRY, TokenFlag.USER_PIN_LOCKED])
def test_the_last_attempt_is_left_to_a_person(flag: TokenFlag) -> None:
    token = _CountingToken(flags=flag, refusal=p11.PinLocked())
    with pytest.raises(PinRefused):
        log_in(token, b"1234", Mapper())
    assert token.attempts == 0


def test_an_attribute_without_a_handler_never_reaches_the_wrapper_it_would_crash() -> None:
    mapper = Mapper()
    with pytest.raises(NotImplementedError):
        mapper.vetted({Attribute.PRIVATE: True, Attribute.CHAR_SETS: b"x"})
    with pytest.raises(NotImplementedError):
        mapper.vetted({Attribute.UNWRAP_TEMPLATE: {Attribute.CHAR_SETS: b"x"}})


def test_private_keys_sign_under_their_own_shards(token: Token) -> None:
    if token.profile == "nss":
        pytest.skip("NSS wraps no PKCS#8 by RFC 3394, which pads nothing")
    assert run_inside(token, "private_keys") == {"rsa": True, "ec": True}


def test_key_wrap_agrees_with_wycheproof(token: Token) -> None:
    path = VECTORS / "aes_wrap_test.json"
    if not path.exists():
        pytest.skip("the Wycheproof vectors are not beside this checkout")
    outcomes = run_inside(token, "key_wrap_vectors", path=str(path))
    assert len(outcomes) == 165
    for number, expected, length, outcome in outcomes:
        if expected == "invalid":
            assert outcome == "refused", number
        elif expected == "valid" and (token.profile == "softhsm" or length <= 128):
            assert outcome == "opened", number  # NSS refuses the longer ones; K0 has 64 or 128
