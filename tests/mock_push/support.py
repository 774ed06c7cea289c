"""A mock in this process, on a real port, with a clock the test moves; and the real SDK on it."""

import json
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import firebase_admin
import httpx
import jwt
import msgspec
from firebase_admin import messaging
from google.oauth2 import service_account

from mock_push.disk import Disk
from mock_push.oauth.accounts import ServiceAccount
from mock_push.server import Listening, Server, make_server
from mock_push.tls import Identity
from mock_push.world import World, make_world

PROJECT = "tripcord-demo"
SCOPE = "https://www.googleapis.com/auth/cloud-platform"
AUDIENCE = "https://oauth2.googleapis.com/token"
JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"


class MovableClock:
    """Real time plus what the test has let pass."""

    def __init__(self) -> None:
        self._passed = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self._passed

    def pass_seconds(self, seconds: float) -> None:
        self._passed += timedelta(seconds=seconds)


class RunningMock:
    """A mock listening on a loopback port, in a thread of its own."""

    def __init__(
        self,
        account_file: Path,
        account: ServiceAccount,
        *,
        identity: Identity | None = None,
        seed: int | None = None,
    ) -> None:
        self.clock = MovableClock()
        self.world: World = make_world(disk=Disk(None), clock=self.clock, seed=seed)
        self.world.accounts.add(account)
        self.server: Server = make_server(
            self.world,
            Listening(
                host="127.0.0.1",
                port=0,
                tls_port=0,
                smtp_port=0,
                identity=identity,
            ),
        )
        self.account_info: dict[str, Any] = json.loads(account_file.read_text())
        self._thread = threading.Thread(target=self.server.run)
        self._thread.start()
        deadline = monotonic() + 20
        while not self.server.started and monotonic() < deadline:
            sleep(0.005)
        self.url = self.server.url
        self.account_info["token_uri"] = f"{self.url}/token"
        self.http = httpx.Client(base_url=self.url, timeout=30, trust_env=False)

    def close(self) -> None:
        self.server.should_exit = True
        self._thread.join(timeout=20)
        self.http.close()

    def phone(self, kind: str = "fid", project: str = PROJECT) -> str:
        reply = self.http.post("/mock/phones", json={"kind": kind, "project": project})
        assert reply.status_code == 201
        registration: str = reply.json()["registration"]
        return registration

    def read(self, registration: str, after: int = 0, wait: float = 0) -> list[dict[str, Any]]:
        path = f"/mock/phones/{registration}/messages"
        reply = self.http.get(path, params={"after": after, "wait": wait})
        assert reply.status_code == 200, reply.text
        items: list[dict[str, Any]] = reply.json()["items"]
        return items

    def fault(self, channel: str, kind: str, **order: object) -> str:
        """Let something go wrong; returns the fault's id."""
        reply = self.http.post("/mock/faults", json={"channel": channel, "kind": kind} | order)
        assert reply.status_code == 201, reply.text
        fault_id: str = reply.json()["fault_id"]
        return fault_id

    def clear(self, fault_id: str) -> dict[str, Any]:
        """Take a fault away; returns how it stood."""
        reply = self.http.delete(f"/mock/faults/{fault_id}")
        assert reply.status_code == 200, reply.text
        stood: dict[str, Any] = reply.json()
        return stood

    def counts(self, fault_id: str) -> tuple[int, int]:
        """How often a fault struck, of how many requests it met."""
        items = self.http.get("/mock/faults").json()["items"]
        [fault] = [item for item in items if item["fault_id"] == fault_id]
        return fault["fired"], fault["met"]

    def mails(self, address: str, after: int = 0, wait: float = 0) -> list[dict[str, Any]]:
        path = f"/mock/mail/{address}/messages"
        reply = self.http.get(path, params={"after": after, "wait": wait})
        assert reply.status_code == 200, reply.text
        items: list[dict[str, Any]] = reply.json()["items"]
        return items

    def claims(self, **changes: object) -> dict[str, object]:
        now = int(self.clock.now().timestamp())
        claims = {
            "iss": self.account_info["client_email"],
            "aud": AUDIENCE,
            "iat": now,
            "exp": now + 3600,
            "scope": SCOPE,
        }
        return {name: value for name, value in (claims | changes).items() if value is not None}

    def assertion(self, *, key: Any = None, kid: str | None = None, **changes: object) -> str:
        return jwt.encode(
            self.claims(**changes),
            key or self.account_info["private_key"],
            algorithm="RS256",
            headers={"kid": kid or self.account_info["private_key_id"]},
        )

    def ask_token(self, assertion: str, grant_type: str = JWT_BEARER) -> httpx.Response:
        return self.http.post("/token", data={"grant_type": grant_type, "assertion": assertion})

    def access_token(self, scope: str = SCOPE) -> str:
        reply = self.ask_token(self.assertion(scope=scope))
        assert reply.status_code == 200, reply.text
        access_token: str = reply.json()["access_token"]
        return access_token

    def send(self, body: object, *, scope: str = SCOPE) -> httpx.Response:
        """messages:send without the SDK, for what the SDK will not send."""
        content = body if isinstance(body, bytes) else msgspec.json.encode(body)
        return self.http.post(
            f"/v1/projects/{PROJECT}/messages:send",
            content=content,
            headers={"Authorization": f"Bearer {self.access_token(scope)}"},
        )


class OfflineCredentials(service_account.Credentials):
    """A service account that never asks Google for regional access boundaries.

    google-auth does so from a background thread on first use, and has no switch for it.
    """

    def _is_regional_access_boundary_lookup_required(self) -> bool:
        return False


def make_sdk(info: dict[str, Any], url: str, *, project: str = PROJECT) -> firebase_admin.App:
    """The real SDK, its two endpoints led to the mock: token_uri, and one private attribute."""
    credentials = OfflineCredentials.from_service_account_info(  # type: ignore[no-untyped-call]
        info, scopes=[SCOPE]
    )
    options = {"projectId": project, "httpTimeout": 10}
    app = firebase_admin.initialize_app(credentials, options, name=f"mock-{project}-{url}")
    service = messaging._get_messaging_service(app)
    service._fcm_url = f"{url}/v1/projects/{project}/messages:send"
    return app
