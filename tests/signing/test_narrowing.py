"""Less by one signature of the phone; never more; each statement once."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.core.ids import new_id
from tests.core.keys import P256
from tests.signing.bot import Bot
from tests.signing.forging import Row
from tests.signing.parts import Signer
from tests.signing.trader import Trader
from tests.signing.tree import grant_under, limits_in_row, narrow, narrow_request, usdt

pytestmark = pytest.mark.asyncio(loop_scope="session")

MONEY = {"quote": "USDT"}


async def row_of(signer: Signer, grant_id: Any) -> Any:
    return await signer.admin.fetchrow(
        "SELECT g.*, t.version AS node_version, t.networks::text[] AS networks"
        " FROM bot_grant g JOIN token t ON t.trader_id = g.trader_id AND t.token_id = g.grant_id"
        " WHERE g.grant_id = $1",
        grant_id,
    )


async def test_a_narrower_grant_is_the_next_version_under_a_new_mac(
    signer: Signer, trader: Trader, bot: Bot
) -> None:
    before = await row_of(signer, bot.grant_id)
    sealed = await narrow(
        trader, bot.grant_id, markets=["BTCUSDT"], max_order={"amount": "400.0", **MONEY},
        free_limit={"amount": "0", **MONEY}, ip_networks=["::ffff:192.0.2.0/120"],
    )  # fmt: skip
    after = await row_of(signer, bot.grant_id)
    assert (sealed.version, after["version"], after["node_version"]) == (2, 2, 2)
    assert after["mac"] != before["mac"]
    limits = await limits_in_row(trader, bot.grant_id)
    assert (limits.markets, limits.max_order, limits.free_limit) == (
        ["BTCUSDT"], usdt("400"), usdt("0"),
    )  # fmt: skip
    assert limits.ip_networks == after["networks"] == ["192.0.2.0/24"]
    assert await signer.refusal(bot.order("0.01")) == "guardrail_refused:max_order"
    assert (await bot.place("0.005")).state == "held"
    entry = (await signer.log(trader.trader_id))[-3]
    assert (entry["event"], entry["token_id"]) == ("change.sealed", bot.grant_id)
    assert entry["rule"] == "narrow:free_limit,ip_networks,markets,max_order"


WIDER: dict[str, Any] = {
    "markets": ["BTCUSDT", "SOLUSDT"],
    "allocation": {"amount": "5001", **MONEY},
    "max_order": {"amount": "2000.00000001", **MONEY},
    "free_limit": {"amount": "601", **MONEY},
    "expires_at": "2100-01-01T00:00:00Z",
    "scope": ["order", "read", "x"],
}


@pytest.mark.parametrize("field", WIDER)
async def test_widening_is_refused_by_the_fields_name(
    signer: Signer, trader: Trader, bot: Bot, field: str
) -> None:
    asked = narrow_request(trader, bot.grant_id, 1, **{field: WIDER[field]})
    assert await signer.refusal(asked) == f"wider_than_parent:{field}"
    assert (await row_of(signer, bot.grant_id))["version"] == 1


async def test_addresses_go_in_and_not_out_and_another_currency_is_wider(
    signer: Signer, trader: Trader, bot: Bot
) -> None:
    await narrow(trader, bot.grant_id, 1, ip_networks=["192.0.2.0/24"])
    for wider in ([], ["192.0.2.0/23"], ["192.0.2.1", "10.0.0.1"]):
        asked = narrow_request(trader, bot.grant_id, 2, ip_networks=wider)
        assert await signer.refusal(asked) == "wider_than_parent:ip_networks"
    other = narrow_request(trader, bot.grant_id, 2, max_order={"amount": "1", "quote": "BTC"})
    assert await signer.refusal(other) == "wider_than_parent:max_order"
    await narrow(trader, bot.grant_id, 2, ip_networks=["192.0.2.7"])


async def test_a_statement_counts_once_and_only_for_the_version_it_names(
    signer: Signer, trader: Trader, bot: Bot
) -> None:
    asked = narrow_request(trader, bot.grant_id, 1, markets=["BTCUSDT"])
    assert await signer.refusal(asked) == ""
    assert await signer.refusal(asked) == "version_stale"
    assert await signer.refusal(narrow_request(trader, bot.grant_id, 3, scope=["read"])) == (
        "version_stale"
    )


async def test_nobody_elses_word_narrows(signer: Signer, trader: Trader, bot: Bot) -> None:
    other = Trader(signer)
    await other.enrol()
    node = bot.grant_id
    good: dict[str, Any] = {"markets": ["BTCUSDT"]}
    tried = {
        "another key": narrow_request(trader, node, 1, device=P256(), **good),
        "another device's name": narrow_request(
            trader, node, 1, claims={"device_id": str(new_id())}, **good
        ),
        "another domain": narrow_request(
            trader, node, 1, claims={"domain": "tripcord/decision/v1"}, **good
        ),
        "too old": narrow_request(trader, node, 1, claims={"iat": 1_700_000_000}, **good),
        "another trader's device": narrow_request(other, node, 1, **good),
        "an unknown node": narrow_request(trader, new_id(), 1, **good),
        "no limit at all": narrow_request(trader, node, 1),
        "a field more": narrow_request(trader, node, 1, leverage="3"),
    }
    refusals = {how: await signer.refusal(asked) for how, asked in tried.items()}
    assert all(refusals.values()), refusals
    assert refusals["another trader's device"] == refusals["an unknown node"] == "token_not_found"
    assert (await row_of(signer, bot.grant_id))["version"] == 1


async def test_what_a_node_does_not_have_is_refused_by_name(
    signer: Signer, trader: Trader, bot: Bot
) -> None:
    soon = (datetime.now(UTC) + timedelta(days=1)).isoformat().replace("+00:00", "Z")
    for node, limits, refusal in (
        (trader.credential_id, {"markets": ["BTCUSDT"]}, "malformed:markets"),
        (trader.credential_id, {"expires_at": soon}, "malformed:expires_at"),
        (trader.credential_id, {"lease_hours": 1}, "malformed:lease_hours"),
        (trader.root_id, {"scope": []}, "malformed:scope"),
        (trader.bound.device_id, {"scope": []}, "malformed:scope"),
        (bot.grant_id, {"expires_at": "2020-01-01T00:00:00Z"}, "malformed:expires_at"),
        (bot.grant_id, {"ip_networks": ["010.0.0.0/8"]}, "malformed:ip_networks"),
        (bot.grant_id, {"max_order": {"amount": "1e3", **MONEY}}, "amount_refused:spelling"),
    ):
        assert await signer.refusal(narrow_request(trader, node, 1, **limits)) == refusal
    assert (await narrow(trader, trader.bound.device_id, expires_at=soon)).version == 2


async def test_nobody_locks_his_own_phone_out(signer: Signer, trader: Trader, bot: Bot) -> None:
    """The phone is at 192.0.2.1: only from there could it open again."""
    assert bot.sequence == 0
    for node in (trader.root_id, trader.bound.device_id):
        away = narrow_request(trader, node, 1, ip_networks=["198.51.100.0/24"])
        assert await signer.refusal(away) == "malformed:ip_networks"
        await narrow(trader, node, ip_networks=["192.0.2.0/24"])
    await narrow(trader, trader.credential_id, ip_networks=["198.51.100.0/24"])


async def test_a_narrowed_grant_is_believed_only_as_it_was_sealed(
    signer: Signer, trader: Trader, bot: Bot
) -> None:
    wide = await signer.admin.fetchval(
        "SELECT limits FROM bot_grant WHERE grant_id = $1", bot.grant_id
    )
    await narrow(trader, bot.grant_id, max_order={"amount": "400", **MONEY})

    async def attempt() -> str:
        await signer.refresh_market()
        return await signer.refusal(bot.order("0.001"))

    found = await Row(signer, "bot_grant", "grant_id", bot.grant_id).refusals(
        {"limits": "$2", "version": "1", "expires_at": "{} + interval '1 second'"},
        attempt, value=wide,
    )  # fmt: skip
    assert set(found.values()) == {"evidence_forged"}


async def test_a_child_of_a_narrowed_grant_can_be_asked_for_within_what_is_left(
    trader: Trader, bot: Bot
) -> None:
    await narrow(trader, bot.grant_id, markets=["ETHUSDT"], allocation={"amount": "90", **MONEY})
    child = await grant_under(trader, bot.grant_id)
    limits = await limits_in_row(trader, child.grant_id)
    assert (limits.markets, limits.allocation) == (["ETHUSDT"], usdt("90"))
    assert limits.max_order == limits.free_limit == usdt("90")
