"""Attack the module before trusting it: what a logged-in caller must not be able to do.

Two classes of finding. A readable key, one that came back extractable, a wrapping key that
decrypts, or a wrong HMAC refuses always. A missing protection against a caller who already holds
the PIN (unwrap templates, copies) refuses too, except in the development profile, where it is
reported by name.
"""

import importlib
import os
from collections.abc import Callable, Iterator
from functools import partial
from hmac import digest as software_hmac
from typing import Any, Final

from pkcs11 import Attribute, KeyType, Mechanism, MechanismFlag, ObjectClass
from pkcs11 import exceptions as p11

from app.vault.errors import ModuleRefused
from app.vault.hsm.attributes import KINDS, LOCKED, MOVABLE, asked_on_unwrap, forced_on_unwrap
from app.vault.hsm.keys import SHARDS, KeySet
from app.vault.hsm.module import Hsm

_RFC4231: Final = (
    (
        Mechanism.SHA256_HMAC,
        "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
    ),
    (
        Mechanism.SHA512_HMAC,
        (
            "87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cde"
            "daa833b7d6b8a702038b274eaea3f4e4be9d914eeb61f1702e696c203a126854"
        ),
    ),
)
"""RFC 4231 test case 1: key 20 times 0x0b, data "Hi There"; the key zero-padded to the block."""

_pkcs11: Any = importlib.import_module("pkcs11._pkcs11")


_BASES: Final = ("Object", "SecretKey", "EncryptMixin", "DecryptMixin", "SignMixin", "DeriveMixin")
Unguarded: Any = type("Unguarded", tuple(getattr(_pkcs11, base) for base in _BASES), {})
"""A key without python-pkcs11's own gating by capability: the module itself must refuse."""


def self_test(hsm: Hsm, keys: KeySet) -> tuple[str, ...]:
    """Run all checks; the names of protections the module does not enforce.

    Raises
    ------
    ModuleRefused
        The module may not be used, not even for development.
    """
    _known_answers(hsm)
    missing: list[str] = []
    for kind, label in SHARDS.items():
        shard = keys.shards[label]
        if allowed(partial(_decrypts, shard)):
            raise ModuleRefused(rule=f"{label} decrypts")
        for name, attempt in _attempts_on_wrapping_key(shard):
            if allowed(attempt):
                missing.append(f"{label}: {name}")
        if kind == "hmac":
            missing += [f"{label}: {name}" for name in _round_trip(hsm, shard)]
    return tuple(missing)


def allowed(attempt: Callable[[], object]) -> bool:
    """Whether the module let it happen. Only the module's own refusal counts as one."""
    try:
        attempt()
    except p11.PKCS11Error:
        return False
    return True


def create_secret(hsm: Hsm, value: bytes, **more: Any) -> Any:
    """A session secret of known value, sensitive and extractable unless told otherwise."""
    template = {
        Attribute.CLASS: ObjectClass.SECRET_KEY,
        Attribute.KEY_TYPE: KeyType.GENERIC_SECRET,
        Attribute.TOKEN: False,
        **MOVABLE,
        **{Attribute[name]: setting for name, setting in more.items()},
        Attribute.VALUE: value,
    }
    return hsm.session.create_object(hsm.mapper.vetted(template))


def _known_answers(hsm: Hsm) -> None:
    for mechanism, expected in _RFC4231:
        block = 64 if mechanism is Mechanism.SHA256_HMAC else 128
        key = create_secret(hsm, (b"\x0b" * 20).ljust(block, b"\0"), SIGN=True)
        try:
            if bytes(key.sign(b"Hi There", mechanism=mechanism)).hex() != expected:
                raise ModuleRefused(rule="HMAC known answer")
        finally:
            key.destroy()


def _decrypts(shard: Any) -> object:
    return Unguarded(shard.wrapper).decrypt(bytes(16), mechanism=Mechanism.AES_ECB)


def _attempts_on_wrapping_key(shard: Any) -> Iterator[tuple[str, Callable[[], object]]]:
    for attribute, value in (
        (Attribute.DECRYPT, True),
        (Attribute.EXTRACTABLE, True),
        (Attribute.SENSITIVE, False),
        (Attribute.COPYABLE, True),
    ):
        yield f"set {attribute.name}", partial(shard.__setitem__, attribute, value)
        yield f"copy with {attribute.name}", partial(_copy, shard, attribute, value=value)


def _copy(key: Any, attribute: Attribute, *, value: bool) -> None:
    key.copy({Attribute.TOKEN: False, attribute: value}).destroy()


def _round_trip(hsm: Hsm, shard: Any) -> Iterator[str]:
    """Wrap a known secret, load it as the hot path does, and try every softer way of loading it."""
    secret = os.urandom(64)
    movable = create_secret(hsm, secret)
    blob = shard.wrap_key(movable, mechanism=Mechanism.AES_KEY_WRAP)
    movable.destroy()
    loaded = _unwrap(hsm, shard, blob, asked_on_unwrap("hmac"))
    try:
        refuse_soft_key(loaded)
        if allowed(lambda: loaded[Attribute.VALUE]):
            raise ModuleRefused(rule="a sensitive key is readable")
        tag = bytes(loaded.sign(b"tripcord", mechanism=Mechanism.SHA256_HMAC))
        if tag != software_hmac(secret, b"tripcord", "sha256"):
            raise ModuleRefused(rule="wrap and unwrap change the key")
        own = hsm.session.generate_key(
            KeyType.AES,
            256,
            capabilities=MechanismFlag.WRAP,
            template=hsm.mapper.vetted(dict(LOCKED)),
        )
        for name, target in (("loaded key", loaded), ("wrapping key", shard)):
            if allowed(partial(own.wrap_key, target, mechanism=Mechanism.AES_KEY_WRAP)):
                yield f"wrap out the {name}"
        own.destroy()
    finally:
        loaded.destroy()
    yield from _soft_unwraps(hsm, shard, blob)


def _soft_unwraps(hsm: Hsm, shard: Any, blob: bytes) -> Iterator[str]:
    """Turn each attribute of the forced template round: each must be refused on its own."""
    for attribute, value in forced_on_unwrap("hmac").items():
        if attribute in (Attribute.CLASS, Attribute.KEY_TYPE):
            continue
        template = {**asked_on_unwrap("hmac"), attribute: not value}
        if not template[Attribute.MODIFIABLE]:
            template[Attribute.MODIFIABLE] = template.pop(Attribute.MODIFIABLE)
        try:
            _unwrap(hsm, shard, blob, template).destroy()
        except p11.PKCS11Error:
            continue
        yield f"unwrap with {attribute.name}={not value}"


def _unwrap(hsm: Hsm, shard: Any, blob: bytes, template: dict[Attribute, Any]) -> Any:
    object_class, key_type = KINDS["hmac"]
    return shard.unwrap_key(
        object_class,
        key_type,
        blob,
        mechanism=Mechanism.AES_KEY_WRAP,
        capabilities=MechanismFlag.SIGN,
        template=hsm.mapper.vetted(template),
    )


def refuse_soft_key(key: Any) -> None:
    """A module may ignore what it was asked (openCryptoki 3.8 did): look at what came back.

    Raises
    ------
    ModuleRefused
        The key is readable or can be wrapped out; it was destroyed.
    """
    if key[Attribute.SENSITIVE] is not True or key[Attribute.EXTRACTABLE] is not False:
        key.destroy()
        raise ModuleRefused(rule="the module ignored SENSITIVE or EXTRACTABLE")
