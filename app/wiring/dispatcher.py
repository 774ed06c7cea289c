"""The dispatcher, put together from its settings."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from app.config import ConfigurationRefused, DispatcherSettings
from app.config.values import is_loopback
from app.core.clock import SystemClock
from app.core.secret import Secret
from app.db.pool import Database
from app.push.account import read_service_account
from app.push.errors import ServiceAccountRefused
from app.push.fcm import FcmSender
from app.push.service import Dispatcher, Pace

_CREDENTIALS = "TRIPCORD_FCM_CREDENTIALS"
_CONNECTIONS = 6
"""Writing an outcome takes a millisecond, so a few connections serve all slots."""


@asynccontextmanager
async def dispatcher(
    settings: DispatcherSettings, pace: Pace | None = None
) -> AsyncIterator[Dispatcher]:
    """Open what the dispatcher needs and close it in the end.

    Raises
    ------
    ConfigurationRefused
        The service account is missing or cannot be used.
    DatabaseUnavailable
        There is no connection to begin with.
    """
    pace = pace or Pace()
    clock = SystemClock()
    secret = _checked(settings)
    database = await Database.connect(
        settings.database_dsn,
        password=_password(settings),
        min_size=1,
        max_size=_CONNECTIONS,
        settings={"application_name": "tripcord-dispatcher"},
    )
    try:
        sender = _sender(secret, settings, pace, clock)
        try:
            yield Dispatcher(database, sender, clock, pace=pace)
        finally:
            await sender.close()
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
