"""Beginning, waiting, vetoing: what a recovery code can do before its day is over."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest
import pytest_asyncio

from app.core.errors import DomainError
from app.core.ids import new_id
from app.verbs.answers import BegunReEnrolment
from app.verbs.wire import EndedReEnrolment
from tests.core.keys import P256
from tests.signing.bot import now
from tests.signing.parts import Signer
from tests.signing.recovering import PaperCode, Recovering, another_device
from tests.signing.trader import Trader

pytestmark = pytest.mark.asyncio(loop_scope="session")

REFUSED = "re_enrolment_refused"


@pytest_asyncio.fixture(loop_scope="session")
async def paper(trader: Trader) -> Recovering:
    """A trader with one phone and ten codes, and the key of a new phone."""
    await trader.enrol()
    recovering = Recovering(trader)
    await recovering.make_codes()
    return recovering


async def doorbells(signer: Signer, trader_id: UUID, rid: UUID) -> set[UUID]:
    rows = await signer.admin.fetch(
        "SELECT device_id FROM outbox WHERE trader_id = $1 AND rid = $2 AND topic = 'security'",
        *(trader_id, rid),
    )
    return {row["device_id"] for row in rows}


async def register_push(signer: Signer, trader_id: UUID, *device_ids: UUID) -> None:
    for device_id in device_ids:
        await signer.admin.execute(
            "INSERT INTO push_registration VALUES ($1, $2, 'fcm', 'fid', 'reg')",
            *(trader_id, device_id),
        )


async def report_lost(signer: Signer, trader_id: UUID, device_id: UUID, by: UUID) -> None:
    await signer.admin.execute(
        "INSERT INTO lost_device (trader_id, device_id, reported_by) VALUES ($1, $2, $3)",
        *(trader_id, device_id, by),
    )


async def test_a_code_begins_a_day_of_waiting_and_rings_even_devices_that_were_revoked(
    signer: Signer, paper: Recovering
) -> None:
    trader = paper.trader
    _, second = await another_device(trader)
    _, lost = await another_device(trader)
    await register_push(signer, trader.trader_id, trader.bound.device_id, second, lost)
    await report_lost(signer, trader.trader_id, lost, second)
    await trader.revoke(trader.root_id)
    begun = await paper.begin()
    row = await paper.row()
    assert row["not_before"] == row["begun_at"] + timedelta(hours=24) == begun.not_before
    assert (row["state"], row["root_id"]) == ("waiting", trader.root_id)
    rung = await doorbells(signer, trader.trader_id, begun.re_enrolment_id)
    assert rung == {trader.bound.device_id, second}
    (entry,) = [e for e in await signer.log(trader.trader_id) if e["event"] == "re_enrolment.begun"]
    assert entry["subject_id"] == begun.re_enrolment_id


async def test_until_the_day_is_over_there_is_no_new_root(
    signer: Signer, paper: Recovering
) -> None:
    await paper.begin()
    assert await signer.refusal(paper.end_request("complete")) == "waiting_time_not_over"
    await paper.let_wait(timedelta(hours=24) - timedelta(seconds=60))
    assert await signer.refusal(paper.end_request("complete")) == "waiting_time_not_over"
    await paper.let_wait(timedelta(seconds=60))
    assert await signer.refusal(paper.end_request("complete")) == ""
    roots = await signer.admin.fetchval(
        "SELECT count(*) FROM token WHERE trader_id = $1 AND kind = 'trader'",
        paper.trader.trader_id,
    )
    assert roots == 2


async def test_a_day_does_not_pass_by_setting_the_signers_clock(
    signer: Signer, paper: Recovering
) -> None:
    await paper.begin()
    signer.clock.ahead = timedelta(hours=25)
    later = paper.end_request("complete", iat=now() + 25 * 3600)
    assert await signer.refusal(later) == "clock_doubt"
    signer.clock.ahead = timedelta(hours=-25)
    other = paper.begin_request(paper.codes[1], iat=now() - 25 * 3600)
    assert await signer.refusal(other) == "clock_doubt"
    assert await paper.state() == "waiting"


async def test_an_old_device_says_no_after_break_glass_too_and_that_is_the_end(
    signer: Signer, paper: Recovering
) -> None:
    await paper.trader.revoke(paper.trader.root_id)
    await paper.begin()
    ended: EndedReEnrolment = await signer.ask(paper.end_request("veto"))
    assert ended.state == "vetoed"
    row = await paper.row()
    assert (row["state"], row["ended_by"]) == ("vetoed", paper.trader.bound.device_id)
    await paper.let_wait()
    for act in ("complete", "cancel", "veto"):
        assert await signer.refusal(paper.end_request(act)) == "re_enrolment_over:vetoed"
    # The code is spent, and a further attempt takes another one.
    assert await signer.refusal(paper.begin_request()) == f"{REFUSED}:code_used"
    assert await signer.refusal(paper.begin_request(paper.codes[1])) == ""


async def test_a_device_reported_lost_may_not_veto_and_any_other_may(
    signer: Signer, paper: Recovering
) -> None:
    trader = paper.trader
    stolen, stolen_id = await another_device(trader)
    await paper.begin()
    await report_lost(signer, trader.trader_id, stolen_id, trader.bound.device_id)
    thief = paper.end_request("veto", key=stolen, device_id=stolen_id)
    assert await signer.refusal(thief) == "veto_refused:reported_lost"
    assert await paper.state() == "waiting"
    assert await signer.refusal(paper.end_request("veto")) == ""


async def test_a_veto_takes_the_key_of_a_device_of_this_trader_and_this_root(
    signer: Signer, paper: Recovering
) -> None:
    await paper.begin()
    stranger = Trader(signer)
    await stranger.enrol()
    for request, code in (
        (paper.end_request("veto", key=P256()), "signature_rejected"),
        (paper.end_request("veto", key=paper.device), "signature_rejected"),
        (paper.end_request("veto", device_id=new_id()), "veto_refused"),
        (paper.end_request("veto", key=stranger.device, device_id=stranger.bound.device_id),
         "veto_refused"),
        (paper.end_request("veto", iat=now() - 301), "statement_rejected"),
        (msgspec.structs.replace(
            paper.end_request("veto"),
            statement=paper.end_request("cancel", key=paper.trader.device).statement,
        ), "statement_rejected"),
        (msgspec.structs.replace(paper.end_request("cancel"), act="veto"), "veto_refused"),
        (paper.end_request("veto", re_enrolment_id=str(new_id())), "statement_rejected"),
        (paper.end_request("cancel", key=paper.trader.device), "signature_rejected"),
        (paper.end_request("complete", key=paper.trader.device), "signature_rejected"),
    ):  # fmt: skip
        assert await signer.refusal(request) == code
    assert await paper.state() == "waiting"


async def test_the_new_key_may_withdraw(signer: Signer, paper: Recovering) -> None:
    await paper.begin()
    ended: EndedReEnrolment = await signer.ask(paper.end_request("cancel"))
    assert ended.state == "cancelled"
    await paper.let_wait()
    assert await signer.refusal(paper.end_request("complete")) == "re_enrolment_over:cancelled"


async def test_a_second_request_replaces_nothing_and_an_expired_one_makes_room(
    signer: Signer, paper: Recovering
) -> None:
    begun = await paper.begin()
    again: BegunReEnrolment = await signer.ask(paper.begin_request())
    assert again == begun
    other = paper.begin_request(paper.codes[1], device=P256())
    assert await signer.refusal(other) == "re_enrolment_open"
    await paper.let_wait(timedelta(days=8, seconds=1))
    assert await signer.refusal(paper.end_request("complete")) == "re_enrolment_over:expired"
    assert await signer.refusal(other) == ""
    assert await paper.state() == "expired"


async def test_of_64_who_begin_at_once_one_begins(signer: Signer, paper: Recovering) -> None:
    requests = [
        paper.begin_request(paper.codes[number % 10], device=P256()) for number in range(64)
    ]
    outcomes = await asyncio.gather(*map(signer.ask, requests), return_exceptions=True)
    assert sum(isinstance(outcome, BegunReEnrolment) for outcome in outcomes) == 1
    assert {type(o).__name__ for o in outcomes} <= {
        "BegunReEnrolment", "ReEnrolmentOpen", "TraderBusy",
    }  # fmt: skip
    rows = await signer.admin.fetchval(
        "SELECT count(*) FROM re_enrolment WHERE trader_id = $1", paper.trader.trader_id
    )
    assert rows == 1


async def test_one_code_is_used_once_by_whoever_comes_first(
    signer: Signer, paper: Recovering
) -> None:
    """With the open one out of the way each time, so that only the code can refuse."""
    won = 0
    for _ in range(3):
        requests = [paper.begin_request(device=P256()) for _ in range(20)]
        outcomes: list[Any] = await asyncio.gather(
            *map(signer.ask, requests), return_exceptions=True
        )
        won += sum(isinstance(outcome, BegunReEnrolment) for outcome in outcomes)
        await signer.as_owner(
            ("UPDATE re_enrolment SET state = 'cancelled', ended_at = now() WHERE trader_id = $1",
             paper.trader.trader_id)
        )  # fmt: skip
    assert won == 1


async def test_of_a_veto_and_a_completion_that_meet_exactly_one_happened(
    signer: Signer, paper: Recovering
) -> None:
    twin = await signer.twin()
    try:
        await paper.begin()
        await paper.let_wait()
        acts = [("veto", "complete")[number % 2] for number in range(64)]
        parties = [(signer, twin)[number // 2 % 2] for number in range(64)]
        outcomes: list[Any] = await asyncio.gather(
            *(party.ask(paper.end_request(act)) for party, act in zip(parties, acts, strict=True)),
            return_exceptions=True,
        )
    finally:
        await twin.close()
    states = {outcome.state for outcome in outcomes if isinstance(outcome, EndedReEnrolment)}
    assert states == {await paper.state()}
    assert len(states) == 1
    assert all(isinstance(outcome, EndedReEnrolment | DomainError) for outcome in outcomes)
    vetoes = [o for o in outcomes if isinstance(o, EndedReEnrolment) and o.state == "vetoed"]
    assert len(vetoes) <= 1
    roots = await signer.admin.fetchval(
        "SELECT count(*) FROM token WHERE trader_id = $1 AND kind = 'trader'",
        paper.trader.trader_id,
    )
    assert roots == (2 if states == {"completed"} else 1)


async def test_a_wrong_code_an_unknown_one_and_an_unknown_trader_are_one_answer(
    signer: Signer, paper: Recovering
) -> None:
    trader_id = paper.trader.trader_id
    wrong = PaperCode(trader_id)
    wrong.code_id = paper.codes[0].code_id
    unknown = PaperCode(trader_id)
    nobody = msgspec.structs.replace(
        paper.begin_request(trader_id=str(new_id())), trader_id=new_id()
    )
    stranger = new_id()
    foreign = msgspec.structs.replace(
        paper.begin_request(trader_id=str(stranger)), trader_id=stranger
    )
    assert await signer.refusal(nobody) == "statement_rejected"
    entries = len(await signer.log(trader_id))
    for request in (paper.begin_request(wrong), paper.begin_request(unknown), foreign):
        assert await signer.refusal(request) == REFUSED
    failures = await signer.admin.fetchval(
        "SELECT failures FROM recovery_state WHERE trader_id = $1", trader_id
    )
    assert failures == 2
    assert len(await signer.log(trader_id)) == entries  # told to the system, not to their chain
    # And nobody is locked out by them.
    assert await signer.refusal(paper.begin_request()) == ""


@pytest.mark.parametrize(
    "changes",
    [
        {"jkt": "A" * 43}, {"name": "other"}, {"code_id": "00000000-0000-0000-0000-000000000007"},
        {"iat": 1}, {"more": 1}, {"domain": "tripcord/bind-device/v1"},
        {"code_claims": {"jkt": "A" * 43}}, {"code_claims": {"authenticator_lost": True}},
        {"code_claims": {"iat": 1}},
    ],
)  # fmt: skip
async def test_both_keys_sign_the_same_words_about_this_very_phone(
    signer: Signer, paper: Recovering, changes: dict[str, Any]
) -> None:
    """So whoever relays the request cannot put his own phone in the place of the new one."""
    assert await signer.refusal(paper.begin_request(**changes)) in {
        "statement_rejected", "signature_rejected", REFUSED,
    }  # fmt: skip
    assert await signer.refusal(paper.begin_request()) == ""


async def test_an_api_that_swaps_the_phone_of_a_request_gets_nothing(
    signer: Signer, paper: Recovering
) -> None:
    honest, thief = paper.begin_request(), P256()
    own = paper.begin_request(device=thief)
    swapped = msgspec.structs.replace(own, code_statement=honest.code_statement)
    assert await signer.refusal(swapped) == REFUSED


async def test_a_key_that_is_known_here_already_begins_nothing(
    signer: Signer, paper: Recovering
) -> None:
    request = paper.begin_request(device=paper.trader.device)
    assert await signer.refusal(request) == f"{REFUSED}:key_known"
