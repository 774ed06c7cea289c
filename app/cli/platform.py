"""`tripcord platform`: register the trading products that may ask for approvals."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

import click

from app.cli.errors import CommandRefused
from app.cli.operator import operator_login
from app.cli.settings import settings_of
from app.config import PlatformSettings
from app.core.errors import DomainError
from app.core.jose import public_jwk
from app.core.secret import Secret
from app.db.pool import Database
from app.platforms.models import MAX_KEYS, Platform, key_id
from app.platforms.registry import PlatformRegistry
from app.webhooks.addresses import check_url

_MAX_NAME = 64
_T = TypeVar("_T")

_CLIENT_ID = click.option(
    "--client-id", required=True, type=click.UUID, help="The platform's client id."
)
_JWKS = click.option(
    "--jwks",
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="JWK Set with the platform's public keys (ES256, EdDSA or RS256), each with a `kid`.",
)


@click.group()
def platform() -> None:
    """Platforms: the products that integrate Tripcord."""


@platform.command("add")
@click.option("--name", required=True, help="Shown to traders as who asks.")
@_JWKS
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def add(*, name: str, jwks: Path, as_json: bool) -> None:
    """Register a platform by its public keys and print its client id."""
    if not 0 < len(name) <= _MAX_NAME:
        raise CommandRefused(f"A platform's name has 1 to {_MAX_NAME} characters.")
    keys = _public_keys(jwks)
    client_id = _run(lambda registry: registry.register(name, keys))
    click.echo(json.dumps({"client_id": str(client_id)}) if as_json else f"client id {client_id}")


@platform.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON array.")
def list_all(*, as_json: bool) -> None:
    """Every platform with its client id, the names of its keys, and whether it is disabled."""
    found = _run(lambda registry: registry.platforms())
    if as_json:
        click.echo(json.dumps([_listed(one) for one in found]))
        return
    for one in found:
        state = "active" if one.disabled_at is None else f"disabled {one.disabled_at:%F %R}"
        keys = " ".join(map(key_id, one.jwks["keys"]))
        click.echo(f"{one.platform_id}  {one.name}  {state}  {keys}")


def _listed(one: Platform) -> dict[str, Any]:
    return {
        "client_id": str(one.platform_id),
        "name": one.name,
        "keys": [key_id(jwk) for jwk in one.jwks["keys"]],
        "ciba": one.ciba_endpoint or one.ciba_delivery,
        "disabled_at": None if one.disabled_at is None else one.disabled_at.isoformat(),
    }


@platform.command("add-key")
@_CLIENT_ID
@_JWKS
def add_key(*, client_id: UUID, jwks: Path) -> None:
    """Add keys beside those there are; from now on assertions name theirs (`kid`)."""
    keys = _public_keys(jwks)
    _run(lambda registry: registry.add_keys(client_id, keys))
    click.echo(f"added {' '.join(map(key_id, keys))}")


@platform.command("remove-key")
@_CLIENT_ID
@click.option("--kid", required=True, help="The key's `kid` or thumbprint; it never comes back.")
def remove_key(*, client_id: UUID, kid: str) -> None:
    """End a key, and every access token that came from it, at once."""
    _run(lambda registry: registry.remove_key(client_id, kid))
    click.echo(f"removed {kid}")


@platform.command("rotate")
@_CLIENT_ID
@_JWKS
def rotate(*, client_id: UUID, jwks: Path) -> None:
    """Replace all keys at once; for an overlap use add-key, and remove-key later."""
    keys = _public_keys(jwks)
    _run(lambda registry: registry.rotate(client_id, keys))
    click.echo(f"now {' '.join(map(key_id, keys))}")


@platform.command("disable")
@_CLIENT_ID
def disable(*, client_id: UUID) -> None:
    """End a platform and its access tokens at once. Its traders keep everything they have."""
    _run(lambda registry: registry.disable(client_id))
    click.echo(f"disabled {client_id}")


@platform.command("ciba")
@_CLIENT_ID
@click.option("--poll", "delivery", flag_value="poll", help="It asks for decisions itself.")
@click.option("--ping", "endpoint", metavar="URL", help="It is told over HTTPS when to ask.")
@click.option("--off", "delivery", flag_value="off", help="It may not ask by CIBA any more.")
def ciba(*, client_id: UUID, delivery: str | None, endpoint: str | None) -> None:
    """Let a platform ask by OpenID CIBA, and say how it hears of decisions."""
    if (delivery is None) == (endpoint is None):
        raise CommandRefused("Say one of --poll, --ping URL and --off.")
    if endpoint is not None:
        try:
            check_url(endpoint, loopback=settings_of(PlatformSettings).webhook_loopback)
        except DomainError as error:
            raise CommandRefused(f"{error.sentence} ({error.rule})") from None
        _run(lambda registry: registry.set_ciba(client_id, "ping", endpoint))
    else:
        _run(lambda registry: registry.set_ciba(client_id, None if delivery == "off" else "poll"))
    click.echo(f"ciba {endpoint or delivery}")


def _public_keys(path: Path) -> list[dict[str, Any]]:
    """The keys reduced to their public members; a private one refuses the whole file."""
    try:
        keys = json.loads(path.read_bytes())["keys"]
        if not 0 < len(keys) <= MAX_KEYS:
            raise CommandRefused(f"{path} must hold 1 to {MAX_KEYS} keys.")
        return [{**public_jwk(key), "kid": key["kid"]} for key in keys]
    except (ValueError, KeyError, TypeError):
        raise CommandRefused(f"{path} is not a JWK Set whose keys have a `kid`.") from None
    except DomainError as error:
        raise CommandRefused(f"{path}: {error.sentence}") from None


def _run(verb: Callable[[PlatformRegistry], Awaitable[_T]]) -> _T:
    """One verb of the registry, over the operator's connection; a refusal is one sentence."""
    dsn, password = operator_login(settings_of(PlatformSettings))
    try:
        return asyncio.run(_with_registry(dsn, password, verb))
    except DomainError as error:
        about = "" if error.rule is None else f" ({error.rule})"
        raise CommandRefused(error.sentence + about) from None


async def _with_registry(
    dsn: str, password: Secret | None, verb: Callable[[PlatformRegistry], Awaitable[_T]]
) -> _T:
    clear = None if password is None else password.reveal().decode()
    db = await Database.connect(dsn, password=clear, min_size=1, max_size=1)
    try:
        return await verb(PlatformRegistry(db))
    finally:
        await db.close()
