"""A further phone: approved with its key by one there is, bound by that key's own word."""

from typing import Any
from uuid import UUID

import msgspec
import pytest
import pytest_asyncio

from app.accesslog.models import Event
from app.core.ids import new_id
from app.core.origin import Origin
from app.devices.errors import KeyTaken
from app.requesting.devices import DeviceRequests
from app.tokens.models import Level
from app.verbs.wire import BindDevice, BoundDevice
from tests.core.keys import P256, jws
from tests.signing.bot import Bot, now
from tests.signing.parts import Signer
from tests.signing.phone import DEVICE_TYP
from tests.signing.trader import Trader

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def ask(trader: Trader, key: P256, *, name: str = "tablet") -> UUID:
    requests = DeviceRequests(trader.signer.api, trader.signer.clock)
    approval = await requests.add(
        trader.trader_id, trader.root_id, key.jwk, name=name, origin=trader.origin
    )
    return approval.approval_id


def bind(
    trader: Trader, key: P256, approval: UUID, *, by: P256 | None = None, name: str = "tablet",
    **claims: Any,
) -> BindDevice:  # fmt: skip
    said = {
        "domain": "tripcord/add-device/v1", "trader_id": str(trader.trader_id),
        "approval_id": str(approval), "jkt": key.jkt, "name": name, "iat": now(),
    } | claims  # fmt: skip
    return BindDevice(
        trader_id=trader.trader_id, approval_id=approval, public_jwk=key.jwk, name=name,
        push=None, statement=jws(by or key, DEVICE_TYP, said),
        origin=Origin(actor=f"device:{key.jkt}"),
    )  # fmt: skip


@pytest_asyncio.fixture(loop_scope="session")
async def owner(trader: Trader) -> Trader:
    await trader.enrol()
    await trader.bind_factor()
    return trader


async def count(owner: Trader) -> int:
    found: int = await owner.signer.admin.fetchval(
        "SELECT count(*) FROM device WHERE trader_id = $1", owner.trader_id
    )
    return found


async def test_a_further_phone_stands_under_the_same_root_and_approves(
    signer: Signer, trader: Trader, bot: Bot
) -> None:
    tablet = P256()
    approval = await ask(trader, tablet)
    await trader.approve(approval)
    bound: BoundDevice = await signer.ask(bind(trader, tablet, approval))
    assert bound.root_token_id == trader.root_id
    assert bound.device_id != trader.bound.device_id
    # The same key gets the same answer again; nobody else gets any.
    again: BoundDevice = await signer.ask(bind(trader, tablet, approval))
    assert again.device_token == bound.device_token
    assert await signer.refusal(bind(trader, P256(), approval)) == "approval_not_approved"
    told = [e for e in await signer.log(trader.trader_id) if e["event"] == Event.DEVICE_BOUND]
    assert [e["rule"] for e in told[-2:]] == [None, "answered_again"]
    # What it signs counts, with a code of the trader's authenticator.
    held = await bot.hold()
    trader.device, first = tablet, trader.device
    trader.bound, was = bound, trader.bound
    try:
        await trader.approve(held.approval_id)
    finally:
        trader.device, trader.bound = first, was
    by = await signer.admin.fetchval(
        "SELECT device_id FROM decision WHERE approval_id = $1", held.approval_id
    )
    assert by == bound.device_id
    assert (await signer.ask(bot.execute(held.approval_id))).state == "released"


async def test_before_the_yes_and_with_another_key_or_name_there_is_no_phone(
    signer: Signer, owner: Trader
) -> None:
    tablet, thief = P256(), P256()
    approval = await ask(owner, tablet)
    assert await signer.refusal(bind(owner, tablet, approval)) == "approval_not_approved"
    await owner.approve(approval)
    stranger = Trader(signer)
    await stranger.enrol()
    for request, refused in (
        (bind(owner, thief, approval), "enrolment_refused"),
        (bind(owner, tablet, approval, name="phone"), "enrolment_refused"),
        (bind(owner, tablet, approval, by=thief), "signature_rejected"),
        (bind(owner, tablet, approval, jkt=thief.jkt), "signature_rejected"),
        (bind(owner, tablet, approval, approval_id=str(new_id())), "signature_rejected"),
        (bind(owner, tablet, approval, iat=1), "statement_rejected"),
        (bind(owner, tablet, approval, domain="tripcord/bind-device/v1"), "signature_rejected"),
        (bind(owner, tablet, new_id()), "enrolment_refused"),
        (bind(stranger, tablet, approval), "enrolment_refused"),
    ):
        assert await signer.refusal(request) == refused
    assert await count(owner) == 1
    assert await signer.refusal(bind(owner, tablet, approval)) == ""
    assert await count(owner) == 2


async def test_an_approval_of_something_else_is_no_place_for_a_phone(
    signer: Signer, trader: Trader, bot: Bot
) -> None:
    held = await bot.hold_and_approve()
    assert await signer.refusal(bind(trader, P256(), held.approval_id)) == "enrolment_refused"
    tablet = P256()
    approval = await ask(trader, tablet)
    await trader.approve(approval)
    code = msgspec.structs.replace(bind(trader, tablet, approval), approval_id=None)
    assert await signer.refusal(code) == "signature_rejected"


async def test_no_phone_is_born_under_a_contained_root(signer: Signer, owner: Trader) -> None:
    tablet = P256()
    approval = await ask(owner, tablet)
    await owner.approve(approval)
    await signer.revocations.tighten(
        owner.trader_id, owner.root_id, level=Level.READ_ONLY, reason="t", origin=owner.origin
    )
    assert await signer.refusal(bind(owner, tablet, approval)) == "parent_not_active"
    assert await count(owner) == 1


async def test_a_key_is_one_devices(signer: Signer, owner: Trader) -> None:
    with pytest.raises(KeyTaken):
        await ask(owner, owner.device)
    devices = "SELECT count(*) FROM device WHERE trader_id = $1"
    assert await signer.admin.fetchval(devices, owner.trader_id) == 1
