"""`tripcord contain`: an operator tightens one trader, or a whole venue. Nothing here loosens."""

import asyncio
import getpass
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar
from uuid import UUID

import click

from app.cli.errors import CommandRefused
from app.cli.operator import operator_login
from app.cli.settings import settings_of
from app.config import ContainSettings
from app.containment import store
from app.containment.models import COUNT_CAP, Contained, TraderPlan, VenuePlan
from app.containment.planning import plan_trader, plan_venue
from app.containment.service import Containing, Executor, Rehearsal
from app.core.errors import DomainError
from app.db.pool import Database
from app.tokens.models import Level

T = TypeVar("T")

RUNGS = {level.name.lower(): level for level in Level if Level.ACTIVE < level < Level.REVOKED}
"""What an operator may impose. Revoking is the trader's: it is final."""

_MAX_REASON = 200
_SHOWN = 50

_reason = click.option(
    "--reason", required=True, help=f"Why, in 1 to {_MAX_REASON} printable characters; logged."
)
_rung = click.option(
    "--rung", required=True, type=click.Choice(list(RUNGS)), help="How tight, at least."
)
_execute = click.option(
    "--execute", is_flag=True, help="Do it. Without this nothing is written anywhere."
)


@click.group()
def contain() -> None:
    """Tighten one trader or a whole venue; rehearsed unless --execute is given.

    Containment only grows here: a milder rung than the one that stands changes nothing. There is
    no command that lifts one.
    """


@contain.command("trader")
@click.argument("trader_id", metavar="TRADER", type=click.UUID)
@_rung
@_reason
@_execute
def contain_trader(*, trader_id: UUID, rung: str, reason: str, execute: bool) -> None:
    """Contain one trader's root, and with it every device, key and bot below it."""
    reason = _checked(reason)

    async def act(db: Database) -> None:
        plan = await plan_trader(db, trader_id, RUNGS[rung], reason=reason, actor=_actor())
        _say_trader(plan)
        _say_done(await _executor(db, execute=execute).contain_trader(plan), execute=execute)

    _run(act)


@contain.command("venue")
@click.argument("venue_id", metavar="VENUE")
@_rung
@_reason
@_execute
def contain_venue(*, venue_id: str, rung: str, reason: str, execute: bool) -> None:
    """Contain a venue for everybody: signing for it obeys the rung at once.

    Its traders are told afterwards, in batches; a run that was stopped is continued by another.
    """
    reason = _checked(reason)

    async def act(db: Database) -> None:
        plan = await plan_venue(db, venue_id, RUNGS[rung], reason=reason, actor=_actor())
        _say_venue(plan)
        _say_done(await _executor(db, execute=execute).contain_venue(plan), execute=execute)

    _run(act)


@contain.command("status")
def status() -> None:
    """What operators contain now: every venue's rung, and the newest fences on traders."""

    async def act(db: Database) -> None:
        async with db.session() as tx:
            for venue_id, level in await store.venues(tx):
                click.echo(f"venue {venue_id}: {_word(level)}")
            for done in await store.venue_acts(tx, _SHOWN):
                told = "all told" if done.told_at else "NOT ALL TOLD; run the command again"
                click.echo(
                    f"  {done.imposed_at:%Y-%m-%dT%H:%M:%SZ} {done.venue_id} {_word(done.level)}"
                    f" by {done.actor}, {told}: {done.reason}"
                )
            for fence in await store.operator_fences(tx, _SHOWN):
                click.echo(
                    f"trader {fence.trader_id} node {fence.token_id}: {_word(fence.level)}"
                    f" since {fence.imposed_at:%Y-%m-%dT%H:%M:%SZ}: {fence.reason}"
                )

    _run(act)


def _executor(db: Database, *, execute: bool) -> Executor:
    """The one place that knows whether this is real."""
    return Containing(db) if execute else Rehearsal()


def _checked(reason: str) -> str:
    if not 0 < len(reason) <= _MAX_REASON or not reason.isprintable() or not reason.strip():
        raise CommandRefused(f"A reason has 1 to {_MAX_REASON} printable characters.")
    return reason


def _actor() -> str:
    """Who types, as the system knows them: told, not proven. The role is what was proven."""
    try:
        return f"operator:{getpass.getuser()[:64]}"
    except (OSError, KeyError):
        return "operator"


def _say_trader(plan: TraderPlan) -> None:
    click.echo(f"trader {plan.trader_id} of platform {plan.platform!r}, root {plan.root_id}")
    click.echo(f"  now: {_word(plan.effective)}; by an operator: {_word(plan.ours)}")
    nodes = ", ".join(f"{_capped(node.count)} {node.kind}" for node in plan.nodes) or "nothing"
    click.echo(f"  living below it: {nodes}")
    _say_change(plan)


def _say_venue(plan: VenuePlan) -> None:
    click.echo(f"venue {plan.venue_id}, now: {_word(plan.now)}")
    click.echo(
        f"  {_capped(plan.traders)} traders, {_capped(plan.credentials)} keys,"
        f" {_capped(plan.grants)} bots, {_capped(plan.open_orders)} open orders"
    )
    _say_change(plan)


def _say_change(plan: TraderPlan | VenuePlan) -> None:
    if plan.changes_nothing:
        click.echo(f"  {_word(plan.level)} changes nothing: what stands is as tight or tighter")
    else:
        click.echo(f"  {_word(plan.level)}: {plan.reason}")


def _say_done(done: Contained, *, execute: bool) -> None:
    if done.position is not None:
        click.echo(f"contained at log position {done.position}, {done.at:%Y-%m-%dT%H:%M:%S.%fZ}")
    elif execute:
        click.echo("nothing was changed")
    else:
        click.echo("rehearsed only: nothing was written; add --execute to do it")
    if not done.drained:
        click.echo("a signature that began before may still end: run the command again")
    if done.told:
        click.echo(f"told: {done.told}")


def _word(level: Level) -> str:
    return level.name.lower()


def _capped(count: int) -> str:
    return f"{count} or more" if count >= COUNT_CAP else str(count)


def _run(act: Callable[[Database], Awaitable[T]]) -> None:
    async def connected() -> None:
        async with _database() as db:
            await act(db)

    try:
        asyncio.run(connected())
    except DomainError as error:
        raise CommandRefused(error.sentence) from None


@asynccontextmanager
async def _database() -> AsyncIterator[Database]:
    dsn, password = operator_login(settings_of(ContainSettings))
    db = await Database.connect(
        dsn,
        password=None if password is None else password.reveal().decode(),
        min_size=1,
        max_size=2,
    )
    try:
        yield db
    finally:
        await db.close()
