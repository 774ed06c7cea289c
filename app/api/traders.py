"""/v1/traders: a platform makes a trader and gets a code to enrol the phone with."""

from urllib.parse import urlencode
from uuid import UUID

from litestar import Controller, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from app.accesslog.log import append_locked
from app.accesslog.models import Entry, Event
from app.api.edge import AnyRequest, Principal
from app.api.services import Services
from app.api.shapes import NewTrader, TraderCreated, TraderView
from app.core import token
from app.core.ids import new_id
from app.traders import store
from app.traders.errors import TraderNotFound
from app.traders.models import ENROLMENT_CODE_LIFE, Trader


async def trader_of(services: Services, client: Principal, trader_id: UUID) -> Trader:
    """The client's own trader, or raise TraderNotFound: not there and not yours are one answer."""
    if client.platform_id is None:
        raise TraderNotFound
    async with services.db.session() as tx:
        trader = await store.get_for_platform(tx, trader_id, client.platform_id)
    if trader is None:
        raise TraderNotFound
    return trader


class TraderController(Controller):
    path = "/v1/traders"
    tags = ("traders",)

    @post()
    async def create(
        self,
        request: AnyRequest,
        data: JSONBody[NewTrader],  # noqa: ARG002 - an empty object is the whole request
        services: NamedDependency[Services],
    ) -> TraderCreated:
        """Make a trader. The enrolment code is shown once and lives ten minutes."""
        client = await services.edge.client(request)
        identity = await services.signer_status()
        trader_id = new_id()
        code = token.mint(token.TokenKind.ENROL, trader_id, new_id())
        expires_at = services.clock.now() + ENROLMENT_CODE_LIFE
        async with services.db.transaction() as tx:
            if client.platform_id is None:
                raise TraderNotFound
            await store.create(tx, trader_id, client.platform_id)
            await store.add_enrolment_code(
                tx, trader_id, code.token_id, code.secret_hash(), expires_at
            )
            await append_locked(
                tx,
                Entry(
                    trader_id=trader_id,
                    event=Event.TRADER_CREATED,
                    origin=client.origin,
                    subject_id=code.token_id,
                ),
            )
        text = code.reveal()
        query = urlencode({"o": services.public_origin, "c": text, "i": identity.identity_jkt})
        return TraderCreated(
            trader_id=trader_id,
            enrolment_code=text,
            enrolment_uri=f"tripcord://enrol?{query}",
            expires_at=expires_at,
            identity_jkt=identity.identity_jkt,
        )

    @get("/{trader_id:uuid}")
    async def read(
        self,
        request: AnyRequest,
        trader_id: FromPath[UUID],
        services: NamedDependency[Services],
    ) -> TraderView:
        client = await services.edge.client(request)
        trader = await trader_of(services, client, trader_id)
        await services.edge.log(client, Event.TRADER_READ, trader_id=trader_id)
        return TraderView(
            trader_id=trader.trader_id,
            enrolled=trader.root_id is not None,
            created_at=trader.created_at,
        )
