"""Refusals of loosening."""

from app.core.errors import DomainError


class HeartbeatRefused(DomainError):
    """`replayed`: not newer than the device's last one."""

    code = "heartbeat_refused"
    sentence = "A newer sign of life of this device is known already."
