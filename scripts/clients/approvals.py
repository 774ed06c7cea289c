"""From a pending approval to a decision: nothing is signed that was not rendered first."""

from dataclasses import dataclass
from enum import Enum
from typing import Any
from uuid import UUID

from scripts.clients.encoding import Json, b64url_decode
from scripts.clients.render import Screen, neutralise, render

SIGN_IN = "sign_in/1"


class NotAsShown(Exception):
    """The service's digest is not the digest of the bytes it sent. Nothing may be signed."""


class Decision(Enum):
    APPROVE = "approve"
    DENY = "deny"
    FRAUD = "fraud"
    """Deny, and contain whoever asked."""


@dataclass(frozen=True, slots=True)
class Approval:
    approval_id: UUID
    template: str
    nonce: str
    action: bytes
    """Canonical JSON, as it will be executed."""

    digest: bytes
    requester: str
    """Who asks, as the service claims; already neutralised."""

    expires_at: str
    methods: tuple[str, ...] = ()
    """Ways to approve it that this trader has, strongest first."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """An approval together with what the person saw of it. Only a prompt can be decided."""

    approval: Approval
    screen: Screen


def approval_from(item: Json) -> Approval:
    return Approval(
        approval_id=UUID(item["approval_id"]),
        template=item["template"],
        nonce=item["nonce"],
        action=b64url_decode(item["action"]),
        digest=b64url_decode(item["digest"]),
        requester=neutralise(_plain(item["requester"])),
        expires_at=item["expires_at"],
        methods=tuple(item.get("methods", ())),
    )


def open_prompt(approval: Approval) -> Prompt:
    """Render the bytes on this phone and compare the digest with the one to be signed.

    Raises
    ------
    CannotRender
        This phone cannot show every field of the action.
    NotAsShown
        The digest names other bytes.
    """
    screen = render(approval.template, approval.action)
    if screen.digest != approval.digest:
        raise NotAsShown("the digest does not belong to the action that was shown")
    return Prompt(approval, screen)


def method_for(decision: Decision) -> str:
    """The factor a statement names: only approving takes one, denying never does."""
    return "totp" if decision is Decision.APPROVE else "none"


def needs_code(prompt: Prompt, decision: Decision) -> bool:
    """Whether a one-time code goes with the statement.

    A sign-in's code was typed in the browser already, where it proves who is sitting there.
    """
    return decision is Decision.APPROVE and prompt.approval.template != SIGN_IN


def _plain(requester: Any) -> str:
    if isinstance(requester, dict):
        return ", ".join(f"{name}: {value}" for name, value in requester.items())
    return str(requester)
