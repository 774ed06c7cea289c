"""`tripcord webhooks`: which receivers of platforms are down, for the operator. Changes nothing."""

import asyncio
import json

import click

from app.cli.errors import CommandRefused
from app.cli.operator import operator_login
from app.cli.settings import settings_of
from app.config import PlatformSettings
from app.core.errors import DomainError
from app.core.secret import Secret
from app.db.pool import Database
from app.webhooks import store
from app.webhooks.models import Webhook


@click.command("webhooks")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per line.")
def webhooks(*, as_json: bool) -> None:
    """List webhooks that fail or were disabled, the oldest trouble first."""
    dsn, password = operator_login(settings_of(PlatformSettings))
    try:
        found = asyncio.run(_troubled(dsn, password))
    except DomainError as error:
        raise CommandRefused(error.sentence) from None
    for webhook in found:
        facts = {
            "platform_id": str(webhook.platform_id),
            "webhook_id": str(webhook.webhook_id),
            "state": webhook.state.value,
            "failing_since": _text(webhook.failing_since),
            "disabled_at": _text(webhook.disabled_at),
            "reason": webhook.disabled_reason,
        }
        told = ", ".join(f"{name} {value}" for name, value in facts.items() if value)
        click.echo(json.dumps(facts) if as_json else told)


def _text(moment: object) -> str | None:
    return None if moment is None else str(moment)


async def _troubled(dsn: str, password: Secret | None) -> list[Webhook]:
    secret = None if password is None else password.reveal().decode()
    db = await Database.connect(dsn, password=secret, min_size=1, max_size=1)
    try:
        async with db.session() as tx:
            return await store.troubled(tx)
    finally:
        await db.close()
