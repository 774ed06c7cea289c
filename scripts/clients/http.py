"""One HTTP call, one answer or one problem: what every client of the API shares.

Authentication is a value with one method. DPoP proofs are made per request; a server that asks
for a nonce is answered once with it (RFC 9449 section 8), and the newest nonce is remembered.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol, Self

import httpx

from scripts.clients.encoding import Json, Secret
from scripts.clients.keys import KeyPair

PROBLEM_PREFIX = "urn:tripcord:problem:"

_TIMEOUT_SECONDS = 15.0
_IDLE_SECONDS = 2.0
"""Below every server's keep-alive, so that no request starts on a connection that is closing."""

_QUIET_SECONDS = 40.0
"""An open stream says something every 15 s; one that is silent for so long is lost."""

LONG_POLL_SLACK_SECONDS = 10.0
"""How much longer than its `wait` a long poll may take before we call it lost."""


class Refused(Exception):
    """The service said no (RFC 9457). Switch on `code`; show `detail` to the person."""

    def __init__(self, status: int, body: Json, *, retry_after: str | None = None) -> None:
        self.status = status
        self.type = str(body.get("type", "about:blank"))
        self.code = self.type.removeprefix(PROBLEM_PREFIX)
        if "error" in body:  # RFC 6749 section 5.2 speaks another dialect than RFC 9457
            self.code = str(body["error"])
        self.title = str(body.get("title", ""))
        self.detail = str(body.get("detail") or body.get("error_description") or self.title)
        self.request_id = body.get("instance")
        waits = retry_after is not None and retry_after.isdigit()
        self.retry_after_seconds = int(retry_after or 0) if waits else None
        rule = f" ({body['rule']})" if body.get("rule") else ""
        super().__init__(f"{status} {self.code}{rule}: {self.detail}")


class Unreachable(Exception):
    """No answer that can be read. Whether the request took effect is unknown: look, then act."""


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: Any
    headers: httpx.Headers


class Auth(Protocol):
    def headers(self, method: str, url: str, nonce: str | None) -> dict[str, str]: ...


@dataclass(frozen=True, slots=True)
class Dpop:
    """Proof of possession; without a token it only proves which key is speaking."""

    key: KeyPair
    token: Secret | None = None

    def headers(self, method: str, url: str, nonce: str | None) -> dict[str, str]:
        token = self.token.reveal() if self.token else None
        proof = {"DPoP": self.key.dpop_proof(method, url, token=token, nonce=nonce)}
        return proof if token is None else {"Authorization": f"DPoP {token}", **proof}


@dataclass(frozen=True, slots=True)
class Bearer:
    token: Secret

    def headers(self, _method: str, _url: str, _nonce: str | None) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token.reveal()}"}


@dataclass(frozen=True, slots=True)
class ReceiptCapability:
    """Read-only right of a revocation's receipt: survives the tokens that were revoked."""

    token: Secret

    def headers(self, _method: str, _url: str, _nonce: str | None) -> dict[str, str]:
        return {"Tripcord-Receipt": self.token.reveal()}


class Api:
    """A connection to one Tripcord origin. Close it, or use it as a context manager."""

    def __init__(
        self,
        origin: str,
        *,
        user_agent: str = "tripcord-client/1",
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self.origin = origin.rstrip("/")
        self._nonce: str | None = None
        self._http = httpx.Client(
            base_url=self.origin,
            transport=transport,
            headers={"User-Agent": user_agent},
            timeout=_TIMEOUT_SECONDS,
            limits=httpx.Limits(keepalive_expiry=_IDLE_SECONDS),
            trust_env=False,  # a proxy from the environment would see bearer strings
            follow_redirects=False,  # a redirect would carry them to another host
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    def call(
        self,
        method: str,
        path: str,
        *,
        auth: Auth | None = None,
        json: Json | None = None,
        form: dict[str, str] | None = None,
        query: dict[str, str | int] | None = None,
        idempotency_key: str | None = None,
    ) -> Answer:
        """Send one request and read its JSON answer.

        Raises
        ------
        Refused
            The service answered with a problem; nothing of the request took effect.
        Unreachable
            No readable answer.
        """

        def send() -> httpx.Response:
            headers = auth.headers(method, self.origin + path, self._nonce) if auth else {}
            if idempotency_key is not None:
                headers["Idempotency-Key"] = idempotency_key
            wait = float((query or {}).get("wait", 0))
            try:
                return self._http.request(
                    method,
                    path,
                    headers=headers,
                    json=json,
                    data=form,
                    params=query,
                    timeout=max(_TIMEOUT_SECONDS, wait + LONG_POLL_SLACK_SECONDS),
                )
            except httpx.HTTPError as error:
                reason = f"{method} {path}: {type(error).__name__}"
                raise Unreachable(reason) from None

        response = send()
        if self._learn_nonce(response) and isinstance(auth, Dpop) and _asks_for_nonce(response):
            response = send()
            self._learn_nonce(response)
        return _answer(response)

    @contextmanager
    def stream(
        self,
        path: str,
        *,
        auth: Auth,
        headers: dict[str, str],
        query: dict[str, int],
    ) -> Iterator[Iterator[str]]:
        """Open a stream and read its lines as they come.

        Raises
        ------
        Refused, Unreachable
            As `call`; the connection may also be lost while lines are read.
        """
        timeout = httpx.Timeout(_TIMEOUT_SECONDS, read=_QUIET_SECONDS)
        try:
            for last in (False, True):
                proof = auth.headers("GET", self.origin + path, self._nonce)
                with self._http.stream(
                    "GET", path, headers=headers | proof, params=query, timeout=timeout
                ) as response:
                    if not response.is_success:
                        response.read()
                    if self._learn_nonce(response) and not last and _asks_for_nonce(response):
                        continue
                    if not response.is_success:
                        _answer(response)
                    yield response.iter_lines()
                    return
        except httpx.HTTPError as error:
            raise Unreachable(f"GET {path}: {type(error).__name__}") from None

    def _learn_nonce(self, response: httpx.Response) -> bool:
        nonce = response.headers.get("DPoP-Nonce")
        if nonce is not None:
            self._nonce = nonce
        return nonce is not None


def _asks_for_nonce(response: httpx.Response) -> bool:
    """RFC 9449 section 8 (authorization server, 400) and section 9 (resource server, 401)."""
    if response.status_code not in {400, 401}:
        return False
    return "use_dpop_nonce" in response.headers.get("WWW-Authenticate", "") + response.text


def _answer(response: httpx.Response) -> Answer:
    try:
        body = response.json() if response.content else None
    except ValueError:
        raise Unreachable(f"HTTP {response.status_code} without a JSON body") from None
    if response.is_success:
        return Answer(response.status_code, body, response.headers)
    problem = body if isinstance(body, dict) else {}
    raise Refused(response.status_code, problem, retry_after=response.headers.get("Retry-After"))
