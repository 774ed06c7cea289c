"""Firebase Cloud Messaging through firebase-admin: the only module that imports it.

The SDK (7.7.0) offers no way to set its endpoint or to switch off its retries, so three private
attributes are touched, in `_adjust` and `_sessions`. The synchronous client in our own threads is
used because the asynchronous one never closes a response that it retries and hangs for ever after
about a hundred of them, ignores Retry-After, and refreshes its token inside the event loop.
"""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from uuid import uuid4

import firebase_admin
import msgspec
from firebase_admin import exceptions, messaging
from google.auth import exceptions as auth_exceptions
from google.oauth2 import service_account
from requests import Session
from requests.adapters import HTTPAdapter

from app.core.clock import Clock, unix_seconds
from app.core.secret import Secret
from app.push.account import ServiceAccount, read_service_account
from app.push.errors import ServiceAccountRefused
from app.push.models import Doorbell, Result, Verdict

TIMEOUT_SECONDS = 5.0
"""For each connect and each read; a send with a token refresh takes four of them at worst."""

SCOPE = "https://www.googleapis.com/auth/firebase.messaging"
"""Sending and nothing else; the SDK by itself would ask for six scopes."""

TITLE = "Tripcord"
BODY_KEY = "doorbell_body"
"""Name of a string resource of the app, in the phone's language: "Open to see what is new." or the
like. A plain text beside it would win on Android, and the text stays in the phone's notification
store, so it is one for all topics."""


class _Credentials(service_account.Credentials):
    """A service account that asks no third host.

    google-auth looks up regional access boundaries from a background thread on first use, and has
    no working switch for it.
    """

    def _is_regional_access_boundary_lookup_required(self) -> bool:
        return False


class FcmSender:
    """Sends doorbells in a bounded pool of threads. Every answer and fault is a `Verdict`."""

    def __init__(
        self,
        secret: Secret,
        *,
        origin: str | None,
        threads: int,
        clock: Clock,
        timeout_seconds: float = TIMEOUT_SECONDS,
    ) -> None:
        """`origin` answers instead of Google's (mock_push)."""
        self._clock = clock
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="fcm")
        account = read_service_account(secret)
        options = {"projectId": account.project_id, "httpTimeout": timeout_seconds}
        self._app = firebase_admin.initialize_app(
            _credentials(secret), options, name=f"tripcord-{uuid4()}"
        )
        _adjust(messaging._get_messaging_service(self._app), account, origin, threads)  # noqa: SLF001

    async def send(self, doorbell: Doorbell) -> Verdict:
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._send, doorbell)

    async def close(self) -> None:
        """Wait for sends under way, then close connections."""
        # In a thread, because the SDK's clean-up calls asyncio.run.
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        self._pool.shutdown(cancel_futures=True)
        for session in _sessions(messaging._get_messaging_service(self._app)):  # noqa: SLF001
            session.close()
        firebase_admin.delete_app(self._app)

    def _send(self, doorbell: Doorbell) -> Verdict:
        try:
            messaging.send(_message(doorbell), app=self._app)
        except Exception as error:  # noqa: BLE001 - see verdict_of: the SDK lets anything through
            return verdict_of(error, self._clock)
        return Verdict(Result.SENT, "sent")


_FINAL: tuple[tuple[type[Exception], Verdict], ...] = (
    (messaging.UnregisteredError, Verdict(Result.UNREGISTERED, "unregistered")),
    (messaging.SenderIdMismatchError, Verdict(Result.MISADDRESSED, "sender_id_mismatch")),
    (messaging.ThirdPartyAuthError, Verdict(Result.REFUSED, "third_party_auth_error")),
    (exceptions.InvalidArgumentError, Verdict(Result.REFUSED, "invalid_argument")),
)


def verdict_of(error: Exception, clock: Clock) -> Verdict:
    """Say in our own words what an exception of the SDK means.

    Besides FirebaseError, `messaging.send` lets through what google-auth raises when it refreshes
    the access token, and AttributeError, KeyError or UnicodeDecodeError for bodies that are not
    what FCM answers. Whatever is not known to be final is tried again: a repeat costs little.
    """
    for kind, verdict in _FINAL:
        if isinstance(error, kind):
            return verdict
    match error:
        case exceptions.ResourceExhaustedError():  # QuotaExceededError too
            return Verdict(Result.THROTTLED, "quota_exceeded", _retry_after(error, clock))
        case exceptions.FirebaseError():
            return Verdict(Result.LATER, _code(error), _retry_after(error, clock))
        case auth_exceptions.RefreshError():
            return Verdict(Result.LATER, "access_token_refused")
        case auth_exceptions.GoogleAuthError():
            return Verdict(Result.LATER, "token_endpoint_unreachable")
        case _:
            return Verdict(Result.LATER, f"unexpected_{type(error).__name__}")


def _code(error: Any) -> str:
    """Code of a FirebaseError, with the HTTP status where the SDK had no class for it."""
    code = str(error.code).lower()
    if error.http_response is not None and code == "unknown":
        return f"unknown_{error.http_response.status_code}"
    return code


def _retry_after(error: Any, clock: Clock) -> float | None:
    """Seconds, from either form of the header (RFC 9110 section 10.2.3)."""
    if error.http_response is None:
        return None
    raw = error.http_response.headers.get("Retry-After", "").strip()
    if raw.isascii() and raw.isdecimal():
        return float(raw)
    try:
        moment = parsedate_to_datetime(raw)
        return max(0.0, (moment - clock.now()).total_seconds())
    except (ValueError, TypeError):  # TypeError: a date without a zone
        return None


def _credentials(secret: Secret) -> Any:
    kind: Any = _Credentials  # its constructors are untyped
    try:
        return kind.from_service_account_info(msgspec.json.decode(secret.reveal()), scopes=[SCOPE])
    except ValueError:
        raise ServiceAccountRefused("has no usable private key") from None


def _adjust(service: Any, account: ServiceAccount, origin: str | None, threads: int) -> None:
    """Set on the SDK what it has no option for."""
    if origin is not None:
        service._fcm_url = f"{origin}/v1/projects/{account.project_id}/messages:send"  # noqa: SLF001
    # The SDK's own retries come within seconds, or sleep a whole Retry-After in the thread; ours
    # wait in the database. The longest prefix wins, so its own must be replaced as well.
    for session in _sessions(service):
        for prefix in ("http://", "https://", "https://fcm.googleapis.com"):
            session.mount(prefix, HTTPAdapter(pool_maxsize=threads, max_retries=0))


def _sessions(service: Any) -> tuple[Session, Session]:
    """The connections to FCM, and those to the token endpoint."""
    session = service._client.session  # noqa: SLF001
    return session, session._auth_request_session  # noqa: SLF001


def _message(doorbell: Doorbell) -> Any:
    """The SDK's message. Whatever is visible is the same for every trader and topic."""
    android = messaging.AndroidConfig(
        priority="high",
        ttl=timedelta(seconds=doorbell.ttl_seconds),
        collapse_key=doorbell.collapse_id,
        # With the same tag a repeat replaces what already stands in the notification drawer.
        notification=messaging.AndroidNotification(body_loc_key=BODY_KEY, tag=doorbell.collapse_id),
    )
    message = messaging.Message(
        data=msgspec.to_builtins(doorbell.data),
        notification=messaging.Notification(title=TITLE),
        android=android,
        apns=_apns(doorbell),
    )
    # By attribute, because the constructor warns that `token` is deprecated; older apps have it.
    if doorbell.address.kind == "fid":
        message.fid = doorbell.address.registration
    else:
        message.token = doorbell.address.registration
    return message


def _apns(doorbell: Doorbell) -> Any:
    """Always an alert: background pushes come two or three an hour, and late."""
    aps = messaging.Aps(
        alert=messaging.ApsAlert(title=TITLE, loc_key=BODY_KEY),
        sound="default",
        mutable_content=True,
        custom_data={"interruption-level": "time-sensitive"},
    )
    headers = {
        "apns-priority": "10",
        "apns-collapse-id": doorbell.collapse_id,
        "apns-expiration": str(unix_seconds(doorbell.expires_at)),
    }
    return messaging.APNSConfig(headers=headers, payload=messaging.APNSPayload(aps))
