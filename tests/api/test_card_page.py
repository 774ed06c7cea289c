"""The page behind a card's QR code: what is served, and what its script reads, shows and sends.

The script runs in Node with a browser of a few objects (`card_browser.js`); where there is no Node
that half is left out. No real browser is part of the set-up.
"""

import base64
import hashlib
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from scripts.clients.tokens import make_card
from tests.api.caller import Caller
from tests.api.conftest import Start
from tests.api.rows import TraderRow
from tests.support.postgres import FreshDatabase

pytestmark = pytest.mark.asyncio(loop_scope="module")

_HERE = Path(__file__).parent
_SCRIPT = _HERE.parents[1] / "app" / "api" / "page" / "card.js"
_NODE = shutil.which("node")
needs_node = pytest.mark.skipif(_NODE is None, reason="Node runs the page's script")


def browse(fragment: str, *, taps: int = 0, status: int = 200) -> dict[str, Any]:
    ran = subprocess.run(  # noqa: S603 - a fixed program on our own files
        [
            str(_NODE),
            str(_HERE / "card_browser.js"),
            str(_SCRIPT),
            fragment,
            str(taps),
            str(status),
        ],
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    seen: dict[str, Any] = json.loads(ran.stdout)
    return seen


async def test_the_page_is_closed_to_everything_but_itself(caller: Caller) -> None:
    for path, kind in (
        ("", "text/html"), ("/card.js", "text/javascript"), ("/card.css", "text/css"),
    ):  # fmt: skip
        response = await caller.call("GET", f"/card{path}")
        assert response.status_code == 200
        assert response.headers["content-type"] == f"{kind}; charset=utf-8"
        policy = dict(
            part.strip().partition(" ")[::2]
            for part in response.headers["content-security-policy"].split(";")
        )
        assert policy.pop("require-trusted-types-for") == "'script'"
        assert policy == {
            "default-src": "'none'",
            "script-src": "'self'",
            "style-src": "'self'",
            "connect-src": "'self'",
            "base-uri": "'none'",
            "form-action": "'none'",
            "frame-ancestors": "'none'",
            "trusted-types": "'none'",
        }
        assert response.headers["cache-control"] == "no-store"
        assert response.headers["referrer-policy"] == "no-referrer"
        assert response.headers["x-content-type-options"] == "nosniff"
        assert response.headers["x-frame-options"] == "DENY"


async def test_the_page_runs_its_own_script_by_its_hash_and_has_nothing_inline(
    caller: Caller,
) -> None:
    page = (await caller.call("GET", "/card")).text
    script = (await caller.call("GET", "/card/card.js")).content
    digest = base64.b64encode(hashlib.sha384(script).digest()).decode()
    assert re.findall(r"<script[^>]*>(.*?)</script>", page, re.DOTALL) == [""]
    assert f'<script src="/card/card.js" integrity="sha384-{digest}" defer>' in page
    assert not re.search(r"<style|\son\w+=|\sstyle=|javascript:|@@", page)
    assert re.findall(r"(?:src|href)=\"([^\"]*)\"", page) == ["/card/card.css", "/card/card.js"]
    assert not re.search(
        rb"innerHTML|eval|document\.write|localStorage|sessionStorage|http", script
    )


async def test_the_page_needs_nothing_that_can_be_down(
    start: Start, module_database: FreshDatabase
) -> None:
    async with start(module_database) as caller:
        assert (await caller.call("GET", "/card")).status_code == 200


@needs_node
async def test_nothing_is_sent_before_the_confirming_tap(trader: TraderRow) -> None:
    seen = browse("#" + trader.card.reveal())
    assert seen["steps"] == ["address cleaned"]
    assert seen["shown"] == ["ask"]
    assert seen["address"]["hash"] == ""
    assert trader.card.reveal() not in json.dumps(seen)


@needs_node
async def test_the_tap_sends_the_card_once_and_shows_the_receipt(
    caller: Caller, trader: TraderRow
) -> None:
    card = trader.card.reveal()
    seen = browse("#" + card, taps=1)
    cleaned, pulled, asked, again = seen["steps"]
    assert (cleaned, again) == ("address cleaned", "asks again")
    assert pulled == {
        "fetch": "/v1/revocation-cards/redeem",
        "method": "POST",
        "body": json.dumps({"card": card}, separators=(",", ":")),
        "headers": {"Content-Type": "application/json"},
        "credentials": "omit",
    }
    assert asked["fetch"] == "/v1/revocations/R"
    assert asked["headers"] == {"Tripcord-Receipt": "tc_receipt_x"}
    assert seen["shown"] == ["done"]
    assert (seen["text"]["position"], seen["text"]["receipt"]) == ("7", "tc_receipt_x")
    assert seen["text"]["cleanup"].startswith("running: 1 done, 2 under way, 3 for you")
    # What the script sends is what the service takes.
    response = await caller.call("POST", pulled["fetch"], body=pulled["body"].encode())
    assert response.status_code == 200


@needs_node
async def test_a_refusal_says_why_and_can_be_tried_again(trader: TraderRow) -> None:
    seen = browse("#" + trader.card.reveal(), taps=2, status=503)
    assert [step["method"] for step in seen["steps"][1:]] == ["POST", "POST"]
    assert seen["shown"] == ["ask"]
    assert seen["text"]["failure"].startswith("The service said so.")


@needs_node
@pytest.mark.parametrize(
    "fragment", ["", "#", "#x", "#tc_card_", "#tc_device_" + "0" * 72, "#tc_card_" + "0" * 71 + "<"]
)
async def test_what_is_no_card_offers_nothing_to_tap(fragment: str) -> None:
    seen = browse(fragment)
    assert (seen["steps"], seen["shown"]) == (["address cleaned"], ["none"])


@needs_node
async def test_a_card_as_the_phone_makes_it_is_one(trader: TraderRow) -> None:
    url = make_card(trader.trader_id).url("https://cord.example").reveal()
    path, _, fragment = url.removeprefix("https://cord.example").partition("#")
    assert path == "/card"
    assert browse("#" + fragment)["shown"] == ["ask"]
