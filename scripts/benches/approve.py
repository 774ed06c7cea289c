"""`bench approve`: approvals decided over HTTP, each with a factor, HSM and durable log included.

Closed loops of 1 and 32 clients on kept-alive connections. An approval is a phone's signed decision
with its proof of possession and a one-time code that no request before it had; the signer verifies
all of it, spends the code and seals the decision. In turn with it, in the same rounds, 32 clients
commit single rows of their own on the same server. `ratio` is approvals per second by those commits
per second; the goal is what django-otp with DRF would have there, at 1,123 checks per second on
these two cores (which logs nothing and keeps the seed in clear).

Beneath the API: the pending approvals are planted, and between rounds the factors' time steps are
set back, because a code is good once in half a minute and nobody has as many phones.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, NamedTuple
from uuid import UUID

import asyncpg
import msgspec
from rich.console import Console
from rich.progress import track
from uuid_utils.compat import uuid7

from scripts.benches import wire
from scripts.benches.common import BenchFailed, Figures, Result, machine, median, spread
from scripts.benches.service import Service, service, settings_of
from scripts.benches.traders import Desk
from scripts.benches.wire import Timed
from scripts.clients import statements
from scripts.clients.authenticator import Authenticator
from scripts.clients.encoding import Json, canonical_json, sha256
from scripts.clients.encoding import b64url as text
from scripts.clients.http import Api, Dpop
from scripts.clients.phone import Phone

DJANGO_OTP_PER_SECOND = 1_123
"""django-otp with DRF and PostgreSQL, 32 clients, the same two cores: codes checked per second."""

CLIENTS = (1, 32)
PHONES_PER_CLIENT = 3
ROUNDS = 7
_STEPS = (-1, 0, 1)
"""Codes of one moment: the step before, this one and the next, each good once."""

_COMMITS_PER_CLIENT = 40
_AT_ONCE = 4
_TURN_SECONDS = 30
_PLANT = """
    INSERT INTO approval (trader_id, approval_id, requester, action_type, action, digest, nonce,
                          required_strength, subject_id, created_at, expires_at)
    VALUES ($1, $2, $3, 'factor.recovery_codes', $4, $5, $6, 'medium', $7, now(),
            now() + interval '9 minutes')
"""
_SET_BACK = "UPDATE totp_state SET last_used_step = 0"
_DECIDED = """
    SELECT count(*) FROM decision d JOIN approval a USING (trader_id, approval_id)
     WHERE d.method = $1 AND a.state = 'approved' AND a.action_type = 'factor.recovery_codes'
"""
_LOGGED = """
    SELECT count(*) FROM access_log l JOIN decision d
        ON d.trader_id = l.trader_id AND d.approval_id = l.subject_id
     WHERE l.event = 'approval.decided' AND l.outcome = 'ok' AND l.rule = 'approved'
       AND d.method = $1
"""


class BenchPhone(Phone):
    """A phone that says the code of any step: its bench sets the clock back."""

    authenticator: Authenticator

    def code_of(self, step: int) -> str:
        if self._codes is None:
            raise BenchFailed("a phone has no authenticator")
        return self._codes.code_at(step)


@dataclass(frozen=True, slots=True)
class Planted:
    """A pending approval of one phone; `step` is the time step whose code decides it."""

    phone: BenchPhone
    approval_id: UUID
    nonce: bytes
    digest: bytes
    step: int


def totp(planted: Planted) -> Json:
    """What decides an approval by a code of the authenticator."""
    return {
        "statement": _statement(planted, "totp"),
        "code": planted.phone.code_of(planted.step),
    }


def webauthn(planted: Planted) -> Json:
    """What decides an approval by a passkey, which is software on the clients' side."""
    challenge = sha256(
        b"tripcord/approve/v1\0" + planted.approval_id.bytes + planted.nonce + planted.digest
    )
    authenticator = planted.phone.authenticator
    (passkey,) = authenticator.passkeys
    return {
        "statement": _statement(planted, "webauthn"),
        "assertion": authenticator.get(rp_id=passkey.rp_id, challenge=challenge),
    }


def with_app(phone: BenchPhone) -> None:
    phone.enrol_totp(label="Bench")


def with_passkey(phone: BenchPhone) -> None:
    # A passkey is bound to a name: on this machine the page would be at localhost.
    origin = phone.api.origin.replace("127.0.0.1", "localhost")
    phone.authenticator = Authenticator(origin=origin)
    phone.register_passkey(phone.authenticator, label="Bench")


class Way(NamedTuple):
    """The factor a phone gets, and the part of a decision that it makes."""

    bind: Callable[[BenchPhone], None]
    decide: Callable[[Planted], Json]


WAYS: MappingProxyType[str, Way] = MappingProxyType(
    {"totp": Way(with_app, totp), "webauthn": Way(with_passkey, webauthn)}
)
"""Methods measured, the first one for the ratio."""


def run(console: Console) -> Result:
    """Measure on a service of our own; about two minutes.

    Raises
    ------
    BenchFailed
        An approval was refused, or is not decided or logged in the end.
    """
    with service(console) as running:
        before = machine(running.directory)
        figures: Figures = {}
        for method, way in WAYS.items():
            phones = _phones(console, running, max(CLIENTS) * PHONES_PER_CLIENT, way)
            measured = _measure(console, running, phones, method, way.decide)
            figures[method] = asyncio.run(measured)
            for phone in phones:
                phone.close()
        commits = figures["totp"]["commits_per_second"]
        ratio = figures["totp"]["32_clients"]["per_second"] / commits
        figures |= {
            "phones": max(CLIENTS) * PHONES_PER_CLIENT,
            "django_otp_per_second": DJANGO_OTP_PER_SECOND,
            "machine": before,
            "server": asyncio.run(_server(running)),
        }
        goal = round(DJANGO_OTP_PER_SECOND / commits, 3)
        return Result("approve", ratio, goal, figures, goal_is_floor=True)


def _phones(console: Console, running: Service, count: int, way: Way) -> list[BenchPhone]:
    """Enrolled phones, each of a trader of its own with one factor, made by the API."""
    desk = Desk(running)

    def one(_: int) -> BenchPhone:
        with Api(running.addresses.api) as api:
            phone = BenchPhone(name="Bench phone", inbox=None)
            phone.enrol(desk.platform(api).create_trader().enrolment_uri.reveal())
        way.bind(phone)
        return phone

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        made = pool.map(one, range(count))
        return list(track(made, "phones with a factor", count, console=console))


async def _measure(
    console: Console, running: Service, phones: Sequence[BenchPhone], method: str,
    way: Callable[[Planted], Json],
) -> Figures:  # fmt: skip
    crowds: dict[int, list[Timed]] = {clients: [] for clients in CLIENTS}
    seconds: dict[int, list[float]] = {clients: [] for clients in CLIENTS}
    commits: list[float] = []
    asked = 0
    async with running.owner() as owner:
        for number in track(range(ROUNDS + 1), f"{method}, in turn", console=console):
            commits.append(await _commits(running))
            await _wait_for_a_new_step()
            for clients in CLIENTS:
                ready = await _ready(owner, running, phones, clients, way)
                answers, took = await asyncio.to_thread(wire.at_once, running.addresses.api, ready)
                wire.check(answers, HTTPStatus.OK, what="an approval")
                asked += len(answers)
                if number:  # the first round warms both up
                    crowds[clients] += answers
                    seconds[clients].append(len(answers) / took)
        found = (await owner.fetchval(_DECIDED, method), await owner.fetchval(_LOGGED, method))
    if found != (asked, asked):
        raise BenchFailed(f"{asked} were approved, {found} are decided and logged")
    figures: Figures = {
        f"{clients}_clients": {
            "approvals": len(crowds[clients]),
            "per_second": round(median(seconds[clients])),
            **spread([answer.seconds for answer in crowds[clients]]),
        }
        for clients in CLIENTS
    }
    return figures | {"commits_per_second": round(median(commits[1:]))}


async def _ready(
    owner: Any, running: Service, phones: Sequence[BenchPhone], clients: int,
    way: Callable[[Planted], Json],
) -> list[list[bytes]]:  # fmt: skip
    """Requests of each client: its own phones in turn, each with the three codes of now."""
    async with owner.transaction():
        await owner.execute("SET LOCAL session_replication_role = 'replica'")
        await owner.execute(_SET_BACK)
    now = int(time.time()) // _TURN_SECONDS
    share = len(phones) // max(CLIENTS)
    queues = []
    for client in range(clients):
        own = phones[client * share : (client + 1) * share]
        queues.append([await _plant(owner, phone, now + step) for step in _STEPS for phone in own])
    # Proofs are good for ten seconds without a nonce: they are signed last.
    return [[_request(running, one, way(one)) for one in queue] for queue in queues]


async def _plant(owner: Any, phone: BenchPhone, step: int) -> Planted:
    """A pending approval as the signer stores one for a phone's new recovery codes."""
    account, approval_id = phone.account, uuid7()
    nonce = sha256(approval_id.bytes)
    action = canonical_json(
        {
            "type": "factor.recovery_codes",
            "trader_id": str(account.trader_id),
            "device_id": str(account.device_id),
            "codes": 10,
            "replaces": 0,
            "statement_sha256": text(nonce),
        }
    )
    requester = f"device:{account.device_id}"
    await owner.execute(
        _PLANT, account.trader_id, approval_id, requester, action, sha256(action), nonce,
        account.device_id,
    )  # fmt: skip
    return Planted(phone, approval_id, nonce, sha256(action), step)


def _statement(planted: Planted, method: str) -> str:
    account = planted.phone.account
    claims = statements.decision(
        account.trader_id,
        account.device_id,
        approval_id=planted.approval_id,
        nonce=text(planted.nonce),
        shown_digest=planted.digest,
        verdict="approve",
        method=method,
    )
    return planted.phone.key.statement(claims)


def _request(running: Service, planted: Planted, body: Json) -> bytes:
    origin, path = running.addresses.api, f"/v1/approvals/{planted.approval_id}/decision"
    phone = planted.phone
    proof = Dpop(phone.key, phone.account.device_token).headers("POST", origin + path, None)
    headers = {"User-Agent": "bench/1", "Content-Type": "application/json", **proof}
    return wire.request(origin, "POST", path, headers, msgspec.json.encode(body))


async def _commits(running: Service) -> float:
    """Single rows per second that as many clients commit on the same server, durably."""
    connections = [await asyncpg.connect(**running.login("tripcord")) for _ in range(max(CLIENTS))]
    try:
        await connections[0].execute(
            "CREATE TABLE IF NOT EXISTS bench_commit (id uuid PRIMARY KEY, payload bytea NOT NULL)"
        )

        async def one(connection: Any) -> None:
            for _ in range(_COMMITS_PER_CLIENT):
                await connection.execute(
                    "INSERT INTO bench_commit VALUES ($1, $2)", uuid7(), bytes(200)
                )

        began = time.perf_counter()
        await asyncio.gather(*map(one, connections))
        return len(connections) * _COMMITS_PER_CLIENT / (time.perf_counter() - began)
    finally:
        for connection in connections:
            await connection.close()


async def _wait_for_a_new_step() -> None:
    """Codes of three steps are made at once; the window must not move while they are on their way.

    A round takes a few seconds: begin where most of a step is left.
    """
    into = time.time() % _TURN_SECONDS
    if into > _TURN_SECONDS / 2:
        await asyncio.sleep(_TURN_SECONDS - into)


async def _server(running: Service) -> Figures:
    async with running.owner() as owner:
        return await settings_of(owner)
