"""Templates: which attributes each kind of key gets, and packing that cannot crash."""

import ctypes
import struct
from collections.abc import Mapping, Sequence
from typing import Any, Final

from pkcs11 import Attribute, KeyType, Mechanism, ObjectClass
from pkcs11.attributes import AttributeMapper
from pkcs11.constants import DEFAULT

Template = dict[Attribute, Any]

LOCKED: Final[Template] = {
    Attribute.PRIVATE: True,
    Attribute.SENSITIVE: True,
    Attribute.EXTRACTABLE: False,
}
MOVABLE: Final[Template] = {**LOCKED, Attribute.EXTRACTABLE: True}
"""Only for a secret between its envelope and its shard key, for well under a millisecond."""

KINDS: Final = {
    "hmac": (ObjectClass.SECRET_KEY, KeyType.GENERIC_SECRET),
    "rsa": (ObjectClass.PRIVATE_KEY, KeyType.RSA),
    "ec": (ObjectClass.PRIVATE_KEY, KeyType.EC),
}
_SECRET_KEY_ONLY: Final = (Attribute.VERIFY, Attribute.ENCRYPT, Attribute.WRAP)


class _CkAttribute(ctypes.Structure):
    _fields_ = [
        ("type", ctypes.c_ulong),
        ("value", ctypes.c_void_p),
        ("length", ctypes.c_ulong),
    ]


class Mapper(AttributeMapper):
    """Adds the two attributes of array type we need.

    CKA_UNWRAP_TEMPLATE is only ever written. Reading it back through python-pkcs11 hands the module
    a buffer whose inner pointers are garbage; the self-test tries it out instead.
    """

    def __init__(self) -> None:
        super().__init__()
        self._kept: list[Any] = []
        self.register_handler(Attribute.UNWRAP_TEMPLATE, self._pack_template, bytes)
        self.register_handler(Attribute.ALLOWED_MECHANISMS, _pack_mechanisms, _unpack_mechanisms)

    def _pack_template(self, template: Mapping[Attribute, Any]) -> bytes:
        array = (_CkAttribute * len(template))()
        for index, (key, value) in enumerate(template.items()):
            packed = self.pack_attribute(key, value)
            buffer = ctypes.create_string_buffer(packed, len(packed))
            array[index] = _CkAttribute(int(key), ctypes.addressof(buffer), len(packed))
            self._kept.append(buffer)  # the array holds only its address
        self._kept.append(array)
        return bytes(array)

    def vetted(self, template: Template) -> Template:
        """Return the template if every value can be packed.

        Raises
        ------
        NotImplementedError
            No handler for an attribute. Inside python-pkcs11 the same would free wild pointers.
        """
        for key, value in template.items():
            if value is not DEFAULT:
                self.pack_attribute(key, value)
        return template


def _pack_mechanisms(mechanisms: Sequence[Mechanism]) -> bytes:
    return b"".join(struct.pack("L", int(mechanism)) for mechanism in mechanisms)


def _unpack_mechanisms(raw: bytes) -> tuple[int, ...]:
    return tuple(int(value) for (value,) in struct.iter_unpack("L", raw))


def forced_on_unwrap(kind: str) -> Template:
    """CKA_UNWRAP_TEMPLATE of a shard key: 15 attributes for HMAC keys, 12 for private keys.

    Every line counts: without TOKEN and PRIVATE a caller could store the secret in clear on disk,
    without SENSITIVE read it, without DECRYPT use it as a cipher key.
    """
    object_class, key_type = KINDS[kind]
    template: Template = {
        Attribute.CLASS: object_class,
        Attribute.KEY_TYPE: key_type,
        Attribute.TOKEN: False,
        **LOCKED,
        Attribute.MODIFIABLE: False,
        Attribute.COPYABLE: False,
        Attribute.SIGN: True,
        Attribute.DERIVE: False,
        Attribute.DECRYPT: False,
        Attribute.UNWRAP: False,
    }
    if object_class is ObjectClass.SECRET_KEY:
        template |= dict.fromkeys(_SECRET_KEY_ONLY, False)
    return template


def asked_on_unwrap(kind: str) -> Template:
    """What the caller of unwrap_key() passes: the forced template, which must be repeated in full.

    CLASS and KEY_TYPE are arguments of their own. MODIFIABLE goes last: SoftHSM applies a template
    in order and refuses everything after it as read-only. Private keys drop what python-pkcs11
    would add and a module calls an invalid attribute type.
    """
    template = forced_on_unwrap(kind)
    object_class = template.pop(Attribute.CLASS)
    del template[Attribute.KEY_TYPE]
    template[Attribute.MODIFIABLE] = template.pop(Attribute.MODIFIABLE)
    if object_class is ObjectClass.PRIVATE_KEY:
        return {**dict.fromkeys(_SECRET_KEY_ONLY, DEFAULT), **template}
    return template
