"""Linking a venue key: sealed, imported, read back, approved; and everything that ends it."""

import asyncio
import json
from typing import Any

import msgspec
import pytest

from app.verbs.wire import ReadReply, VenueAnswer
from tests.signing.parts import Signer
from tests.signing.trader import GOOD_RIGHTS, Trader

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def ready(trader: Trader) -> None:
    await trader.enrol()
    await trader.bind_factor()


async def credential(signer: Signer, trader: Trader) -> Any:
    return await signer.admin.fetchrow(
        "SELECT * FROM exchange_credential WHERE credential_id = $1", trader.credential_id
    )


async def has_secret(signer: Signer, trader: Trader) -> bool:
    found: bool = await signer.admin.fetchval(
        "SELECT EXISTS (SELECT FROM wrapped_secret WHERE credential_id = $1)",
        trader.credential_id,
    )
    return found


async def test_a_key_becomes_active_after_read_back_and_approval_and_not_before(
    signer: Signer, trader: Trader
) -> None:
    await ready(trader)
    await trader.import_key()
    assert (await credential(signer, trader))["state"] == "pending"
    assert await signer.refusal(trader.read("balances")) == "credential_not_active"
    assert await trader.attest() == "verifying"
    row = await credential(signer, trader)
    assert (row["state"], row["permissions"]) == (
        "verifying", ["enableReading", "enableSpotAndMarginTrading"],
    )  # fmt: skip
    assert await signer.refusal(trader.read("balances")) == "credential_not_active"
    approval = await trader.pending_approval()
    action = json.loads(
        await signer.admin.fetchval("SELECT action FROM approval WHERE approval_id = $1", approval)
    )
    assert (action["type"], action["api_key_id"], action["ip_restricted"]) == (
        "trade.key_link", trader.api_key, True,
    )  # fmt: skip
    await trader.approve_and_seal(approval)
    row = await credential(signer, trader)
    assert (row["state"], row["approval_id"], row["version"]) == ("active", approval, 4)
    assert (await signer.ask(trader.read("balances"))).release is not None
    assert await signer.refusal(trader.seal_request(approval)) == "approval_not_approved"


@pytest.mark.parametrize(
    ("rights", "rule"),
    [
        ({"enableWithdrawals": True}, "enableWithdrawals"),
        ({"enableInternalTransfer": True}, "enableInternalTransfer"),
        ({"enableMargin": True}, "enableMargin"),
        ({"enableFutures": True}, "enableFutures"),
        ({"permitsUniversalTransfer": True}, "permitsUniversalTransfer"),
        ({"enableSomethingNew": True}, "enableSomethingNew"),
        ({"enableReading": "true"}, "enableReading"),
        ({"enableSpotAndMarginTrading": False}, "enableSpotAndMarginTrading"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_a_key_that_may_more_or_less_than_trade_is_refused_and_its_secret_destroyed(
    signer: Signer, trader: Trader, rights: dict[str, Any], rule: str
) -> None:
    await ready(trader)
    await trader.import_key()
    assert await trader.attest(GOOD_RIGHTS | rights) == "refused"
    row = await credential(signer, trader)
    assert (row["state"], row["refused_reason"]) == ("refused", rule)
    assert not await has_secret(signer, trader)
    assert await trader.pending_approval() is None
    entry = (await signer.log(trader.trader_id))[-1]
    assert (entry["event"], entry["outcome"], entry["rule"]) == (
        "credential.refused", "refused", rule,
    )  # fmt: skip
    # Nothing brings it back: not another answer, not another read.
    again = trader.read(answer=VenueAnswer(200, json.dumps(GOOD_RIGHTS).encode()))
    assert (await signer.ask(again)).state == "refused"
    assert await signer.refusal(trader.read()) == "credential_not_found"


async def test_a_venue_that_does_not_know_the_key_refuses_it(
    signer: Signer, trader: Trader
) -> None:
    await ready(trader)
    await trader.import_key()
    unknown = {"code": -2015, "msg": "Invalid API-key, IP, or permissions for action."}
    assert await trader.attest(unknown, status=401) == "refused"
    assert (await credential(signer, trader))["refused_reason"] == "key_not_taken"
    assert not await has_secret(signer, trader)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, b"{}"),
        (503, b"down"),
        (429, b'{"code":-1003}'),
        (418, b"{}"),
        (400, b'{"code":-1021}'),
        (200, b"not json"),
        (200, b"[]"),
        (200, b'{"ipRestrict":"yes"}'),
        (302, b""),
        (401, b"<html>"),
    ],
)
async def test_an_answer_that_says_neither_yes_nor_no_changes_nothing(
    signer: Signer, trader: Trader, status: int, body: bytes
) -> None:
    await ready(trader)
    await trader.import_key()
    await signer.ask(trader.read())
    before = await credential(signer, trader)
    answer = trader.read(answer=VenueAnswer(status, body))
    assert await signer.refusal(answer)
    assert await credential(signer, trader) == before
    assert await has_secret(signer, trader)
    assert await trader.attest() == "verifying"


async def test_the_trader_is_asked_once_however_often_the_venue_answers(
    signer: Signer, trader: Trader
) -> None:
    await ready(trader)
    await trader.import_key()
    await signer.ask(trader.read())
    answer = trader.read(answer=VenueAnswer(200, json.dumps(GOOD_RIGHTS).encode()))
    replies = await asyncio.gather(*(signer.ask(answer) for _ in range(5)))
    assert {reply.state for reply in replies if isinstance(reply, ReadReply)} == {"verifying"}
    asked = await signer.admin.fetchval(
        "SELECT count(*) FROM approval WHERE trader_id = $1", trader.trader_id
    )
    assert asked == 1


async def test_an_answer_before_anybody_asked_is_not_heard(signer: Signer, trader: Trader) -> None:
    await ready(trader)
    await trader.import_key()
    answer = trader.read(answer=VenueAnswer(200, json.dumps(GOOD_RIGHTS).encode()))
    assert (await signer.ask(answer)).state == "pending"
    assert await trader.pending_approval() is None


async def test_what_is_denied_is_not_linked(signer: Signer, trader: Trader) -> None:
    await ready(trader)
    await trader.import_key()
    await trader.attest()
    approval = await trader.pending_approval()
    await signer.ask(await trader.decide_request(approval, "deny"))
    assert await signer.refusal(trader.seal_request(approval)) == "approval_not_approved"
    row = await credential(signer, trader)
    assert (row["state"], row["refused_reason"]) == ("refused", "denied")
    # What nobody wants linked is not kept, and nothing can be read with it any more.
    assert (
        await signer.admin.fetchval(
            "SELECT count(*) FROM wrapped_secret WHERE credential_id = $1", trader.credential_id
        )
        == 0
    )
    assert await signer.refusal(trader.read()) == "credential_not_found"


async def test_without_an_authenticator_nothing_is_imported(signer: Signer, trader: Trader) -> None:
    await trader.enrol()
    assert await signer.refusal(await trader.import_request()) == "factor_missing"


@pytest.mark.parametrize(
    ("change", "refused"),
    [
        ({"venue": "nowhere"}, "venue_unknown"),
        ({"venue": "binance"}, "envelope_refused"),
        ({"api_key_id": "other"}, "envelope_refused"),
        ({"envelope_sha256": "A" * 43}, "statement_rejected"),
        ({"device_id": "00000000-0000-0000-0000-000000000007"}, "statement_rejected"),
        ({"trader_id": "00000000-0000-0000-0000-000000000007"}, "statement_rejected"),
        ({"sealing_key_id": "00000000-0000-0000-0000-000000000007"}, "sealing_key_gone"),
        ({"iat": 1}, "statement_rejected"),
        ({"domain": "tripcord/bind-factor/v1"}, "signature_rejected"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else value,
)
async def test_a_statement_about_anything_else_imports_nothing(
    signer: Signer, trader: Trader, change: dict[str, Any], refused: str
) -> None:
    await ready(trader)
    assert await signer.refusal(await trader.import_request(**change)) == refused
    assert (await signer.log(trader.trader_id))[-1]["rule"] == refused
    found = await signer.admin.fetchval(
        "SELECT count(*) FROM exchange_credential WHERE trader_id = $1", trader.trader_id
    )
    assert found == 0


async def test_a_secret_that_cannot_prove_itself_is_not_imported(
    signer: Signer, trader: Trader
) -> None:
    await ready(trader)
    for change, refused in (
        ({"proof": bytes(32)}, "proof_refused"),
        ({"proof": b""}, "proof_refused"),
        ({"algorithm": "hmac-sha512"}, "algorithm_unsupported"),
        ({"algorithm": "SHA1"}, "algorithm_unsupported"),
    ):
        request = msgspec.structs.replace(await trader.import_request(), **change)
        assert await signer.refusal(request) == refused


async def test_a_secret_of_another_trader_is_not_imported_from_a_seen_envelope(
    signer: Signer, trader: Trader
) -> None:
    """The thief saw envelope and proof, and signs a link of his own about them."""
    thief = Trader(signer)
    for each in (trader, thief):
        await ready(each)
    thief.api_key = trader.api_key
    key = await trader.open_sealing_key("exchange")
    subject = f"sandbox/{trader.api_key}"
    envelope = trader.seal(key, trader.secret, "exchange", subject, "hmac-sha256")
    stolen = thief.import_request_of(key.sealing_key_id, envelope, bytes(32))
    assert await signer.refusal(stolen) == "envelope_refused"


async def test_an_import_is_not_repeated(signer: Signer, trader: Trader) -> None:
    await ready(trader)
    request = await trader.import_request()
    await signer.ask(request)
    assert await signer.refusal(request) == "sealing_key_gone"


async def test_the_secret_is_nowhere_in_the_database(signer: Signer, trader: Trader) -> None:
    await ready(trader)
    await trader.link()
    tables = await signer.admin.fetch(
        "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
    )
    needles = [
        form for raw in (trader.secret, trader.seed) for form in (raw.hex(), raw.hex().upper())
    ]
    for (table,) in tables:
        rows = await signer.admin.fetch(f"SELECT t::text AS text FROM {table} t")
        text = "\n".join(row["text"] for row in rows)
        assert not any(needle in text for needle in needles), table
