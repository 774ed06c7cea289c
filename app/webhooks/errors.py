"""Refusals of the webhooks room."""

from app.core.errors import DomainError


class WebhookNotFound(DomainError):
    """No such webhook of this platform; not there and not yours are one answer."""

    code = "webhook_not_found"
    sentence = "There is no such webhook."


class WebhookUrlRefused(DomainError):
    """`rule` says what is wrong with the address."""

    code = "webhook_url_refused"
    sentence = "A webhook's address is https, to a public host, without a login or a fragment."


class TooManyWebhooks(DomainError):
    code = "too_many_webhooks"
    sentence = "The platform has as many webhooks as it may; delete one first."


class WebhookNotActive(DomainError):
    """Paused or disabled, or a test is under way already."""

    code = "webhook_not_active"
    sentence = "The webhook is not active, or its last test has not arrived yet."


class RotationUnderWay(DomainError):
    code = "rotation_under_way"
    sentence = "The last rotation's overlap is not over; wait for it, or rotate without an overlap."
