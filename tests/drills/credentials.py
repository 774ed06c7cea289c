"""Every kind of credential, really used; every way to revoke, really pulled. One line each.

A use answers whether it was accepted; a refusal that is none of containment's fails the test.
"""

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from app.core.errors import DomainError
from app.core.ids import new_id
from app.core.origin import Origin
from app.verbs.client import VerbClient
from app.verbs.wire import OrderOutcome, SignOrder, VenueRead
from scripts.drills.asking import new_grant, order_statement
from scripts.drills.stage import ORIGIN, Stage
from scripts.drills.traders import Bearer, Nursery, Trader
from scripts.drills.wire import Answer

REFUSED = {"token_rejected", "containment_forbids", "parent_not_active"}

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


@dataclass
class World:
    """One trader on a running stage; `sequence` numbers the orders of each grant."""

    stage: Stage
    nursery: Nursery
    operator: Any
    trader: Trader
    sequence: int = 0

    def order(self, bot: Bearer) -> str:
        self.sequence += 1
        return order_statement(self.trader, bot, self.sequence)

    async def http(
        self, method: str, path: str, bearer: Bearer | None = None, body: Any = None,
        headers: dict[str, str] | None = None,
    ) -> Answer:  # fmt: skip
        sent = dict(headers or {})
        if bearer is not None:
            text = bearer.token.reveal()
            proof = bearer.key.dpop_proof(method, ORIGIN + path, token=text)
            sent |= {"Authorization": f"DPoP {text}", "DPoP": proof}
        raw = b"" if body is None else json.dumps(body).encode()
        return await self.stage.clients[0].call(method, path, sent, raw)

    async def platform(self, method: str, path: str, body: Any) -> Answer:
        headers = {"Authorization": f"Bearer {self.nursery.client.reveal()}"}
        return await self.http(method, path, body=body, headers=headers)


Use = Callable[[World], Awaitable[bool]]
Pull = Callable[[World], Awaitable[Answer | None]]


def accepted(answer: Answer) -> bool:
    if 200 <= answer.status < 300:
        return True
    code = answer.json()["type"].rpartition(":")[2]
    assert code in REFUSED, answer
    return False


async def _asked(client: VerbClient, request: Any) -> Any:
    try:
        return await client.call(request)
    except DomainError as error:
        if error.code not in REFUSED:
            raise
        return None
    finally:
        client.close()


async def _device(world: World) -> bool:
    return accepted(await world.http("GET", "/v1/devices", world.trader.phone))


async def _other_device(world: World) -> bool:
    return accepted(await world.http("GET", "/v1/devices", world.trader.spare))


async def _session(world: World) -> bool:
    return accepted(await world.http("GET", "/v1/tokens", world.trader.browser))


async def _grant(world: World) -> bool:
    body = {"order": world.order(world.trader.bots[0])}
    return accepted(await world.http("POST", "/v1/orders", world.trader.bots[0], body))


async def _sub_grant(world: World) -> bool:
    body = {"order": world.order(world.trader.subs[0])}
    return accepted(await world.http("POST", "/v1/orders", world.trader.subs[0], body))


async def _key_signs(world: World) -> bool:
    """The exchange credential, past the edge: a signed order at the signer's own socket."""
    bot = world.trader.bots[1]
    request = SignOrder(
        trader_id=world.trader.trader_id, grant_id=bot.path[-1], order=world.order(bot),
        approval_id=None, origin=Origin(actor="test"),
    )  # fmt: skip
    outcome: OrderOutcome | None = await _asked(
        VerbClient(world.stage.folder / "signer.sock"), request
    )
    return outcome is not None and outcome.state == "released"


async def _key_reads(world: World) -> bool:
    """The exchange credential, read: what the courier asks for."""
    request = VenueRead(
        trader_id=world.trader.trader_id, credential_id=world.trader.key_path[-1], what="balances"
    )
    reply = await _asked(VerbClient(world.stage.folder / "courier.sock"), request)
    return reply is not None and reply.release is not None


async def _platform(world: World) -> bool:
    """A platform's token, used about this trader: it asks for a grant on the key."""
    return accepted(await world.platform("POST", "/v1/tokens", new_grant(world.trader)))


KINDS: dict[str, Use] = {
    "device": _device,
    "other_device": _other_device,
    "session": _session,
    "grant": _grant,
    "sub_grant": _sub_grant,
    "key_signs": _key_signs,
    "key_reads": _key_reads,
    "platform": _platform,
}
EVERYTHING = frozenset(KINDS)
BELOW_THE_KEY = EVERYTHING - {"device", "other_device", "session"}


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


WAYS: dict[str, tuple[Pull, frozenset[str]]] = {
    "delete the root": (lambda w: _delete(w, w.trader.root_path[-1]), EVERYTHING),
    "delete the key": (lambda w: _delete(w, w.trader.key_path[-1]), BELOW_THE_KEY),
    "delete a bot": (
        lambda w: _delete(w, w.trader.bots[0].path[-1]), frozenset({"grant", "sub_grant"}),
    ),
    "delete a sub-grant": (
        lambda w: _delete(w, w.trader.subs[0].path[-1]), frozenset({"sub_grant"}),
    ),
    "delete the session": (
        lambda w: _delete(w, w.trader.browser.path[-1]), frozenset({"session"}),
    ),
    "delete the phone": (
        lambda w: _delete(w, w.trader.phone.path[-1]), frozenset({"device"}),
    ),
    "disown the session": (_not_me, frozenset({"session"})),
    "report the other phone lost": (_lost, frozenset({"other_device"})),
    "break glass": (_break_glass, EVERYTHING),
    "redeem the card": (_card, EVERYTHING),
    "contain by the operator": (_operator, EVERYTHING),
}  # fmt: skip
"""Way to what it kills. What it does not kill must go on, or the refusals would say nothing."""
