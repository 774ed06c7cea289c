"""Refusals of statements."""

from app.core.errors import DomainError


class StatementUnproven(DomainError):
    """What the message says is not what the rows prove. `rule` says which proof is missing."""

    code = "statement_unproven"
    sentence = "Nothing proves what the statement would say, so it is not signed."
