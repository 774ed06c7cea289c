"""Break-glass, revocation cards and receipts. Needs the database, and nothing else."""

from typing import Annotated
from uuid import UUID

from litestar import Controller, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, HeaderParameter, JSONBody
from litestar.response import Response

from app.accesslog.log import append_locked
from app.accesslog.models import Entry, Event
from app.api import shapes
from app.api.edge import AnyRequest
from app.api.services import Services
from app.core.canonical import sha256
from app.core.encoding import b64url_decode
from app.core.origin import Origin
from app.core.token import TokenKind, TokenMalformed
from app.db.errors import Conflict
from app.exchanges.venues import VENUES
from app.guardrails.rungs import Verb
from app.revocation import store
from app.revocation.errors import CardRejected, ReceiptRejected
from app.revocation.models import CleanUpView, Receipt
from app.tokens import store as tokens
from app.tokens.errors import CardTaken, TokenRejected
from app.tokens.models import Revocation

RECEIPT_HEADER = "Tripcord-Receipt"
ReceiptHeader = Annotated[str | None, HeaderParameter(name=RECEIPT_HEADER)]


def receipt_response(receipt: Receipt) -> Response[shapes.ReceiptView]:
    """The receipt, with its read-only capability in a header, once."""
    return Response(
        shapes.ReceiptView(
            revocation_id=receipt.revocation_id,
            token_id=receipt.token_id,
            level="revoked",
            position=receipt.position,
            revoked_at=receipt.revoked_at,
            cleanup_deadline_at=receipt.cleanup_deadline_at,
        ),
        headers={RECEIPT_HEADER: receipt.capability.reveal()},
    )


class CordController(Controller):
    path = "/v1"
    tags = ("the cord",)

    @post("/break-glass", status_code=200)
    async def break_glass(
        self,
        request: AnyRequest,
        data: JSONBody[shapes.BreakGlass],
        services: NamedDependency[Services],
    ) -> Response[shapes.ReceiptView]:
        """Revoke the root: every device, session, key and bot of this trader, at once."""
        principal = await services.edge.token(request, TokenKind.DEVICE, verb=Verb.TIGHTEN)
        if principal.root_id is None:
            raise TokenRejected
        receipt = await services.revocations.revoke(
            principal.trader,
            principal.root_id,
            reason="break-glass",
            origin=principal.origin,
            mode=data.mode,
        )
        return receipt_response(receipt)

    @post("/revocation-cards")
    async def register_card(
        self,
        request: AnyRequest,
        data: JSONBody[shapes.NewCard],
        services: NamedDependency[Services],
    ) -> shapes.CardView:
        """Register the hash of a card that the phone made; the card itself never comes here."""
        principal = await services.edge.token(request, TokenKind.DEVICE)
        if principal.root_id is None:
            raise TokenRejected
        try:
            async with services.db.locked(principal.trader) as tx:
                await tokens.add_card(
                    tx,
                    principal.trader,
                    data.card_id,
                    b64url_decode(data.secret_sha256),
                    principal.root_id,
                )
                await append_locked(
                    tx,
                    Entry(
                        trader_id=principal.trader,
                        event=Event.CARD_REGISTERED,
                        origin=principal.origin,
                        token_id=principal.token_id,
                        path=principal.path,
                        subject_id=data.card_id,
                    ),
                )
        except Conflict:
            raise CardTaken from None
        return shapes.CardView(card_id=data.card_id)

    @post("/revocation-cards/redeem", status_code=200)
    async def redeem_card(
        self,
        request: AnyRequest,
        data: JSONBody[shapes.RedeemCard],
        services: NamedDependency[Services],
    ) -> Response[shapes.ReceiptView]:
        """Revoke the root with a card. No token, no proof: who holds the card may pull."""
        public = sha256(data.card.encode()).hex()[:12]
        origin = services.edge.origin(request, f"card:{public}")
        try:
            receipt = await services.revocations.redeem_card(data.card, origin)
        except (CardRejected, TokenMalformed):
            await services.edge.log_miss(request, None, rule="card_rejected")
            raise CardRejected from None
        return receipt_response(receipt)

    @get("/revocations/{revocation_id:uuid}")
    async def read(
        self,
        request: AnyRequest,
        revocation_id: FromPath[UUID],
        services: NamedDependency[Services],
        receipt: ReceiptHeader = None,
    ) -> shapes.RevocationView:
        """What the revoke met and how far clean-up is, for the holder of its receipt."""
        if receipt is None:
            raise ReceiptRejected
        found = await by_receipt(services, request, receipt, revocation_id)
        async with services.db.session() as tx:
            items = await store.clean_up_items(tx, found)
            slipped = await store.slipped_orders(tx, found)
            count = await tokens.count_descendants(tx, found.trader_id, found.token_id)
        await log_receipt_use(
            services,
            found,
            Event.REVOCATION_READ,
            services.edge.origin(request, f"receipt:{found.revocation_id}"),
        )
        return shapes.RevocationView(
            revocation_id=found.revocation_id,
            token_id=found.token_id,
            level="revoked",
            position=found.log_position,
            revoked_at=found.revoked_at,
            cleanup_deadline_at=found.cleanup_deadline_at,
            mode=found.mode,
            cleanup_state=found.cleanup_state,
            counts=shapes.Counts(
                tokens=count, orders_slipped=len(slipped), cleanup_items=len(items)
            ),
            slipped=[
                shapes.Slipped(
                    order_id=order.order_id,
                    client_order_id=order.client_order_id,
                    market=order.market,
                    state=order.state,
                )
                for order in slipped
            ],
            cleanup=[_item(item) for item in items],
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


def _item(item: CleanUpView) -> shapes.CleanUpItem:
    row = VENUES.get(item.venue)
    return shapes.CleanUpItem(
        kind=item.kind,
        venue=item.venue,
        state=item.state,
        attempts=item.attempts,
        market=item.market,
        client_order_id=item.client_order_id,
        emergency_url=None if row is None else row.emergency_url,
    )
