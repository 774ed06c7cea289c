"""Verify an assertion: WebAuthn Level 3, section 7.2, its steps numbered as there.

(1) to (4) are the client's. (24), the update, is the caller's: with everything else, or not at all.
"""

from collections.abc import Collection

from webauthn import verify_authentication_response
from webauthn.helpers.structs import AuthenticationCredential, AuthenticatorAssertionResponse

from app.core.encoding import b64url
from app.webauthn.authenticator_data import check_flags, read_authenticator_data
from app.webauthn.client_data import check_client_data
from app.webauthn.errors import CounterRegressed, PasskeyRejected
from app.webauthn.models import Asserted, Passkey, RelyingParty, user_handle
from app.webauthn.responses import Assertion


def verify_assertion(
    response: Assertion,
    *,
    passkey: Passkey,
    allowed_ids: Collection[bytes] | None,
    expected_challenge: bytes,
    relying_party: RelyingParty,
) -> Asserted:
    """Verify what `navigator.credentials.get()` gave for one passkey, whose row was believed.

    `allowed_ids` is `allowCredentials` as it was asked; None where the passkey had to say itself
    whose it is. The counter is for `check_counter`, after this.

    Raises
    ------
    PasskeyRejected
        `rule` names the step.
    """
    # (5) One of those we asked for, and the one we look at.
    if allowed_ids is not None and response.credential_id not in allowed_ids:
        raise PasskeyRejected(rule="allow_list")
    if response.credential_id != passkey.credential_id:
        raise PasskeyRejected(rule="credential_id")
    # (6) Of the trader it says; where nothing else says whose it is, it has to.
    handle = response.user_handle
    if (handle is None and allowed_ids is None) or (
        handle is not None and handle != user_handle(passkey.trader_id)
    ):
        raise PasskeyRejected(rule="user_handle")
    # (7) to (14)
    check_client_data(
        response.client_data,
        expected_type="webauthn.get",
        expected_challenge=expected_challenge,
        relying_party=relying_party,
    )
    # (15) to (18)
    data = read_authenticator_data(response.authenticator_data)
    check_flags(data, relying_party)
    # (19) What could not be copied cannot be copied now, nor the other way round.
    if data.flags.be is not passkey.backup_eligible:
        raise PasskeyRejected(rule="backup_eligible")
    # (20) (21) The hash of the client's data, and the signature over both.
    _verify_signature(response, passkey, expected_challenge, relying_party)
    return Asserted(sign_count=data.sign_count, backed_up=data.flags.bs)


def check_counter(passkey: Passkey, asserted: Asserted) -> None:
    """(22) Raise CounterRegressed unless the counter grew; two zeros mean that there is none.

    Only after the signature: a forged counter must not freeze anybody's passkey.
    """
    counts = asserted.sign_count > 0 or passkey.sign_count > 0
    if counts and asserted.sign_count <= passkey.sign_count:
        raise CounterRegressed


def _verify_signature(
    response: Assertion, passkey: Passkey, expected_challenge: bytes, relying_party: RelyingParty
) -> None:
    credential = AuthenticationCredential(
        id=b64url(response.credential_id),
        raw_id=response.credential_id,
        response=AuthenticatorAssertionResponse(
            client_data_json=response.client_data,
            authenticator_data=response.authenticator_data,
            signature=response.signature,
        ),
    )
    try:
        verify_authentication_response(
            credential=credential,
            expected_challenge=expected_challenge,
            expected_rp_id=relying_party.rp_id,
            expected_origin=sorted(relying_party.origins),
            credential_public_key=passkey.public_key,
            # The library compares counters before it looks at the signature. From zero on it never
            # refuses; ours is compared after it.
            credential_current_sign_count=0,
        )
    except Exception:  # noqa: BLE001 - the library and its parsers raise many kinds
        raise PasskeyRejected(rule="signature") from None
