"""Refusals of the tokens room."""

from app.core.errors import DomainError


class TokenRejected(DomainError):
    """Unknown, foreign, expired, fenced, not yet approved or unproven: one answer for all."""

    code = "token_rejected"
    sentence = "The token is not valid."


class TokenNotFound(DomainError):
    """No such node in this trader's tree."""

    code = "token_not_found"
    sentence = "There is no such token."


class ParentNotActive(DomainError):
    """The parent is unknown, expired or fenced, so it bears no children (P5)."""

    code = "parent_not_active"
    sentence = "Nothing new can be made under this token."


class VersionStale(DomainError):
    """The node was changed since it was read; read it again."""

    code = "version_stale"
    sentence = "This was changed meanwhile. Read it again."


class CardTaken(DomainError):
    """A card with this id is registered."""

    code = "card_taken"
    sentence = "A revocation card with this number exists already."
