"""Tokens that somebody found in public, and what a report of one does: end it, and nothing more."""

import asyncio
import re
from datetime import timedelta
from ipaddress import ip_network
from typing import Any

import asyncpg
import pytest

from app.core import token
from app.core.ids import new_id
from app.core.token import SCANNER_PATTERN, Token, TokenKind
from tests.api.caller import Caller, Party, refused
from tests.api.conftest import Start
from tests.api.rows import PlatformRow, TraderRow
from tests.api.test_token_nodes import lives, rotate
from tests.support.postgres import FreshDatabase

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def report(caller: Caller, *texts: str) -> Any:
    body = {"leaks": [{"token": text, "url": "https://paste.example/x"} for text in texts]}
    response = await caller.call("POST", "/v1/leaks", body=body)
    assert response.status_code == 202, response.text
    return response.content


@pytest.mark.parametrize("kind", ["device", "session", "grant", "platform"])
async def test_a_leaked_token_is_dead_when_the_report_is_answered(
    kind: str, caller: Caller, trader: TraderRow, rows: asyncpg.Connection
) -> None:
    party: Party = getattr(trader, kind)
    assert await lives(caller, party)
    await report(caller, party.token.reveal())
    assert not await lives(caller, party)
    reason = await rows.fetchval(
        "SELECT reason FROM fence WHERE trader_id = $1 AND token_id = $2 AND level = 5",
        *(trader.trader_id, party.token.token_id),
    )
    assert reason == "leaked"
    if kind != "device":
        assert await lives(caller, trader.device)


async def test_a_leaked_client_token_is_dead_too(caller: Caller, platform: PlatformRow) -> None:
    await report(caller, platform.token.reveal())
    response = await caller.call("POST", "/v1/traders", client=platform.token, body={})
    refused(response, 401, "client_rejected")


async def test_a_report_says_nothing_of_what_it_found(
    caller: Caller, trader: TraderRow, rows: asyncpg.Connection
) -> None:
    good = trader.grant.token
    texts = {
        "live": good.reveal(),
        "again": good.reveal(),
        "wrong secret": token.mint(TokenKind.GRANT, good.trader_id, good.token_id).reveal(),
        "unknown": token.mint(TokenKind.GRANT, new_id(), new_id()).reveal(),
        "another kind": Token(
            TokenKind.SESSION, good.trader_id, good.token_id, good.secret
        ).reveal(),
        "another's card": token.mint(TokenKind.CARD, good.trader_id, new_id()).reveal(),
        "no token": "ghp_0123456789",
    }
    misses = "SELECT count(*) FROM access_log WHERE rule = 'leak_unknown'"
    before = await rows.fetchval(misses)
    assert len({await report(caller, text) for text in texts.values()}) == 1
    assert await rows.fetchval(misses) == before + 6
    fences = await rows.fetch("SELECT token_id FROM fence WHERE trader_id = $1", trader.trader_id)
    assert [row["token_id"] for row in fences] == [good.token_id]


async def test_a_new_secret_leaks_like_the_old_one_and_a_dead_one_does_not(
    caller: Caller, trader: TraderRow
) -> None:
    new = await rotate(caller, trader.session)
    assert await lives(caller, new)
    await report(caller, trader.session.token.reveal())
    assert await lives(caller, new)
    unused = await rotate(caller, new)
    await report(caller, unused.token.reveal())
    assert not await lives(caller, new)


async def test_a_leaked_card_goes_on_for_a_day_and_revokes_nobody(
    caller: Caller, trader: TraderRow, rows: asyncpg.Connection
) -> None:
    """A report is no weapon: it neither pulls the cord nor takes it away at once."""
    await rows.execute(
        "INSERT INTO push_registration VALUES ($1, $2, 'fcm', 'fid', 'reg')",
        *(trader.trader_id, trader.device.token.token_id),
    )
    for _ in range(2):  # the second changes nothing: the day begins with the first
        await report(caller, trader.card.reveal())
    assert await lives(caller, trader.device)
    row = await rows.fetchrow(
        "SELECT removed_at - now() AS left FROM revocation_card WHERE card_id = $1",
        trader.card.token_id,
    )
    assert timedelta(hours=23, minutes=59) < row["left"] <= timedelta(hours=24)
    entries = await rows.fetch(
        "SELECT rule FROM access_log WHERE trader_id = $1 AND event = 'leak.reported'",
        trader.trader_id,
    )
    assert [entry["rule"] for entry in entries] == ["card"]
    bells = "SELECT topic FROM outbox WHERE trader_id = $1 AND rid = $2"
    (bell,) = await rows.fetch(bells, trader.trader_id, trader.card.token_id)
    assert bell["topic"] == "security"
    card = {"card": trader.card.reveal()}
    assert (await caller.call("POST", "/v1/revocation-cards/redeem", body=card)).status_code == 200
    assert not await lives(caller, trader.device)


async def test_a_leaked_receipt_and_a_leaked_enrolment_code_end_at_once_and_nothing_else(
    caller: Caller, trader: TraderRow, platform: PlatformRow, rows: asyncpg.Connection
) -> None:
    gone = trader.grant.token.token_id
    pulled = await caller.call("DELETE", f"/v1/tokens/{gone}", by=trader.device)
    receipt = pulled.headers["tripcord-receipt"]
    target = f"/v1/revocations/{pulled.json()['revocation_id']}"

    async def read() -> int:
        return (await caller.call("GET", target, headers={"Tripcord-Receipt": receipt})).status_code

    assert await read() == 200
    await report(caller, receipt)
    assert await read() == 401
    assert (await caller.call("GET", target, by=trader.device)).status_code == 200
    new, code = new_id(), token.mint(TokenKind.ENROL, new_id(), new_id())
    await rows.execute("INSERT INTO trader VALUES ($1, $2)", new, platform.platform_id)
    code = token.mint(TokenKind.ENROL, new, code.token_id)
    await rows.execute(
        "INSERT INTO enrolment_code (trader_id, code_id, code_hash, expires_at)"
        " VALUES ($1, $2, $3, now() + interval '9 minutes')",
        *(new, code.token_id, code.secret_hash()),
    )
    wrong = token.mint(TokenKind.ENROL, new, code.token_id)
    alive = "SELECT expires_at > now() FROM enrolment_code WHERE trader_id = $1"
    for text, lives_on in ((wrong.reveal(), True), (code.reveal(), False)):
        await report(caller, text)
        assert await rows.fetchval(alive, new) is lives_on


async def test_a_guess_never_stands_in_a_traders_line(
    caller: Caller, trader: TraderRow, module_database: FreshDatabase
) -> None:
    guess = token.mint(TokenKind.CARD, trader.trader_id, trader.card.token_id)
    holder = await asyncpg.connect(module_database.dsn())
    try:
        async with holder.transaction():
            await holder.execute(
                "SELECT 1 FROM trader WHERE trader_id = $1 FOR UPDATE", trader.trader_id
            )
            await asyncio.wait_for(report(caller, guess.reveal()), 2)
    finally:
        await holder.close()


async def test_who_guesses_is_told_to_wait_and_who_is_right_never(
    start: Start, module_database: FreshDatabase, trader: TraderRow
) -> None:
    """Five hundred misses per address; what was found does not count, nor another address."""

    hops = (ip_network("127.0.0.0/8"),)
    async with start(module_database, trusted_hops=hops) as caller:

        async def ask(*texts: str, at: str) -> Any:
            body = {"leaks": [{"token": text} for text in texts]}
            headers = {"X-Forwarded-For": at}
            return await caller.call("POST", "/v1/leaks", body=body, headers=headers)

        for _ in range(5):
            assert (await ask(*["x"] * 100, at="2001:db8::1")).status_code == 202
        stopped = await ask(trader.session.token.reveal(), at="2001:db8::2")  # of the same /64
        refused(stopped, 429, "too_many_requests")
        assert 0 < int(stopped.headers["retry-after"]) <= 600
        assert await lives(caller, trader.session)
        assert (await ask(trader.session.token.reveal(), at="192.0.2.9")).status_code == 202
        assert not await lives(caller, trader.session)


@pytest.mark.parametrize("count", [0, 101])
async def test_a_report_has_one_to_a_hundred_tokens(count: int, caller: Caller) -> None:
    body = {"leaks": [{"token": "x"}] * count}
    refused(await caller.call("POST", "/v1/leaks", body=body), 400, "malformed")


async def test_the_published_pattern_finds_every_kind_in_a_text(caller: Caller) -> None:
    published = (await caller.call("GET", "/.well-known/tripcord-token-pattern")).json()
    assert published["pattern"] == SCANNER_PATTERN
    assert published["report_to"].endswith("/v1/leaks")
    for kind in TokenKind:
        text = token.mint(kind, new_id(), new_id()).reveal()
        found = re.search(published["pattern"], f'token = "{text}"\n')
        assert found is not None
        assert found[0] == text
