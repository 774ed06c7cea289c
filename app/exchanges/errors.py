"""Why a venue request is not signed, or a venue's answer is not believed."""

from app.core.errors import DomainError


class RequestRefused(DomainError):
    """No request can be built for this. `rule` names the reason."""

    code = "venue_request_refused"
    sentence = "The request for the exchange could not be built, so nothing was signed."


class RequestMismatch(RequestRefused):
    """The built request does not say what the intent says. `rule` names the field."""

    code = "venue_request_mismatch"
    sentence = "The request for the exchange did not match the order, so nothing was signed."


class VenueUnknown(DomainError):
    code = "venue_unknown"
    sentence = "This exchange is not supported."


class VerbUnsupported(DomainError):
    code = "venue_verb_unsupported"
    sentence = "This exchange has no such function in its interface."


class PermissionsRefused(DomainError):
    """The venue key may do more, or less, than trading on spot. `rule` is the venue's name of
    the right.
    """

    code = "venue_permissions_refused"
    sentence = "This exchange key has rights it must not have, or lacks one it needs."


class VenueAnswerUnknown(DomainError):
    """The venue's answer could not be read. It says nothing, neither yes nor no."""

    code = "venue_answer_unknown"
    sentence = "The exchange gave an answer that could not be read."


class VenueSaidNo(VenueAnswerUnknown):
    """The venue answered with an error of its own. `rule` is its code.

    `decided` says that, by the venue's documents, nothing happened; every other error may have come
    after the match and says neither yes nor no.
    """

    def __init__(self, code: str, *, decided: bool) -> None:
        super().__init__(rule=code)
        self.decided = decided
