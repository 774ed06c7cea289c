"""`tripcord platform`: register the trading products that may ask for approvals."""

import asyncio
import json
from pathlib import Path
from typing import Any
from uuid import UUID

import click

from app.accesslog import store as log
from app.accesslog.models import LOCKED_CHAIN, SYSTEM_TRADER, Entry, Event
from app.cli.errors import CommandRefused
from app.cli.operator import operator_login
from app.cli.settings import settings_of
from app.config import PlatformSettings
from app.core.errors import DomainError
from app.core.ids import new_id
from app.core.jose import public_jwk
from app.core.origin import Origin
from app.core.secret import Secret
from app.db.pool import Database
from app.platforms import store

_MAX_KEYS = 8
_MAX_NAME = 64


@click.group()
def platform() -> None:
    """Platforms: the products that integrate Tripcord."""


@platform.command("add")
@click.option("--name", required=True, help="Shown to traders as who asks.")
@click.option(
    "--jwks",
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="JWK Set with the platform's public keys (ES256, EdDSA or RS256).",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def add(*, name: str, jwks: Path, as_json: bool) -> None:
    """Register a platform by its public keys and print its client id."""
    if not 0 < len(name) <= _MAX_NAME:
        raise CommandRefused(f"A platform's name has 1 to {_MAX_NAME} characters.")
    keys = _public_keys(jwks)
    dsn, password = operator_login(settings_of(PlatformSettings))
    try:
        client_id = asyncio.run(_register(dsn, password, name, keys))
    except DomainError as error:
        raise CommandRefused(error.sentence) from None
    click.echo(json.dumps({"client_id": str(client_id)}) if as_json else f"client id {client_id}")


def _public_keys(path: Path) -> dict[str, Any]:
    """The keys reduced to their public members; a private one refuses the whole file."""
    try:
        keys = json.loads(path.read_bytes())["keys"]
        if not 0 < len(keys) <= _MAX_KEYS:
            raise CommandRefused(f"{path} must hold 1 to {_MAX_KEYS} keys.")
        return {"keys": [{**public_jwk(key), "kid": key["kid"]} for key in keys]}
    except (ValueError, KeyError, TypeError):
        raise CommandRefused(f"{path} is not a JWK Set whose keys have a `kid`.") from None
    except DomainError as error:
        raise CommandRefused(f"{path}: {error.sentence}") from None


async def _register(dsn: str, password: Secret | None, name: str, keys: dict[str, Any]) -> UUID:
    db = await Database.connect(
        dsn,
        password=None if password is None else password.reveal().decode(),
        min_size=1,
        max_size=1,
    )
    try:
        platform_id = new_id()
        async with db.transaction() as tx:
            await store.insert(tx, platform_id, name, keys)
            await log.append(
                tx,
                LOCKED_CHAIN,
                Entry(
                    trader_id=SYSTEM_TRADER,
                    event=Event.PLATFORM_REGISTERED,
                    origin=Origin(actor="operator"),
                    subject_id=platform_id,
                ),
            )
    finally:
        await db.close()
    return platform_id
