"""The trader's policy on a phone: read it, try a draft out, put one in force, cancel what waits.

As `ladder`: functions over a phone, because an app has them on a screen of their own.
"""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from scripts.clients import statements
from scripts.clients.device import Device
from scripts.clients.encoding import Json

_PATH = "/v1/policies"


@dataclass(frozen=True, slots=True)
class PolicyAnswer:
    """`in_force`, or `awaiting_approval` with the approval that a looser policy takes first."""

    state: str
    version: int
    approval_id: UUID | None


def read_policy(phone: Device) -> Json:
    """The policy in force, what waits to follow it, the floors and the presets."""
    return dict(phone.call("GET", _PATH).body)


def simulate(phone: Device, policy: Json | None, *, last: int = 20, **action: Any) -> Json:
    """What a draft would have asked for, and what putting it in force would take.

    `action` is one action to try: its type (`action`), `when` and `amount`.
    """
    body: Json = {"policy": policy, "last": last, "action": action or None}
    return dict(phone.call("POST", f"{_PATH}/simulate", body).body)


def change_policy(phone: Device, policy: Json) -> PolicyAnswer:
    """Put a policy in force: at once if it only tightens, else by approval and after a day."""
    claims = statements.policy(
        phone.account.trader_id,
        phone.account.device_id,
        version=int(read_policy(phone)["version"]),
        policy=policy,
    )
    return _answer(phone.call("PUT", _PATH, {"statement": phone.key.statement(claims)}).body)


def cancel_change(phone: Device) -> PolicyAnswer:
    """Take back what waits, with this phone's signature alone."""
    waiting = read_policy(phone)["waiting"]
    claims = statements.policy_cancel(
        phone.account.trader_id,
        phone.account.device_id,
        version=1 if waiting is None else int(waiting["version"]),
    )
    body = {"statement": phone.key.statement(claims)}
    return _answer(phone.call("POST", f"{_PATH}/cancel", body).body)


def _answer(body: Json) -> PolicyAnswer:
    approval = body["approval_id"]
    return PolicyAnswer(
        body["state"], int(body["version"]), None if approval is None else UUID(approval)
    )
