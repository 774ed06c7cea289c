"""Who may call what: every route of the application against every kind of credential."""

import asyncpg
import pytest

from app.core import token
from app.core.ids import new_id
from app.core.token import TokenKind
from tests.api.caller import ORIGIN, Caller, refused
from tests.api.presenting import BEARERS, by_name, present
from tests.api.routes import PROOF, PROTECTED, Row
from tests.api.rows import PlatformRow, TraderRow, counts
from tests.api.signer import StandInSigner

pytestmark = pytest.mark.asyncio(loop_scope="module")

_MISSING = {"token_missing", "proof_rejected", "receipt_rejected", "card_rejected"}
"""Where nothing is presented; `/oauth/token` and the card are judged by what is in the body."""


@pytest.mark.parametrize("row", PROTECTED, ids=by_name)
async def test_without_a_credential_a_protected_route_is_401_and_changes_nothing(
    row: Row,
    caller: Caller,
    signer: StandInSigner,
    trader: TraderRow,
    platform: PlatformRow,
    rows: asyncpg.Connection,
) -> None:
    before = await counts(rows)
    response = await present(caller, row, trader, platform, None)
    code = response.json()["type"].rpartition(":")[2]
    refused(response, 401, code)
    assert code in _MISSING | {"client_rejected"}
    assert await counts(rows) == before
    assert signer.asked == []


@pytest.mark.parametrize("row", PROTECTED, ids=by_name)
async def test_a_credential_the_route_does_not_name_is_401_and_changes_nothing(
    row: Row,
    caller: Caller,
    signer: StandInSigner,
    trader: TraderRow,
    platform: PlatformRow,
    rows: asyncpg.Connection,
) -> None:
    before = await counts(rows)
    for credential in set(BEARERS) - set(row.may):
        response = await present(caller, row, trader, platform, credential)
        assert response.status_code == 401, credential
        refused(response, 401, response.json()["type"].rpartition(":")[2])
    assert await counts(rows) == before
    assert signer.asked == []


@pytest.mark.parametrize(
    ("row", "credential"),
    [(row, word) for row in PROTECTED for word in row.may if word in BEARERS],
    ids=lambda value: by_name(value) if isinstance(value, Row) else value,
)
async def test_a_credential_the_route_names_is_let_in(
    row: Row,
    credential: str,
    caller: Caller,
    signer: StandInSigner,
    trader: TraderRow,
    platform: PlatformRow,
) -> None:
    response = await present(caller, row, trader, platform, credential)
    assert response.status_code < 500
    assert len(signer.relayed()) <= 2
    if credential != PROOF:  # what comes after a bare proof has its own 401s, and its own tests
        assert response.status_code != 401
    assert (
        response.status_code < 300
        or response.json()["type"].endswith("not_found")
        or (credential == PROOF)
    )


@pytest.mark.parametrize("kind", [TokenKind.ENROL, TokenKind.CARD, TokenKind.RECEIPT])
async def test_capabilities_are_no_tokens(
    kind: TokenKind, caller: Caller, trader: TraderRow, signer: StandInSigner
) -> None:
    stray = token.mint(kind, trader.trader_id, new_id()).reveal()
    for scheme in ("DPoP", "Bearer"):
        for path in ("/v1/devices", f"/v1/traders/{trader.trader_id}"):
            proof = trader.device.key.dpop_proof("GET", ORIGIN + path, token=stray)
            headers = {"Authorization": f"{scheme} {stray}", "DPoP": proof}
            response = await caller.call("GET", path, headers=headers)
            assert response.status_code == 401
    assert signer.asked == []


async def test_asking_what_a_route_offers_runs_none_of_its_handlers(
    caller: Caller, signer: StandInSigner, trader: TraderRow, rows: asyncpg.Connection
) -> None:
    before = await counts(rows)
    for row in PROTECTED:
        response = await caller.call("OPTIONS", row.target(trader))
        assert (response.status_code, response.content) == (204, b"")
        assert set(response.headers["allow"].split(", ")) <= {
            "GET",
            "POST",
            "PUT",
            "PATCH",
            "DELETE",
            "OPTIONS",
        }
    assert await counts(rows) == before
    assert signer.asked == []
