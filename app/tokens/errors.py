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


class LooseningNeedsApproval(DomainError):
    """A milder rung than the trader's own fence on this node: that is the way up."""

    code = "loosening_needs_approval"
    sentence = "Going up the ladder needs an approval. Ask for it at this token's state/lift."


class NothingToLift(DomainError):
    """The trader has no fence on this node, or none that is tighter than what is asked for."""

    code = "nothing_to_lift"
    sentence = "You contained nothing here that could be lifted to that."


class FenceNotAsShown(DomainError):
    """Changed, or pulled again, after the approval was asked: the pull wins."""

    code = "lift_refused"
    sentence = "The containment is not as it was when this was asked. Ask again."


class RevokedIsFinal(DomainError):
    """Something on the path is revoked; who asked may have better words."""

    code = "revoked_is_final"
    sentence = "A revoked token stays revoked."
