"""The ladder and the tree: look, step down, step up again; a card without a phone; many bots."""

import time
from decimal import ROUND_DOWN, Decimal

from scripts.clients import cord, ladder, paper
from scripts.clients.approvals import Decision
from scripts.clients.bot import limit_order
from scripts.clients.encoding import Json
from scripts.clients.http import Refused
from scripts.clients.phone import Phone
from scripts.clients.story.planting import plant
from scripts.clients.story.world import MARKET, PUSH_SECONDS, Step, StepFailed, World, expect

CHILDREN = 10_000
_BELOW, _TICK = Decimal("0.97"), Decimal("0.01")


def look_first(world: World) -> None:
    radius = ladder.blast_radius(world.phone, world.credential_id, to="read_only")
    world.view.facts(
        "what `read_only` on the key would do",
        [(name, str(radius[name])) for name in ("state", "to", "counts", "open_orders_total")],
    )
    world.view.say(radius["stop_means"])


def step_down(world: World) -> None:
    began = time.perf_counter()
    ladder.tighten(world.phone, world.credential_id, "read_only", reason="the demo looks around")
    took_ms = (time.perf_counter() - began) * 1000
    world.view.say(f"the key is read_only after {took_ms:.0f} ms, and so is the bot beneath it")
    try:
        submitted = world.bot.submit(_small_order(world))
    except Refused as refused:
        world.view.say(f"the bot's next order: {refused}")
    else:
        raise StepFailed(f"an order under a read_only key is {submitted.state}")
    answer = world.platform.introspect(world.grant.token)
    expect(answer["active"] is True, "a contained bot may still read")
    world.view.say(f"introspection: active, state {answer['tripcord_state']}")


def step_up(world: World) -> None:
    approval_id = ladder.ask_lift(world.phone, world.credential_id)
    world.phone.await_doorbell("approval", seconds=PUSH_SECONDS)
    prompt = world.phone.await_approval(template="token_lift/1", approval_id=approval_id)
    world.view.phone(prompt)
    world.phone.decide(prompt, Decision.APPROVE)
    found = ladder.state(world.phone, world.credential_id)
    expect(found["state"] == "active", f"the key is {found['state']} after the lift")
    submitted = world.bot.submit(_small_order(world))
    expect(submitted.state == "released", f"the order is {submitted.state}, not released")
    world.view.say("the bot trades again")


def card_alone(world: World) -> None:
    invitation = world.platform.create_trader()
    phone = Phone(name="A phone that gets lost", inbox=None)
    world.closing.callback(phone.close)
    phone.enrol(invitation.enrolment_uri.reveal())
    card = phone.make_revocation_card()
    page = paper.printable(card, world.addresses.api, name="a second trader").reveal()
    world.view.say(f"a second trader, and a page to print: {len(page):,} bytes, nothing to load")
    receipt = cord.redeem_card(world.api, card.text)
    expect(receipt.level == "revoked", f"the receipt says {receipt.level}")
    world.view.say(f"the card alone revoked {receipt.token_id} at {receipt.revoked_at}")
    try:
        phone.cards()
    except Refused as refused:
        world.view.say(f"the lost phone: {refused}")
    else:
        raise StepFailed("the lost phone still speaks for its owner")


def grow(world: World) -> None:
    plant(
        world.stack.data,
        trader_id=world.invitation.trader_id,
        grant_id=world.grant.token_id,
        count=CHILDREN,
    )
    radius = ladder.blast_radius(world.phone, world.grant.token_id)
    expect(radius["counts"]["grant"] > CHILDREN, f"only {radius['counts']} are below the bot")
    world.view.say(f"a revoke of the bot would now end {radius['total']} nodes")


def _small_order(world: World) -> Json:
    """Far enough below the market to rest there."""
    price = (world.venue.price(MARKET) * _BELOW).quantize(_TICK, ROUND_DOWN)
    return limit_order(market=MARKET, side="buy", quantity="0.001", price=f"{price:f}")


STEPS = (
    Step(
        "Look before a step down",
        "What would die or be limited, which orders are open, what stands without a stop.",
        look_first,
    ),
    Step(
        "One step down the ladder",
        "One request, one factor: the key may read, and nothing beneath it may trade.",
        step_down,
    ),
    Step(
        "One step up needs a person",
        "Loosening is an approval: exactly this node, from this rung to that one.",
        step_up,
    ),
    Step(
        "The card alone",
        "Another trader has lost everything but a piece of paper. It is enough to end it all.",
        card_alone,
    ),
    Step(
        "A tree of ten thousand",
        "Sub-grants written beneath the API, because a person would have to approve each one.",
        grow,
    ),
)
