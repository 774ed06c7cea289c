"""Refusals of the revocation path."""

from app.core.errors import DomainError


class ReceiptRejected(DomainError):
    """Unknown or expired receipt: one answer."""

    code = "receipt_rejected"
    sentence = "The receipt is not valid."


class CardRejected(DomainError):
    """Unknown card: one answer."""

    code = "card_rejected"
    sentence = "The revocation card is not valid."
