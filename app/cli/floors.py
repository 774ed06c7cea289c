"""`tripcord floors`: the least an approval must be, for every trader. An operator only raises."""

import asyncio
import getpass
from collections.abc import Awaitable, Callable

import click

from app.cli.errors import CommandRefused
from app.cli.operator import operator_login
from app.cli.settings import settings_of
from app.config import ContainSettings
from app.core.errors import DomainError
from app.db.pool import Database, Tx
from app.guardrails.strength import Strength
from app.policies import store
from app.policies.presets import ACTION_TYPES

_MAX_REASON = 200
_WORDS = [strength.value for strength in Strength]


@click.group()
def floors() -> None:
    """The least strength with which anybody's action of one type may be approved.

    A trader's policy may ask for more, never for less. Raising takes effect at once, for what was
    approved and not yet carried out, too.
    """


@floors.command("list")
def list_floors() -> None:
    """Every type of action and its floor."""

    async def act(tx: Tx) -> None:
        found = await store.floors(tx)
        for action in sorted(ACTION_TYPES):
            click.echo(f"{action}: {found[action].value if action in found else 'none'}")

    _run(act)


@floors.command("raise")
@click.argument("action", metavar="ACTION", type=click.Choice(sorted(ACTION_TYPES)))
@click.argument("strength", metavar="STRENGTH", type=click.Choice(_WORDS))
@click.option("--reason", required=True, help=f"Why, in 1 to {_MAX_REASON} characters; logged.")
@click.option("--execute", is_flag=True, help="Do it. Without this nothing is written anywhere.")
def raise_floor(*, action: str, strength: str, reason: str, execute: bool) -> None:
    """Raise the floor of one type of action to out_of_band, medium, strong or phishing_resistant.

    Whoever has no way to approve that strong cannot approve it any more.
    """
    if not 0 < len(reason) <= _MAX_REASON or not reason.isprintable() or not reason.strip():
        raise CommandRefused(f"A reason has 1 to {_MAX_REASON} printable characters.")
    wanted = Strength(strength)

    async def act(tx: Tx) -> None:
        now = (await store.floors(tx)).get(action)
        click.echo(f"{action}: {'none' if now is None else now.value} -> {strength}: {reason}")
        if now is not None and now > wanted:
            raise CommandRefused(_LOWERING)
        if not execute:
            click.echo("rehearsed only: nothing was written; add --execute to do it")
            return
        raised = await store.raise_floor(tx, action, wanted, reason=reason, actor=_actor())
        click.echo("raised" if raised else "nothing was changed: it is as high already")

    _run(act)


_LOWERING = (
    "A floor is not lowered here: that takes two operators, 24 hours and notice to everybody, and"
    " there is no command for it yet."
)


@floors.command("lower")
@click.argument("action", metavar="ACTION", type=click.Choice(sorted(ACTION_TYPES)))
def lower_floor(*, action: str) -> None:
    """Refused, with the reason."""
    del action
    raise CommandRefused(_LOWERING)


def _actor() -> str:
    """Who types, as the system knows them: told, not proven. The role is what was proven."""
    try:
        return f"operator:{getpass.getuser()[:64]}"
    except (OSError, KeyError):
        return "operator"


def _run(act: Callable[[Tx], Awaitable[None]]) -> None:
    async def connected() -> None:
        dsn, password = operator_login(settings_of(ContainSettings))
        db = await Database.connect(
            dsn,
            password=None if password is None else password.reveal().decode(),
            min_size=1,
            max_size=1,
        )
        try:
            async with db.transaction() as tx:
                await act(tx)
        finally:
            await db.close()

    try:
        asyncio.run(connected())
    except DomainError as error:
        raise CommandRefused(error.sentence) from None
