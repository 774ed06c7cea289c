"""A real browser registers a passkey and approves with it, as the signer's verbs see it."""

from collections.abc import AsyncIterator

import msgspec
import pytest
import pytest_asyncio

from app.webauthn.responses import read_registration
from scripts.clients.encoding import b64url
from tests.signing.browser import Page, browser_page, find_browser
from tests.signing.parts import RELYING_PARTY, Signer
from tests.signing.passkeys import WEB, Passkeys
from tests.signing.trader import Trader

PROGRAM = find_browser()

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.skipif(
        PROGRAM is None, reason="no Chromium here; scripts/test installs Debian's headless shell"
    ),
]


@pytest_asyncio.fixture(loop_scope="session")
async def page() -> AsyncIterator[Page]:
    assert PROGRAM is not None
    async with browser_page(PROGRAM, WEB) as shown:
        yield shown


async def test_a_browser_registers_a_passkey_and_approves_with_it(
    signer: Signer, trader: Trader, page: Page
) -> None:
    await trader.enrol()
    passkeys = Passkeys(trader)
    opened = await passkeys.open()
    assert opened.options is not None
    made = await page.create(opened.options)
    bound = await signer.ask(passkeys.bind_request(opened, made))
    passkeys.factor_id = bound.factor_id
    assert bound.state == "active"
    stored = await passkeys.row()
    assert b64url(stored["credential_id"]) == made["id"]
    assert stored["transports"] == ["internal"]
    before = stored["sign_count"]

    waiting = (await passkeys.register()).approval_id
    assert waiting is not None
    got = await page.get(
        rp_id=RELYING_PARTY.rp_id, challenge=b64url(await passkeys.challenge(waiting)),
        allowed=[made["id"]],
    )  # fmt: skip
    passkeys.factor_id = bound.factor_id
    other = (await passkeys.register()).approval_id
    assert other is not None
    refused = await signer.refusal(await passkeys.decide_request(other, got))
    assert refused == "passkey_rejected:challenge"
    decided = await signer.ask(await passkeys.decide_request(waiting, got))
    assert decided.state == "approved"
    row = await passkeys.row(bound.factor_id)
    assert row["sign_count"] > before
    assert await signer.ask(trader.seal_request(waiting))


async def test_a_browser_on_another_page_is_refused_here_or_there(
    signer: Signer, trader: Trader, page: Page
) -> None:
    """On a stranger's page the browser refuses by itself; on a sub-domain of ours, we do."""
    await trader.enrol()
    passkeys = Passkeys(trader)
    opened = await passkeys.open()
    assert opened.options is not None
    await page.show("https://evil.example")
    with pytest.raises(Exception, match="SecurityError"):
        await page.create(opened.options)
    await page.show("https://shop.cord.example")
    made = await page.create(opened.options)
    refused = await signer.refusal(passkeys.bind_request(opened, made))
    assert refused == "passkey_rejected:origin"


async def test_what_a_browser_adds_to_its_json_is_passed_over(page: Page) -> None:
    made = await page.create(_options())
    assert {"authenticatorAttachment", "clientExtensionResults"} <= made.keys()
    assert {"publicKey", "publicKeyAlgorithm", "authenticatorData"} <= made["response"].keys()
    read = read_registration(msgspec.json.encode(made))
    assert b64url(read.credential_id) == made["id"]


def _options() -> dict[str, object]:
    return {
        "rp": {"id": "cord.example", "name": "x"},
        "user": {"id": b64url(bytes(16)), "name": "x", "displayName": "x"},
        "challenge": b64url(bytes(32)), "excludeCredentials": [],
        "pubKeyCredParams": [{"type": "public-key", "alg": -7}], "attestation": "none",
        "authenticatorSelection": {"residentKey": "required", "userVerification": "required"},
    }  # fmt: skip
