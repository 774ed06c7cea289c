"""The JSON of a browser's or phone's credential (`PublicKeyCredential.toJSON()`), read strictly."""

from typing import Annotated, Any, Literal

import msgspec

from app.core.encoding import b64url_decode
from app.core.errors import DomainError
from app.webauthn.errors import PasskeyRejected

_Text = Annotated[str, msgspec.Meta(max_length=32768)]
_Transport = Annotated[str, msgspec.Meta(pattern=r"^[a-z-]{1,16}\Z")]


class Registration(msgspec.Struct, frozen=True, kw_only=True):
    credential_id: bytes
    client_data: bytes
    attestation_object: bytes
    transports: list[str]


class Assertion(msgspec.Struct, frozen=True, kw_only=True):
    credential_id: bytes
    client_data: bytes
    authenticator_data: bytes
    signature: bytes
    user_handle: bytes | None


class _Attestation(msgspec.Struct, rename="camel", kw_only=True):
    client_data: _Text = msgspec.field(name="clientDataJSON")
    attestation_object: _Text
    transports: Annotated[list[_Transport], msgspec.Meta(max_length=8)] = []


class _Signed(msgspec.Struct, rename="camel", kw_only=True):
    client_data: _Text = msgspec.field(name="clientDataJSON")
    authenticator_data: _Text
    signature: _Text
    user_handle: _Text | None = None


class _Credential(msgspec.Struct, rename="camel"):
    id: _Text
    raw_id: _Text
    type: Literal["public-key"]


class _Created(_Credential):
    response: _Attestation


class _Got(_Credential):
    response: _Signed


def read_registration(raw: bytes) -> Registration:
    """Read a RegistrationResponseJSON; members that say nothing to us are passed over.

    Raises
    ------
    PasskeyRejected
        With rule `response`: not of that form, or an id that is not the raw id.
    """
    created: _Created = _read(raw, _Created)
    return Registration(
        credential_id=_credential_id(created),
        client_data=_bytes(created.response.client_data),
        attestation_object=_bytes(created.response.attestation_object),
        transports=created.response.transports,
    )


def read_assertion(raw: bytes) -> Assertion:
    """Read an AuthenticationResponseJSON; as `read_registration`."""
    got: _Got = _read(raw, _Got)
    handle = got.response.user_handle
    return Assertion(
        credential_id=_credential_id(got),
        client_data=_bytes(got.response.client_data),
        authenticator_data=_bytes(got.response.authenticator_data),
        signature=_bytes(got.response.signature),
        user_handle=None if handle is None else _bytes(handle),
    )


def _read(raw: bytes, shape: Any) -> Any:
    try:
        return msgspec.json.decode(raw, type=shape)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise PasskeyRejected(rule="response") from None


def _credential_id(credential: _Credential) -> bytes:
    if credential.id != credential.raw_id:
        raise PasskeyRejected(rule="response")
    return _bytes(credential.raw_id)


def _bytes(text: str) -> bytes:
    try:
        return b64url_decode(text)
    except DomainError:
        raise PasskeyRejected(rule="response") from None
