"""/v1/revocations and /v1/incidents: what a revoke met and how far clean-up is, page by page."""

from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

import msgspec
from litestar import Controller, get
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, QueryParameter

from app.accesslog.models import Entry, Event
from app.api.cord import ReceiptHeader, incident_view
from app.api.edge import AnyRequest
from app.api.services import Services
from app.api.shapes import Page
from app.api.shapes_revocation import CleanUpItem, RevocationLine, RevocationView
from app.core.origin import Origin
from app.core.token import TokenKind
from app.exchanges.venues import VENUES
from app.revocation import incident_store, store
from app.revocation.errors import ReceiptRejected, RevocationNotFound
from app.revocation.models import CleanUpView, OrderLine
from app.tokens.models import Revocation

PAGE = 100
Cursor = FromQuery[UUID | None]
ItemNumber = Annotated[int, QueryParameter(ge=0, le=2**31 - 1)]


class RevocationController(Controller):
    """By the receipt of the one revocation, or by a device or session of the trader."""

    path = "/v1/revocations"
    tags = ("the cord",)

    @get()
    async def list_all(
        self, request: AnyRequest, services: NamedDependency[Services], cursor: Cursor = None
    ) -> Page:
        """The trader's revocations, the newest first."""
        principal = await services.edge.token(request, TokenKind.DEVICE, TokenKind.SESSION)
        async with services.db.session() as tx:
            found = await store.newest(tx, principal.trader, cursor or store.LAST, PAGE)
        await services.edge.log(principal, Event.REVOCATION_READ)
        return Page(
            items=[_line(revocation) for revocation in found],
            cursor=str(found[-1].revocation_id) if len(found) == PAGE else None,
        )

    @get("/{revocation_id:uuid}")
    async def read(
        self,
        request: AnyRequest,
        revocation_id: FromPath[UUID],
        services: NamedDependency[Services],
        receipt: ReceiptHeader = None,
    ) -> RevocationView:
        """How much a revoke met and how far clean-up is. Counts stop at 10,000."""
        found = await _found(services, request, receipt, revocation_id)
        async with services.db.session() as tx:
            counts = await store.counts(tx, found)
        return RevocationView(**msgspec.structs.asdict(_line(found)), counts=counts)

    @get("/{revocation_id:uuid}/victims")
    async def victims(
        self,
        request: AnyRequest,
        revocation_id: FromPath[UUID],
        services: NamedDependency[Services],
        receipt: ReceiptHeader = None,
        cursor: Cursor = None,
    ) -> Page:
        """The nodes at and below the revoked one, parents before their children."""
        found = await _found(services, request, receipt, revocation_id)
        async with services.db.session() as tx:
            nodes = await store.victims(tx, found, cursor, PAGE)
        return Page(items=nodes, cursor=str(nodes[-1].token_id) if len(nodes) == PAGE else None)

    @get("/{revocation_id:uuid}/slipped")
    async def slipped(
        self,
        request: AnyRequest,
        revocation_id: FromPath[UUID],
        services: NamedDependency[Services],
        receipt: ReceiptHeader = None,
        cursor: Cursor = None,
    ) -> Page:
        """Orders that were signed before the revoke and had no venue outcome when it came."""
        found = await _found(services, request, receipt, revocation_id)
        async with services.db.session() as tx:
            return _orders(await store.slipped_orders(tx, found, cursor, PAGE))

    @get("/{revocation_id:uuid}/kept")
    async def kept(
        self,
        request: AnyRequest,
        revocation_id: FromPath[UUID],
        services: NamedDependency[Services],
        receipt: ReceiptHeader = None,
        cursor: Cursor = None,
    ) -> Page:
        """Orders that are open because mode `cancel_entries` leaves what only reduces."""
        found = await _found(services, request, receipt, revocation_id)
        async with services.db.session() as tx:
            return _orders(await store.kept_orders(tx, found, cursor, PAGE))

    @get("/{revocation_id:uuid}/cleanup")
    async def cleanup(
        self,
        request: AnyRequest,
        revocation_id: FromPath[UUID],
        services: NamedDependency[Services],
        receipt: ReceiptHeader = None,
        cursor: ItemNumber = 0,
    ) -> Page:
        """Clean-up, item by item: pending, or `done`, `unsupported` or `unconfirmed` for good."""
        found = await _found(services, request, receipt, revocation_id)
        async with services.db.session() as tx:
            items = await store.clean_up_items(tx, found, cursor, PAGE)
        return Page(
            items=[_item(item) for item in items],
            cursor=str(items[-1].item_no) if len(items) == PAGE else None,
        )


class IncidentController(Controller):
    path = "/v1/incidents"
    tags = ("the cord",)

    @get()
    async def list_all(
        self, request: AnyRequest, services: NamedDependency[Services], cursor: Cursor = None
    ) -> Page:
        """What was reported as not mine or lost, the newest first."""
        principal = await services.edge.token(request, TokenKind.DEVICE, TokenKind.SESSION)
        async with services.db.session() as tx:
            found = await incident_store.newest(tx, principal.trader, cursor or store.LAST, PAGE)
        await services.edge.log(principal, Event.INCIDENTS_READ)
        return Page(
            items=[incident_view(incident) for incident in found],
            cursor=str(found[-1].incident_id) if len(found) == PAGE else None,
        )


async def by_receipt(
    services: Services, request: AnyRequest, receipt: str, revocation_id: UUID | None = None
) -> Revocation:
    """The revocation a receipt shows; a receipt that shows none is logged as a miss."""
    try:
        async with services.db.session() as tx:
            return await services.revocations.by_receipt(tx, receipt, revocation_id)
    except ReceiptRejected:
        await services.edge.log_miss(request, None, rule="receipt_rejected")
        raise


async def log_receipt_use(
    services: Services, revocation: Revocation, event: Event, origin: Origin
) -> None:
    await services.read_log.append(
        Entry(
            trader_id=revocation.trader_id,
            event=event,
            origin=origin,
            token_id=revocation.token_id,
            path=revocation.path,
            subject_id=revocation.revocation_id,
        )
    )


async def _found(
    services: Services, request: AnyRequest, receipt: str | None, revocation_id: UUID
) -> Revocation:
    """The revocation for whoever may see it; that it was looked at is in the log by then."""
    if receipt is not None:
        found = await by_receipt(services, request, receipt, revocation_id)
        origin = services.edge.origin(request, f"receipt:{found.revocation_id}")
        await log_receipt_use(services, found, Event.REVOCATION_READ, origin)
        return found
    principal = await services.edge.token(request, TokenKind.DEVICE, TokenKind.SESSION)
    async with services.db.session() as tx:
        own = await store.get(tx, principal.trader, revocation_id)
    if own is None:
        raise RevocationNotFound
    await services.edge.log(principal, Event.REVOCATION_READ, subject_id=revocation_id)
    return own


def _line(revocation: Revocation) -> RevocationLine:
    return RevocationLine(
        revocation_id=revocation.revocation_id,
        token_id=revocation.token_id,
        level="revoked",
        position=revocation.log_position,
        revoked_at=revocation.revoked_at,
        cleanup_deadline_at=revocation.cleanup_deadline_at,
        reason=revocation.reason,
        mode=revocation.mode,
        cleanup_state=revocation.cleanup_state,
        receipt_expires_at=revocation.receipt_expires_at,
    )


def _orders(orders: Sequence[OrderLine]) -> Page:
    return Page(
        items=list(orders), cursor=str(orders[-1].order_id) if len(orders) == PAGE else None
    )


def _item(item: CleanUpView) -> CleanUpItem:
    row = VENUES.get(item.venue)
    return CleanUpItem(
        **msgspec.structs.asdict(item), emergency_url=None if row is None else row.emergency_url
    )
