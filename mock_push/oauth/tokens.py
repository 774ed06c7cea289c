"""Access tokens: issued for a verified assertion, checked on every send."""

from datetime import datetime, timedelta

import msgspec

from mock_push.draw import Draw
from mock_push.oauth.accounts import ServiceAccount
from mock_push.oauth.assertion import Grant
from mock_push.status import PermissionDeniedError, UnauthenticatedError, error_info

LIFETIME_SECONDS = 3599  # what Google answers; google-auth refreshes about 225 s before the end
REALM = 'Bearer realm="https://accounts.google.com/"'
SEE = (
    "Expected OAuth 2 access token, login cookie or other valid authentication credential. "
    "See https://developers.google.com/identity/sign-in/web/devconsole-project."
)
SERVICE = {
    "service": "fcm.googleapis.com",
    "method": "google.firebase.fcm.v1.FcmService.SendMessage",
}


class AccessToken(msgspec.Struct, frozen=True):
    account: ServiceAccount
    scopes: frozenset[str]
    expires_at: datetime


class AccessTokens:
    """The access tokens in force, in memory only."""

    def __init__(self, draw: Draw) -> None:
        self._draw = draw
        self._issued: dict[str, AccessToken] = {}

    def issue(self, grant: Grant, *, now: datetime) -> str:
        self._issued = {key: held for key, held in self._issued.items() if held.expires_at > now}
        expires_at = now + timedelta(seconds=LIFETIME_SECONDS)
        access_token = self._draw.access_token()
        self._issued[access_token] = AccessToken(grant.account, grant.scopes, expires_at)
        return access_token

    def revoke_all(self) -> None:
        """Forget every token: the next send is a 401 and makes the sender ask for another."""
        self._issued.clear()

    def authorize_send(
        self, authorization: str | None, *, project: str, scopes: frozenset[str], now: datetime
    ) -> None:
        """Whether this caller may send for this project.

        Parameters
        ----------
        authorization
            The request's Authorization header.
        scopes
            Any one of these is enough.

        Raises
        ------
        UnauthenticatedError
            No bearer token, or one that is unknown or over.
        PermissionDeniedError
            The token has none of the scopes, or its account belongs to another project.
        """
        scheme, _, access_token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not access_token.strip():
            raise _missing()
        held = self._issued.get(access_token.strip())
        if held is None or held.expires_at <= now:
            raise invalid_token()
        if not held.scopes & scopes:
            raise _insufficient_scope()
        if held.account.project_id != project:
            raise _denied(project)


def _missing() -> UnauthenticatedError:
    return UnauthenticatedError(
        f"Request is missing required authentication credential. {SEE}",
        error_info("CREDENTIALS_MISSING", "googleapis.com", **SERVICE),
        headers={"WWW-Authenticate": REALM},
    )


def invalid_token() -> UnauthenticatedError:
    """An access token that is unknown, over or revoked."""
    return UnauthenticatedError(
        f"Request had invalid authentication credentials. {SEE}",
        error_info("ACCESS_TOKEN_TYPE_UNSUPPORTED", "googleapis.com", **SERVICE),
        headers={"WWW-Authenticate": f'{REALM}, error="invalid_token"'},
    )


def _insufficient_scope() -> PermissionDeniedError:
    return PermissionDeniedError(
        "Request had insufficient authentication scopes.",
        error_info("ACCESS_TOKEN_SCOPE_INSUFFICIENT", "googleapis.com", **SERVICE),
    )


def _denied(project: str) -> PermissionDeniedError:
    permission = "cloudmessaging.messages.create"
    resource = f"//cloudresourcemanager.googleapis.com/projects/{project}"
    return PermissionDeniedError(
        f"Permission '{permission}' denied on resource '{resource}' (or it may not exist).",
        error_info(
            "IAM_PERMISSION_DENIED",
            "cloudresourcemanager.googleapis.com",
            permission=permission,
            resource=f"projects/{project}",
        ),
    )
