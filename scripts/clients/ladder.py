"""The ladder from a phone: look before a step down, take it, ask for the way up, tap for leases.

Down is one request. Up is a request, an approval on the screen, and a decision like any other.
"""

from typing import Any
from uuid import UUID

from scripts.clients import statements
from scripts.clients.device import Device
from scripts.clients.encoding import Json


def blast_radius(device: Device, token_id: UUID, *, to: str = "revoked") -> Json:
    """What going down to `to` would do; the further pages are the same with `cursor`."""
    path = f"/v1/tokens/{token_id}/blast-radius"
    return dict(device.api.call("GET", path, auth=device.auth, query={"to": to}).body)


def narrowing_radius(device: Device, token_id: UUID, **limits: Any) -> Json:
    """What `phone.narrow` with the same limits would do: who is limited, what waits and is refused
    then, which markets close and what is held there without a stop, when a lease runs out.
    """
    path = f"/v1/tokens/{token_id}/limits/blast-radius"
    return dict(device.call("POST", path, {"limits": limits}).body)


def state(device: Device, token_id: UUID) -> Json:
    """The effective rung, and who holds the node there."""
    return dict(device.call("GET", f"/v1/tokens/{token_id}/state").body)


def tighten(device: Device, token_id: UUID, to: str, *, reason: str) -> Json:
    """Go down to `to`, at once and for everything beneath: this device is the one factor."""
    body = {"state": to, "reason": reason}
    return dict(device.call("PATCH", f"/v1/tokens/{token_id}/state", body).body)


def ask_lift(device: Device, token_id: UUID, to: str = "active") -> UUID:
    """Ask for the way up; open the approval (`token_lift/1`) and decide it to make it happen."""
    body = {"state": to}
    answer = device.call("POST", f"/v1/tokens/{token_id}/state/lift", body)
    return UUID(answer.body["approval_id"])


def heartbeat(device: Device) -> str:
    """Send a tap; returns when the service saw it, which is when leases begin anew."""
    claims = statements.heartbeat(device.account.trader_id, device.account.device_id)
    body = {"statement": device.key.statement(claims)}
    return str(device.call("POST", "/v1/devices/heartbeat", body).body["seen_at"])
