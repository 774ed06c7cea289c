"""A day at work: orders within and above the free limit, the account, a sign-in."""

import time
from decimal import ROUND_DOWN, Decimal

from scripts.clients.approvals import SIGN_IN, Decision
from scripts.clients.bot import limit_order
from scripts.clients.browser import Browser
from scripts.clients.encoding import Json
from scripts.clients.story.world import (
    MARKET,
    PUSH_SECONDS,
    VENUE_SECONDS,
    Step,
    World,
    expect,
)

_AT_THE_VENUE = {"accepted", "partially_filled", "filled"}
_TICK, _LOT = Decimal("0.01"), Decimal("0.00001")
_POLL_SECONDS = 0.5
_SIGN_IN_SECONDS = 30.0


def order_in_limit(world: World) -> None:
    intent = buy(world, worth=Decimal(50), at=Decimal("1.001"))
    submitted = world.bot.submit(intent)
    expect(submitted.state == "released", f"the order is {submitted.state}, not released")
    order = world.bot.await_order(submitted.order_id, _AT_THE_VENUE, seconds=VENUE_SECONDS)
    _show_order(world, order)


def order_held(world: World) -> None:
    world.held = world.bot.submit(buy(world, worth=Decimal(1000), at=Decimal("0.97")))
    expect(world.held.state == "held", f"the order is {world.held.state}, not held")
    expect(world.held.approval_id is not None, "a held order names no approval")
    world.view.say(f"order {world.held.order_id} waits; the bot sends nothing again")


def doorbell(world: World) -> None:
    bell = world.phone.await_doorbell("approval", seconds=PUSH_SECONDS)
    world.view.notification(bell.message)


def approve_order(world: World) -> None:
    prompt = world.phone.await_approval(template="order/1", approval_id=world.held.approval_id)
    world.view.phone(prompt)
    decided = world.phone.decide(prompt, Decision.APPROVE)
    world.view.say(f"approval {decided['approval_id']} is {decided['state']}")


def signed_and_accepted(world: World) -> None:
    order = world.bot.await_order(world.held.order_id, _AT_THE_VENUE, seconds=VENUE_SECONDS)
    _show_order(world, order)
    theirs = world.venue.open_orders(world.venue_key.api_key_id)
    found = [o for o in theirs if o["clientOrderId"] == order["client_order_id"]]
    expect(len(found) == 1, "the venue does not know the order")
    world.view.say("the venue checked the signature with its own copy of the secret")


def account(world: World) -> None:
    deadline = time.monotonic() + VENUE_SECONDS
    while not (balances := world.phone.balances()) or not (orders := world.phone.open_orders()):
        expect(time.monotonic() < deadline, "no balances or no open orders came back")
        time.sleep(_POLL_SECONDS)
    world.view.table(
        "balances",
        ("venue", "asset", "free", "locked", "as of", "stale"),
        [[b[c] for c in ("venue", "asset", "free", "locked", "as_of", "stale")] for b in balances],
    )
    columns = ("market", "side", "type", "quantity", "price", "filled_quantity", "state")
    world.view.table("open orders", columns, [[o.get(c) for c in columns] for o in orders])


def sign_in(world: World) -> None:
    agent = "Mozilla/5.0 (demo) a browser nobody has seen before"
    browser = Browser(world.connect(world.addresses.api, user_agent=agent))
    session_id = browser.start(world.invitation.trader_id)
    world.view.say(f"session {session_id} asks to be let in")
    bell = world.phone.await_doorbell("login", seconds=PUSH_SECONDS)
    world.view.notification(bell.message)
    state = browser.prove(world.phone.next_code())
    expect(state == "pending", f"a code alone made the session {state}")
    prompt = world.phone.await_approval(template=SIGN_IN)
    world.view.phone(prompt)
    world.phone.decide(prompt, Decision.APPROVE)
    world.session_token = browser.await_session(seconds=_SIGN_IN_SECONDS)
    answer = world.platform.introspect(world.session_token)
    expect(answer["active"] is True, "the session is not active")
    world.view.say("signed in: code and device together, bound to the browser's own key")


def buy(world: World, *, worth: Decimal, at: Decimal) -> Json:
    """A limit buy of about `worth` quote units at `at` times the last price."""
    price = (world.venue.price(MARKET) * at).quantize(_TICK, ROUND_DOWN)
    quantity = (worth / price).quantize(_LOT, ROUND_DOWN)
    intent = limit_order(market=MARKET, side="buy", quantity=f"{quantity:f}", price=f"{price:f}")
    world.view.say(f"the bot signs: buy {quantity:f} {MARKET} at {price:f}")
    return intent


def _show_order(world: World, order: Json) -> None:
    fields = ("state", "client_order_id", "venue_order_id", "filled_quantity")
    world.view.facts("order", [(name, str(order[name])) for name in fields])


STEPS = (
    Step(
        "An order inside the free limit",
        "Signed by the bot's model key, checked on every node, signed for the venue in the HSM.",
        order_in_limit,
    ),
    Step(
        "A larger order is held",
        "Above the grant's free limit the trader is asked; the sequence number is spent.",
        order_held,
    ),
    Step(
        "The doorbell rings",
        "A push through the real SDK: it says that something waits, and nothing else.",
        doorbell,
    ),
    Step(
        "The phone shows and approves",
        "It renders the bytes it signs, recomputes their digest, and adds a one-time password.",
        approve_order,
    ),
    Step(
        "Signed in the HSM, accepted by the venue",
        "The signer verifies the decision once more; the secret never leaves the HSM.",
        signed_and_accepted,
    ),
    Step(
        "Balances and open orders",
        "Read from the venue with a signature of the HSM, with the age of every figure.",
        account,
    ),
    Step(
        "A sign-in from a new browser",
        "It rings at once; a code and the device's decision are both needed.",
        sign_in,
    ),
)
