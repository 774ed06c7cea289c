"""/v1/webhooks: how a platform learns at once. Its events are security event tokens (RFC 8417).

A delivery is a POST of the token itself, `Content-Type: application/secevent+jwt` (RFC 8935), with
the three headers of Standard Webhooks over that body: `webhook-id` (the token's `jti`, the same at
every attempt), `webhook-timestamp` (of this attempt) and `webhook-signature` (`v1a,` Ed25519; two
of them while a rotation overlaps). Any 2xx takes it, 410 ends the webhook, a redirect is a failure.
"""

import asyncio
from datetime import timedelta
from uuid import UUID

from litestar import Controller, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from app.accesslog.models import Event
from app.api.edge import AnyRequest, Principal
from app.api.services import Services
from app.api.shapes_webhooks import (
    NewWebhook,
    Rotation,
    WebhookChange,
    WebhookKeyView,
    WebhookPage,
    WebhookTest,
    WebhookView,
)
from app.platforms.errors import ClientRejected
from app.webhooks.keys import public_text
from app.webhooks.models import EVENTS, State
from app.webhooks.registry import Registered

_PUBLISHED_SECONDS = 2.0
_LOOK_SECONDS = 0.1


class WebhookController(Controller):
    path = "/v1/webhooks"
    tags = ("webhooks",)

    @post()
    async def create(
        self,
        request: AnyRequest,
        data: JSONBody[NewWebhook],
        services: NamedDependency[Services],
    ) -> WebhookView:
        """Register an address. Keep the key in `keys`: what it does not verify is not from us."""
        client = await services.edge.client(request)
        made = await services.webhooks.create(
            _platform(client), data.url, data.events or EVENTS, client.origin
        )
        return _view(await _with_key(services, made))

    @get()
    async def list_all(
        self, request: AnyRequest, services: NamedDependency[Services]
    ) -> WebhookPage:
        client = await services.edge.client(request)
        found = await services.webhooks.list_all(_platform(client))
        await services.edge.log(client, Event.WEBHOOKS_READ)
        return WebhookPage(items=[_view(registered) for registered in found])

    @get("/{webhook_id:uuid}")
    async def read(
        self,
        request: AnyRequest,
        webhook_id: FromPath[UUID],
        services: NamedDependency[Services],
    ) -> WebhookView:
        client = await services.edge.client(request)
        found = await services.webhooks.get(_platform(client), webhook_id)
        await services.edge.log(client, Event.WEBHOOKS_READ, subject_id=webhook_id)
        return _view(found)

    @patch("/{webhook_id:uuid}")
    async def change(
        self,
        request: AnyRequest,
        webhook_id: FromPath[UUID],
        data: JSONBody[WebhookChange],
        services: NamedDependency[Services],
    ) -> WebhookView:
        """Pause, take up again, or choose other events; what is not given stays."""
        client = await services.edge.client(request)
        state = None if data.state is None else State(data.state)
        changed = await services.webhooks.change(
            _platform(client), webhook_id, client.origin, events=data.events, state=state
        )
        return _view(changed)

    @delete("/{webhook_id:uuid}")
    async def remove(
        self,
        request: AnyRequest,
        webhook_id: FromPath[UUID],
        services: NamedDependency[Services],
    ) -> None:
        """Nothing is sent any more, not even what waits."""
        client = await services.edge.client(request)
        await services.webhooks.delete(_platform(client), webhook_id, client.origin)

    @post("/{webhook_id:uuid}/rotate-secret")
    async def rotate(
        self,
        request: AnyRequest,
        webhook_id: FromPath[UUID],
        data: JSONBody[Rotation],
        services: NamedDependency[Services],
    ) -> WebhookView:
        """Make a new key. Until the overlap is over, every delivery has both signatures."""
        client = await services.edge.client(request)
        overlap = timedelta(seconds=data.overlap_seconds)
        rotated = await services.webhooks.rotate(
            _platform(client), webhook_id, overlap, client.origin
        )
        return _view(await _with_key(services, rotated))

    @post("/{webhook_id:uuid}/test", status_code=202)
    async def test(
        self,
        request: AnyRequest,
        webhook_id: FromPath[UUID],
        services: NamedDependency[Services],
    ) -> WebhookTest:
        """Send a verification event (SSF 1.0 section 8.1.4)."""
        client = await services.edge.client(request)
        message_id = await services.webhooks.test(_platform(client), webhook_id, client.origin)
        return WebhookTest(message_id=message_id)


def _platform(client: Principal) -> UUID:
    if client.platform_id is None:
        raise ClientRejected
    return client.platform_id


async def _with_key(services: Services, made: Registered) -> Registered:
    """The same once its newest key is published, or as it is after two seconds."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + _PUBLISHED_SECONDS
    while made.keys[0].public_key is None and loop.time() < deadline:
        await asyncio.sleep(_LOOK_SECONDS)
        made = await services.webhooks.get(made.webhook.platform_id, made.webhook.webhook_id)
    return made


def _view(registered: Registered) -> WebhookView:
    webhook = registered.webhook
    return WebhookView(
        webhook_id=webhook.webhook_id,
        url=webhook.url,
        events=webhook.events,
        state=webhook.state.value,
        keys=[
            WebhookKeyView(
                version=key.version,
                public_key=None if key.public_key is None else public_text(key.public_key),
                created_at=key.created_at,
                retires_at=key.retires_at,
            )
            for key in registered.keys
        ],
        created_at=webhook.created_at,
        failing_since=webhook.failing_since,
        disabled_at=webhook.disabled_at,
        disabled_reason=webhook.disabled_reason,
    )
