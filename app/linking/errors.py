"""Refusals of the linking path."""

from app.core.errors import DomainError


class FactorMissing(DomainError):
    """Nothing could approve the link."""

    code = "factor_missing"
    sentence = "Bind an authenticator app first, so that a link can be approved."


class AlgorithmUnsupported(DomainError):
    """The venue does not sign with this algorithm."""

    code = "algorithm_unsupported"
    sentence = "This exchange does not take keys of this kind."


class LinkRefused(DomainError):
    """The credential was refused, or is not waiting for this approval."""

    code = "link_refused"
    sentence = "This exchange key cannot be linked."
