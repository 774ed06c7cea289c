"""Every way to end a credential, really pulled, and what it kills. One line each."""

from collections.abc import Awaitable, Callable
from uuid import UUID

from app.containment.planning import plan_trader, plan_venue
from app.containment.service import Containing
from app.core.ids import new_id
from app.tokens.models import Level
from scripts.clients import statements
from scripts.clients.keys import KeyPair
from scripts.drills.traders import VENUE, Bearer
from scripts.drills.wire import Answer
from tests.drills.credentials import EVERYTHING, World, first, planted, platforms_own, told_of

Pull = Callable[[World], Awaitable[Answer | None]]
FREEZE = Level.FROZEN
BOT = told_of("grant", "sub_grant")
PHONE = told_of("device") | {"yes", "heartbeat"}
BELOW_THE_KEY = BOT | {
    "key_signs", "key_reads", "platform", "old_secret", "new_secret", "yes",
}  # fmt: skip

_SIGN_IN = """
    INSERT INTO session (trader_id, session_id, jkt, address, user_agent, approval_id, state,
                         created_at, expires_at)
    SELECT trader_id, $2, 'k', 'address', 'agent', approval_id, 'pending', now(),
           now() + interval '2 minutes'
      FROM approval WHERE trader_id = $1 LIMIT 1
"""
_OPERATOR = """
    SELECT log_position FROM tighten($1, $2, 5::smallint, 'drill', 'operator:drill', NULL, NULL,
                                     NULL, NULL, $3, $4, 'cancel_entries')
"""


async def _delete(world: World, node: UUID) -> Answer:
    return await world.http("DELETE", f"/v1/tokens/{node}", world.trader.phone)


async def _break_glass(world: World) -> Answer:
    return await world.http("POST", "/v1/break-glass", world.trader.phone, {})


async def _card(world: World) -> Answer:
    body = {"card": world.trader.card.reveal()}
    return await world.http("POST", "/v1/revocation-cards/redeem", body=body)


async def _not_me(world: World) -> Answer:
    """ "That sign-in was not me". The sign-in's row is planted: its ceremony needs a person."""
    trader, session_id = world.trader, world.trader.browser.path[-1]
    await world.stage.owner.execute(_SIGN_IN, trader.trader_id, session_id)
    return await world.http("POST", f"/v1/sessions/{session_id}/not-me", trader.phone)


async def _lost(world: World) -> Answer:
    path = f"/v1/devices/{world.trader.spare.path[-1]}/lost"
    return await world.http("POST", path, world.trader.phone)


async def _operator(world: World) -> None:
    async with world.operator.transaction() as tx:
        root = world.trader.root_path[-1]
        await tx.fetchval(_OPERATOR, world.trader.trader_id, root, new_id(), bytes(32))


async def _patch(world: World) -> Answer:
    path = f"/v1/tokens/{world.trader.bots[0].path[-1]}/state"
    body = {"state": "revoked", "reason": "drill"}
    return await world.http("PATCH", path, world.trader.phone, body)


def _leaked(whose: Callable[[World], Awaitable[Bearer]]) -> Pull:
    """Somebody found it in public and told us; who, is nobody's business."""

    async def pull(world: World) -> Answer:
        leak = {"token": (await whose(world)).token.reveal(), "url": "https://paste.example/1"}
        return await world.http("POST", "/v1/leaks", body={"leaks": [leak]})

    return pull


async def _unused(world: World) -> Bearer:
    """A new secret that was never shown is as good as the old one, to whoever finds it."""
    return (await world.extras()).unused


async def _rfc_7009(world: World) -> Answer:
    return await world.form("/oauth/revoke", {"token": world.trader.bots[0].token.reveal()})


async def _come_back(world: World) -> Answer:
    """The end of a re-enrolment: a new phone, a day later, by a code from paper."""
    paper, key, trader = (await world.extras()).paper, KeyPair.p256(), world.trader
    words = statements.re_enrol(
        trader.trader_id, paper.code_id, jkt=key.jkt, name="new", authenticator_lost=False
    )
    begun = await world.bare("/v1/re-enrolments", key, {
        "trader_id": str(trader.trader_id), "code_id": str(paper.code_id),
        "public_jwk": key.public_jwk, "name": "new", "statement": key.statement(words),
        "code_statement": paper.key.statement(words),
    })  # fmt: skip
    assert begun.status == 201, begun
    re_enrolment_id = UUID(begun.json()["re_enrolment_id"])
    await world.planter.let_a_day_pass(re_enrolment_id)
    ending = statements.end_re_enrolment(trader.trader_id, re_enrolment_id, act="complete")
    return await world.bare(f"/v1/re-enrolments/{re_enrolment_id}/complete", key, {
        "trader_id": str(trader.trader_id), "statement": key.statement(ending),
    })  # fmt: skip


async def _contained(world: World) -> None:
    """`tripcord contain trader`: no revoke, and nothing goes on all the same."""
    db, trader_id = world.operator, world.trader.trader_id
    plan = await plan_trader(db, trader_id, FREEZE, reason="drill", actor="operator:drill")
    done = await Containing(db).contain_trader(plan)
    assert done.position is not None


async def _venue_contained(world: World) -> None:
    """`tripcord contain venue`: nothing is signed for it any more, reads included."""
    plan = await plan_venue(world.operator, VENUE, FREEZE, reason="drill", actor="operator:drill")
    assert (await Containing(world.operator).contain_venue(plan)).drained


async def _venue_let_go(world: World) -> None:
    """Nobody can, in the product: the next test has the same venue."""
    await world.stage.owner.execute("UPDATE venue SET level = 0 WHERE venue_id = $1", VENUE)


AFTERWARDS: dict[str, Callable[[World], Awaitable[None]]] = {
    "contain the venue": _venue_let_go,
}

WAYS: dict[str, tuple[Pull, frozenset[str]]] = {
    "delete the root": (lambda w: _delete(w, w.trader.root_path[-1]), EVERYTHING),
    "delete the key": (lambda w: _delete(w, w.trader.key_path[-1]), BELOW_THE_KEY),
    "delete a bot": (lambda w: _delete(w, w.trader.bots[0].path[-1]), BOT),
    "delete a sub-grant": (
        lambda w: _delete(w, w.trader.subs[0].path[-1]), told_of("sub_grant"),
    ),
    "delete the session": (
        lambda w: _delete(w, w.trader.browser.path[-1]), told_of("session"),
    ),
    "delete the phone": (lambda w: _delete(w, w.trader.phone.path[-1]), PHONE),
    "take a bot's last step": (_patch, BOT),
    "leak a bot": (_leaked(lambda w: first(w.trader.bots)), BOT),
    "leak the session": (_leaked(lambda w: planted(w, "browser")), told_of("session")),
    "leak the phone": (_leaked(lambda w: planted(w, "phone")), PHONE),
    "leak the platform's token": (_leaked(platforms_own), told_of("platform_token")),
    "leak a secret before its first use": (
        _leaked(_unused), frozenset({"new_secret", "old_secret", "key_signs"}),
    ),
    "revoke by the platform": (_rfc_7009, BOT),
    "come back with a new phone": (_come_back, EVERYTHING),
    "contain the trader": (_contained, EVERYTHING),
    "contain the venue": (
        _venue_contained, frozenset({"grant", "sub_grant", "key_signs", "key_reads"}),
    ),
    "disown the session": (_not_me, told_of("session")),
    "report the other phone lost": (_lost, told_of("other_device")),
    "break glass": (_break_glass, EVERYTHING),
    "redeem the card": (_card, EVERYTHING),
    "contain by the operator": (_operator, EVERYTHING),
}  # fmt: skip
"""Way to what it kills. What it does not kill must go on, or the refusals would say nothing."""
