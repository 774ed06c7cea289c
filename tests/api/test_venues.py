"""What venues there are and how to connect a key: public, complete, honest about what is not."""

from typing import Any

import pytest

from app.exchanges.venues import VENUES
from tests.api.caller import Caller


def _refusal(response: Any) -> tuple[int, str]:
    return response.status_code, response.json()["type"].rsplit(":", 1)[-1].rsplit("/", 1)[-1]


pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_every_venue_is_listed_with_its_status_and_its_doubts(caller: Caller) -> None:
    response = await caller.call("GET", "/v1/venues")
    assert response.status_code == 200
    items = {item["id"]: item for item in response.json()["items"]}
    assert {name: item["status"] for name, item in items.items()} == {
        row.id: row.status for row in VENUES.values()
    }
    assert items["ftx"]["status"] == "gone"
    assert items["kraken"]["unverified"]


async def test_a_guide_names_its_documents(caller: Caller) -> None:
    for row in VENUES.values():
        response = await caller.call("GET", f"/v1/venues/{row.id}/guide")
        if row.status == "gone":
            assert _refusal(response) == (422, "venue_unknown")
            continue
        guide = response.json()
        assert guide["venue"] == row.id
        assert {step["source"] for step in guide["steps"]} <= {*guide["sources"], "unverified"}


async def test_an_unknown_venue_has_no_guide(caller: Caller) -> None:
    response = await caller.call("GET", "/v1/venues/nowhere/guide")
    assert _refusal(response) == (422, "venue_unknown")
