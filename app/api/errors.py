"""Refusals that only the HTTP edge knows."""

from app.core.errors import DomainError


class TokenMissing(DomainError):
    code = "token_missing"
    sentence = "This needs a token with a proof of possession."


class ProofRejected(DomainError):
    """The DPoP proof is missing, malformed, about another request, or was used before."""

    code = "proof_rejected"
    sentence = "The proof of possession is not valid."


class NonceRequired(DomainError):
    """The proof's age is in doubt, or its nonce is not ours: the answer carries one to use."""

    code = "nonce_required"
    sentence = "The proof of possession needs the nonce that comes with this answer."


class InsufficientAuthentication(DomainError):
    """The sign-in behind a session is too old, or too weak, for this (RFC 9470)."""

    code = "insufficient_user_authentication"
    sentence = "This needs a newer or a stronger sign-in."

    def __init__(self, *, acr_values: str | None = None, max_age: int | None = None) -> None:
        super().__init__()
        wanted = [f'acr_values="{acr_values}"'] if acr_values else []
        self.challenge = ", ".join([*wanted, *([f"max_age={max_age}"] if max_age else [])])


class GrantTypeUnsupported(DomainError):
    code = "grant_type_unsupported"
    sentence = "This way to obtain a token is not supported."


class TokenTypeUnsupported(DomainError):
    code = "token_type_unsupported"
    sentence = "Tokens of this kind are not revoked here."


class TooManyRequests(DomainError):
    """More requests of one client under way than it may have."""

    code = "too_many_requests"
    sentence = "Too many requests of this client are under way; try again in a moment."


class BodyTooLarge(DomainError):
    code = "body_too_large"
    sentence = "The request body is too large."


class RequestTooSlow(DomainError):
    code = "request_too_slow"
    sentence = "The request took too long to arrive."


class NotFound(DomainError):
    code = "not_found"
    sentence = "There is nothing here."


class MethodNotAllowed(DomainError):
    code = "method_not_allowed"
    sentence = "This cannot be done here."


class InternalFault(DomainError):
    code = "internal_fault"
    sentence = "Something went wrong on our side, so nothing was done."


class Overloaded(DomainError):
    """More requests are under way than can be answered in time; what cuts is never refused so."""

    code = "overloaded"
    sentence = "Too much is asked of this service right now. Try again in a moment."

    def __init__(self) -> None:
        super().__init__(retry_after_seconds=1)


class AddressNotAllowed(DomainError):
    """The client's address is outside an address list of the token or of a node above it."""

    code = "address_not_allowed"
    sentence = "This token may not be used from here."


class ScopeMissing(DomainError):
    """RFC 6750 section 3.1: the token is good, and not for this. The rule names the scope."""

    code = "insufficient_scope"
    sentence = "This token may not do this."


class PreconditionFailed(DomainError):
    """`If-Match` names another version (RFC 9110 section 13.1.1)."""

    code = "precondition_failed"
    sentence = "This was changed meanwhile. Read it again."
