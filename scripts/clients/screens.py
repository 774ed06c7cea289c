"""Two screens, one person: a number read here and typed on the phone, a code the other way round.

The phone's half takes a prompt, which is an approval that was rendered. The requester's half is
for whoever asked for the approval: a platform, a bot, a browser that signs in.
"""

from uuid import UUID

from scripts.clients import statements
from scripts.clients.approvals import Prompt
from scripts.clients.device import Device
from scripts.clients.encoding import Json, Secret
from scripts.clients.http import Api, Auth


def approve_with_number(phone: Device, prompt: Prompt, number: str) -> Json:
    """Say yes with the four digits that the person typed: the ones on the other screen.

    Let them be typed, never chosen from a list. A wrong one ends the request.
    """
    approval, account = prompt.approval, phone.account
    claims = statements.decision(
        account.trader_id,
        account.device_id,
        approval_id=approval.approval_id,
        nonce=approval.nonce,
        shown_digest=prompt.screen.digest,
        verdict="approve",
        method="device_number",
        number=number,
    )
    path = f"/v1/approvals/{approval.approval_id}/decision"
    return dict(phone.call("POST", path, {"statement": phone.key.statement(claims)}).body)


def reveal_code(phone: Device, prompt: Prompt) -> Secret:
    """Say yes, and get the code that makes it count once it is typed where the request came from.

    Show it only with the screen unlocked, and keep it nowhere.
    """
    approval, account = prompt.approval, phone.account
    claims = statements.reveal(
        account.trader_id,
        account.device_id,
        approval_id=approval.approval_id,
        nonce=approval.nonce,
        shown_digest=prompt.screen.digest,
    )
    path = f"/v1/approvals/{approval.approval_id}/reveal"
    return Secret(phone.call("POST", path, {"statement": phone.key.statement(claims)}).body["code"])


def number_to_show(api: Api, auth: Auth, approval_id: UUID, trader_id: UUID) -> str:
    """The requester's half of a number: show it as long as the request is open."""
    body = {"trader_id": str(trader_id)}
    answer = api.call("POST", f"/v1/approvals/{approval_id}/number", auth=auth, json=body)
    return str(answer.body["code"])


def submit_code(api: Api, auth: Auth, approval_id: UUID, trader_id: UUID, code: str) -> Json:
    """The requester's half of a code: what the person typed decides the request."""
    body = {"trader_id": str(trader_id), "code": code}
    return dict(api.call("POST", f"/v1/approvals/{approval_id}/code", auth=auth, json=body).body)
