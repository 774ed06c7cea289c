"""Verify a registration: WebAuthn Level 3, section 7.1, its steps numbered as there.

(1) to (4) are the client's, (12) is inside the library. (25) and (26) are `store.insert`.
"""

from io import BytesIO
from typing import Any, Final
from uuid import UUID

import cbor2
from webauthn import verify_registration_response
from webauthn.helpers import decode_credential_public_key
from webauthn.helpers.cose import COSEAlgorithmIdentifier
from webauthn.helpers.structs import (
    AttestedCredentialData,
    AuthenticatorAttestationResponse,
    RegistrationCredential,
)

from app.core.encoding import b64url
from app.webauthn.authenticator_data import check_flags, read_authenticator_data
from app.webauthn.client_data import check_client_data
from app.webauthn.errors import PasskeyRejected
from app.webauthn.models import Registered, RelyingParty
from app.webauthn.responses import Registration

ALGORITHMS: Final = (
    COSEAlgorithmIdentifier.ECDSA_SHA_256,
    COSEAlgorithmIdentifier.EDDSA,
    COSEAlgorithmIdentifier.RSASSA_PKCS1_v1_5_SHA_256,
)
"""ES256, EdDSA, and RS256, which is all that older Windows machines have."""

SHORTEST_ID, LONGEST_ID = 16, 1023
"""Bytes of a credential id: section 4 says 16 at least, section 7.1 step 24 1023 at most."""

_AAGUID_BYTES = 16


def verify_registration(
    response: Registration, *, expected_challenge: bytes, relying_party: RelyingParty
) -> Registered:
    """Verify what `navigator.credentials.create()` gave.

    Raises
    ------
    PasskeyRejected
        `rule` names the step.
    """
    # (5) to (11)
    check_client_data(
        response.client_data,
        expected_type="webauthn.create",
        expected_challenge=expected_challenge,
        relying_party=relying_party,
    )
    # (13) One CBOR map, and not a byte after it: the library would pass over those.
    attestation = _whole_map(response.attestation_object)
    data = read_authenticator_data(attestation.get("authData"))
    # (14) to (17)
    check_flags(data, relying_party)
    # (18) (19) Backed up or not, both are welcome; it is recorded and shown.
    new = data.attested_credential_data
    if new is None or len(new.aaguid) != _AAGUID_BYTES:
        raise PasskeyRejected(rule="authenticator_data")
    # The id that the client told is the one that was made; section 7.1 takes it for granted.
    if new.credential_id != response.credential_id:
        raise PasskeyRejected(rule="credential_id")
    # (20) Of a kind we asked for.
    if _algorithm(new) not in ALGORITHMS:
        raise PasskeyRejected(rule="algorithm")
    # (21) (22) (23) We ask for no attestation, so there is none, or the new key's own signature. No
    # vendor's certificates are trusted here, nor is their format parsed in the signer.
    form, statement = attestation.get("fmt"), attestation.get("attStmt")
    if form not in {"none", "packed"} or (isinstance(statement, dict) and "x5c" in statement):
        raise PasskeyRejected(rule="attestation_format")
    _verify(response, expected_challenge, relying_party)
    # (24) Long enough not to be met twice, short enough to be one.
    if not SHORTEST_ID <= len(new.credential_id) <= LONGEST_ID:
        raise PasskeyRejected(rule="credential_id_length")
    return Registered(
        credential_id=new.credential_id,
        public_key=new.credential_public_key,
        sign_count=data.sign_count,
        backup_eligible=data.flags.be,
        backed_up=data.flags.bs,
        transports=response.transports,
        aaguid=UUID(bytes=new.aaguid),
        attestation=form,
    )


def _whole_map(raw: bytes) -> dict[Any, Any]:
    stream = BytesIO(raw)
    try:
        value = cbor2.CBORDecoder(stream, allow_duplicate_keys=False).decode()
    except Exception:  # noqa: BLE001 - bytes of a stranger; nothing was done yet
        raise PasskeyRejected(rule="attestation_object") from None
    if not isinstance(value, dict) or stream.tell() != len(raw):
        raise PasskeyRejected(rule="attestation_object")
    return value


def _algorithm(new: AttestedCredentialData) -> int:
    try:
        return int(decode_credential_public_key(new.credential_public_key).alg)
    except Exception:  # noqa: BLE001 - as above
        raise PasskeyRejected(rule="algorithm") from None


def _verify(response: Registration, expected_challenge: bytes, relying_party: RelyingParty) -> None:
    """(12) and (21): the hash of the client's data, and the statement over it."""
    credential = RegistrationCredential(
        id=b64url(response.credential_id),
        raw_id=response.credential_id,
        response=AuthenticatorAttestationResponse(
            client_data_json=response.client_data,
            attestation_object=response.attestation_object,
        ),
    )
    try:
        verify_registration_response(
            credential=credential,
            expected_challenge=expected_challenge,
            expected_rp_id=relying_party.rp_id,
            expected_origin=sorted(relying_party.origins),
            supported_pub_key_algs=list(ALGORITHMS),
        )
    except Exception:  # noqa: BLE001 - the library and its parsers raise many kinds
        raise PasskeyRejected(rule="attestation") from None
