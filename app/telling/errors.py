"""Refusals of statements."""

from app.core.errors import DomainError


class StatementUnproven(DomainError):
    """What the message says is not what the rows prove. `rule` says which proof is missing."""

    code = "statement_unproven"
    sentence = "Nothing proves what the statement would say, so it is not signed."


class NotRedeemable(DomainError):
    """We carry it out ourselves, so there is nothing to take elsewhere."""

    code = "approval_not_redeemable"
    sentence = "This is carried out here, once it is approved. There is nothing to redeem."
