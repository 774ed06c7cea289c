"""/v1/revocation-cards and /v1/traders/settings: what is prepared for the day of the cord."""

from datetime import timedelta
from uuid import UUID

from litestar import Controller, delete, get, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody

from app.accesslog.log import append_locked
from app.accesslog.models import Entry, Event
from app.api.edge import AnyRequest, Principal
from app.api.services import Services
from app.api.shapes import Page
from app.api.shapes_revocation import CardView, NewCard, NewSettings, RegisteredCard, SettingsView
from app.core.encoding import b64url_decode
from app.core.token import TokenKind
from app.db.errors import Conflict
from app.db.pool import Tx
from app.outbox import store as outbox
from app.outbox.models import Topic
from app.revocation import card_store, setting_store, store
from app.revocation.errors import CardNotFound
from app.revocation.models import Settings
from app.tokens import store as tokens
from app.tokens.errors import CardTaken, TokenRejected

PAGE = 100
_NOTICE_LIFE = timedelta(hours=24)


class CardController(Controller):
    path = "/v1/revocation-cards"
    tags = ("the cord",)

    @post()
    async def register(
        self,
        request: AnyRequest,
        data: JSONBody[NewCard],
        services: NamedDependency[Services],
    ) -> CardView:
        """Register the hash of a card that the phone made; the card itself never comes here."""
        principal = await services.edge.token(request, TokenKind.DEVICE)
        if principal.root_id is None:
            raise TokenRejected
        secret_hash = b64url_decode(data.secret_sha256)
        try:
            async with services.db.locked(principal.trader) as tx:
                await tokens.add_card(
                    tx, principal.trader, data.card_id, secret_hash, principal.root_id
                )
                await _tell(tx, services, principal, Event.CARD_REGISTERED, data.card_id)
        except Conflict:
            raise CardTaken from None
        return CardView(card_id=data.card_id)

    @get()
    async def list_all(
        self,
        request: AnyRequest,
        services: NamedDependency[Services],
        cursor: FromQuery[UUID | None] = None,
    ) -> Page:
        """The cards that can be redeemed, by their numbers; nobody here knows more of them."""
        principal = await services.edge.token(request, TokenKind.DEVICE, TokenKind.SESSION)
        async with services.db.session() as tx:
            found = await card_store.page(tx, principal.trader, cursor or store.FIRST, PAGE)
        await services.edge.log(principal, Event.CARDS_READ)
        return Page(
            items=[RegisteredCard(card_id=c.card_id, created_at=c.created_at) for c in found],
            cursor=str(found[-1].card_id) if len(found) == PAGE else None,
        )

    @delete("/{card_id:uuid}", status_code=200)
    async def remove(
        self,
        request: AnyRequest,
        card_id: FromPath[UUID],
        services: NamedDependency[Services],
    ) -> CardView:
        """Make a card useless in 24 hours, because it is lost or replaced; every device is told.

        It takes a way to cut away, so it waits: whoever has a stolen phone cannot take the owner's
        last one at once. Until then the card still revokes.
        """
        principal = await services.edge.token(request, TokenKind.DEVICE)
        async with services.db.locked(principal.trader) as tx:
            if not await card_store.remove(tx, principal.trader, card_id):
                raise CardNotFound
            await _tell(tx, services, principal, Event.CARD_REMOVED, card_id)
        return CardView(card_id=card_id)


class SettingController(Controller):
    path = "/v1/traders/settings"
    tags = ("the cord",)

    @get()
    async def read(self, request: AnyRequest, services: NamedDependency[Services]) -> SettingsView:
        """What clean-up does after a revoke that does not say it."""
        principal = await services.edge.token(request, TokenKind.DEVICE, TokenKind.SESSION)
        async with services.db.session() as tx:
            settings = await setting_store.get(tx, principal.trader)
        await services.edge.log(principal, Event.SETTINGS_READ)
        return SettingsView(cleanup_mode=settings.cleanup_mode)

    @put()
    async def change(
        self,
        request: AnyRequest,
        data: JSONBody[NewSettings],
        services: NamedDependency[Services],
    ) -> SettingsView:
        """Choose it. Neither mode lets anybody do more, so one device may; every device is told."""
        principal = await services.edge.token(request, TokenKind.DEVICE)
        async with services.db.locked(principal.trader) as tx:
            settings = Settings(cleanup_mode=data.cleanup_mode)
            await setting_store.put(tx, principal.trader, settings)
            await _tell(tx, services, principal, Event.SETTINGS_CHANGED, principal.trader)
        return SettingsView(cleanup_mode=settings.cleanup_mode)


async def _tell(
    tx: Tx, services: Services, principal: Principal, event: Event, subject_id: UUID
) -> None:
    """Log a change and ring the trader's devices about it, in the change's own commit."""
    await append_locked(
        tx,
        Entry(
            trader_id=principal.trader,
            event=event,
            origin=principal.origin,
            token_id=principal.token_id,
            path=principal.path,
            subject_id=subject_id,
        ),
    )
    expires_at = services.clock.now() + _NOTICE_LIFE
    await outbox.ring(tx, principal.trader, Topic.SECURITY, subject_id, expires_at)
