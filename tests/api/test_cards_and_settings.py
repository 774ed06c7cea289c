"""What a trader prepares: which cards exist, which are gone, and how clean-up shall go."""

from datetime import timedelta

import asyncpg
import pytest

from app.core.token import TokenKind
from tests.api.caller import Caller, refused
from tests.api.pulls import PULLS, Pull, redeem
from tests.api.routes import new_card
from tests.api.rows import PlatformRow, TraderRow, add_party, add_trader

pytestmark = pytest.mark.asyncio(loop_scope="module")

SETTINGS = "/v1/traders/settings"
CARDS = "/v1/revocation-cards"


async def register_push(rows: asyncpg.Connection, trader: TraderRow) -> None:
    await rows.execute(
        "INSERT INTO push_registration VALUES ($1, $2, 'fcm', 'token', 'x')",
        *(trader.trader_id, trader.device.token.token_id),
    )


async def rung(rows: asyncpg.Connection, trader: TraderRow) -> list[str]:
    found = await rows.fetch(
        "SELECT topic FROM outbox WHERE trader_id = $1 ORDER BY created_at", trader.trader_id
    )
    return [row["topic"] for row in found]


async def test_a_removed_card_ends_a_day_later_and_the_devices_are_told(
    caller: Caller, trader: TraderRow, rows: asyncpg.Connection
) -> None:
    await register_push(rows, trader)
    target = f"{CARDS}/{trader.card.token_id}"
    response = await caller.call("DELETE", target, by=trader.device)
    assert (response.status_code, response.json()["card_id"]) == (200, str(trader.card.token_id))
    assert await rung(rows, trader) == ["security"]
    ends_at = "SELECT removed_at - now() FROM revocation_card WHERE card_id = $1"
    left = await rows.fetchval(ends_at, trader.card.token_id)
    assert timedelta(hours=23) < left <= timedelta(hours=24)
    await rows.execute(
        "UPDATE revocation_card SET removed_at = now() WHERE card_id = $1", trader.card.token_id
    )
    refused(await redeem(caller, trader), 401, "card_rejected")
    assert (await caller.call("GET", "/v1/devices", by=trader.device)).status_code == 200
    refused(await caller.call("DELETE", target, by=trader.device), 404, "card_not_found")
    told = await rows.fetchval(
        "SELECT subject_id FROM access_log WHERE trader_id = $1 AND event = 'card.removed'",
        trader.trader_id,
    )
    assert told == trader.card.token_id


async def test_until_then_it_still_revokes_so_that_a_stolen_phone_takes_no_cord_away(
    caller: Caller, trader: TraderRow
) -> None:
    await caller.call("DELETE", f"{CARDS}/{trader.card.token_id}", by=trader.device)
    assert (await redeem(caller, trader)).status_code == 200


async def test_a_card_of_a_root_that_is_gone_revokes_nothing_and_is_not_listed(
    caller: Caller, trader: TraderRow, rows: asyncpg.Connection
) -> None:
    other = await add_party(rows, trader.trader_id, TokenKind.DEVICE, trader.root_id)
    await rows.execute(
        "UPDATE trader SET root_id = $2 WHERE trader_id = $1",
        trader.trader_id,
        other.token.token_id,
    )
    refused(await redeem(caller, trader), 401, "card_rejected")
    items = (await caller.call("GET", CARDS, by=trader.device)).json()["items"]
    assert items == []


async def test_the_list_has_numbers_only_and_only_of_cards_that_can_be_redeemed(
    caller: Caller, trader: TraderRow
) -> None:
    body = new_card(trader)
    await caller.call("POST", CARDS, by=trader.device, body=body)
    response = await caller.call("GET", CARDS, by=trader.session)
    assert [card.keys() for card in response.json()["items"]] == [{"card_id", "created_at"}] * 2
    assert body["secret_sha256"] not in response.text
    await caller.call("DELETE", f"{CARDS}/{trader.card.token_id}", by=trader.device)
    items = (await caller.call("GET", CARDS, by=trader.device)).json()["items"]
    assert [card["card_id"] for card in items] == [body["card_id"]]


async def test_nobody_removes_or_sees_anothers_card(
    caller: Caller, trader: TraderRow, platform: PlatformRow, rows: asyncpg.Connection
) -> None:
    other = await add_trader(rows, platform)
    target = f"{CARDS}/{trader.card.token_id}"
    refused(await caller.call("DELETE", target, by=other.device), 404, "card_not_found")
    items = (await caller.call("GET", CARDS, by=other.device)).json()["items"]
    assert [card["card_id"] for card in items] == [str(other.card.token_id)]
    assert (await redeem(caller, trader)).status_code == 200


@PULLS
async def test_a_pull_that_names_no_mode_takes_the_traders(
    pull: Pull, caller: Caller, trader: TraderRow, rows: asyncpg.Connection
) -> None:
    assert (await caller.call("GET", SETTINGS, by=trader.device)).json() == {
        "cleanup_mode": "cancel_entries"
    }
    body = {"cleanup_mode": "cancel_all"}
    response = await caller.call("PUT", SETTINGS, by=trader.device, body=body)
    assert (response.status_code, response.json()) == (200, body)
    assert (await caller.call("GET", SETTINGS, by=trader.session)).json() == body
    assert (await pull(caller, trader)).status_code == 200
    stored = await rows.fetchval(
        "SELECT mode FROM revocation WHERE trader_id = $1", trader.trader_id
    )
    assert stored == "cancel_all"


async def test_a_pull_that_names_a_mode_is_obeyed(
    caller: Caller, trader: TraderRow, rows: asyncpg.Connection
) -> None:
    await caller.call("PUT", SETTINGS, by=trader.device, body={"cleanup_mode": "cancel_all"})
    grant, key = trader.grant.token.token_id, trader.credential_id
    for node, query in ((grant, "?mode=cancel_entries"), (key, "?mode=cancel_all"), (key, "")):
        response = await caller.call("DELETE", f"/v1/tokens/{node}{query}", by=trader.device)
        assert response.status_code == 200
    await caller.call("POST", "/v1/break-glass", by=trader.device, body={"mode": "cancel_entries"})
    stored = await rows.fetch(
        "SELECT mode FROM revocation WHERE trader_id = $1 ORDER BY revocation_id",
        trader.trader_id,
    )
    assert [row["mode"] for row in stored] == [
        "cancel_entries", "cancel_all", "cancel_all", "cancel_entries",
    ]  # fmt: skip


async def test_a_mode_there_is_not_revokes_nothing(
    caller: Caller, trader: TraderRow, rows: asyncpg.Connection
) -> None:
    for bad in ("CANCEL_ALL", "none", ""):
        target = f"/v1/tokens/{trader.credential_id}?mode={bad}"
        refused(await caller.call("DELETE", target, by=trader.device), 400, "malformed")
        body = {"cleanup_mode": bad}
        response = await caller.call("PUT", SETTINGS, by=trader.device, body=body)
        refused(response, 400, "malformed")
    fences = "SELECT count(*) FROM fence WHERE trader_id = $1"
    assert await rows.fetchval(fences, trader.trader_id) == 0


async def test_a_change_of_settings_is_told_to_every_device_and_the_log(
    caller: Caller, trader: TraderRow, rows: asyncpg.Connection
) -> None:
    await register_push(rows, trader)
    second = await add_party(rows, trader.trader_id, TokenKind.DEVICE, trader.root_id)
    await rows.execute(
        "INSERT INTO device SELECT trader_id, $2, root_id, public_jwk, 'another', now(), 1, mac"
        " FROM device WHERE trader_id = $1 LIMIT 1",
        *(trader.trader_id, second.token.token_id),
    )
    await rows.execute(
        "INSERT INTO push_registration VALUES ($1, $2, 'fcm', 'token', 'y')",
        *(trader.trader_id, second.token.token_id),
    )
    await caller.call("PUT", SETTINGS, by=second, body={"cleanup_mode": "cancel_all"})
    assert await rung(rows, trader) == ["security", "security"]
    told = await rows.fetchval(
        "SELECT actor FROM access_log WHERE trader_id = $1 AND event = 'settings.changed'",
        trader.trader_id,
    )
    assert told == f"device:{second.token.token_id}"
