"""What a caller who is logged in to the token tries against our keys; all of it must be refused.

Each attempt is a function of a `Lab`; returning at all means the module let it happen. Only an
error of the module counts as a refusal: a mistake in an attempt shows as "broken".
"""

import os
from collections.abc import Callable
from functools import partial
from typing import Any

from cryptography.hazmat.primitives.keywrap import aes_key_unwrap
from pkcs11 import Attribute, KeyType, Mechanism, MechanismFlag, ObjectClass
from pkcs11 import exceptions as p11

from app.vault.hsm.attributes import LOCKED, asked_on_unwrap
from app.vault.hsm.keys import KeySet
from app.vault.hsm.module import Hsm
from app.vault.hsm.selftest import Unguarded, create_secret

Attempt = Callable[["Lab"], object]
KEY_WRAP = Mechanism.AES_KEY_WRAP
SOFT = {Attribute.SENSITIVE: False, Attribute.EXTRACTABLE: True, Attribute.PRIVATE: True}


class Lab:
    """A wrapping key, a secret under it, the same secret loaded, and a key the attacker knows."""

    def __init__(self, hsm: Hsm, keys: KeySet, shard: Any, template: dict[Attribute, Any]) -> None:
        self.hsm, self.keys, self.shard, self.template = hsm, keys, shard, template
        self.secret = os.urandom(64)
        movable = create_secret(hsm, self.secret)
        self.blob = shard.wrap_key(movable, mechanism=KEY_WRAP)
        movable.destroy()
        self.loaded = self.unwrap()
        self.known = hsm.session.generate_key(
            KeyType.AES,
            256,
            capabilities=MechanismFlag.WRAP | MechanismFlag.UNWRAP,
            template=dict(SOFT),
        )

    def unwrap(
        self,
        key_type: KeyType = KeyType.GENERIC_SECRET,
        *,
        drop: tuple[Attribute, ...] = (),
        capabilities: MechanismFlag = MechanismFlag.SIGN,
        shard: Any = None,
        **changes: bool,
    ) -> Any:
        template = {key: value for key, value in self.template.items() if key not in drop}
        template |= {Attribute[name]: value for name, value in changes.items()}
        if Attribute.MODIFIABLE in template:
            template[Attribute.MODIFIABLE] = template.pop(Attribute.MODIFIABLE)
        return (shard or self.shard).unwrap_key(
            ObjectClass.SECRET_KEY,
            key_type,
            self.blob,
            mechanism=KEY_WRAP,
            capabilities=capabilities,
            template=self.hsm.mapper.vetted(template),
        )

    def read(self, key: Any) -> str:
        return self.verdict(bytes(key[Attribute.VALUE]))

    def wrap_out(self, key: Any) -> str:
        wrapped = self.known.wrap_key(key, mechanism=KEY_WRAP)
        return self.verdict(aes_key_unwrap(bytes(self.known[Attribute.VALUE]), wrapped))

    def decrypt_with(self, key: Any) -> str:
        """RFC 3394 unwrapping by hand, block by block, with the key as a plain AES-ECB key."""
        oracle = Unguarded(key.wrapper)
        head = self.blob[:8]
        blocks = [self.blob[at : at + 8] for at in range(8, len(self.blob), 8)]
        for step in range(6 * len(blocks), 0, -1):
            index = (step - 1) % len(blocks)
            masked = bytes(a ^ b for a, b in zip(head, step.to_bytes(8, "big"), strict=True))
            plain = bytes(oracle.decrypt(masked + blocks[index], mechanism=Mechanism.AES_ECB))
            head, blocks[index] = plain[:8], plain[8:]
        return self.verdict(b"".join(blocks))

    def verdict(self, found: bytes) -> str:
        return "PLAINTEXT" if found == self.secret else "something else"


ATTEMPTS: dict[str, Attempt] = {
    "unwrap readable": lambda lab: lab.read(lab.unwrap(SENSITIVE=False)),
    "unwrap readable and extractable": lambda lab: lab.read(
        lab.unwrap(SENSITIVE=False, EXTRACTABLE=True)
    ),
    "unwrap extractable and wrap out": lambda lab: lab.wrap_out(lab.unwrap(EXTRACTABLE=True)),
    "unwrap without saying": lambda lab: lab.read(
        lab.unwrap(drop=(Attribute.SENSITIVE, Attribute.EXTRACTABLE))
    ),
    "unwrap to disk in clear": lambda lab: lab.unwrap(TOKEN=True, PRIVATE=False),
    "unwrap to disk": lambda lab: lab.unwrap(TOKEN=True),
    "unwrap for derivation": lambda lab: lab.unwrap(
        DERIVE=True, capabilities=MechanismFlag.SIGN | MechanismFlag.DERIVE
    ),
    "read the loaded key": lambda lab: lab.read(lab.loaded),
    "wrap out the loaded key": lambda lab: lab.wrap_out(lab.loaded),
    "wrap the loaded key again": lambda lab: lab.shard.wrap_key(lab.loaded, mechanism=KEY_WRAP),
    "wrap out the wrapping key": lambda lab: lab.known.wrap_key(lab.shard, mechanism=KEY_WRAP),
    "read the wrapping key": lambda lab: lab.shard[Attribute.VALUE],
    "decrypt with the wrapping key": lambda lab: lab.decrypt_with(lab.shard),
    "sign with the wrapping key": lambda lab: Unguarded(lab.shard.wrapper).sign(
        b"x", mechanism=Mechanism.SHA256_HMAC
    ),
}
"""Each attempt by a name that says what would have worked."""


def _attempt(name: str) -> Callable[[Attempt], Attempt]:
    def keep(function: Attempt) -> Attempt:
        ATTEMPTS[name] = function
        return function

    return keep


def _unwrap_as_cipher_key(key_type: KeyType, mechanism: Mechanism, lab: Lab) -> object:
    """A secret cut into a short cipher key is a secret to be searched."""
    key = lab.unwrap(key_type, capabilities=MechanismFlag.ENCRYPT, SIGN=False, ENCRYPT=True)
    return Unguarded(key.wrapper).encrypt(bytes(16), mechanism=mechanism)


for _type, _mechanism in (
    (KeyType.DES2, Mechanism.DES3_ECB),
    (KeyType.DES3, Mechanism.DES3_ECB),
    (KeyType.AES, Mechanism.AES_ECB),
):
    ATTEMPTS[f"unwrap as {_type.name}"] = partial(_unwrap_as_cipher_key, _type, _mechanism)


def _key(lab: Lab, whose: str) -> Any:
    if whose in ("loaded", "shard"):
        return getattr(lab, whose)
    return {"row-mac-v1": lab.keys.row_mac, "bootstrap-v1": lab.keys.bootstrap}.get(
        whose
    ) or lab.keys.signers[whose]


def _set(whose: str, attribute: Attribute, value: object, lab: Lab) -> object:
    _key(lab, whose)[attribute] = value
    return "now set"


def _copy(whose: str, attribute: Attribute, value: object, lab: Lab) -> object:
    return _key(lab, whose).copy({attribute: value})


_SET: tuple[tuple[Attribute, object], ...] = (
    (Attribute.SENSITIVE, False),
    (Attribute.EXTRACTABLE, True),
    (Attribute.DECRYPT, True),
    (Attribute.ENCRYPT, True),
    (Attribute.DERIVE, True),
    (Attribute.COPYABLE, True),
    (Attribute.MODIFIABLE, True),
    (Attribute.LABEL, "evil"),
)
_COPY: tuple[tuple[Attribute, object], ...] = (
    (Attribute.SENSITIVE, False),
    (Attribute.EXTRACTABLE, True),
    (Attribute.DECRYPT, True),
    (Attribute.DERIVE, True),
    (Attribute.MODIFIABLE, True),
    (Attribute.TOKEN, False),
)
for _whose in ("loaded", "shard", "row-mac-v1", "bootstrap-v1", "identity-v1", "checkpoint-v1"):
    for _attribute, _value in _SET:
        ATTEMPTS[f"set {_attribute.name} of {_whose}"] = partial(_set, _whose, _attribute, _value)
    for _attribute, _value in _COPY:
        ATTEMPTS[f"copy {_whose} with {_attribute.name}"] = partial(
            _copy, _whose, _attribute, _value
        )
for _whose in ("row-mac-v1", "bootstrap-v1"):
    ATTEMPTS[f"read {_whose}"] = lambda lab, whose=_whose: _key(lab, whose)[Attribute.VALUE]  # type: ignore[misc]
    ATTEMPTS[f"wrap out {_whose}"] = lambda lab, whose=_whose: lab.known.wrap_key(  # type: ignore[misc]
        _key(lab, whose), mechanism=KEY_WRAP
    )


@_attempt("replace the unwrap template")
def _(lab: Lab) -> object:
    lab.shard[Attribute.UNWRAP_TEMPLATE] = {Attribute.SENSITIVE: False}
    return "replaced"


@_attempt("copy with a weaker unwrap template")
def _(lab: Lab) -> object:
    weaker = {Attribute.UNWRAP_TEMPLATE: {Attribute.TOKEN: False}, Attribute.TOKEN: False}
    return lab.read(lab.unwrap(shard=lab.shard.copy(weaker), SENSITIVE=False))


@_attempt("copy for decryption, then decrypt")
def _(lab: Lab) -> object:
    return lab.decrypt_with(lab.shard.copy({Attribute.DECRYPT: True, Attribute.TOKEN: False}))


@_attempt("allow decryption, then decrypt")
def _(lab: Lab) -> object:
    lab.shard[Attribute.DECRYPT] = True
    return lab.decrypt_with(lab.shard)


@_attempt("derive from the wrapping key")
def _(lab: Lab) -> object:
    derived = Unguarded(lab.shard.wrapper).derive_key(
        KeyType.AES,
        256,
        mechanism=Mechanism.AES_CBC_ENCRYPT_DATA,
        mechanism_param=(bytes(16), bytes(32)),
        capabilities=MechanismFlag.WRAP,
        template=dict(SOFT),
    )
    return derived[Attribute.VALUE]


def run_attempts(lab: Lab) -> dict[str, str]:
    """Name -> "refused: error", "allowed: what came of it" or "broken: our own mistake"."""
    outcomes = {}
    for name, attempt in ATTEMPTS.items():
        try:
            outcomes[name] = f"allowed: {attempt(lab)!r}"
        except p11.PKCS11Error as refusal:
            outcomes[name] = f"refused: {type(refusal).__name__} {refusal}"
        except Exception as mistake:  # noqa: BLE001 - to be reported, not to pass for a refusal
            outcomes[name] = f"broken: {mistake!r}"
    return outcomes


def hardened_lab(hsm: Hsm, keys: KeySet) -> Lab:
    return Lab(hsm, keys, keys.shards["shard-hmac-00"], asked_on_unwrap("hmac"))


def naive_lab(hsm: Hsm, keys: KeySet) -> Lab:
    """The control: a wrapping key as one would make it at first. Attacks on it must succeed."""
    shard = hsm.session.generate_key(
        KeyType.AES,
        256,
        capabilities=MechanismFlag.WRAP | MechanismFlag.UNWRAP,
        template=hsm.mapper.vetted(
            {
                **LOCKED,
                Attribute.UNWRAP_TEMPLATE: {
                    Attribute.SENSITIVE: True,
                    Attribute.EXTRACTABLE: False,
                },
            }
        ),
    )
    return Lab(hsm, keys, shard, dict(LOCKED))
