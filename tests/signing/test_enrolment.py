"""Binding a first phone and a first authenticator, through the verbs."""

import asyncio
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from app.core import jose, token
from app.core.errors import DomainError
from app.verbs.wire import BoundDevice, BoundFactor
from tests.core.keys import P256, jws
from tests.signing.bot import now
from tests.signing.parts import Signer
from tests.signing.phone import DEVICE_TYP
from tests.signing.trader import Trader

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def has_root(signer: Signer, trader: Trader) -> bool:
    found: bool = await signer.admin.fetchval(
        "SELECT root_id IS NOT NULL FROM trader WHERE trader_id = $1", trader.trader_id
    )
    return found


async def is_frozen(signer: Signer, trader: Trader) -> bool:
    found: bool = await signer.admin.fetchval(
        "SELECT frozen_empty FROM trader WHERE trader_id = $1", trader.trader_id
    )
    return found


async def test_a_phone_gets_a_token_that_only_its_hash_remembers(
    signer: Signer, trader: Trader
) -> None:
    bound = await trader.enrol()
    bearer = token.parse(bound.device_token, token.TokenKind.DEVICE)
    assert (bearer.trader_id, bearer.token_id) == (trader.trader_id, bound.device_id)
    stored = await signer.admin.fetchrow("SELECT * FROM token WHERE token_id = $1", bound.device_id)
    assert stored["secret_hash"] == bearer.secret_hash()
    assert (stored["jkt"], stored["path"]) == (
        trader.device.jkt, [bound.root_token_id, bound.device_id],
    )  # fmt: skip
    assert bound.identity_jkt == signer.identity.identity.jkt
    assert bound.device_token not in repr(bound)


async def test_the_same_key_gets_the_same_answer_again(signer: Signer, trader: Trader) -> None:
    request = trader.bind_request(await trader.appear())
    first, second = await signer.ask(request), await signer.ask(request)
    assert first == second


async def test_64_tries_with_one_code_and_one_key_make_one_device(
    signer: Signer, trader: Trader
) -> None:
    request = trader.bind_request(await trader.appear())
    outcomes = await asyncio.gather(
        *(signer.ask(request) for _ in range(64)), return_exceptions=True
    )
    tokens = {o.device_token for o in outcomes if isinstance(o, BoundDevice)}
    assert len(tokens) == 1
    assert all(isinstance(o, BoundDevice | DomainError) for o in outcomes)
    assert await signer.admin.fetchval(
        "SELECT count(*) FROM device WHERE trader_id = $1", trader.trader_id
    ) == 1  # fmt: skip


async def test_of_racing_keys_one_is_bound_and_the_trader_is_frozen(
    signer: Signer, trader: Trader
) -> None:
    """Two keys know the code: somebody has seen it. Nothing more is enrolled here."""
    code = await trader.appear()
    phones = [P256() for _ in range(5)]
    outcomes = await asyncio.gather(
        *(signer.ask(trader.bind_request(code, device=phone)) for phone in phones),
        return_exceptions=True,
    )
    assert sum(isinstance(outcome, BoundDevice) for outcome in outcomes) == 1
    assert await has_root(signer, trader)
    assert await is_frozen(signer, trader)


async def test_in_a_frozen_trader_the_phone_that_was_first_binds_no_authenticator(
    signer: Signer, trader: Trader
) -> None:
    """The first one may be the thief: it is frozen as well as whoever came second."""
    code = await trader.appear()
    trader.bound = await signer.ask(trader.bind_request(code))
    assert await signer.refusal(trader.bind_request(code, device=P256())) == "enrolment_refused"
    assert await signer.refusal(trader.bind_request(code)) == "enrolment_refused"
    assert await signer.refusal(await trader.factor_request()) == "enrolment_refused"
    events = [e["event"] for e in await signer.log(trader.trader_id)]
    assert "trader.frozen_empty" in events


async def test_once_there_is_an_authenticator_a_second_key_freezes_nobody(
    signer: Signer, trader: Trader
) -> None:
    code = await trader.appear()
    trader.bound = await signer.ask(trader.bind_request(code))
    await trader.bind_factor()
    assert await signer.refusal(trader.bind_request(code, device=P256())) == "enrolment_refused"
    assert not await is_frozen(signer, trader)


async def test_a_code_ends_after_ten_minutes(signer: Signer, trader: Trader) -> None:
    code = await trader.appear()
    signer.clock.ahead = timedelta(minutes=10, seconds=1)
    request = trader.bind_request(code, iat=now() + 601)
    assert await signer.refusal(request) == "enrolment_refused"


async def test_a_code_that_is_guessed_finds_nothing(signer: Signer, trader: Trader) -> None:
    real = await trader.appear()
    guess = token.mint(token.TokenKind.ENROL, trader.trader_id, real.token_id)
    assert await signer.refusal(trader.bind_request(guess)) == "enrolment_refused"
    assert (await signer.ask(trader.bind_request(real))).trader_id == trader.trader_id


@pytest.mark.parametrize(
    "change",
    [
        {"jkt": "A" * 43}, {"code_sha256": "A" * 43}, {"name": "other"},
        {"trader_id": "00000000-0000-0000-0000-000000000007"},
        {"domain": "tripcord/bind-factor/v1"}, {"more": 1},
    ],
    ids=lambda change: next(iter(change)),
)  # fmt: skip
async def test_a_statement_about_anything_else_binds_nothing(
    signer: Signer, trader: Trader, change: dict[str, Any]
) -> None:
    request = trader.bind_request(await trader.appear(), **change)
    assert await signer.refusal(request) == "signature_rejected"
    assert not await has_root(signer, trader)


async def test_an_old_statement_and_a_borrowed_key_bind_nothing(
    signer: Signer, trader: Trader
) -> None:
    code = await trader.appear()
    for iat in (now() - 301, now() + 301):
        assert await signer.refusal(trader.bind_request(code, iat=iat)) == "statement_rejected"
    honest = trader.bind_request(code)
    other_key = msgspec.structs.replace(honest, public_jwk=P256().jwk)
    assert await signer.refusal(other_key) == "signature_rejected"
    for jwk in ({}, {"kty": "oct", "k": "AAAA"}, trader.device.jwk | {"d": "AAAA"}):
        wrong = msgspec.structs.replace(honest, public_jwk=jwk)
        assert await signer.refusal(wrong) == "key_rejected"


async def test_a_sealing_key_is_signed_by_the_identity_the_phone_pinned(trader: Trader) -> None:
    bound = await trader.enrol()
    key = await trader.open_sealing_key("totp")
    claims = jose.verify_statement(
        key.statement, expected_key=bound.identity_jwk, expected_typ="tripcord-sealing-key+jws",
        expected_domain="tripcord/sealing-key/v1",
    )  # fmt: skip
    assert claims["trader_id"] == str(trader.trader_id)
    assert claims["sealing_key_id"] == str(key.sealing_key_id)
    assert (claims["purpose"], claims["expires_at"] - claims["iat"]) == ("totp", 600)


async def test_a_device_that_never_uses_its_sealing_keys_gets_no_more(
    signer: Signer, trader: Trader
) -> None:
    await trader.enrol()
    asked = [await signer.refusal(trader.sealing_key_request("totp")) for _ in range(9)]
    assert asked == [""] * 8 + ["too_many_sealing_keys"]
    other = Trader(signer)
    await other.enrol()
    assert await signer.refusal(other.sealing_key_request("totp")) == ""


async def test_a_device_whose_token_ended_does_nothing_more(signer: Signer, trader: Trader) -> None:
    await trader.enrol()
    request = await trader.factor_request()
    await signer.as_owner(
        ("UPDATE token SET expires_at = now() WHERE token_id = $1", trader.bound.device_id)
    )
    assert await signer.refusal(request) == "device_rejected"
    assert await signer.refusal(trader.sealing_key_request("totp")) == "device_rejected"


async def test_a_first_authenticator_is_bound_once_and_a_second_needs_more(
    signer: Signer, trader: Trader
) -> None:
    await trader.enrol()
    requests = [await trader.factor_request() for _ in range(2)]
    outcomes = await asyncio.gather(
        *(signer.ask(request) for request in requests), return_exceptions=True
    )
    bound = [o for o in outcomes if isinstance(o, BoundFactor) and o.state == "bound"]
    assert len(bound) == 1  # the other came too late, or had to ask
    another: BoundFactor = await signer.ask(await trader.factor_request())
    assert another.state == "awaiting_approval"


async def test_an_authenticator_is_bound_only_with_a_code_of_its_own_seed(
    signer: Signer, trader: Trader
) -> None:
    await trader.enrol()
    for code in (trader.code(step=9), "", "000000x"):
        request = msgspec.structs.replace(await trader.factor_request(), code=code)
        assert await signer.refusal(request) == "totp_rejected"
    # Its sealing key went with the attempt: the same envelope does not come twice.
    spent = msgspec.structs.replace(request, code=trader.code())
    assert await signer.refusal(spent) == "sealing_key_gone"
    await trader.bind_factor()


async def test_the_code_that_confirmed_an_authenticator_decides_nothing_afterwards(
    signer: Signer, trader: Trader
) -> None:
    await trader.enrol()
    request = await trader.factor_request()
    await signer.ask(request)
    await trader.import_key()
    await trader.attest()
    approval = await trader.pending_approval()
    again = await trader.decide_request(approval, code=request.code)
    assert await signer.refusal(again) == "totp_rejected"


async def test_a_seed_sealed_for_another_purpose_or_device_does_not_open(
    signer: Signer, trader: Trader
) -> None:
    await trader.enrol()
    for purpose, subject in (("exchange", None), ("totp", "other"), ("totp", "")):
        key = await trader.open_sealing_key("totp")
        device = str(trader.bound.device_id) if subject is None else subject
        envelope = trader.seal(key, trader.seed, purpose, device, "SHA1")
        request = await trader.factor_request_of(key, envelope)
        assert await signer.refusal(request) == "envelope_refused"


async def test_an_envelope_the_phone_did_not_sign_is_not_opened(
    signer: Signer, trader: Trader
) -> None:
    await trader.enrol()
    honest, other = await trader.factor_request(), await trader.factor_request()
    swapped = msgspec.structs.replace(honest, envelope=other.envelope)
    assert await signer.refusal(swapped) == "statement_rejected"
    for claims in (
        {"device_id": str(trader.trader_id)}, {"trader_id": str(trader.bound.device_id)},
        {"iat": now() - 301},
    ):  # fmt: skip
        refused = await signer.refusal(await trader.factor_request(**claims))
        assert refused == "statement_rejected"
    stranger = jws(P256(), DEVICE_TYP, {"domain": "tripcord/bind-factor/v1"})
    forged = msgspec.structs.replace(honest, statement=stranger)
    assert await signer.refusal(forged) == "signature_rejected"
