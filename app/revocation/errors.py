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


class RevocationNotFound(DomainError):
    """No such revocation of this trader: one answer for unknown and foreign."""

    code = "revocation_not_found"
    sentence = "There is no such revocation."


class CardNotFound(DomainError):
    """No such card of this trader, or removed before."""

    code = "card_not_found"
    sentence = "There is no such revocation card."


class OwnDevice(DomainError):
    """A device was reported lost by itself: whoever holds it has it."""

    code = "own_device"
    sentence = "A device is reported lost by another one. To cut this one off, revoke it."


class DeviceNotFound(DomainError):
    """No such device of this trader: one answer for unknown and foreign."""

    code = "device_not_found"
    sentence = "There is no such device."
