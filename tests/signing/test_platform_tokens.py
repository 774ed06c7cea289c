"""What a platform may see: as approved, sealed by the HSM, other addresses only by approval."""

from typing import Any

import pytest

from app.core.errors import DomainError
from app.core.jose import SignatureRejected
from app.platforms import tokens as platform_tokens
from app.verbs.wire import SealedChange
from tests.core.keys import P256
from tests.signing.bot import Bot
from tests.signing.parts import Signer
from tests.signing.trader import Trader
from tests.signing.tree import (
    grant_under,
    limits_in_row,
    narrow,
    narrow_request,
    request_platform_token,
    requests_of,
)  # fmt: skip

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def ready(trader: Trader) -> None:
    await trader.enrol()
    await trader.bind_factor()


async def seal_of(signer: Signer, token_id: Any) -> Any:
    statement = await signer.admin.fetchval(
        "SELECT statement FROM platform_token WHERE token_id = $1", token_id
    )
    jwk = signer.identity.identity.public_jwk
    return None if statement is None else platform_tokens.open_seal(statement, identity_jwk=jwk)


async def test_the_seal_says_what_was_approved(signer: Signer, trader: Trader) -> None:
    await ready(trader)
    key = P256()
    requested = await request_platform_token(
        trader, key, scope=["tree.read", "approvals.read"], ip_networks=["192.0.2.0/24"]
    )
    assert await seal_of(signer, requested.bearer.token_id) is None
    await trader.approve_and_seal(requested.approval_id)
    seal = await seal_of(signer, requested.bearer.token_id)
    assert (seal.jkt, seal.scope) == (key.jkt, ["approvals.read", "tree.read"])
    assert (seal.root_id, seal.ip_networks) == (trader.root_id, ["192.0.2.0/24"])
    again = await signer.refusal(trader.seal_request(requested.approval_id))
    assert again == "approval_not_approved"


async def test_nobody_else_can_make_a_seal(signer: Signer, trader: Trader) -> None:
    await ready(trader)
    requested = await request_platform_token(trader)
    await trader.approve_and_seal(requested.approval_id)
    statement = await signer.admin.fetchval(
        "SELECT statement FROM platform_token WHERE token_id = $1", requested.bearer.token_id
    )
    head, payload, signature = statement.split(".")
    for forged in (f"{head}.{payload[:-2]}AA.{signature}", f"{head}.{payload}.{'A' * 86}", ""):
        with pytest.raises(SignatureRejected):
            platform_tokens.open_seal(forged, identity_jwk=signer.identity.identity.public_jwk)
    with pytest.raises(SignatureRejected):
        platform_tokens.open_seal(statement, identity_jwk=P256().jwk)


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"scope": ["tree.read", "orders.write"]}, "wider_than_parent:scope"),
        ({"scope": []}, "malformed:scope"),
        ({"ip_networks": ["1.2.3.4/8"]}, "malformed:ip_networks"),
        ({"public_jwk": {"kty": "oct", "k": "AA"}}, "key_rejected:None"),
    ],
)
async def test_what_there_is_not_cannot_be_asked_for(
    trader: Trader, changes: dict[str, Any], refusal: str
) -> None:
    await ready(trader)
    with pytest.raises(DomainError) as refused:
        await request_platform_token(trader, **changes)
    assert f"{refused.value.code}:{refused.value.rule}" == refusal


@pytest.mark.parametrize(
    "edit",
    ["scope = '{tree.read,grants.request}'", "networks = '{}'", "jkt = 'x'"],
)
async def test_a_row_widened_between_request_and_seal_is_not_sealed(
    signer: Signer, trader: Trader, edit: str
) -> None:
    await ready(trader)
    requested = await request_platform_token(trader, ip_networks=["192.0.2.0/24"])
    await trader.approve(requested.approval_id)
    await signer.as_owner(
        (f"UPDATE token SET {edit} WHERE token_id = $1", requested.bearer.token_id)
    )
    assert await signer.refusal(trader.seal_request(requested.approval_id)) == "grant_refused"


async def test_it_is_narrowed_like_everything_and_from_the_seal_on(
    signer: Signer, trader: Trader
) -> None:
    await ready(trader)
    requested = await request_platform_token(trader, scope=["tree.read", "approvals.read"])
    node = requested.bearer.token_id
    await trader.approve_and_seal(requested.approval_id)
    everything = "tree.read,approvals.read,grants.request"
    # A row that says more than the seal does not help: the seal is what is narrowed.
    await signer.as_owner(
        (f"UPDATE token SET scope = '{{{everything}}}' WHERE token_id = $1", node)
    )
    wider = narrow_request(trader, node, 1, scope=["grants.request"])
    assert await signer.refusal(wider) == "grant_refused"
    assert (await narrow(trader, node, scope=["tree.read"])).version == 2
    seal = await seal_of(signer, node)
    assert (seal.scope, seal.version) == (["tree.read"], 2)
    assert await signer.refusal(narrow_request(trader, node, 1, scope=[])) == "version_stale"


async def test_other_addresses_take_an_approval_and_stay_within_those_above(
    signer: Signer, trader: Trader, bot: Bot
) -> None:
    child = await grant_under(trader, bot.grant_id, ip_networks=["192.0.2.0/25"])
    asked = requests_of(trader).ip_change
    approval = await asked(trader.trader_id, child.grant_id, ["198.51.100.7"], trader.origin)
    assert await signer.refusal(trader.seal_request(approval)) == "approval_not_approved"
    await trader.approve(approval)
    sealed: SealedChange = await signer.ask(trader.seal_request(approval))
    assert sealed.version == 2
    limits = await limits_in_row(trader, child.grant_id)
    assert limits.ip_networks == ["198.51.100.7/32"]
    await signer.refresh_market()
    # The bot is at 192.0.2.2: let in before, and now no more.
    assert await signer.refusal(child.order()) == "guardrail_refused:ip_networks"
    # Asked before, approved after the parent was narrowed: what stands above holds.
    late = await asked(trader.trader_id, child.grant_id, [], trader.origin)
    await trader.approve(late)
    await narrow(trader, bot.grant_id, ip_networks=["192.0.2.0/24", "198.51.100.0/24"])
    assert await signer.refusal(trader.seal_request(late)) == "wider_than_parent:ip_networks"
    with pytest.raises(DomainError) as refused:
        await asked(trader.trader_id, child.grant_id, ["203.0.113.1"], trader.origin)
    assert (refused.value.code, refused.value.rule) == ("wider_than_parent", "ip_networks")


async def test_an_approved_change_of_another_version_is_stale(
    signer: Signer, trader: Trader, bot: Bot
) -> None:
    asked = requests_of(trader).ip_change
    approval = await asked(trader.trader_id, bot.grant_id, ["192.0.2.1"], trader.origin)
    await trader.approve(approval)
    await narrow(trader, bot.grant_id, markets=["BTCUSDT"])
    assert await signer.refusal(trader.seal_request(approval)) == "version_stale"
