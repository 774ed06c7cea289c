"""How FCM refuses what there is nothing wrong with: quotas, outages, a project in trouble.

Statuses, codes and details as the SDK's classes need them; the wording of 429 is ours.
"""

from mock_push.status import (
    ApiError,
    InternalError,
    NotFoundError,
    PermissionDeniedError,
    ResourceExhaustedError,
    UnauthenticatedError,
    UnavailableError,
    fcm_error,
)


def refusal(kind: str, *, retry_after_seconds: int | None = None) -> ApiError:
    """The refusal of a scripted fault.

    Raises
    ------
    KeyError
        The kind is no refusal of FCM's.
    """
    error, message, code = _REFUSALS[kind]
    headers = {} if retry_after_seconds is None else {"Retry-After": str(retry_after_seconds)}
    return error(message, fcm_error(code), headers=headers)


_REFUSALS: dict[str, tuple[type[ApiError], str, str]] = {
    "third_party_auth": (
        UnauthenticatedError,
        "Auth error from APNS or Web Push Service",
        "THIRD_PARTY_AUTH_ERROR",
    ),
    "sender_id_mismatch": (PermissionDeniedError, "SenderId mismatch", "SENDER_ID_MISMATCH"),
    "unregistered": (NotFoundError, "Requested entity was not found.", "UNREGISTERED"),
    "quota_exceeded": (ResourceExhaustedError, "Sending quota exceeded.", "QUOTA_EXCEEDED"),
    "internal": (InternalError, "Internal error encountered.", "INTERNAL"),
    "unavailable": (UnavailableError, "The service is currently unavailable.", "UNAVAILABLE"),
}
