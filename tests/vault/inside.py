"""What a test does with the token itself, in a process of its own: one order on stdin, JSON out.

A PKCS#11 module keeps its state for the life of a process, so nothing of this runs in the test
process.
"""

import hashlib
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.keywrap import aes_key_wrap
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from pkcs11 import Attribute, KeyType, Mechanism, MechanismFlag, ObjectClass
from pkcs11 import exceptions as p11
from pkcs11.constants import DEFAULT

from app.core.errors import DomainError
from app.vault import wire
from app.vault.hsm.attributes import KINDS, LOCKED, MOVABLE
from app.vault.hsm.hot import HotOperations
from app.vault.hsm.keys import SHARDS, KeySet, find_keys
from app.vault.hsm.loading import RowMac, blob_message
from app.vault.hsm.module import Hsm, open_hsm
from app.vault.hsm.selftest import Unguarded, allowed, self_test
from app.vault.models import WrappedKey
from tests.vault.attacks import hardened_lab, naive_lab, run_attempts

KEY_WRAP = Mechanism.AES_KEY_WRAP


def attack(hsm: Hsm, order: dict[str, Any]) -> Any:
    keys = find_keys(hsm, expected_check_values=None)
    lab = naive_lab if order["naive"] else hardened_lab
    return run_attempts(lab(hsm, keys))


def squat(hsm: Hsm, order: dict[str, Any]) -> None:
    """Put a weaker key beside ours under the same label."""
    hsm.session.generate_key(
        KeyType.AES,
        256,
        label=order["label"],
        store=True,
        capabilities=MechanismFlag.WRAP | MechanismFlag.UNWRAP,
        template=dict(LOCKED),
    )


def soften(hsm: Hsm, order: dict[str, Any]) -> Any:
    """Put softer and softer wrapping keys in the place of ours, and look at each."""
    outcomes = []
    for template, mechanism in order["keys"]:
        _replace(hsm, order["label"], template, mechanism=mechanism)
        outcomes.append(examine(hsm, order))
    return outcomes


def _replace(hsm: Hsm, label: str, soft: dict[str, bool], *, mechanism: bool) -> None:
    for key in list(hsm.session.get_objects({Attribute.LABEL: label})):
        key.destroy()
    template = {**LOCKED, **{Attribute[name]: value for name, value in soft.items()}}
    if mechanism:
        template[Attribute.ALLOWED_MECHANISMS] = [KEY_WRAP]
    if Attribute.MODIFIABLE in template:
        template[Attribute.MODIFIABLE] = template.pop(Attribute.MODIFIABLE)
    hsm.session.generate_key(
        KeyType.AES,
        256,
        label=label,
        store=True,
        capabilities=MechanismFlag.WRAP | MechanismFlag.UNWRAP,
        template=hsm.mapper.vetted(template),
    )


def examine(hsm: Hsm, order: dict[str, Any]) -> Any:
    """Key check and self-test, as at the start of a worker."""
    try:
        keys = find_keys(hsm, expected_check_values=order.get("expected"))
        return {"not_enforced": self_test(hsm, keys)}
    except DomainError as refusal:
        return {"refused": refusal.code, "rule": refusal.rule}


def key_wrap_vectors(hsm: Hsm, order: dict[str, Any]) -> Any:
    """Wycheproof AES key wrap: (id, expected, length of the secret, what the module did)."""
    outcomes = []
    for group in json.loads(Path(order["path"]).read_text())["testGroups"]:
        for test in group["tests"]:
            kek = hsm.session.create_object(
                {
                    Attribute.CLASS: ObjectClass.SECRET_KEY,
                    Attribute.KEY_TYPE: KeyType.AES,
                    Attribute.TOKEN: False,
                    **LOCKED,
                    Attribute.UNWRAP: True,
                    Attribute.VALUE: bytes.fromhex(test["key"]),
                }
            )
            length = len(test["msg"]) // 2
            outcomes.append([test["tcId"], test["result"], length, _unwraps(kek, test)])
            kek.destroy()
    return outcomes


def _unwraps(kek: Any, test: dict[str, Any]) -> str:
    try:
        key = kek.unwrap_key(
            ObjectClass.SECRET_KEY,
            KeyType.GENERIC_SECRET,
            bytes.fromhex(test["ct"]),
            mechanism=KEY_WRAP,
            capabilities=0,
            template={
                Attribute.PRIVATE: True,
                Attribute.SENSITIVE: False,
                Attribute.EXTRACTABLE: True,
            },
        )
    except p11.PKCS11Error:
        return "refused"
    value = bytes(key[Attribute.VALUE])
    key.destroy()
    return "opened" if value == bytes.fromhex(test["msg"]) else "opened to something else"


def private_keys(hsm: Hsm, _: dict[str, Any]) -> Any:
    """PKCS#8 keys under their shards, signing through the hot operations."""
    keys = find_keys(hsm, expected_check_values=None)
    hot = HotOperations(hsm, keys, recycle_after_unwraps=100)
    rsa_key = rsa.generate_private_key(65537, 2048)
    signed = hot.answer(_sign_request(hsm, keys, "rsa", "rsa-sha256", rsa_key))
    outcomes = {"rsa": _holds(rsa_key, signed.signature)}
    ec_key = ec.generate_private_key(ec.SECP256R1())
    signed = hot.answer(_sign_request(hsm, keys, "ec", "es256", ec_key))
    return {**outcomes, "ec": _holds(ec_key, signed.signature)}


def es256_messages(hsm: Hsm, order: dict[str, Any]) -> Any:
    """Messages signed by one imported P-256 key through the hot operations."""
    keys = find_keys(hsm, expected_check_values=None)
    hot = HotOperations(hsm, keys, recycle_after_unwraps=100)
    key = ec.generate_private_key(ec.SECP256R1())
    request = _sign_request(hsm, keys, "ec", "es256", key)
    made = [
        hot.answer(msgspec.structs.replace(request, message=bytes.fromhex(message)))
        for message in order["messages"]
    ]
    point = key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return {"point": point.hex(), "signatures": [signed.signature.hex() for signed in made]}


def _sign_request(hsm: Hsm, keys: KeySet, kind: str, algorithm: Any, key: Any) -> wire.Sign:
    der = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    value = hashlib.sha256(b"an envelope key").digest()
    kek = hsm.session.create_object(
        {
            Attribute.CLASS: ObjectClass.SECRET_KEY,
            Attribute.KEY_TYPE: KeyType.AES,
            Attribute.TOKEN: False,
            **LOCKED,
            Attribute.UNWRAP: True,
            Attribute.VALUE: value,
        }
    )
    object_class, key_type = KINDS[kind]
    uses = ("ENCRYPT", "DECRYPT", "WRAP", "UNWRAP", "VERIFY", "DERIVE")
    movable = kek.unwrap_key(
        object_class,
        key_type,
        aes_key_wrap(value, der + bytes(-len(der) % 8)),
        mechanism=KEY_WRAP,
        capabilities=MechanismFlag.SIGN,
        template={**{Attribute[use]: DEFAULT for use in uses}, **MOVABLE},
    )
    shard = SHARDS[kind]
    blob = keys.shards[shard].wrap_key(movable, mechanism=KEY_WRAP)
    message = blob_message(context=b"c", shard=shard, algorithm=algorithm, blob=blob)
    wrapped = WrappedKey(
        shard=shard, algorithm=algorithm, blob=blob, context=b"c", mac=RowMac(keys).tag(message)
    )
    return wire.Sign(checks=(), key=wrapped, message=b"hello", seal=())


def _holds(key: Any, signature: bytes) -> bool:
    try:
        if isinstance(key, rsa.RSAPrivateKey):
            key.public_key().verify(signature, b"hello", padding.PKCS1v15(), hashes.SHA256())
        else:
            r, s = (int.from_bytes(half, "big") for half in (signature[:32], signature[32:]))
            key.public_key().verify(encode_dss_signature(r, s), b"hello", ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return False
    return True


def issuer(hsm: Hsm, _: dict[str, Any]) -> Any:
    """What the holder of the PIN can do with the issuer key beside signing as it is meant to."""
    key = find_keys(hsm, expected_check_values=None).issuer
    bare = Unguarded(key.wrapper)
    return {
        "bits": 8 * len(key[Attribute.MODULUS]),
        "raw": _outcome(lambda: key.sign(bytes(32), mechanism=Mechanism.RSA_PKCS)),
        "decrypt": _outcome(lambda: bare.decrypt(bytes(256), mechanism=Mechanism.RSA_PKCS)),
        "read": _outcome(lambda: key[Attribute.PRIVATE_EXPONENT]),
        "sign_recover": key[Attribute.SIGN_RECOVER],
    }


def forget_issuer(hsm: Hsm, _: dict[str, Any]) -> None:
    """Make the token one of the version before there was an issuer key."""
    for key in list(hsm.session.get_objects({Attribute.LABEL: "issuer-v1"})):
        key.destroy()


def _outcome(attempt: Callable[[], object]) -> str:
    return "allowed" if allowed(attempt) else "refused"


SUITES: dict[str, Callable[[Hsm, dict[str, Any]], Any]] = {
    "attack": attack,
    "squat": squat,
    "soften": soften,
    "examine": examine,
    "key_wrap_vectors": key_wrap_vectors,
    "private_keys": private_keys,
    "es256_messages": es256_messages,
    "issuer": issuer,
    "forget_issuer": forget_issuer,
}


def main() -> None:
    order = json.load(sys.stdin)
    hsm = open_hsm(
        module=Path(order["module"]),
        profile=order["profile"],
        directory=Path(order["directory"]),
        token_label="tripcord",
        pin=order["pin"].encode(),
    )
    json.dump(SUITES[order["suite"]](hsm, order), sys.stdout)


if __name__ == "__main__":
    main()
