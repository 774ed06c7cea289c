"""Refusals as Google's APIs write them: google.rpc.Status in JSON, with typed details."""

from typing import ClassVar

DETAIL = "type.googleapis.com/"
FCM_ERROR = DETAIL + "google.firebase.fcm.v1.FcmError"
BAD_REQUEST = DETAIL + "google.rpc.BadRequest"
ERROR_INFO = DETAIL + "google.rpc.ErrorInfo"

Detail = dict[str, object]


class ApiError(Exception):
    """A refusal with a google.rpc.Status body.

    Attributes
    ----------
    message
        The sentence of the body; for FCM the real service's wording wherever it is known.
    details
        ``google.rpc`` details in the order the real service sends them; none leaves the key out.
    headers
        Extra response headers.
    """

    http_status: ClassVar[int] = 500
    status: ClassVar[str] = "INTERNAL"

    def __init__(
        self,
        message: str,
        *details: Detail,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.details = details
        self.headers = headers or {}

    def body(self) -> dict[str, object]:
        error: dict[str, object] = {
            "code": self.http_status,
            "message": self.message,
            "status": self.status,
        }
        if self.details:
            error["details"] = list(self.details)
        return {"error": error}


class InvalidArgumentError(ApiError):
    http_status = 400
    status = "INVALID_ARGUMENT"


class UnauthenticatedError(ApiError):
    http_status = 401
    status = "UNAUTHENTICATED"


class PermissionDeniedError(ApiError):
    http_status = 403
    status = "PERMISSION_DENIED"


class NotFoundError(ApiError):
    http_status = 404
    status = "NOT_FOUND"


class ResourceExhaustedError(ApiError):
    http_status = 429
    status = "RESOURCE_EXHAUSTED"


class InternalError(ApiError):
    http_status = 500
    status = "INTERNAL"


class UnavailableError(ApiError):
    http_status = 503
    status = "UNAVAILABLE"


def fcm_error(error_code: str) -> Detail:
    return {"@type": FCM_ERROR, "errorCode": error_code}


def bad_request(*violations: tuple[str, str]) -> Detail:
    """(field, description) pairs; a violation of the root names no field."""
    if not violations:
        return {"@type": BAD_REQUEST}
    fields = [
        {"field": field, "description": description} if field else {"description": description}
        for field, description in violations
    ]
    return {"@type": BAD_REQUEST, "fieldViolations": fields}


def error_info(reason: str, domain: str, **metadata: str) -> Detail:
    return {"@type": ERROR_INFO, "reason": reason, "domain": domain, "metadata": metadata}
