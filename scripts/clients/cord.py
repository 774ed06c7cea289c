"""After the cord was pulled: the receipt, and what its read-only capability still shows.

No token is left at that point. The receipt's capability reads the revocation and the access log
of the revoked subtree for 30 days, and can do nothing else.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

from scripts.clients.encoding import Json, Secret
from scripts.clients.http import Answer, Api, Auth, ReceiptCapability

_POLL_SECONDS = 1.0
_UNDER_WAY = {"pending", "running"}


@dataclass(frozen=True, slots=True)
class Receipt:
    """From `revoked_at` on, nothing under `token_id` signs; `position` is its place in the log."""

    revocation_id: UUID
    token_id: UUID
    level: str
    position: int
    revoked_at: str
    cleanup_deadline_at: str
    capability: Secret

    @property
    def auth(self) -> ReceiptCapability:
        return ReceiptCapability(self.capability)


class CleanupUnfinished(Exception):
    """The venue has not confirmed everything yet; the fence holds regardless."""


@dataclass(frozen=True, slots=True)
class Reported:
    """An incident; without a receipt where there was nothing to cut yet."""

    incident: Json
    receipt: Receipt | None


def reported_from(answer: Answer) -> Reported:
    inner = answer.body["receipt"]
    cut = None if inner is None else receipt_from(Answer(answer.status, inner, answer.headers))
    return Reported(answer.body["incident"], cut)


def receipt_from(answer: Answer) -> Receipt:
    body = answer.body
    return Receipt(
        revocation_id=UUID(body["revocation_id"]),
        token_id=UUID(body["token_id"]),
        level=body["level"],
        position=int(body["position"]),
        revoked_at=body["revoked_at"],
        cleanup_deadline_at=body["cleanup_deadline_at"],
        capability=Secret(answer.headers["Tripcord-Receipt"]),
    )


def redeem_card(api: Api, card: Secret) -> Receipt:
    """Revoke with nothing but the paper card: no phone, no account, no factor."""
    body = {"card": card.reveal()}
    return receipt_from(api.call("POST", "/v1/revocation-cards/redeem", json=body))


def read_revocation(api: Api, receipt: Receipt) -> Json:
    path = f"/v1/revocations/{receipt.revocation_id}"
    return dict(api.call("GET", path, auth=receipt.auth).body)


def revocation_page(api: Api, receipt: Receipt, page: str) -> list[Json]:
    """All of one list: `victims`, `slipped`, `kept` (left open on purpose) or `cleanup`."""
    return list(_pages(api, f"/v1/revocations/{receipt.revocation_id}/{page}", receipt.auth))


def await_cleanup(api: Api, receipt: Receipt, *, seconds: float) -> Json:
    """Poll until every item is final: `done`, `unsupported` or `unconfirmed`."""
    deadline = time.monotonic() + seconds
    while True:
        revocation = read_revocation(api, receipt)
        if revocation["cleanup_state"] not in _UNDER_WAY:
            return revocation
        if time.monotonic() >= deadline:
            raise CleanupUnfinished(f"clean-up still running after {seconds:.0f} s")
        time.sleep(_POLL_SECONDS)


def read_log(api: Api, auth: Auth) -> list[Json]:
    """The access log that this principal may see, oldest first, all pages."""
    return list(_pages(api, "/v1/access-log", auth))


def latest_checkpoint(api: Api, auth: Auth) -> Json:
    """The newest signed checkpoint and the proof that our `locked` chain is in it."""
    path = "/v1/access-log/checkpoints"
    return dict(api.call("GET", path, auth=auth, query={"chain": "locked"}).body)


def _pages(api: Api, path: str, auth: Auth) -> Iterator[Json]:
    cursor: str | None = None
    while True:
        query: dict[str, str | int] = {} if cursor is None else {"cursor": cursor}
        body = api.call("GET", path, auth=auth, query=query).body
        yield from body["items"]
        following = body.get("cursor")
        if following is None or following == cursor:
            return
        cursor = following
