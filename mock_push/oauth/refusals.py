"""Refusals of the token endpoint (RFC 6749 section 5.2), in the words Google uses."""


class OAuthError(Exception):
    """A refusal with an OAuth error body.

    Attributes
    ----------
    error
        RFC 6749 error code.
    description
        What google-auth shows in its RefreshError.
    http_status
        400, except where Google answers 401 or is down.
    headers
        Extra response headers.
    """

    def __init__(
        self,
        error: str,
        description: str,
        http_status: int = 400,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(description)
        self.error = error
        self.description = description
        self.http_status = http_status
        self.headers = headers or {}

    def body(self) -> dict[str, str]:
        return {"error": self.error, "error_description": self.description}


def malformed() -> OAuthError:
    return OAuthError("invalid_request", "Bad Request")


def unsupported_grant(grant_type: str) -> OAuthError:
    return OAuthError("unsupported_grant_type", f"Invalid grant_type: {grant_type}")


def unknown_account() -> OAuthError:
    return OAuthError("invalid_grant", "Invalid grant: account not found")


def bad_signature() -> OAuthError:
    return OAuthError("invalid_grant", "Invalid JWT Signature.")


def bad_audience() -> OAuthError:
    return OAuthError("invalid_grant", "Invalid JWT: Failed audience check.")


def bad_time() -> OAuthError:
    return OAuthError(
        "invalid_grant",
        "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable "
        "timeframe. Check your iat and exp values in the JWT claim.",
    )


def bad_scope() -> OAuthError:
    return OAuthError("invalid_scope", "Invalid OAuth scope or ID token audience provided.")


def not_delegated() -> OAuthError:
    return OAuthError(
        "unauthorized_client",
        "Client is unauthorized to retrieve access tokens using this method, or client not "
        "authorized for any of the scopes requested.",
        http_status=401,
    )


def scripted(kind: str, *, retry_after_seconds: int | None) -> OAuthError:
    """The refusal of a scripted fault.

    Raises
    ------
    KeyError
        The kind is no refusal of the token endpoint.
    """
    headers = {} if retry_after_seconds is None else {"Retry-After": str(retry_after_seconds)}
    return {
        "internal": OAuthError("internal_failure", "Internal error encountered.", 500),
        "unavailable": OAuthError("backend_error", "Backend Error", 503, headers),
        "invalid_grant": OAuthError("invalid_grant", "Invalid grant: account disabled"),
    }[kind]
