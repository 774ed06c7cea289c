"""A grant beneath a grant: never more than any above, dead until a person approved it (P5)."""

from datetime import timedelta
from typing import Any

import pytest

from app.core.errors import DomainError
from app.core.ids import new_id
from app.tokens.models import Level
from tests.signing.bot import Bot
from tests.signing.parts import Signer
from tests.signing.test_blocked_revoke import outcome_behind_a_revoke
from tests.signing.trader import Trader
from tests.signing.tree import grant_under, limits_in_row, narrow, request_under, usdt

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_what_is_left_out_is_the_parents(trader: Trader, bot: Bot) -> None:
    child = await grant_under(trader, bot.grant_id)
    own, above = (
        await limits_in_row(trader, child.grant_id),
        await limits_in_row(trader, bot.grant_id),
    )
    for field in ("markets", "allocation", "max_order", "free_limit", "expires_at", "scope"):
        assert getattr(own, field) == getattr(above, field), field
    assert (own.parent_grant_id, own.parent_name) == (bot.grant_id, "model")
    assert own.model.name == "sub"


async def test_it_trades_on_the_same_credential_with_its_own_key(
    signer: Signer, trader: Trader, bot: Bot
) -> None:
    child = await grant_under(trader, bot.grant_id, max_order=usdt("700"))
    assert (await child.place()).state == "released"
    assert await signer.refusal(child.order(model=bot.model)) == "signature_rejected"
    assert await signer.refusal(child.order("0.02")) == "guardrail_refused:max_order"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("markets", ["BTCUSDT", "SOLUSDT"]),
        ("allocation", usdt("5000.01")),
        ("max_order", usdt("2000.01")),
        ("free_limit", usdt("600.01")),
        ("scope", ["order", "read", "withdraw"]),
    ],
)
async def test_more_than_the_parent_is_refused_by_the_fields_name(
    trader: Trader, bot: Bot, field: str, value: Any
) -> None:
    with pytest.raises(DomainError) as refused:
        await request_under(trader, bot.grant_id, **{field: value})
    assert (refused.value.code, refused.value.rule) == ("wider_than_parent", field)


async def test_a_later_end_and_other_addresses_are_refused_by_name(
    signer: Signer, trader: Trader, bot: Bot
) -> None:
    parent = await grant_under(trader, bot.grant_id, ip_networks=["192.0.2.0/24"])
    ends_at = (await limits_in_row(trader, parent.grant_id)).expires_at
    tried: tuple[dict[str, Any], ...] = (
        {"expires_at": ends_at + timedelta(seconds=1)},
        {"ip_networks": []},
        {"ip_networks": ["192.0.2.0/23"]},
        {"ip_networks": ["192.0.2.7", "198.51.100.1"]},
    )
    for limits in tried:
        with pytest.raises(DomainError) as refused:
            await request_under(trader, parent.grant_id, **limits)
        assert (refused.value.code, refused.value.rule) == ("wider_than_parent", *limits)
    child = await grant_under(trader, parent.grant_id)
    assert (await limits_in_row(trader, child.grant_id)).ip_networks == ["192.0.2.0/24"]
    assert signer.signatures() == 0


async def test_nobody_approved_it_so_it_is_dead_and_bears_nothing(
    signer: Signer, trader: Trader, bot: Bot
) -> None:
    requested, dead = await request_under(trader, bot.grant_id)
    assert await signer.refusal(dead.order()) == "grant_unknown"
    with pytest.raises(DomainError, match="parent_not_active"):
        await request_under(trader, dead.grant_id)
    await trader.approve_and_seal(requested.approval_id)
    assert (await dead.place()).state == "released"


async def test_what_the_parent_lost_after_the_request_the_child_does_not_get(
    signer: Signer, trader: Trader, bot: Bot
) -> None:
    requested, _ = await request_under(trader, bot.grant_id)
    await trader.approve(requested.approval_id)
    await narrow(trader, bot.grant_id, max_order={"amount": "1000", "quote": "USDT"})
    refused = await signer.refusal(trader.seal_request(requested.approval_id))
    assert refused == "wider_than_parent:max_order"


async def test_a_bot_asks_beneath_its_own_grant_and_nowhere_else(trader: Trader, bot: Bot) -> None:
    sibling = await trader.grant()
    child = await grant_under(trader, bot.grant_id, by=bot.grant_id)
    await request_under(trader, child.grant_id, by=bot.grant_id)
    for foreign in (sibling.grant_id, trader.credential_id, trader.root_id, new_id()):
        with pytest.raises(DomainError, match="credential_not_found"):
            await request_under(trader, foreign, by=bot.grant_id)


async def test_eight_levels_hang_beneath_a_credentials_grant_and_no_ninth(
    trader: Trader, bot: Bot
) -> None:
    at = bot.grant_id
    for _ in range(8):
        at = (await grant_under(trader, at)).grant_id
    with pytest.raises(DomainError) as refused:
        await request_under(trader, at)
    assert (refused.value.code, refused.value.rule) == ("parent_not_active", "depth")


async def test_a_revoke_anywhere_above_ends_it(signer: Signer, trader: Trader, bot: Bot) -> None:
    middle = await grant_under(trader, bot.grant_id)
    leaf = await grant_under(trader, middle.grant_id)
    await trader.revoke(bot.grant_id)
    assert await signer.refusal(leaf.order()) == "containment_forbids:revoked"
    with pytest.raises(DomainError, match="parent_not_active"):
        await request_under(trader, middle.grant_id)


async def test_no_child_is_born_behind_a_revoke(signer: Signer, trader: Trader, bot: Bot) -> None:
    """Asked, or sealed, while the revoke of its grandparent holds the lock."""
    middle = await grant_under(trader, bot.grant_id)
    requested, _ = await request_under(trader, middle.grant_id)
    await trader.approve(requested.approval_id)
    born = await signer.admin.fetchval(
        "SELECT count(*) FROM token WHERE trader_id = $1", trader.trader_id
    )
    asked = await outcome_behind_a_revoke(
        trader, bot.grant_id, lambda: request_under(trader, middle.grant_id), level=Level.FROZEN
    )
    assert isinstance(asked, DomainError)
    assert asked.code == "parent_not_active"
    sealed = await outcome_behind_a_revoke(
        trader, bot.grant_id, lambda: signer.ask(trader.seal_request(requested.approval_id)),
        level=Level.REVOKED,
    )  # fmt: skip
    assert isinstance(sealed, DomainError)
    assert (sealed.code, sealed.rule) == ("containment_forbids", "revoked")
    count = "SELECT count(*) FROM token WHERE trader_id = $1"
    assert await signer.admin.fetchval(count, trader.trader_id) == born


async def test_a_forged_ancestor_or_a_gap_in_the_path_seals_nothing(
    signer: Signer, trader: Trader, bot: Bot
) -> None:
    middle = await grant_under(trader, bot.grant_id, max_order=usdt("100"), free_limit=usdt("50"))
    requested, _ = await request_under(trader, middle.grant_id)
    await trader.approve(requested.approval_id)
    wide = await signer.admin.fetchval(
        "SELECT limits FROM bot_grant WHERE grant_id = $1", bot.grant_id
    )
    kept = await signer.admin.fetchrow(
        "SELECT * FROM bot_grant WHERE grant_id = $1", middle.grant_id
    )
    await signer.as_owner(
        ("UPDATE bot_grant SET limits = $2 WHERE grant_id = $1", middle.grant_id, wide)
    )
    seal = trader.seal_request(requested.approval_id)
    assert await signer.refusal(seal) == "evidence_forged"
    await signer.as_owner(("DELETE FROM bot_grant WHERE grant_id = $1", middle.grant_id))
    assert await signer.refusal(seal) == "grant_refused"
    holes = ", ".join(f"${i}" for i in range(1, len(kept) + 1))
    await signer.as_owner((f"INSERT INTO bot_grant VALUES ({holes})", *kept.values()))
    assert await signer.refusal(seal) == ""


async def test_what_is_above_is_narrowed_later_and_holds_at_once(
    signer: Signer, trader: Trader, bot: Bot
) -> None:
    leaf = await grant_under(trader, (await grant_under(trader, bot.grant_id)).grant_id)
    assert (await leaf.place()).state == "released"
    await narrow(trader, bot.grant_id, max_order={"amount": "400", "quote": "USDT"})
    await signer.refresh_market()
    assert await signer.refusal(leaf.order()) == "guardrail_refused:max_order"
    await narrow(trader, bot.grant_id, 2, markets=["ETHUSDT"])
    assert await signer.refusal(leaf.order("0.001")) == "guardrail_refused:markets"


async def test_the_signer_believes_the_sealed_list_and_not_the_rows(
    signer: Signer, trader: Trader, bot: Bot
) -> None:
    """The bot is at 192.0.2.2; whatever the edge let in, and whoever widened the row."""
    leaf = await grant_under(trader, bot.grant_id)
    await narrow(trader, bot.grant_id, ip_networks=["192.0.2.0/24"])
    assert (await leaf.place()).state == "released"
    held = await leaf.hold_and_approve()
    await narrow(trader, bot.grant_id, 2, ip_networks=["192.0.2.128/25"])
    await signer.as_owner(
        ("UPDATE token SET networks = '{}' WHERE trader_id = $1", trader.trader_id)
    )
    await signer.refresh_market()
    assert await signer.refusal(leaf.order()) == "guardrail_refused:ip_networks"
    assert await signer.refusal(leaf.execute(held.approval_id)) == ""
    assert signer.signatures() == 2


async def test_a_grant_that_may_only_read_places_nothing(
    signer: Signer, trader: Trader, bot: Bot
) -> None:
    child = await grant_under(trader, bot.grant_id, scope=["read"])
    assert await signer.refusal(child.order()) == "guardrail_refused:order_types"
    await narrow(trader, bot.grant_id, scope=["read"])
    assert await signer.refusal(bot.order()) == "guardrail_refused:order_types"
    assert signer.signatures() == 0
