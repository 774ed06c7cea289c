"""A value per key that only this very key produces, to be pinned outside the token.

CKA_CHECK_VALUE has 3 bytes: whoever may create keys finds another one with the same value within
the hour. These have 32: what a wrapping key makes of a known key (RFC 3394 is deterministic), what
a MAC key makes of a fixed text, the public half of a signing key. All of it is public.
"""

import os
from hashlib import sha256
from typing import Any, Final

from pkcs11 import Attribute, KeyType, Mechanism, ObjectClass
from pkcs11 import exceptions as p11

from app.core.encoding import lp
from app.vault.errors import ModuleRefused
from app.vault.hsm.attributes import MOVABLE
from app.vault.hsm.module import Hsm

_DOMAIN: Final = b"tripcord/check-value/v1"
_KNOWN: Final = bytes(32)
"""Wrapped under each shard key. Public, used for nothing else."""

F4: Final = 65537
"""The public exponent of our RSA keys (RFC 8017 leaves the choice; this one is everybody's)."""


def check_value_of_shard(hsm: Hsm, shard: Any) -> str:
    """Hex SHA-256 over CKA_CHECK_VALUE, where the module has one, and the wrapped known key."""
    short = bytes(shard[Attribute.CHECK_VALUE]) if hsm.profile.check_value else b""
    known = hsm.session.create_object(
        hsm.mapper.vetted(
            {
                Attribute.CLASS: ObjectClass.SECRET_KEY,
                Attribute.KEY_TYPE: KeyType.GENERIC_SECRET,
                Attribute.TOKEN: False,
                **MOVABLE,
                Attribute.VALUE: _KNOWN,
            }
        )
    )
    try:
        wrapped = shard.wrap_key(known, mechanism=Mechanism.AES_KEY_WRAP)
    finally:
        known.destroy()
    return sha256(lp(_DOMAIN, short, wrapped)).hexdigest()


def mac_check_value(key: Any) -> str:
    """Hex HMAC of a text that is no evidence message and no bootstrap message."""
    return bytes(key.sign(_DOMAIN, mechanism=Mechanism.SHA256_HMAC)).hex()


def modulus_check_value(private_key: Any, public_key: Any) -> str:
    """Hex SHA-256 of the public modulus, once the pair was seen to belong together.

    Raises
    ------
    ModuleRefused
        The public object in the token is not this private key's, or has another exponent.
    """
    message = os.urandom(32)
    signature = private_key.sign(message, mechanism=Mechanism.SHA256_RSA_PKCS)
    try:
        genuine = public_key.verify(message, signature, mechanism=Mechanism.SHA256_RSA_PKCS)
    except p11.PKCS11Error:
        genuine = False
    if not genuine or int.from_bytes(public_key[Attribute.PUBLIC_EXPONENT], "big") != F4:
        raise ModuleRefused(rule="public half of another key")
    return sha256(lp(_DOMAIN, bytes(public_key[Attribute.MODULUS]))).hexdigest()


def point_check_value(private_key: Any, point: bytes, public_key: Any) -> str:
    """Hex SHA-256 of the public point, once the pair was seen to belong together.

    Raises
    ------
    ModuleRefused
        The public object in the token is not this private key's.
    """
    digest = os.urandom(32)
    signature = private_key.sign(digest, mechanism=Mechanism.ECDSA)
    try:
        genuine = public_key.verify(digest, signature, mechanism=Mechanism.ECDSA)
    except p11.PKCS11Error:
        genuine = False
    if not genuine:
        raise ModuleRefused(rule="public half of another key")
    return sha256(lp(_DOMAIN, point)).hexdigest()
