"""Whether a message's address is one FCM can deliver to. Pure; the lookup is the caller's."""

from typing import Literal, Protocol

from mock_push.fcm.shape import Json
from mock_push.status import (
    ApiError,
    InvalidArgumentError,
    NotFoundError,
    PermissionDeniedError,
    bad_request,
    fcm_error,
)


class Registered(Protocol):
    """What a registration must say about itself."""

    @property
    def project(self) -> str: ...


Field = Literal["fid", "token"]
FIELDS: tuple[Field, ...] = ("fid", "token")


def address_of(message: Json) -> tuple[Field, str] | None:
    """The field and the address in it; None for a topic or a condition."""
    for field in FIELDS:
        if field in message:
            return field, str(message[field])
    return None


def check_address(
    field: Field, registered: Registered | None, *, well_formed: bool, project: str
) -> None:
    """Refuse an address that leads nowhere.

    Parameters
    ----------
    field
        Where the address was: "fid" or "token". The token field takes both kinds.
    well_formed
        Whether Google could have given out such an address for that field.

    Raises
    ------
    InvalidArgumentError
        Google never gives out such an address.
    NotFoundError
        UNREGISTERED: unknown, or the app was uninstalled.
    PermissionDeniedError
        SENDER_ID_MISMATCH: the phone's app belongs to another project.
    """
    if not well_formed:
        raise _malformed(field)
    if registered is None:
        raise NotFoundError("Requested entity was not found.", fcm_error("UNREGISTERED"))
    if registered.project != project:
        raise PermissionDeniedError("SenderId mismatch", fcm_error("SENDER_ID_MISMATCH"))


def _malformed(field: Field) -> ApiError:
    description = "The registration token is not a valid FCM registration token"
    # Seen with the two details in this order, unlike every other refusal.
    return InvalidArgumentError(
        description,
        fcm_error("INVALID_ARGUMENT"),
        bad_request((f"message.{field}", description)),
    )
