"""Our keys in the token: made once, found and checked at every start."""

from typing import Any, Final

import msgspec
from pkcs11 import Attribute, KeyType, Mechanism, MechanismFlag, ObjectClass
from pkcs11 import exceptions as p11
from pkcs11.util.ec import encode_named_curve_parameters

from app.vault.errors import ModuleRefused
from app.vault.hsm.attributes import LOCKED, Template, forced_on_unwrap
from app.vault.hsm.check_values import (
    check_value_of_shard,
    mac_check_value,
    modulus_check_value,
    point_check_value,
)
from app.vault.hsm.module import Hsm

SHARDS: Final = {"hmac": "shard-hmac-00", "rsa": "shard-rsa-00", "ec": "shard-ec-00"}
"""Kind of secret -> label of the wrapping key that new secrets of that kind go under."""
ROW_MAC: Final = "row-mac-v1"
BOOTSTRAP: Final = "bootstrap-v1"
IDENTITY: Final = "identity-v1"
CHECKPOINT: Final = "checkpoint-v1"
ISSUER: Final = "issuer-v1"
ISSUER_BITS: Final = 2048
"""What CAEP's interoperability profile asks for; 112 bits of strength hold beyond the key's life of
one year (SP 800-57 part 1, table 4: until 2030)."""
POINT_BYTES: Final = 65
"""Uncompressed P-256 point (SEC 1 section 2.3.3)."""
P256: Final = encode_named_curve_parameters("secp256r1")

_USES: Final = (
    Attribute.ENCRYPT,
    Attribute.DECRYPT,
    Attribute.SIGN,
    Attribute.VERIFY,
    Attribute.WRAP,
    Attribute.UNWRAP,
    Attribute.DERIVE,
)
_PRIVATE_KEY_USES: Final = (
    Attribute.DECRYPT,
    Attribute.SIGN,
    Attribute.UNWRAP,
    Attribute.DERIVE,
)


class KeySet(msgspec.Struct, frozen=True, kw_only=True):
    """Handles of this process. `shards`: label -> wrapping key, `check_values`: label -> hex."""

    shards: dict[str, Any]
    row_mac: Any
    bootstrap: Any
    signers: dict[str, Any]
    points: dict[str, bytes]
    issuer: Any
    issuer_modulus: bytes
    check_values: dict[str, str]

    def __repr__(self) -> str:
        return "KeySet(…)"


def _token_template(hsm: Hsm, mechanism: Mechanism, **more: Any) -> Template:
    """Locked, not copyable, one mechanism, and last of all not modifiable."""
    template: Template = dict(LOCKED)
    if hsm.profile.copyable:
        template[Attribute.COPYABLE] = False
    if hsm.profile.unwrap_template:
        template |= {Attribute[name]: value for name, value in more.items()}
    if hsm.profile.allowed_mechanisms:
        template[Attribute.ALLOWED_MECHANISMS] = [mechanism]
    template[Attribute.MODIFIABLE] = False
    return hsm.mapper.vetted(template)


def generate_keys(hsm: Hsm) -> None:
    """Make every key of a new token.

    Raises
    ------
    ModuleRefused
        A key of one of the labels is there already: two keys of one label are one too many.
    """
    labels = (*SHARDS.values(), ROW_MAC, BOOTSTRAP, IDENTITY, CHECKPOINT, ISSUER)
    if any(list(hsm.session.get_objects({Attribute.LABEL: label})) for label in labels):
        raise ModuleRefused(rule="key label taken")
    for kind, label in SHARDS.items():
        hsm.session.generate_key(
            KeyType.AES,
            256,
            label=label,
            id=label.encode(),
            store=True,
            capabilities=MechanismFlag.WRAP | MechanismFlag.UNWRAP,
            template=_token_template(
                hsm, Mechanism.AES_KEY_WRAP, UNWRAP_TEMPLATE=forced_on_unwrap(kind)
            ),
        )
    for label in (ROW_MAC, BOOTSTRAP):
        hsm.session.generate_key(
            KeyType.GENERIC_SECRET,
            256,
            label=label,
            id=label.encode(),
            store=True,
            capabilities=MechanismFlag.SIGN | MechanismFlag.VERIFY,
            template=_token_template(hsm, Mechanism.SHA256_HMAC),
        )
    for label in (IDENTITY, CHECKPOINT):
        p256(hsm).generate_keypair(
            label=label,
            id=label.encode(),
            store=True,
            capabilities=MechanismFlag.SIGN | MechanismFlag.VERIFY,
            private_template=_token_template(hsm, Mechanism.ECDSA),
        )
    add_issuer_key(hsm)


def add_issuer_key(hsm: Hsm) -> None:
    """Make the key that signs for others, unless there is one: older tokens were born without it.

    The HSM hashes what it signs: with the bare RSA mechanism its holder could have any
    DigestInfo, or a decryption.
    """
    if list(hsm.session.get_objects({Attribute.LABEL: ISSUER})):
        return
    hsm.session.generate_keypair(
        KeyType.RSA,
        ISSUER_BITS,
        label=ISSUER,
        id=ISSUER.encode(),
        store=True,
        capabilities=MechanismFlag.SIGN | MechanismFlag.VERIFY,
        private_template={
            # SoftHSM's own default is to allow it: a signature that gives back what was signed.
            Attribute.SIGN_RECOVER: False,
            **_token_template(hsm, Mechanism.SHA256_RSA_PKCS),
        },
    )


def p256(hsm: Hsm) -> Any:
    """Domain parameters for a P-256 key pair."""
    return hsm.session.create_domain_parameters(KeyType.EC, {Attribute.EC_PARAMS: P256}, local=True)


def public_point(public_key: Any) -> bytes:
    """65 bytes; modules return them bare or inside a DER octet string."""
    return bytes(public_key[Attribute.EC_POINT])[-POINT_BYTES:]


def find_keys(hsm: Hsm, *, expected_check_values: dict[str, str] | None) -> KeySet:
    """Find all keys, check their attributes and, if given, that they are the pinned ones.

    Raises
    ------
    ModuleRefused
        A key is missing, there twice, softer than it was made, or not the pinned one.
    """
    shards = {label: _one(hsm, label, ObjectClass.SECRET_KEY) for label in SHARDS.values()}
    macs = {label: _one(hsm, label, ObjectClass.SECRET_KEY) for label in (ROW_MAC, BOOTSTRAP)}
    signers = {label: _one(hsm, label, ObjectClass.PRIVATE_KEY) for label in (IDENTITY, CHECKPOINT)}
    points = {label: public_point(_one(hsm, label, ObjectClass.PUBLIC_KEY)) for label in signers}
    issuer, issuer_public = _issuer(hsm)
    for key in shards.values():
        _check_attributes(hsm, key, _USES, Attribute.WRAP, Attribute.UNWRAP)
        _check_mechanism(hsm, key, Mechanism.AES_KEY_WRAP)
    for key in macs.values():
        _check_attributes(hsm, key, _USES, Attribute.SIGN, Attribute.VERIFY)
        _check_mechanism(hsm, key, Mechanism.SHA256_HMAC)
    for key in signers.values():
        _check_attributes(hsm, key, _PRIVATE_KEY_USES, Attribute.SIGN)
        _check_mechanism(hsm, key, Mechanism.ECDSA)
    check_values = {
        **{label: check_value_of_shard(hsm, key) for label, key in shards.items()},
        **{label: mac_check_value(key) for label, key in macs.items()},
        **{
            label: point_check_value(
                signers[label], point, _one(hsm, label, ObjectClass.PUBLIC_KEY)
            )
            for label, point in points.items()
        },
        ISSUER: modulus_check_value(issuer, issuer_public),
    }
    if expected_check_values is not None and expected_check_values != check_values:
        raise ModuleRefused(rule="check values differ from the pinned ones")
    return KeySet(
        shards=shards,
        row_mac=macs[ROW_MAC],
        bootstrap=macs[BOOTSTRAP],
        signers=signers,
        points=points,
        issuer=issuer,
        issuer_modulus=bytes(issuer_public[Attribute.MODULUS]),
        check_values=check_values,
    )


def _issuer(hsm: Hsm) -> tuple[Any, Any]:
    if not list(hsm.session.get_objects({Attribute.LABEL: ISSUER})):
        raise ModuleRefused(rule=f"no key {ISSUER}; `tripcord hsm init` adds it, then pin it")
    private_key = _one(hsm, ISSUER, ObjectClass.PRIVATE_KEY)
    uses = (*_PRIVATE_KEY_USES, Attribute.SIGN_RECOVER)
    _check_attributes(hsm, private_key, uses, Attribute.SIGN)
    _check_mechanism(hsm, private_key, Mechanism.SHA256_RSA_PKCS)
    return private_key, _one(hsm, ISSUER, ObjectClass.PUBLIC_KEY)


def _one(hsm: Hsm, label: str, object_class: ObjectClass) -> Any:
    template = {Attribute.LABEL: label, Attribute.CLASS: object_class}
    found = list(hsm.session.get_objects(template))
    if len(found) != 1:
        raise ModuleRefused(rule=f"{len(found)} keys {label}")
    return found[0]


def _check_attributes(
    hsm: Hsm, key: Any, uses: tuple[Attribute, ...], *allowed_uses: Attribute
) -> None:
    expected: Template = {
        Attribute.TOKEN: True,
        **LOCKED,
        Attribute.ALWAYS_SENSITIVE: True,
        Attribute.NEVER_EXTRACTABLE: True,
        Attribute.MODIFIABLE: False,
        **{use: use in allowed_uses for use in uses},
    }
    if hsm.profile.copyable:
        expected[Attribute.COPYABLE] = False
    if hsm.profile.local:
        expected[Attribute.LOCAL] = True
    for attribute, value in expected.items():
        if _read(key, attribute) != value:
            raise ModuleRefused(rule=f"{key.label}: {attribute.name}")


def _check_mechanism(hsm: Hsm, key: Any, mechanism: Mechanism) -> None:
    if not hsm.profile.allowed_mechanisms:
        return
    if _read(key, Attribute.ALLOWED_MECHANISMS) != (int(mechanism),):
        raise ModuleRefused(rule=f"{key.label}: ALLOWED_MECHANISMS")


def _read(key: Any, attribute: Attribute) -> Any:
    try:
        return key[attribute]
    except p11.PKCS11Error:
        return None
