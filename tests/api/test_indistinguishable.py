"""Unknown, revoked and foreign are one answer: status, headers and body, at every route (P10).

By time they are compared by `scripts/drill timing`, which needs a quiet machine.
"""

import asyncpg
import httpx
import pytest

from app.core import token
from app.core.ids import new_id
from app.core.token import Token, TokenKind
from scripts.clients.keys import KeyPair
from tests.api.caller import ORIGIN, Caller
from tests.api.presenting import BOUND, by_name, party
from tests.api.routes import CLIENT, PROTECTED, RECEIPT, Row
from tests.api.rows import PlatformRow, TraderRow, add_platform, add_trader, fence
from tests.api.signer import StandInSigner

pytestmark = pytest.mark.asyncio(loop_scope="module")

Whole = tuple[int, tuple[tuple[str, str], ...], bytes]


def whole(response: httpx.Response) -> Whole:
    """All of an answer that anybody could compare."""
    headers = tuple(sorted(response.headers.multi_items()))
    return response.status_code, headers, response.content


def ids(value: object) -> str:
    return by_name(value) if isinstance(value, Row) else str(value)


@pytest.mark.parametrize(
    ("row", "credential"),
    [(row, word) for row in PROTECTED for word in row.may if word in BOUND],
    ids=ids,
)
async def test_bound_tokens_that_do_not_count_are_one_answer(
    row: Row,
    credential: str,
    caller: Caller,
    signer: StandInSigner,
    trader: TraderRow,
    platform: PlatformRow,
    rows: asyncpg.Connection,
) -> None:
    revoked, foreign = await add_trader(rows, platform), await add_trader(rows, platform)
    await fence(rows, revoked.trader_id, revoked.root_id, 5)
    dead, alive = party(revoked, credential), party(foreign, credential)
    key, kind = KeyPair.p256(), alive.token.kind
    tried: list[tuple[KeyPair, Token]] = [
        (key, token.mint(kind, trader.trader_id, new_id())),
        (key, token.mint(kind, new_id(), new_id())),
        (key, token.mint(kind, alive.token.trader_id, alive.token.token_id)),
        (dead.key, dead.token),
        (key, dead.token),
        (key, alive.token),
    ]
    answers: set[Whole] = set()
    target = row.target(trader)
    for holder, presented in tried:
        text = presented.reveal()
        proof = holder.dpop_proof(row.method, ORIGIN + target, token=text)
        headers = {"Authorization": f"DPoP {text}", "DPoP": proof}
        body = None if row.body is None else row.body(trader)
        answers.add(whole(await caller.call(row.method, target, body=body, headers=headers)))
    assert len(answers) == 1
    assert {status for status, _, _ in answers} == {401}
    assert signer.relayed() == []


@pytest.mark.parametrize("row", [row for row in PROTECTED if CLIENT in row.may], ids=by_name)
async def test_client_tokens_that_do_not_count_are_one_answer(
    row: Row, caller: Caller, trader: TraderRow, rows: asyncpg.Connection
) -> None:
    disabled, living = await add_platform(rows), await add_platform(rows)
    await rows.execute(
        "UPDATE platform SET disabled_at = now() WHERE platform_id = $1", disabled.platform_id
    )
    unknown = token.mint(TokenKind.CLIENT, living.platform_id, new_id())
    wrong = token.mint(TokenKind.CLIENT, living.platform_id, living.token.token_id)
    answers: set[Whole] = set()
    for presented in (unknown, wrong, disabled.token):
        headers = {"Authorization": f"Bearer {presented.reveal()}"}
        target = row.target(trader)
        if row.form is not None:
            fields = row.form(trader)
            response = await caller.http.request(row.method, target, data=fields, headers=headers)
        else:
            body = None if row.body is None else row.body(trader)
            response = await caller.call(row.method, target, body=body, headers=headers)
        answers.add(whole(response))
    assert len(answers) == 1
    assert {status for status, _, _ in answers} == {401}


async def test_tokens_that_do_not_count_are_introspected_alike(
    caller: Caller, platform: PlatformRow, rows: asyncpg.Connection
) -> None:
    revoked = await add_trader(rows, platform)
    foreign = await add_trader(rows, await add_platform(rows))
    await fence(rows, revoked.trader_id, revoked.root_id, 5)
    answers: set[Whole] = set()
    for kind, dead, alien in zip(TokenKind, revoked.parties, foreign.parties, strict=False):
        unknown = token.mint(kind, revoked.trader_id, new_id())
        for presented in (unknown, dead.token, alien.token):
            form = {"token": presented.reveal()}
            answers.add(whole(await caller.form("/oauth/introspect", form, client=platform.token)))
    assert [(status, body) for status, _, body in answers] == [(200, b'{"active":false}')]


@pytest.mark.parametrize("row", [row for row in PROTECTED if RECEIPT in row.may], ids=by_name)
async def test_receipts_that_do_not_count_are_one_answer(
    row: Row, caller: Caller, trader: TraderRow, rows: asyncpg.Connection, platform: PlatformRow
) -> None:
    """Unknown; another revocation's; another trader's."""
    stranger = await add_trader(rows, platform)
    receipts = []
    for one in (trader, stranger):
        target = "/v1/break-glass"
        answer = await caller.call("POST", target, by=one.device, body={})
        receipts.append(answer.headers["tripcord-receipt"])
    wrong = token.parse(receipts[0])
    tried = [
        token.mint(TokenKind.RECEIPT, trader.trader_id, new_id()).reveal(),
        token.mint(TokenKind.RECEIPT, wrong.trader_id, wrong.token_id).reveal(),
        Token(TokenKind.RECEIPT, stranger.trader_id, wrong.token_id, wrong.secret).reveal(),
    ]
    if "{revocation_id:uuid}" in row.path:
        tried += receipts  # right ones, of other revocations than the one that is asked for
    target, answers = row.target(trader), set()
    for text in tried:
        answers.add(
            whole(await caller.call(row.method, target, headers={"Tripcord-Receipt": text}))
        )
    assert len(answers) == 1
    assert {status for status, _, _ in answers} == {401}


async def test_cards_that_do_not_count_are_one_answer(
    caller: Caller, trader: TraderRow, platform: PlatformRow, rows: asyncpg.Connection
) -> None:
    stranger = await add_trader(rows, platform)
    tried = [
        token.mint(TokenKind.CARD, trader.trader_id, new_id()),
        token.mint(TokenKind.CARD, new_id(), new_id()),
        token.mint(TokenKind.CARD, trader.trader_id, trader.card.token_id),
        Token(TokenKind.CARD, stranger.trader_id, trader.card.token_id, trader.card.secret),
    ]
    answers: set[Whole] = set()
    for card in tried:
        body = {"card": card.reveal()}
        answers.add(whole(await caller.call("POST", "/v1/revocation-cards/redeem", body=body)))
    assert len(answers) == 1
    assert {status for status, _, _ in answers} == {401}
