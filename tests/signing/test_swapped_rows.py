"""Rows in the wrong place: swapped blobs, copies under another trader, rows of another root."""

from typing import Any
from uuid import UUID

import pytest

from tests.core.keys import P256
from tests.signing.bot import Bot
from tests.signing.forging import HASHED, OTHER_ID, Row, swap
from tests.signing.parts import Signer
from tests.signing.trader import Trader

pytestmark = pytest.mark.asyncio(loop_scope="session")

FORGED = "evidence_forged"
WRAPPED = {
    "trader_id": OTHER_ID, "shard": "'shard-hmac-01'", "blob": "{} || '\\x00'",
    "blob_mac": HASHED,
}  # fmt: skip


async def order(signer: Signer, bot: Bot) -> str:
    await signer.refresh_market()
    return await signer.refusal(bot.order())


async def test_an_edited_wrapped_secret_signs_nothing(
    signer: Signer, trader: Trader, bot: Bot
) -> None:
    row = Row(signer, "wrapped_secret", "credential_id", trader.credential_id)
    edits = WRAPPED | {"credential_id": OTHER_ID}
    assert set(edits) == set(await row.columns())

    refusals = await row.refusals(edits, lambda: order(signer, bot))
    assert set(refusals.values()) == {FORGED, "grant_unknown"}
    assert (await bot.place()).state == "released"


async def test_an_edited_wrapped_seed_proves_nothing(
    signer: Signer, trader: Trader, bot: Bot
) -> None:
    held = await bot.hold()
    row = Row(signer, "wrapped_seed", "factor_id", trader.factor_id)

    async def approve() -> str:
        await trader.let_time_pass()
        await trader.forgive_failures()
        return await signer.refusal(await trader.decide_request(held.approval_id))

    refusals = await row.refusals(WRAPPED | {"factor_id": OTHER_ID}, approve)
    assert set(refusals.values()) == {FORGED, "totp_locked"}
    await trader.forgive_failures()
    await trader.approve(held.approval_id)


async def test_secrets_swapped_between_two_credentials_of_one_trader_sign_nothing(
    signer: Signer, trader: Trader, bot: Bot
) -> None:
    """The same trader, venue and algorithm: only the credential's id tells the blobs apart."""
    first = trader.credential_id
    second = await trader.link()
    signer.courier.releases.clear()
    await swap(signer, "wrapped_secret", "credential_id", first, second)
    for credential in (first, second):
        trader.credential_id = credential
        assert await signer.refusal(trader.read("balances")) == FORGED
    assert await order(signer, bot) == FORGED
    assert signer.signatures() == 0
    await swap(signer, "wrapped_secret", "credential_id", first, second)
    assert (await bot.place()).state == "released"


async def test_secrets_swapped_between_two_traders_sign_nothing(
    signer: Signer, trader: Trader, bot: Bot
) -> None:
    other = Trader(signer)
    other_bot = await other.ready()
    await swap(signer, "wrapped_secret", "credential_id", trader.credential_id, other.credential_id)
    signer.courier.releases.clear()
    assert [await order(signer, each) for each in (bot, other_bot)] == [FORGED, FORGED]
    assert signer.signatures() == 0


async def test_seeds_swapped_between_two_traders_prove_nothing(
    signer: Signer, trader: Trader, bot: Bot
) -> None:
    """The other trader's phone shows the codes now, and its seed is where ours was."""
    other = Trader(signer)
    await other.enrol()
    await other.bind_factor()
    held = await bot.hold()
    await swap(signer, "wrapped_seed", "factor_id", trader.factor_id, other.factor_id)
    await trader.let_time_pass()
    for code in (trader.code(), other.code()):
        request = await trader.decide_request(held.approval_id, code=code)
        assert await signer.refusal(request) == FORGED


async def test_an_exchange_secret_is_no_seed_and_a_seed_signs_no_order(
    signer: Signer, trader: Trader, bot: Bot
) -> None:
    held, copied = await bot.hold(), "SET shard = f.shard, blob = f.blob, blob_mac = f.blob_mac"
    both = (trader.credential_id, trader.factor_id)
    there = f"UPDATE wrapped_seed t {copied} FROM wrapped_secret f"
    await signer.as_owner((f"{there} WHERE f.credential_id = $1 AND t.factor_id = $2", *both))
    await trader.let_time_pass()
    assert await signer.refusal(await trader.decide_request(held.approval_id)) == FORGED
    await trader.replace_factor()
    back = f"UPDATE wrapped_secret t {copied} FROM wrapped_seed f"
    await signer.as_owner(
        (f"{back} WHERE t.credential_id = $1 AND f.factor_id = $2",
         trader.credential_id, trader.factor_id)
    )  # fmt: skip
    assert await order(signer, bot) == FORGED
    assert signer.signatures() == 0


async def copy_to(signer: Signer, table: str, key: str, source: UUID, **changes: Any) -> None:
    """A row once more, with other ids: MAC and all."""
    row = dict(await signer.admin.fetchrow(f"SELECT * FROM {table} WHERE {key} = $1", source))
    row |= changes
    holes = ", ".join(f"${number}" for number in range(1, len(row) + 1))
    await signer.as_owner((f"INSERT INTO {table} VALUES ({holes})", *row.values()))


async def test_a_traders_rows_copied_under_another_trader_are_nobodys(
    signer: Signer, trader: Trader, bot: Bot
) -> None:
    """A thief who is a trader himself copies a victim's credential and secret under his own id."""
    thief = Trader(signer)
    await thief.enrol()
    await thief.bind_factor()
    for table in ("exchange_credential", "wrapped_secret"):
        await copy_to(
            signer, table, "credential_id", trader.credential_id, trader_id=thief.trader_id
        )
    await copy_to(signer, "bot_grant", "grant_id", bot.grant_id, trader_id=thief.trader_id)
    thief.credential_id = trader.credential_id
    signer.courier.releases.clear()
    assert await signer.refusal(thief.read("balances")) == FORGED
    stolen = Bot(thief, bot.grant_id, bot.model)
    assert await order(signer, stolen) == FORGED
    assert signer.signatures() == 0


async def test_a_device_copied_under_another_trader_speaks_for_nobody(
    signer: Signer, trader: Trader, bot: Bot
) -> None:
    thief, held = Trader(signer), await bot.hold()
    await thief.enrol()
    await copy_to(signer, "device", "device_id", thief.bound.device_id, trader_id=trader.trader_id)
    trader.device, trader.bound = thief.device, thief.bound
    request = await trader.decide_request(held.approval_id)
    assert await signer.refusal(request) == FORGED


async def second_root(signer: Signer, trader: Trader) -> Trader:
    """Another root of the same trader, made by taking the first one out of the trader's row.

    The signer itself then binds a second phone: its row has a true MAC, and another root.
    """
    first_root = trader.root_id
    await signer.as_owner(
        ("UPDATE trader SET root_id = NULL WHERE trader_id = $1", trader.trader_id)
    )
    intruder = Trader(signer)
    intruder.trader_id, intruder.seed = trader.trader_id, trader.seed
    code = await intruder.another_code()
    intruder.bound = await signer.ask(intruder.bind_request(code))
    assert intruder.root_id != first_root
    return intruder


async def test_a_phone_of_another_root_approves_nothing_of_the_first(
    signer: Signer, trader: Trader, bot: Bot
) -> None:
    held = await bot.hold()
    intruder = await second_root(signer, trader)
    await trader.let_time_pass()
    # The authenticator belongs to the first root: its codes are nothing to a phone of the second.
    assert await signer.refusal(await intruder.decide_request(held.approval_id)) == "totp_locked"
    assert await signer.refusal(bot.execute(held.approval_id)) == "approval_not_approved"
    assert signer.signatures() == 0


async def test_an_approval_of_another_root_executes_nothing_of_the_first(
    signer: Signer, trader: Trader, bot: Bot
) -> None:
    """With an authenticator of its own, moved in beneath the rule that there is one."""
    held = await bot.hold()
    requested, dead = await trader.request_grant()
    intruder = await second_root(signer, trader)
    await intruder.replace_factor()
    for approval in (held.approval_id, requested.approval_id):
        await intruder.approve(approval)  # a decision with a true MAC, of the other root
    signer.courier.releases.clear()
    assert await signer.refusal(bot.execute(held.approval_id)) == "approval_not_approved"
    seal = intruder.seal_request(requested.approval_id)
    assert await signer.refusal(seal) == "approval_not_approved"
    assert await signer.refusal(dead.order()) == "grant_unknown"
    assert signer.signatures() == 0


async def test_nothing_is_bound_for_a_trader_that_has_a_root(
    signer: Signer, trader: Trader
) -> None:
    await trader.enrol()
    intruder = Trader(signer)
    intruder.trader_id, intruder.device = trader.trader_id, P256()
    code = await intruder.another_code()
    assert await signer.refusal(intruder.bind_request(code)) == "enrolment_refused"
