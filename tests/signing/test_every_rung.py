"""The ladder, cell by cell: every verb is really tried on every rung, and does what the table says.

The root is on the rung; everything that is tried was prepared before, as far as that goes: asked,
approved, signed by the phone. Only what is being tried can be what the rung refuses.
"""

import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from app.core.errors import DomainError
from app.guardrails.rungs import ALLOWED, Rung, Verb
from app.requesting.sign_ins import SignInView
from app.tokens.models import Level
from app.verbs.wire import CleanUp
from tests.signing.asking import asking_for
from tests.signing.bot import Bot
from tests.signing.parts import Signer
from tests.signing.signing_in import Browser
from tests.signing.test_ladder import SELL, hold_asset, impose
from tests.signing.trader import Trader
from tests.signing.tree import requests_of

NOT_BUILT = {Verb.CANCEL}
"""Verbs of the design that no code offers yet. Who builds one takes it out and adds its path."""

Attempt = Callable[[], Awaitable[Any]]


class Prepared:
    """A trader with everything at hand, and for each verb what is tried with it."""

    def __init__(self, signer: Signer, rung: Rung) -> None:
        self.signer, self.level = signer, Level[rung.name]
        self.trader, self.fresh = Trader(signer), Trader(signer)
        self.attempts: dict[Verb, Attempt] = {}

    async def prepare(self) -> None:
        signer, trader = self.signer, self.trader
        bot = await trader.ready()
        await self._trading(bot)
        await self._approving(bot)
        await self._making()
        await self._signing_in()
        await self._redeeming()
        self.attempts[Verb.READ] = lambda: signer.ask(trader.read("balances"))
        self.attempts[Verb.HEARTBEAT] = lambda: signer.ask(trader.heartbeat())
        self.attempts[Verb.TIGHTEN] = lambda: signer.revocations.tighten(
            trader.trader_id, bot.grant_id, level=Level.FROZEN, reason="t", origin=trader.origin
        )
        await self._cleaning_up()

    async def _trading(self, bot: Bot) -> None:
        await hold_asset(self.trader, "5")

        async def place(intent: dict[str, Any] | None = None) -> None:
            await self.signer.refresh_market()
            await hold_asset(self.trader, "5")
            await self.signer.ask(bot.order(intent=intent))

        self.attempts[Verb.ORDER] = place
        self.attempts[Verb.REDUCE] = lambda: place(SELL)

    async def _approving(self, bot: Bot) -> None:
        signer, trader = self.signer, self.trader
        yes, no = await bot.hold(), await bot.hold()

        async def approve() -> None:
            assert (await trader.approve(yes.approval_id)).state == "approved"

        async def deny() -> None:
            await signer.ask(await trader.decide_request(no.approval_id, "deny"))

        async def lift() -> None:
            node = trader.root_id
            if self.level is Level.ACTIVE:  # then there is something to lift on another node only
                node = bot.grant_id
                await impose(trader, node, Level.FROZEN)
            asked, _ = await signer.lifts.request(
                trader.trader_id, node, to=Level.ACTIVE, origin=trader.origin
            )
            await trader.approve(asked.approval_id)
            await signer.ask(trader.seal_request(asked.approval_id))

        self.attempts |= {Verb.APPROVE: approve, Verb.DENY: deny, Verb.LIFT: lift}

    async def _making(self) -> None:
        signer, trader, fresh = self.signer, self.trader, self.fresh
        requested, _ = await trader.request_grant()
        await trader.approve(requested.approval_id)
        link = await trader.import_request()
        await fresh.enrol()
        factor = await fresh.factor_request()
        self.attempts[Verb.MINT] = lambda: signer.ask(trader.seal_request(requested.approval_id))
        self.attempts[Verb.LINK] = lambda: signer.ask(link)
        self.attempts[Verb.ENROL] = lambda: signer.ask(factor)
        spare, asking = await trader.grant(), requests_of(trader)
        wider = await asking.ip_change(
            trader.trader_id, spare.grant_id, ["192.0.2.0/24"], trader.origin
        )
        await trader.approve(wider)
        self.attempts[Verb.WIDEN] = lambda: signer.ask(trader.seal_request(wider))
        self.attempts[Verb.ROTATE] = lambda: asking.rotate(
            trader.trader_id, spare.grant_id, trader.origin
        )

    async def _signing_in(self) -> None:
        browser = Browser(self.trader)
        begun = await browser.begin()
        await self.trader.let_time_pass()
        await self.signer.ask(browser.prove(begun.approval_id))
        yes = await self.trader.decide_request(begun.approval_id, code=None)
        await self.signer.ask(yes)

        async def sign_in() -> None:
            view: SignInView = await browser.conclude(begun.session_id)
            assert view.state == "active"

        self.attempts[Verb.SIGN_IN] = sign_in

    async def _redeeming(self) -> None:
        asking = await asking_for(self.trader)
        approval_id = await asking.ask()
        await self.trader.approve(approval_id)
        self.attempts[Verb.REDEEM] = lambda: asking.redeem(approval_id)

    async def _cleaning_up(self) -> None:
        signer, trader = self.signer, self.trader
        doomed = await trader.grant()
        await doomed.place()
        receipt = await signer.revocations.revoke(
            trader.trader_id, doomed.grant_id, reason="t", origin=trader.origin
        )

        async def clean_up() -> None:
            job = CleanUp(trader_id=trader.trader_id, revocation_id=receipt.revocation_id)
            assert (await signer.ask(job)).items == 1
            one = msgspec.structs.replace(job, item_no=1)
            assert (await signer.ask(one)).release is not None

        self.attempts[Verb.CLEAN_UP] = clean_up

    async def contain(self) -> None:
        if self.level is not Level.ACTIVE:
            for trader in (self.trader, self.fresh):
                await impose(trader, trader.root_id, self.level)

    async def refusal(self, verb: Verb) -> str:
        try:
            await self.attempts[verb]()
        except DomainError as error:
            return f"{error.code}:{error.rule}" if error.rule else error.code
        return ""


def refusals(rung: Rung) -> set[str]:
    """The words in which the ladder itself refuses, on one rung."""
    words = {f"containment_forbids:{rung.value}", "parent_not_active"}
    return words | ({"guardrail_refused:reduce_only"} if rung is Rung.REDUCE_ONLY else set())


@pytest.mark.asyncio(loop_scope="session")
@pytest.mark.parametrize("rung", list(Rung), ids=lambda rung: rung.value)
async def test_every_verb_on_every_rung_does_what_the_table_says(
    signer: Signer, rung: Rung
) -> None:
    prepared = Prepared(signer, rung)
    await prepared.prepare()
    assert set(prepared.attempts) == set(Verb) - NOT_BUILT
    await prepared.contain()
    found: dict[Verb, str] = {}
    # Going up comes last but for going down: both change the rung that the others are tried on.
    last = [Verb.LIFT, Verb.TIGHTEN]
    for verb in [v for v in prepared.attempts if v not in last] + last:
        found[verb] = await prepared.refusal(verb)
    assert {verb for verb, refused in found.items() if not refused} == ALLOWED[rung] - NOT_BUILT, (
        found
    )
    assert {refused for refused in found.values() if refused} <= refusals(rung)


def test_what_is_not_built_is_asked_for_nowhere() -> None:
    app = Path(__file__).resolve().parents[2] / "app"
    asked = {
        Verb[name]
        for path in app.rglob("*.py")
        if path.name != "rungs.py"
        for name in re.findall(r"Verb\.([A-Z_]+)\b", path.read_text())
    }
    assert asked & NOT_BUILT == set()
