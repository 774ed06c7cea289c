"""Changes of approved actions, each tried at the door of execution: none goes in (P2).

A thousand in the suite, as many as `TRIPCORD_MUTATIONS` says where somebody has the time; ten
thousand are read back in any case, and none reads as what was approved. The row is changed as
somebody with the database in his hands would, digest and all; every other time the decision's row
is changed to match. What is tried is the step that every execution begins with, in a transaction
that is rolled back.
"""

import os
import random
from collections import Counter
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from app.approvals.actions import Amount, BotGrant, DeviceAdd, TradeOrder, action_bytes, read_action
from app.approvals.errors import ActionMismatch
from app.core.canonical import canonical_json, sha256
from app.core.errors import DomainError
from app.deciding.execution import Executions
from app.deciding.witness import Witness
from app.requesting.devices import DeviceRequests
from app.vault.evidence import Evidence
from tests.core.keys import P256
from tests.signing.bot import Bot
from tests.signing.mutations import mutate
from tests.signing.parts import Signer
from tests.signing.trader import Trader

pytestmark = pytest.mark.asyncio(loop_scope="session")

MUTATIONS = int(os.environ.get("TRIPCORD_MUTATIONS", "1000"))
READ_BACK = 10_000
SEED = 20221228
_CHANGE = "UPDATE approval SET action = $2, digest = sha256($2) WHERE approval_id = $1"
_MATCH = "UPDATE decision SET digest = sha256($2) WHERE approval_id = $1"


async def approved(trader: Trader, bot: Bot) -> dict[UUID, tuple[Any, str]]:
    """Things a person said yes to, none of them carried out yet."""
    held = await bot.hold_and_approve()
    requested, _ = await trader.request_grant()
    await trader.approve(requested.approval_id)
    requests = DeviceRequests(trader.signer.api, trader.signer.clock)
    joining = await requests.add(
        trader.trader_id, trader.root_id, P256().jwk, name="tablet", origin=trader.origin
    )
    await trader.approve(joining.approval_id)
    return {
        held.approval_id: (TradeOrder, "trade.order"),
        requested.approval_id: (BotGrant, "bot.grant"),
        joining.approval_id: (DeviceAdd, "device.add"),
    }


class Door:
    """`Executions.use` for one approval, tried in a transaction of the owner's."""

    def __init__(self, signer: Signer, trader: Trader) -> None:
        evidence = Evidence(signer.parts.workers)
        self._executions = Executions(Witness(evidence, signer.clock), evidence)
        self._trader, self._now = trader, signer.clock.now()

    async def use(self, tx: Any, approval_id: UUID, shape: Any, action_type: str) -> Any:
        action, _ = await self._executions.use(
            tx, trader_id=self._trader.trader_id, approval_id=approval_id,
            expected_root_id=self._trader.root_id, shape=shape, action_type=action_type,
            now=self._now,
        )  # fmt: skip
        return action


async def refusal(
    tx: asyncpg.Connection, door: Door, approval_id: UUID, what: tuple[Any, str],
    changes: list[tuple[str, bytes]],
) -> str:  # fmt: skip
    """Code of the refusal, or "" where it was let in; whatever was changed is as before."""
    transaction = tx.transaction()
    await transaction.start()
    try:
        await tx.execute("SET LOCAL session_replication_role = 'replica'")
        for statement, raw in changes:
            await tx.execute(statement, approval_id, raw)
        await door.use(tx, approval_id, *what)
    except DomainError as error:
        return error.code
    finally:
        await transaction.rollback()
    return ""


async def test_of_all_changes_none_executes(signer: Signer, trader: Trader, bot: Bot) -> None:
    things = await approved(trader, bot)
    door, draw, told = Door(signer, trader), random.Random(SEED), Counter[str]()  # noqa: S311
    async with signer.admin.acquire() as tx:
        shown = {
            one: await tx.fetchval("SELECT action FROM approval WHERE approval_id = $1", one)
            for one in things
        }
        for one, what in things.items():  # as they are, each goes in
            assert await refusal(tx, door, one, what, []) == ""
        for number in range(MUTATIONS):
            one = draw.choice(list(things))
            raw = mutate(shown[one], draw, canonical_json)
            assert sha256(raw) != sha256(shown[one])
            changes = [(_CHANGE, raw), (_MATCH, raw)][: 1 + number % 2]
            code = await refusal(tx, door, one, things[one], changes)
            assert code, raw
            told[code] += 1
    assert set(told) == {"action_mismatch", "evidence_forged"}
    assert told.total() == MUTATIONS
    assert signer.signatures() == 0


async def test_of_ten_thousand_changes_none_reads_as_what_was_approved() -> None:
    """One action has one spelling: other bytes are another action, or none."""
    order = TradeOrder(
        trader_id=UUID(int=1), grant_id=UUID(int=2), order_id=UUID(int=3),
        credential_id=UUID(int=4), venue="sandbox", model="Trend 1",
        order={"market": "BTCUSDT", "side": "buy", "type": "limit", "quantity": "0.02",
               "price": "50000", "time_in_force": "GTC"},
        notional=Amount(amount="1000", quote="USDT"), client_order_id="tc-1",
        signed_order_sha256="A" * 43,
    )  # fmt: skip
    raw, draw, read = action_bytes(order), random.Random(SEED), Counter[bool]()  # noqa: S311
    for _ in range(READ_BACK):
        changed = mutate(raw, draw, canonical_json)
        try:
            other = read_action(changed, TradeOrder)
        except ActionMismatch:
            read[False] += 1
            continue
        if action_bytes(other) != changed:  # an id in capitals; execution wants it as it writes it
            read[False] += 1
            continue
        assert other != order
        read[True] += 1
    assert min(read[True], read[False]) > READ_BACK // 10
