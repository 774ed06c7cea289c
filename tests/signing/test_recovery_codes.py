"""Making recovery codes: on the first day at once, afterwards with an approval; old ones end."""

import asyncio
from typing import Any

import msgspec
import pytest

from app.core.ids import new_id
from app.verbs.wire import BoundRecoveryCodes, EndReEnrolment, PushTarget
from tests.core.keys import P256, text
from tests.signing.bot import now
from tests.signing.forging import LATER, NEXT, OTHER_ID, Row
from tests.signing.parts import Signer
from tests.signing.recovering import Recovering
from tests.signing.trader import Trader

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_on_the_first_day_ten_codes_are_bound_at_once_and_none_of_them_is_here(
    signer: Signer, trader: Trader
) -> None:
    await trader.enrol()
    paper = Recovering(trader)
    asked = paper.codes_request(paper.draw())
    answer: BoundRecoveryCodes = await signer.ask(asked)
    assert (answer.state, answer.codes_left) == ("bound", 10)
    rows = await signer.admin.fetch(
        "SELECT * FROM recovery_code WHERE trader_id = $1", trader.trader_id
    )
    assert {row["code_id"] for row in rows} == {code.code_id for code in paper.codes}
    everything = repr(rows) + repr(asked)
    for code in paper.codes:
        assert repr(code.secret)[2:-1] not in everything
        assert code.secret.hex() not in everything
        assert text(code.secret) not in everything


async def test_where_there_is_a_factor_new_codes_take_an_approval_and_old_ones_end(
    signer: Signer, trader: Trader
) -> None:
    await trader.enrol()
    paper = Recovering(trader)
    (old, *_) = await paper.make_codes()
    await trader.bind_factor()
    asked = paper.codes_request(paper.draw())
    answer: BoundRecoveryCodes = await signer.ask(asked)
    assert (answer.state, answer.codes_left) == ("awaiting_approval", 10)
    assert answer.approval_id is not None
    with_approval = msgspec.structs.replace(asked, approval_id=answer.approval_id)
    assert await signer.refusal(with_approval) == "approval_not_approved"
    await trader.approve(answer.approval_id)
    # What was approved are these codes, and no others.
    others = paper.codes_request(Recovering(trader).draw(), answer.approval_id)
    assert await signer.refusal(others) == "recovery_codes_refused"
    assert (await signer.ask(with_approval)).state == "bound"
    assert await signer.refusal(with_approval) == "approval_not_approved"
    assert await signer.refusal(paper.begin_request(old)) == "re_enrolment_refused:code_replaced"
    assert await signer.refusal(paper.begin_request()) == ""


async def test_an_approval_makes_one_set_however_often_it_is_used(
    signer: Signer, trader: Trader
) -> None:
    await trader.enrol()
    await trader.bind_factor()
    paper = Recovering(trader)
    asked = paper.codes_request(paper.draw())
    answer: BoundRecoveryCodes = await signer.ask(asked)
    assert answer.approval_id is not None
    await trader.approve(answer.approval_id)
    used = msgspec.structs.replace(asked, approval_id=answer.approval_id)
    outcomes = await asyncio.gather(*(signer.ask(used) for _ in range(32)), return_exceptions=True)
    assert sum(isinstance(outcome, BoundRecoveryCodes) for outcome in outcomes) == 1


async def test_a_statement_that_is_not_this_devices_or_names_no_ten_keys_is_refused(
    signer: Signer, trader: Trader
) -> None:
    await trader.enrol()
    paper = Recovering(trader)
    ten = paper.draw()
    named: list[dict[str, Any]] = [{"code_id": str(c.code_id), "x": c.jwk["x"]} for c in ten]
    for changes, code in (
        ({"iat": now() - 301}, "statement_rejected"),
        ({"device_id": str(new_id())}, "statement_rejected"),
        ({"trader_id": str(new_id())}, "statement_rejected"),
        ({"codes": named[:9]}, "signature_rejected"),
        ({"codes": [*named[:9], named[0]]}, "recovery_codes_refused"),
        ({"codes": [*named[:9], {"code_id": str(new_id()), "x": named[0]["x"]}]},
         "recovery_codes_refused"),
        ({"codes": [*named[:9], {"code_id": str(new_id()), "x": text(bytes(32))}]}, "key_rejected"),
        ({"more": 1}, "signature_rejected"),
    ):  # fmt: skip
        refused = await signer.refusal(paper.codes_request(**changes))
        assert refused == code, (changes, refused)
    honest, trader.device = trader.device, P256()
    assert await signer.refusal(paper.codes_request()) == "signature_rejected"
    trader.device = honest
    assert await signer.refusal(paper.codes_request()) == ""
    assert await signer.refusal(paper.codes_request()) == "recovery_codes_refused"


async def test_a_contained_device_makes_no_codes(signer: Signer, trader: Trader) -> None:
    await trader.enrol()
    paper = Recovering(trader)
    await trader.revoke(trader.root_id)
    assert await signer.refusal(paper.codes_request(paper.draw())) == "containment_forbids:revoked"


async def test_an_edited_code_or_re_enrolment_is_refused_column_by_column(
    signer: Signer, trader: Trader
) -> None:
    """By somebody with the database in his hands, beneath every trigger and grant."""
    await trader.enrol()
    paper = Recovering(trader)
    (code, *_) = await paper.make_codes()
    row = Row(signer, "recovery_code", "code_id", code.code_id)
    edits = {
        "set_number": NEXT, "root_id": OTHER_ID, "device_id": OTHER_ID, "bound_at": LATER,
        "version": NEXT, "mac": "sha256({})",
    }  # fmt: skip
    assert {*edits, "trader_id", "code_id", "public_jwk"} == set(await row.columns())
    found = await row.refusals(edits, lambda: signer.refusal(paper.begin_request()))
    assert set(found.values()) == {"evidence_forged"}
    # A key of the thief's own: his statement verifies with it, and the MAC does not.
    thief = Recovering(trader).draw()[0]
    thief.code_id = code.code_id
    stolen = await row.refusals(
        {"public_jwk": "$2"}, lambda: signer.refusal(paper.begin_request(thief)),
        value=_canonical(thief.jwk),
    )  # fmt: skip
    assert stolen == {"public_jwk": "evidence_forged"}

    await paper.begin(push=PushTarget(provider="fcm", kind="fid", registration="reg"))
    await paper.let_wait()
    waiting = Row(signer, "re_enrolment", "re_enrolment_id", paper.re_enrolment_id)
    edits = {
        "root_id": OTHER_ID, "code_id": OTHER_ID, "name": "{} || 'x'",
        "passkey_id": f"{OTHER_ID}, code_id = NULL",
        "push_kind": "'token'", "push_registration": "{} || 'x'", "authenticator_lost": "NOT {}",
        "begun_at": "{} - interval '1 hour'", "expires_at": "{} - interval '1 hour'",
        "not_before": "{} - interval '1 hour', begun_at = begun_at - interval '1 hour',"
                      " expires_at = expires_at - interval '1 hour'",
        "state": f"'vetoed', ended_at = now(), ended_by = {OTHER_ID}", "version": NEXT,
        "mac": "sha256({})", "public_jwk": "$2",
    }  # fmt: skip
    # What ended it and when cannot be stored without the state.
    together = {"ended_at", "ended_by", "trader_id", "re_enrolment_id"}
    assert {*edits, *together} == set(await waiting.columns())
    key = P256()
    found = {}
    for column, edit in edits.items():
        request = paper.end_request("complete", key=key if column == "public_jwk" else None)

        async def attempt(request: EndReEnrolment = request) -> str:
            return await signer.refusal(request)

        found |= await waiting.refusals(
            {column: edit}, attempt,
            value=_canonical(key.jwk),
        )  # fmt: skip
    assert set(found.values()) == {"evidence_forged"}
    assert await signer.refusal(paper.end_request("complete")) == ""


def _canonical(jwk: dict[str, str]) -> bytes:
    return msgspec.json.encode(dict(sorted(jwk.items())))
