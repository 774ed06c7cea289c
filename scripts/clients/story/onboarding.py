"""From nothing to a bot that may trade: sign-up, phone, factor, exchange key, grant."""

from contextlib import suppress

from scripts.clients.approvals import Decision
from scripts.clients.bot import Bot
from scripts.clients.codes import Watch
from scripts.clients.inbox import Inbox, NoDoorbell
from scripts.clients.keys import KeyPair
from scripts.clients.phone import Phone
from scripts.clients.platform import Money, Platform
from scripts.clients.story.world import (
    MARKET,
    PUSH_SECONDS,
    QUOTE,
    VENUE,
    VENUE_SECONDS,
    Step,
    World,
    expect,
)
from scripts.clients.venue import VenueSite

_FUNDS = {QUOTE: "10000", "BTC": "0.5"}
_QUIET_SECONDS = 1.0
"""How long the phone listens to be sure that nothing rings."""


def start(world: World) -> None:
    world.addresses = world.stack.start()
    world.api = world.connect(world.addresses.api)
    world.venue = VenueSite(world.connect(world.addresses.sandbox))
    world.view.facts(
        "listening on",
        [
            ("API", world.addresses.api),
            ("push service (mock)", world.addresses.mock_push),
            ("venue (sandbox)", world.addresses.sandbox),
        ],
    )


def register_platform(world: World) -> None:
    key = KeyPair.p256()
    client_id = world.stack.add_platform("demo", key)
    world.platform = Platform(world.api, client_id=client_id, key=key)
    world.view.say(f"registered client {client_id}, known by its public key {key.jkt}")


def create_trader(world: World) -> None:
    world.invitation = world.platform.create_trader()
    uri = world.invitation.enrolment_uri.reveal()
    world.view.qr(uri, f"shown once to the new trader, valid until {world.invitation.expires_at}")
    world.view.say(f"trader {world.invitation.trader_id}")


def enrol_phone(world: World) -> None:
    push = world.connect(world.addresses.mock_push)
    watch = Watch(using=world.view.code, waiting=world.view.wait)
    world.phone = Phone(name="Demo phone", inbox=Inbox(push), watch=watch)
    world.closing.callback(world.phone.close)
    account = world.phone.enrol(world.invitation.enrolment_uri.reveal())
    expect(account.trader_id == world.invitation.trader_id, "the phone joined another trader")
    world.view.facts(
        "on the phone",
        [
            ("device", str(account.device_id)),
            ("device key", world.phone.key.jkt),
            ("pinned: HSM identity", world.phone.identity_jkt),
            ("pinned: checkpoints", account.checkpoint_jkt),
        ],
    )


def make_card(world: World) -> None:
    card = world.phone.make_revocation_card()
    world.view.qr(card.url(world.addresses.api).reveal(), "print it and put it away")
    world.view.say(f"card {card.card_id}; the service knows only {card.secret_sha256}")


def enrol_totp(world: World) -> None:
    factor_id = world.phone.enrol_totp(label="Demo authenticator")
    world.view.say(f"factor {factor_id}: its seed left the phone only sealed to the HSM")


def link_refused(world: World) -> None:
    rights = {"enableReading": True, "enableWithdrawals": True}
    key = world.venue.make_key(permissions=rights, balances=_FUNDS)
    credential_id = world.phone.link_key(
        venue=VENUE, api_key_id=key.api_key_id, secret=key.secret, label="Can withdraw"
    )
    view = world.phone.await_credential(
        credential_id,
        until=lambda view: view["state"] == "refused" or view["approval_id"] is not None,
        seconds=VENUE_SECONDS,
    )
    expect(view["state"] == "refused", "a key that can withdraw was not refused")
    expect(not world.phone.pending(), "the trader was asked about a key that can withdraw")
    _expect_silence(world)
    world.view.say(f"refused: {view['refused_reason']}; nobody was asked, nothing rang")


def link_key(world: World) -> None:
    rights = {"enableReading": True, "enableSpotAndMarginTrading": True}
    world.venue_key = world.venue.make_key(permissions=rights, balances=_FUNDS)
    world.credential_id = world.phone.link_key(
        venue=VENUE,
        api_key_id=world.venue_key.api_key_id,
        secret=world.venue_key.secret,
        label="Spot, trade only",
    )
    view = world.phone.await_credential(
        world.credential_id,
        until=lambda view: view["state"] == "refused" or view["approval_id"] is not None,
        seconds=VENUE_SECONDS,
    )
    expect(view["state"] != "refused", f"the link was refused: {view['refused_reason']}")
    _approve(world, "key_link/1")
    world.phone.await_credential(
        world.credential_id, until=lambda view: view["state"] == "active", seconds=VENUE_SECONDS
    )
    world.view.say(f"credential {world.credential_id} is active")


def grant_bot(world: World) -> None:
    world.bot = Bot(world.connect(world.addresses.api, user_agent="demo-bot/1"))
    world.grant = world.platform.request_grant(
        trader_id=world.invitation.trader_id,
        credential_id=world.credential_id,
        model_jwk=world.bot.key.public_jwk,
        model={"name": "Demo trend bot", "digest": "sha256:" + "0" * 64, "version": "1"},
        markets=[MARKET],
        allocation=Money("5000", QUOTE),
        free_limit=Money("100", QUOTE),
        max_order=Money("2500", QUOTE),
    )
    answer = world.platform.introspect(world.grant.token)
    expect(answer == {"active": False}, "the grant lived before it was approved")
    _approve(world, "bot_grant/1")
    answer = world.platform.introspect(world.grant.token)
    expect(answer["active"] is True, "the approved grant is not active")
    world.bot.use_grant(
        trader_id=world.invitation.trader_id,
        grant_id=world.grant.token_id,
        token=world.grant.token,
    )
    world.view.say(f"grant {world.grant.token_id} lives; it is bound to the bot's own key")


def _approve(world: World, template: str) -> None:
    world.phone.await_doorbell("approval", seconds=PUSH_SECONDS)
    prompt = world.phone.await_approval(template=template)
    world.view.phone(prompt)
    world.phone.decide(prompt, Decision.APPROVE)


def _expect_silence(world: World) -> None:
    with suppress(NoDoorbell):
        world.phone.await_doorbell("approval", seconds=_QUIET_SECONDS)
        expect(fact=False, otherwise="the phone rang for a key that can withdraw")


STEPS = (
    Step(
        "Start Tripcord",
        "`tripcord up` starts the database, the HSM token and every process.",
        start,
    ),
    Step(
        "Register the platform",
        "An operator registers the trading platform's public key; there is no shared secret.",
        register_platform,
    ),
    Step(
        "Create a trader",
        "The platform gets an enrolment code only. The QR also carries the HSM's fingerprint.",
        create_trader,
    ),
    Step(
        "Enrol the phone",
        "The phone scans the QR, makes its key and pins the HSM's identity.",
        enrol_phone,
    ),
    Step(
        "Make the revocation card",
        "Drawn on the phone, for paper. It can do one thing: revoke everything.",
        make_card,
    ),
    Step(
        "Enrol an authenticator",
        "The phone draws a TOTP seed, seals it to the HSM and proves it with a first code.",
        enrol_totp,
    ),
    Step(
        "A key that can withdraw is refused",
        "Tripcord reads the key's rights back from the venue before it asks anybody.",
        link_refused,
    ),
    Step(
        "Link a trade-only key",
        "Sealed on the phone, unwrapped only inside the HSM; approved with a one-time password.",
        link_key,
    ),
    Step(
        "Grant a bot",
        "The platform asks, the trader approves; the token is dead until then.",
        grant_bot,
    ),
)
