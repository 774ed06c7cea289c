"""The child processes of `tripcord up`: what each is given, which is all it is given."""

import asyncio
import json
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx
import msgspec

from app.cli.accounts import spawn_as
from app.cli.errors import CommandRefused
from app.cli.hsm import TOKEN_LABEL
from app.cli.migrate import with_login
from app.cli.passkeys import passkey_settings
from app.cli.ports import LOOPBACK
from app.cli.roles import DATABASE
from app.cli.site import Site
from app.cli.supervisor import Part, python_module
from app.config import UpSettings

_PROBE_SECONDS = 2.0

Check = Callable[[], Awaitable[bool]]


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """Everything the parts need to know of each other."""

    settings: UpSettings
    public_origin: str
    api_port: int
    sandbox_port: int
    mock_push_port: int
    database_dsn: str
    signer_socket: Path
    courier_socket: Path
    hsm_module: Path
    check_values: Path

    @property
    def signer_courier_socket(self) -> Path:
        """Beside the api's: the same directory, another list of verbs, another uid."""
        return self.signer_socket.with_name("for_courier.sock")

    @property
    def signer_dispatcher_socket(self) -> Path:
        return self.signer_socket.with_name("for_dispatcher.sock")

    @property
    def sandbox_url(self) -> str:
        return f"http://{LOOPBACK}:{self.sandbox_port}"

    @property
    def mock_push_url(self) -> str:
        return f"http://{LOOPBACK}:{self.mock_push_port}"


def outside_world(site: Site, plan: Plan) -> list[Part]:
    """What stands for Google and for an exchange. They know nothing of Tripcord."""
    push_data = site.own_directory("mock_push", "mock_push")
    venue_data = site.own_directory("sandbox", "sandbox")
    return [
        _part(
            site,
            "mock_push",
            python_module(
                "mock_push", "--port", str(plan.mock_push_port), "--data", str(push_data)
            ),
            {},
            tcp_accepts(plan.mock_push_port),
        ),
        _part(
            site,
            "sandbox",
            python_module(
                "app.sandbox", "--port", str(plan.sandbox_port), "--data", str(venue_data)
            ),
            {},
            tcp_accepts(plan.sandbox_port),
        ),
    ]


def signer(site: Site, plan: Plan) -> Part:
    """The only part that gets the PIN."""
    settings = _database(site, plan, "signer") | {
        "HSM_MODULE": str(plan.hsm_module),
        "HSM_DIRECTORY": str(site.directory / "hsm"),
        "HSM_TOKEN_LABEL": TOKEN_LABEL,
        "HSM_PIN_FILE": str(site.secrets.file("hsm_pin", reader=site.account("signer"))),
        "HSM_CHECK_VALUES": str(plan.check_values),
        "PUBLIC_ORIGIN": plan.public_origin,
        "SANDBOX_URL": plan.sandbox_url,
        "SIGNER_SOCKET": str(plan.signer_socket),
        "SIGNER_COURIER_SOCKET": str(plan.signer_courier_socket),
        "SIGNER_DISPATCHER_SOCKET": str(plan.signer_dispatcher_socket),
        "COURIER_SOCKET": str(plan.courier_socket),
        "PEER_UIDS": site.uids("api"),
        "COURIER_UIDS": site.uids("courier"),
        "DISPATCHER_UIDS": site.uids("dispatcher"),
        **passkey_settings(plan.settings),
    }
    ready = socket_accepts(plan.signer_socket)
    return _part(site, "signer", python_module("app.signerd"), settings, ready)


def courier(site: Site, plan: Plan) -> Part:
    """The only part that reaches a venue."""
    settings = _database(site, plan, "courier") | {
        "SANDBOX_URL": plan.sandbox_url,
        "SIGNER_COURIER_SOCKET": str(plan.signer_courier_socket),
        "COURIER_SOCKET": str(plan.courier_socket),
        "PEER_UIDS": site.uids("signer"),
    }
    return _part(site, "courier", python_module("app.courierd"), settings)


def dispatcher(site: Site, plan: Plan) -> Part:
    """The only part that gets the push service's credentials, and what signs webhooks."""
    secret = site.secrets.file("webhook_secret", reader=site.account("dispatcher"))
    settings = _database(site, plan, "dispatcher") | {
        "PUBLIC_ORIGIN": plan.public_origin,
        "FCM_CREDENTIALS_FILE": str(site.directory / "secrets" / "fcm_credentials"),
        "FCM_URL": plan.mock_push_url,
        "SIGNER_DISPATCHER_SOCKET": str(plan.signer_dispatcher_socket),
        "WEBHOOK_SECRET_FILE": str(secret),
        "WEBHOOK_LOOPBACK": _word(yes=plan.settings.webhook_loopback),
    }
    return _part(site, "dispatcher", python_module("app.dispatchd"), settings)


def api(site: Site, plan: Plan) -> Part:
    """The only part that listens to others."""
    cord = site.secrets.file("tripcord_cord", reader=site.account("api"))
    up = plan.settings
    settings = _database(site, plan, "api") | {
        "CORD_DSN": with_login(plan.database_dsn, "tripcord_cord", DATABASE),
        "CORD_PASSWORD_FILE": str(cord),
        "PUBLIC_ORIGIN": plan.public_origin,
        "API_HOST": up.api_host,
        "API_PORT": str(plan.api_port),
        "TRUSTED_HOPS": ",".join(map(str, up.trusted_hops)),
        "DPOP_NONCES": up.dpop_nonces,
        "SIGNER_SOCKET": str(plan.signer_socket),
        "WEBHOOK_LOOPBACK": _word(yes=up.webhook_loopback),
        **passkey_settings(up),
    }
    if up.tls_cert_file is not None:
        settings |= _tls(site, up.tls_cert_file, up.tls_key_file)
    ready = answers_ready(f"{local_origin(up, plan.api_port)}/readyz")
    return _part(site, "api", python_module("app.asgi"), settings, ready)


def _word(*, yes: bool) -> str:
    return "yes" if yes else "no"


def local_origin(settings: UpSettings, port: int) -> str:
    """Where the API is reached from this machine."""
    wildcard = {"0.0.0.0": LOOPBACK, "::": "::1"}  # noqa: S104 - compared, not bound
    host = wildcard.get(settings.api_host, settings.api_host).strip("[]")
    scheme = "https" if settings.tls_cert_file else "http"
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


async def ensure_push_account(site: Site, plan: Plan) -> None:
    """Make a service account that mock_push trusts, unless one for this address is there.

    Raises
    ------
    CommandRefused
        mock_push did not make it.
    """
    kept = site.directory / "secrets" / "fcm_credentials"
    if kept.exists() and json.loads(kept.read_bytes())["token_uri"].startswith(
        f"{plan.mock_push_url}/"
    ):
        return
    data = site.own_directory("mock_push", "mock_push")
    out = data / "service-account.json"
    made = await asyncio.create_subprocess_exec(
        *python_module("mock_push", "service-account", "--replace"),
        *("--out", str(out), "--url", plan.mock_push_url, "--data", str(data)),
        cwd="/",
        env=_environment({}),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        **spawn_as(site.account("mock_push")),
    )
    _, complaint = await made.communicate()
    if made.returncode != 0:
        raise CommandRefused(f"mock_push made no service account: {complaint.decode().strip()}")
    site.secrets.keep("fcm_credentials", out.read_bytes(), reader=site.account("dispatcher"))
    out.unlink()


def tcp_accepts(port: int) -> Check:
    """Whether something listens on a loopback port."""
    return lambda: _connects(asyncio.open_connection(LOOPBACK, port))


def socket_accepts(path: Path) -> Check:
    """Whether something listens on a Unix socket."""
    return lambda: _connects(asyncio.open_unix_connection(str(path)))


def answers_ready(url: str) -> Check:
    """Whether a URL of our own answers 200; its certificate may name any host."""

    async def check() -> bool:
        try:
            async with httpx.AsyncClient(verify=False, trust_env=False) as client:  # noqa: S501
                return (await client.get(url, timeout=_PROBE_SECONDS)).is_success
        except httpx.HTTPError:
            return False

    return check


async def _connects(
    connection: Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]],
) -> bool:
    try:
        _, writer = await asyncio.wait_for(connection, _PROBE_SECONDS)
    except OSError:
        return False
    writer.close()
    return True


def _tls(site: Site, certificate: Path, key: Path | None) -> dict[str, str]:
    # Copies for the API's account: the originals are usually root's alone.
    named = {"TLS_CERT_FILE": certificate, "TLS_KEY_FILE": key or certificate}
    reader = site.account("api")
    return {
        name: str(site.secrets.keep(name.lower(), path.read_bytes(), reader=reader))
        for name, path in named.items()
    }


def _database(site: Site, plan: Plan, zone: str) -> dict[str, str]:
    role = f"tripcord_{zone}"
    return {
        "DATABASE_DSN": with_login(plan.database_dsn, role, DATABASE),
        "DATABASE_PASSWORD_FILE": str(site.secrets.file(role, reader=site.account(zone))),
        "LOG_LEVEL": plan.settings.log_level,
    }


def _part(
    site: Site,
    name: str,
    argv: tuple[str, ...],
    settings: dict[str, str],
    ready: Check | None = None,
) -> Part:
    return Part(
        name=name,
        argv=argv,
        environ=_environment({f"TRIPCORD_{key}": value for key, value in settings.items()}),
        log=site.log(name),
        account=site.account(name),
        groups=site.groups(name),
        ready=ready,
    )


def _environment(settings: dict[str, str]) -> dict[str, str]:
    # Nothing of ours is inherited: a secret exported in the shell must not reach every part.
    return {
        "PATH": os.defpath,
        "HOME": "/nonexistent",
        "LC_ALL": "C.UTF-8",
        "PYTHONUNBUFFERED": "1",
        **settings,
    }
