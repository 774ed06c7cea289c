"""The service account we send with: what of it is ours to check; google-auth reads the rest."""

import msgspec

from app.core.secret import Secret
from app.push.errors import ServiceAccountRefused

_UNIVERSE = "googleapis.com"


class ServiceAccount(msgspec.Struct, frozen=True):
    """The public part of Google's JSON file. `token_uri` is where access tokens are asked for."""

    type: str
    project_id: str
    token_uri: str
    universe_domain: str = _UNIVERSE


def read_service_account(secret: Secret) -> ServiceAccount:
    """Read the public part.

    Raises
    ------
    ServiceAccountRefused
        It is not the JSON of a service account of Google's own universe.
    """
    try:
        account = msgspec.json.decode(secret.reveal(), type=ServiceAccount)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise ServiceAccountRefused("is not the JSON of a service account") from None
    if account.type != "service_account":
        raise ServiceAccountRefused("is JSON, but not of a service account")
    # Elsewhere google-auth signs its own access tokens and never asks the token endpoint.
    if account.universe_domain != _UNIVERSE:
        raise ServiceAccountRefused(f"has a universe_domain other than {_UNIVERSE}")
    return account
