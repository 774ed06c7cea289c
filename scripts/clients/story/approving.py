"""Ways to say yes, and the one way to say no: passkey, number, one-time password, fraud."""

from decimal import Decimal

from scripts.clients import ladder
from scripts.clients.approvals import Decision, Prompt
from scripts.clients.authenticator import Authenticator
from scripts.clients.bot import Bot
from scripts.clients.http import Refused
from scripts.clients.platform import Money
from scripts.clients.screens import approve_with_number, reveal_code
from scripts.clients.story.trading import buy
from scripts.clients.story.world import (
    MARKET,
    PUSH_SECONDS,
    QUOTE,
    Step,
    StepFailed,
    World,
    expect,
)


def add_passkey(world: World) -> None:
    # A passkey is bound to a name, so on this machine the page would be at localhost.
    origin = world.addresses.api.replace("127.0.0.1", "localhost")
    world.authenticator = Authenticator(origin=origin)
    made = world.phone.register_passkey(world.authenticator, label="This phone's passkey")
    expect(made.approval_id is not None, "a second factor was added without an approval")
    prompt = world.phone.await_approval(template="factor_add/1", approval_id=made.approval_id)
    world.view.phone(prompt)
    world.phone.decide(prompt, Decision.APPROVE)
    (passkey,) = world.phone.passkeys()
    expect(passkey["state"] == "active", f"the passkey is {passkey['state']}")
    world.view.say(f"passkey {made.factor_id} may approve for {passkey['rp_id']}")


def approve_by_passkey(world: World) -> None:
    prompt = _hold(world)
    decided = world.phone.approve_with_passkey(prompt, world.authenticator)
    expect(decided["state"] == "approved", f"the approval is {decided['state']}")
    world.view.say("its challenge was the hash of this approval and of the bytes on the screen")


def approve_by_number(world: World) -> None:
    prompt = _hold(world)
    number = world.bot.number(prompt.approval.approval_id)
    world.view.say(f"on the bot's screen: {number}. The person types it on the phone")
    decided = approve_with_number(world.phone, prompt, number)
    expect(decided["state"] == "approved", f"the approval is {decided['state']}")


def approve_by_code(world: World) -> None:
    trader_id = world.invitation.trader_id
    approval_id = world.platform.ask(
        trader_id=trader_id,
        details={
            "type": "trade.external",
            "kind": "setting",
            "reference": "demo-1",
            "description": "Send the weekly report by e-mail",
        },
        context={"address": "198.51.100.7", "place": "Lisbon"},
    )
    prompt = world.phone.await_approval(template="external/1", approval_id=approval_id)
    world.view.phone(prompt)
    code = reveal_code(world.phone, prompt)
    world.view.say("on the phone, once, and in no push message: eight digits")
    decided = world.platform.submit_code(trader_id, approval_id, code.reveal())
    expect(decided["state"] == "approved", f"the approval is {decided['state']}")
    statement = world.platform.redeem(trader_id=trader_id, approval_id=approval_id)
    world.view.say(f"redeemed once for a signed statement of {len(statement)} characters")
    try:
        world.platform.redeem(trader_id=trader_id, approval_id=approval_id)
    except Refused as refused:
        world.view.say(f"a second time: {refused}")
    else:
        raise StepFailed("one approval was redeemed twice")


def deny_as_fraud(world: World) -> None:
    stranger = Bot(world.connect(world.addresses.api, user_agent="strange-bot/1"))
    grant = world.platform.request_grant(
        trader_id=world.invitation.trader_id,
        credential_id=world.credential_id,
        model_jwk=stranger.key.public_jwk,
        model={"name": "Too good to be true", "digest": "sha256:" + "1" * 64, "version": "1"},
        markets=[MARKET],
        allocation=Money("500", QUOTE),
        free_limit=Money("100", QUOTE),
        max_order=Money("400", QUOTE),
    )
    prompt = world.phone.await_approval(template="bot_grant/1", approval_id=grant.approval_id)
    world.phone.decide(prompt, Decision.APPROVE)
    stranger.use_grant(
        trader_id=world.invitation.trader_id, grant_id=grant.token_id, token=grant.token
    )
    held = stranger.submit(buy(world, worth=Decimal(300), at=Decimal("0.97")))
    prompt = world.phone.await_approval(template="order/1", approval_id=held.approval_id)
    world.view.phone(prompt)
    decided = world.phone.decide(prompt, Decision.FRAUD)
    expect(decided["state"] == "fraud", f"the approval is {decided['state']}")
    answer = world.platform.introspect(grant.token)
    expect(answer == {"active": False}, f"the strange bot is {answer}")
    found = ladder.state(world.phone, grant.token_id)
    expect(found["state"] == "frozen", f"the strange bot is {found['state']}")
    try:
        stranger.submit(buy(world, worth=Decimal(50), at=Decimal("0.97")))
    except Refused as refused:
        world.view.say(f"its next order, however small: {refused}")
    else:
        raise StepFailed("a bot that was called a fraud still trades")


def _hold(world: World) -> Prompt:
    world.held = world.bot.submit(buy(world, worth=Decimal(300), at=Decimal("0.97")))
    expect(world.held.state == "held", f"the order is {world.held.state}, not held")
    world.phone.await_doorbell("approval", seconds=PUSH_SECONDS)
    prompt = world.phone.await_approval(template="order/1", approval_id=world.held.approval_id)
    world.view.phone(prompt)
    return prompt


STEPS = (
    Step(
        "Add a passkey",
        "Made by the phone's own authenticator, and worth nothing until a person approved it.",
        add_passkey,
    ),
    Step(
        "Approve with the passkey",
        "The strongest way: it cannot be phished, and it signs what was shown.",
        approve_by_passkey,
    ),
    Step(
        "Four digits from the other screen",
        "Typed, never chosen, inside what the phone signs; one wrong number ends the request.",
        approve_by_number,
    ),
    Step(
        "A one-time password for the platform's screen",
        "The phone says yes and is told a code; the platform learns the yes when it is typed.",
        approve_by_code,
    ),
    Step(
        "Deny as fraud",
        "One tap says no and freezes whoever asked, with everything beneath.",
        deny_as_fraud,
    ),
)
