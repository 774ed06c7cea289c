"""The dispatcher, put together from its settings."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Protocol
from urllib.parse import urlsplit
from uuid import UUID

import msgspec

from app.ciba.pinging import PingDispatcher
from app.config import ConfigurationRefused, DispatcherSettings
from app.config.values import is_loopback
from app.core.clock import SystemClock
from app.core.secret import Secret
from app.db.pool import Database
from app.push.account import read_service_account
from app.push.errors import ServiceAccountRefused
from app.push.fcm import FcmSender
from app.push.service import Dispatcher, Pace
from app.verbs.client import VerbClient
from app.verbs.errors import RefusedByPeer
from app.verbs.wire import SignedStatement, SignStatement
from app.webhooks.keys import SigningKeys
from app.webhooks.sender import Sender as WebhookSender
from app.webhooks.service import UnprovenStatement, WebhookDispatcher

_CREDENTIALS = "TRIPCORD_FCM_CREDENTIALS"
_CONNECTIONS = 6
"""Writing an outcome takes a millisecond, so a few connections serve all slots."""
_NEVER = frozenset({"statement_unproven", "evidence_forged"})
"""Refusals of the signer that asking again does not change."""


class Channel(Protocol):
    """A loop over one channel of the outbox."""

    async def run(self, stop: asyncio.Event) -> None: ...


class Channels(msgspec.Struct, frozen=True):
    """Every channel this dispatcher serves, by name; each runs by itself."""

    by_name: dict[str, Channel]

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop` is set. A channel that fails ends them all: the supervisor starts anew."""
        async with asyncio.TaskGroup() as group:
            for channel in self.by_name.values():
                group.create_task(channel.run(stop))


class SignerStatements:
    """The signer's word, over its socket for the dispatcher."""

    def __init__(self, client: VerbClient) -> None:
        self._client = client

    async def sign(self, trader_id: UUID, message_id: UUID) -> str:
        request = SignStatement(template="set", trader_id=trader_id, message_id=message_id)
        try:
            signed: SignedStatement = await self._client.call(request)
        except RefusedByPeer as refused:
            if refused.code in _NEVER:
                raise UnprovenStatement(f"{refused.code}:{refused.rule or ''}") from None
            raise
        return signed.token


@asynccontextmanager
async def dispatcher(
    settings: DispatcherSettings, pace: Pace | None = None
) -> AsyncIterator[Channels]:
    """Open what the dispatcher needs and close it in the end.

    Raises
    ------
    ConfigurationRefused
        The service account is missing or cannot be used, or the secret of webhooks is too short.
    DatabaseUnavailable
        There is no connection to begin with.
    """
    pace = pace or Pace()
    clock = SystemClock()
    secret, keys = _checked(settings), _webhook_keys(settings)
    database = await Database.connect(
        settings.database_dsn,
        password=_password(settings),
        min_size=1,
        max_size=_CONNECTIONS,
        settings={"application_name": "tripcord-dispatcher"},
    )
    try:
        async with AsyncExitStack() as open_things:
            sender = _sender(secret, settings, pace, clock)
            open_things.push_async_callback(sender.close)
            channels: dict[str, Channel] = {"push": Dispatcher(database, sender, clock, pace=pace)}
            stranger = WebhookSender(loopback=settings.webhook_loopback)
            open_things.push_async_callback(stranger.close)
            channels["ping"] = PingDispatcher(database, stranger, clock)
            if keys is not None and settings.signer_dispatcher_socket is not None:
                client = VerbClient(settings.signer_dispatcher_socket)
                open_things.callback(client.close)
                poster = WebhookSender(loopback=settings.webhook_loopback)
                open_things.push_async_callback(poster.close)
                channels["webhook"] = WebhookDispatcher(
                    database, SignerStatements(client), keys, poster, clock
                )
            yield Channels(channels)
    finally:
        await database.close()


def _checked(settings: DispatcherSettings) -> Secret:
    if settings.fcm_credentials is None:
        raise ConfigurationRefused([f"{_CREDENTIALS} is not set: nothing could be sent"])
    try:
        account = read_service_account(settings.fcm_credentials)
    except ServiceAccountRefused as refused:
        raise ConfigurationRefused([f"{_CREDENTIALS} {refused}"]) from None
    # What is posted there is good for an access token at Google's, wherever it was sent.
    parts = urlsplit(account.token_uri)
    if parts.scheme != "https" and not is_loopback(parts.hostname or ""):
        raise ConfigurationRefused([f"{_CREDENTIALS} has a token_uri without TLS"])
    return settings.fcm_credentials


def _webhook_keys(settings: DispatcherSettings) -> SigningKeys | None:
    if settings.webhook_secret is None:
        return None
    try:
        return SigningKeys(settings.webhook_secret)
    except ValueError as refused:
        raise ConfigurationRefused([f"TRIPCORD_WEBHOOK_SECRET {refused}"]) from None


def _sender(
    secret: Secret, settings: DispatcherSettings, pace: Pace, clock: SystemClock
) -> FcmSender:
    try:
        return FcmSender(secret, origin=settings.fcm_url, threads=pace.slots, clock=clock)
    except ServiceAccountRefused as refused:
        raise ConfigurationRefused([f"{_CREDENTIALS} {refused}"]) from None


def _password(settings: DispatcherSettings) -> str | None:
    password = settings.database_password
    return None if password is None else password.reveal().decode()
