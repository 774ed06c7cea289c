"""Break-glass, the redeeming of cards, "not me", lost devices. Needs the database, nothing else."""

from typing import Annotated
from uuid import UUID

import msgspec
from litestar import Controller, post
from litestar.di import NamedDependency
from litestar.params import FromPath, HeaderParameter, JSONBody
from litestar.response import Response

from app.api.edge import AnyRequest
from app.api.services import Services
from app.api.shapes_revocation import (
    BreakGlass,
    IncidentView,
    ReceiptView,
    RedeemCard,
    ReportedView,
)
from app.core.canonical import sha256
from app.core.token import TokenKind, TokenMalformed
from app.guardrails.rungs import Verb
from app.revocation.errors import CardRejected
from app.revocation.incidents import Reported
from app.revocation.models import Incident, Receipt
from app.tokens.errors import TokenRejected

RECEIPT_HEADER = "Tripcord-Receipt"
ReceiptHeader = Annotated[str | None, HeaderParameter(name=RECEIPT_HEADER)]


class CordController(Controller):
    path = "/v1"
    tags = ("the cord",)

    @post("/break-glass", status_code=200)
    async def break_glass(
        self,
        request: AnyRequest,
        data: JSONBody[BreakGlass],
        services: NamedDependency[Services],
    ) -> Response[ReceiptView]:
        """Revoke the root: every device, session, key and bot of this trader, at once."""
        principal = await services.edge.token(request, TokenKind.DEVICE, verb=Verb.TIGHTEN)
        if principal.root_id is None:
            raise TokenRejected
        receipt = await services.revocations.revoke(
            principal.trader,
            principal.root_id,
            reason="break-glass",
            origin=principal.origin,
            mode=None if data.mode is msgspec.UNSET else data.mode,
        )
        return receipt_response(receipt)

    @post("/revocation-cards/redeem", status_code=200)
    async def redeem_card(
        self,
        request: AnyRequest,
        data: JSONBody[RedeemCard],
        services: NamedDependency[Services],
    ) -> Response[ReceiptView]:
        """Revoke the root with a card. No token, no proof: who holds the card may pull."""
        public = sha256(data.card.encode()).hex()[:12]
        origin = services.edge.origin(request, f"card:{public}")
        try:
            receipt = await services.revocations.redeem_card(data.card, origin)
        except (CardRejected, TokenMalformed):
            await services.edge.log_miss(request, None, rule="card_rejected")
            raise CardRejected from None
        return receipt_response(receipt)

    @post("/sessions/{session_id:uuid}/not-me", status_code=200)
    async def disown_session(
        self,
        request: AnyRequest,
        session_id: FromPath[UUID],
        services: NamedDependency[Services],
    ) -> Response[ReportedView]:
        """That sign-in was not me: end it, with everything it made, and open an incident."""
        principal = await services.edge.token(request, TokenKind.DEVICE, verb=Verb.TIGHTEN)
        return _reported(
            await services.incidents.disown_session(
                principal.trader,
                session_id,
                device_id=principal.token_id,
                origin=principal.origin,
            )
        )

    @post("/devices/{device_id:uuid}/lost", status_code=200)
    async def lose_device(
        self,
        request: AnyRequest,
        device_id: FromPath[UUID],
        services: NamedDependency[Services],
    ) -> Response[ReportedView]:
        """Another device of mine is lost: cut it off, with everything it made."""
        principal = await services.edge.token(request, TokenKind.DEVICE, verb=Verb.TIGHTEN)
        return _reported(
            await services.incidents.lose_device(
                principal.trader,
                device_id,
                device_id=principal.token_id,
                origin=principal.origin,
            )
        )


def receipt_response(receipt: Receipt) -> Response[ReceiptView]:
    """The receipt, with its read-only capability in a header, once."""
    return Response(_receipt(receipt), headers={RECEIPT_HEADER: receipt.capability.reveal()})


def incident_view(incident: Incident) -> IncidentView:
    return IncidentView(**msgspec.structs.asdict(incident))


def _reported(reported: Reported) -> Response[ReportedView]:
    receipt = reported.receipt
    return Response(
        ReportedView(
            incident=incident_view(reported.incident),
            receipt=None if receipt is None else _receipt(receipt),
        ),
        headers={} if receipt is None else {RECEIPT_HEADER: receipt.capability.reveal()},
    )


def _receipt(receipt: Receipt) -> ReceiptView:
    return ReceiptView(
        revocation_id=receipt.revocation_id,
        token_id=receipt.token_id,
        level="revoked",
        position=receipt.position,
        revoked_at=receipt.revoked_at,
        cleanup_deadline_at=receipt.cleanup_deadline_at,
    )
