"""Refusals in the words of CIBA Core 1.0, sections 11 and 13; `api.oauth_errors` gives each its
status.
"""

from app.core.errors import DomainError


class FlowNotAllowed(DomainError):
    """An operator has not registered this client for CIBA."""

    code = "ciba_unauthorized_client"
    sentence = "This client may not ask in this way."


class ScopeRefused(DomainError):
    """No `openid`, or a scope nobody knows."""

    code = "ciba_invalid_scope"
    sentence = "The scope must be openid and nothing else."


class UserUnknown(DomainError):
    """No such trader, or another platform's: one answer."""

    code = "ciba_unknown_user_id"
    sentence = "The hint names nobody who is known to this client."


class LoginHintTokenExpired(DomainError):
    code = "ciba_expired_login_hint_token"
    sentence = "The hint is too old."


class BindingMessageRefused(DomainError):
    code = "ciba_invalid_binding_message"
    sentence = "The binding message is too long, or has characters that could mislead."


class UserCodeMissing(DomainError):
    code = "ciba_missing_user_code"
    sentence = "This person asked to be prompted only with a user code."


class UserCodeRefused(DomainError):
    """Wrong, or no more tries for now: one answer."""

    code = "ciba_invalid_user_code"
    sentence = "The user code is not valid."


class RequestDenied(DomainError):
    """Nobody was asked: enough prompts for now, or the trader is contained."""

    code = "ciba_request_denied"
    sentence = "This person is not asked now."


class AuthorizationPending(DomainError):
    code = "ciba_authorization_pending"
    sentence = "Nobody has decided yet."


class SlowDown(DomainError):
    """Every poll that comes too soon adds five seconds to the interval."""

    code = "ciba_slow_down"
    sentence = "Nobody has decided yet, and the polls come too fast."


class RequestExpired(DomainError):
    code = "ciba_expired_token"
    sentence = "The time to decide and to fetch the decision is over."


class Denied(DomainError):
    code = "ciba_access_denied"
    sentence = "The request was denied or taken back."


class GrantInvalid(DomainError):
    """Unknown, another client's, or redeemed before: one answer."""

    code = "ciba_invalid_grant"
    sentence = "There is nothing to fetch by this request id."
