"""Every kind of credential, really used. One line each; every way to end one is in `ways`.

A use answers whether it was accepted; a refusal that is none of containment's fails the test.
"""

import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from app.core import token
from app.core.errors import DomainError
from app.core.origin import Origin
from app.verbs.client import VerbClient
from app.verbs.wire import OrderOutcome, SignOrder, VenueRead
from scripts.clients import statements
from scripts.clients.encoding import b64url
from scripts.clients.keys import KeyPair
from scripts.clients.recovery import RecoveryCode
from scripts.drills.asking import new_grant, order_statement
from scripts.drills.stage import ORIGIN, Stage
from scripts.drills.traders import Bearer, Nursery, Trader
from scripts.drills.wire import Answer
from tests.drills.planting import Authenticator, Planter

REFUSED = {"token_rejected", "containment_forbids", "parent_not_active"}


@dataclass
class World:
    """One trader on a running stage; `sequence` numbers the orders of each grant."""

    stage: Stage
    nursery: Nursery
    operator: Any
    trader: Trader
    planter: Planter
    sequence: int = 0
    told: "Told | None" = None

    async def extras(self) -> "Told":
        """What the trader has beside what every drill plants; made when first asked for."""
        if self.told is None:
            await _rotated(self, self.trader.subs[1])  # and goes on with the old one
            self.told = Told(
                platform=await self.planter.platform_token(self.trader),
                authenticator=await self.planter.authenticator(self.trader),
                paper=await self.planter.recovery_code(self.trader),
                unused=await _rotated(self, self.trader.bots[1]),
                waiting=await _asked_for(self),
            )
        return self.told

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

    async def bare(self, path: str, key: KeyPair, body: Any) -> Answer:
        """A request by a key that has no token yet."""
        proof = key.dpop_proof("POST", ORIGIN + path)
        return await self.http("POST", path, body=body, headers={"DPoP": proof})

    async def form(self, path: str, fields: dict[str, str]) -> Answer:
        """A form, by the platform's access token."""
        headers = {
            "Authorization": f"Bearer {self.nursery.client.reveal()}",
            "Content-Type": "application/x-www-form-urlencoded",
        }
        return await self.stage.clients[0].call("POST", path, headers, urlencode(fields).encode())

    async def platform(self, method: str, path: str, body: Any) -> Answer:
        headers = {"Authorization": f"Bearer {self.nursery.client.reveal()}"}
        return await self.http(method, path, body=body, headers=headers)


@dataclass
class Told:
    """`unused` is a new secret of the second bot's that nobody showed yet; `waiting` an approval
    that nobody decided yet. Both are made anew after each use.
    """

    platform: Bearer
    authenticator: Authenticator
    paper: RecoveryCode
    unused: Bearer
    waiting: UUID
    beat: int = 0


Use = Callable[[World], Awaitable[bool]]


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


async def _platform_token(world: World) -> bool:
    return accepted(await world.http("GET", "/v1/tokens", (await world.extras()).platform))


async def _old_secret(world: World) -> bool:
    """A secret that may be replaced any moment: another one was handed out, and not used."""
    return accepted(await world.http("GET", "/v1/tokens", world.trader.subs[1]))


async def _new_secret(world: World) -> bool:
    """A secret that was handed out before, and is shown now for the first time."""
    told = await world.extras()
    shown = told.unused
    alive = accepted(await world.http("GET", "/v1/tokens", shown))
    if alive:
        told.unused = await _rotated(world, shown)
    return alive


async def _yes(world: World) -> bool:
    """The phone's yes, with a right code, to what was asked before."""
    told, trader = await world.extras(), world.trader
    row = await world.stage.owner.fetchrow(
        "SELECT nonce, digest FROM approval WHERE trader_id = $1 AND approval_id = $2",
        *(trader.trader_id, told.waiting),
    )
    claims = statements.decision(
        trader.trader_id, trader.phone.path[-1], approval_id=told.waiting,
        nonce=b64url(row["nonce"]), shown_digest=row["digest"], verdict="approve",
        method="totp",
    )  # fmt: skip
    body = {"statement": trader.phone.key.statement(claims), "code": told.authenticator.code()}
    path = f"/v1/approvals/{told.waiting}/decision"
    done = accepted(await world.http("POST", path, trader.phone, body))
    if done:
        told.waiting = await _asked_for(world)
    return done


async def _heartbeat(world: World) -> bool:
    told, phone = await world.extras(), world.trader.phone
    claims = statements.heartbeat(world.trader.trader_id, phone.path[-1])
    told.beat = max(claims["iat"], told.beat + 1)  # each is newer than the last, by whole seconds
    body = {"statement": phone.key.statement(claims | {"iat": told.beat})}
    return accepted(await world.http("POST", "/v1/devices/heartbeat", phone, body))


def _introspected(whose: Callable[[World], Awaitable[Bearer]]) -> Use:
    """What a platform is told of a token; whether it asks about a dead one changes nothing."""

    async def use(world: World) -> bool:
        form = {"token": (await whose(world)).token.reveal()}
        answer = await world.form("/oauth/introspect", form)
        assert answer.status == 200, answer
        return bool(answer.json()["active"])

    return use


async def _rotated(world: World, bearer: Bearer) -> Bearer:
    path = f"/v1/tokens/{bearer.path[-1]}/rotate"
    answer = await world.http("POST", path, bearer)
    assert answer.status == 200, answer
    return replace(bearer, token=token.parse(answer.json()["token"]))


async def _asked_for(world: World) -> UUID:
    answer = await world.platform("POST", "/v1/tokens", new_grant(world.trader))
    assert answer.status == 201, answer
    return UUID(answer.json()["approval_id"])


async def first(bearers: Sequence[Bearer]) -> Bearer:
    return bearers[0]


async def platforms_own(world: World) -> Bearer:
    return (await world.extras()).platform


async def planted(world: World, name: str) -> Bearer:
    found: Bearer = getattr(world.trader, name)
    return found


KINDS: dict[str, Use] = {
    "device": _device,
    "other_device": _other_device,
    "session": _session,
    "grant": _grant,
    "sub_grant": _sub_grant,
    "key_signs": _key_signs,
    "key_reads": _key_reads,
    "platform": _platform,
    "platform_token": _platform_token,
    "old_secret": _old_secret,
    "new_secret": _new_secret,
    "yes": _yes,
    "heartbeat": _heartbeat,
    "introspected device": _introspected(lambda w: planted(w, "phone")),
    "introspected other_device": _introspected(lambda w: planted(w, "spare")),
    "introspected session": _introspected(lambda w: planted(w, "browser")),
    "introspected grant": _introspected(lambda w: first(w.trader.bots)),
    "introspected sub_grant": _introspected(lambda w: first(w.trader.subs)),
    "introspected platform_token": _introspected(platforms_own),
}
"""Without a tree of its own: `platform` asks by its client token, `yes` is the phone's."""

EVERYTHING = frozenset(KINDS)


def told_of(*kinds: str) -> frozenset[str]:
    """Kinds with a bearer form, and what introspection says of them."""
    return frozenset(kinds) | {f"introspected {kind}" for kind in kinds}
