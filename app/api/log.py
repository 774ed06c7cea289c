"""/v1/access-log: every use of every token, and the means to check that nothing was changed."""

from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from litestar import Controller, get
from litestar.di import NamedDependency
from litestar.params import FromQuery

from app.accesslog import checkpoints, store
from app.accesslog.errors import CheckpointNotFound
from app.accesslog.models import LOCKED_CHAIN, Event, StoredEntry
from app.api import shapes
from app.api.cord import ReceiptHeader
from app.api.edge import AnyRequest
from app.api.revocations import by_receipt, log_receipt_use
from app.api.services import Services
from app.core.clock import unix_micros
from app.core.encoding import b64url
from app.core.errors import Malformed
from app.core.token import TokenKind

PAGE = 200


class AccessLogController(Controller):
    path = "/v1/access-log"
    tags = ("access log",)

    @get()
    async def entries(
        self,
        request: AnyRequest,
        services: NamedDependency[Services],
        cursor: FromQuery[str | None] = None,
        receipt: ReceiptHeader = None,
    ) -> shapes.Page:
        """The trader's `locked` chain in order, 200 entries a page.

        A receipt shows the entries of the revoked subtree; of the others only their hashes, so
        that the chain can be verified all the same.
        """
        trader_id, shown = await _reader(request, services, receipt)
        after = _position(cursor)
        async with services.db.session() as tx:
            found = await store.page(tx, trader_id, LOCKED_CHAIN, after, PAGE)
        return shapes.Page(
            items=[_view(entry, shown) for entry in found],
            cursor=str(found[-1].position) if len(found) == PAGE else None,
        )

    @get("/checkpoints")
    async def checkpoint(
        self,
        request: AnyRequest,
        services: NamedDependency[Services],
        receipt: ReceiptHeader = None,
    ) -> dict[str, Any]:
        """The newest signed checkpoint that covers the trader's `locked` chain."""
        trader_id, _ = await _reader(request, services, receipt)
        async with services.db.session() as tx:
            proof = await checkpoints.latest_proof(tx, trader_id, LOCKED_CHAIN)
        if proof is None:
            raise CheckpointNotFound
        status = await services.signer_status()
        return {
            "checkpoint": proof.checkpoint,
            "checkpoint_jwk": status.checkpoint_jwk,
            "leaf": {
                "chain": str(proof.chain),
                "position": proof.position,
                "head_hash": b64url(proof.head_hash),
            },
            "index": proof.index,
            "proof": [b64url(node) for node in proof.proof],
        }


async def _reader(
    request: AnyRequest, services: Services, receipt: str | None
) -> tuple[UUID, "_Shown | None"]:
    """Whose log, and what of it is shown in full (None: all). The reading is logged."""
    if receipt is not None:
        found = await by_receipt(services, request, receipt)
        origin = services.edge.origin(request, f"receipt:{found.revocation_id}")
        await log_receipt_use(services, found, Event.LOG_READ, origin)
        # A root's receipt also shows what belongs to no node, such as how the trader began. Not for
        # ever: a trader who comes back has another root, and its affairs are not this receipt's.
        is_root = len(found.path) == 1
        until = found.cleanup_deadline_at if is_root else None
        return found.trader_id, _Shown(found.token_id, until)
    principal = await services.edge.token(request, TokenKind.DEVICE)
    await services.edge.log(principal, Event.LOG_READ)
    return principal.trader, None


def _position(cursor: str | None) -> int:
    if cursor is None:
        return 0
    if not cursor.isascii() or not cursor.isdigit() or len(cursor) > 18:  # noqa: PLR2004 - bigint
        raise Malformed
    return int(cursor)


class _Shown(NamedTuple):
    """Entries of one subtree, and those without a node up to a time."""

    subtree: UUID
    nodeless_until: datetime | None

    def has(self, entry: StoredEntry) -> bool:
        if entry.path is None:
            return self.nodeless_until is not None and entry.at <= self.nodeless_until
        return self.subtree in entry.path


def _view(entry: StoredEntry, shown: _Shown | None) -> dict[str, Any]:
    hashes: dict[str, Any] = {
        "position": entry.position,
        "previous_hash": b64url(entry.previous_hash),
        "content_hash": b64url(entry.content_hash),
        "entry_hash": b64url(entry.entry_hash),
    }
    if shown is not None and not shown.has(entry):
        return hashes
    return hashes | {
        "trader_id": entry.trader_id,
        "chain": entry.chain,
        "at_us": unix_micros(entry.at),
        "event": entry.event,
        "actor": entry.actor,
        "token_id": entry.token_id,
        "path": entry.path,
        "subject_id": entry.subject_id,
        "outcome": entry.outcome,
        "rule": entry.rule,
        "request_digest": _text(entry.request_digest),
        "answer_digest": _text(entry.answer_digest),
        "venue_outcome": entry.venue_outcome,
        "address": entry.address,
        "user_agent": entry.user_agent,
        "device_id": entry.device_id,
    }


def _text(raw: bytes | None) -> str | None:
    return None if raw is None else b64url(raw)
