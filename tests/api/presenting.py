"""One request of a row of the table, with one credential or with none."""

from typing import Any

import httpx

from scripts.clients.keys import KeyPair
from tests.api.caller import ORIGIN, Caller, Party
from tests.api.routes import CLIENT, DEVICE, GRANT, PLATFORM, PROOF, SESSION, Row
from tests.api.rows import PlatformRow, TraderRow

BOUND = (DEVICE, SESSION, GRANT, PLATFORM)
BEARERS = (*BOUND, CLIENT, PROOF)


def by_name(row: Row) -> str:
    return f"{row.method} {row.path}"


def party(trader: TraderRow, credential: str) -> Party:
    """Who holds the trader's bound token of a kind."""
    return {
        DEVICE: trader.device,
        SESSION: trader.session,
        GRANT: trader.grant,
        PLATFORM: trader.platform,
    }[credential]


async def present(
    caller: Caller,
    row: Row,
    trader: TraderRow,
    platform: PlatformRow,
    credential: str | None,
    *,
    about: TraderRow | None = None,
) -> httpx.Response:
    """Make the row's request with a credential of `trader`, about the things of `about`."""
    about = about or trader
    target, headers = row.target(about), {}
    path = target.partition("?")[0]
    if credential in BOUND:
        headers = party(trader, credential).headers(row.method, path)
    elif credential == CLIENT:
        headers = {"Authorization": f"Bearer {platform.token.reveal()}"}
        if row.names_trader:
            target = f"{target}?trader_id={about.trader_id}"
    elif credential == PROOF:
        headers = {"DPoP": KeyPair.p256().dpop_proof(row.method, ORIGIN + path)}
    if row.form is not None:
        return await caller.http.request(row.method, target, data=row.form(about), headers=headers)
    body: Any = None if row.body is None else row.body(about)
    return await caller.call(row.method, target, body=body, headers=headers)
