"""What the signer says to platforms, and that it says nothing else, whoever asks."""

import json
from typing import Any
from uuid import UUID

import jwt
import msgspec
import pytest

from app.core.errors import DomainError
from app.core.ids import new_id
from app.verbs.wire import DispatcherVerb, SignedStatement, SignStatement
from app.wiring.signer_verbs import dispatcher_handlers
from tests.signing.bot import Bot
from tests.signing.parts import Signer
from tests.signing.passkeys import Passkeys
from tests.signing.recovering import Recovering
from tests.signing.trader import Trader

pytestmark = pytest.mark.asyncio(loop_scope="session")

ISSUER = "https://cord.example"
CAEP = "https://schemas.openid.net/secevent/caep/event-type/"
SYSTEM = UUID(int=0)


class Hook:
    """A webhook of the trader's platform, and what is queued for it."""

    def __init__(self, trader: Trader, platform_id: UUID, webhook_id: UUID) -> None:
        self.trader, self.platform_id, self.webhook_id = trader, platform_id, webhook_id
        self.signer: Signer = trader.signer

    async def queued(self, event: str | None = None) -> list[Any]:
        found = await self.signer.admin.fetch(
            "SELECT *, subject ->> 'event' AS event, subject ->> 'fact' AS fact FROM outbox"
            " WHERE target_id = $1 ORDER BY created_at",
            self.webhook_id,
        )
        return [row for row in found if event in {None, row["event"]}]

    async def sign(self, message_id: UUID, trader_id: UUID | None = None) -> str:
        request = SignStatement(
            template="set", trader_id=trader_id or self.trader.trader_id, message_id=message_id
        )
        heard = msgspec.msgpack.decode(msgspec.msgpack.encode(request), type=DispatcherVerb)
        handler = dispatcher_handlers(self.signer.parts, issuer=ISSUER)[SignStatement]
        signed: SignedStatement = await handler(heard)
        return signed.token

    async def refusal(self, message_id: UUID, trader_id: UUID | None = None) -> str:
        try:
            await self.sign(message_id, trader_id)
        except DomainError as error:
            return f"{error.code}:{error.rule}" if error.rule else error.code
        return ""

    async def claims(self, message_id: UUID, trader_id: UUID | None = None) -> dict[str, Any]:
        token = await self.sign(message_id, trader_id)
        key = self.signer.identity.issuer
        assert jwt.get_unverified_header(token) == {
            "alg": "RS256",
            "kid": key.kid,
            "typ": "secevent+jwt",
        }
        public = jwt.PyJWK({**key.public_jwk, "alg": "RS256"})
        found: dict[str, Any] = jwt.decode(
            token, public, algorithms=["RS256"], audience=str(self.platform_id), issuer=ISSUER
        )
        return found


async def add_hook(trader: Trader, events: str = "{session-revoked,credential-change}") -> Hook:
    platform: UUID = await trader.signer.admin.fetchval(
        "SELECT platform_id FROM trader WHERE trader_id = $1", trader.trader_id
    )
    webhook = new_id()
    await trader.signer.admin.execute(
        "INSERT INTO webhook (platform_id, webhook_id, url, events)"
        " VALUES ($1, $2, 'https://hook.example/', $3::text::text[])",
        *(platform, webhook, events),
    )
    return Hook(trader, platform, webhook)


def check_set(claims: dict[str, Any], message: Any, kind: str) -> dict[str, Any]:
    """RFC 8417 and CAEP's interoperability profile; returns the one event's payload."""
    assert claims["jti"] == str(message["message_id"])
    assert claims["txn"] == str(message["rid"])
    assert isinstance(claims["iat"], int)
    assert not {"sub", "exp", "nonce"} & claims.keys()
    assert len(claims["events"]) == 1
    event: dict[str, Any] = claims["events"][CAEP + kind]
    assert event["event_timestamp"] == claims["iat"]
    assert event["initiating_entity"] == "user"
    assert event["reason_admin"]["en"]
    assert claims["sub_id"]["format"] in {"iss_sub", "opaque"}
    return event


async def test_a_revoked_bot_is_told_as_itself_and_everything_beneath(bot: Bot) -> None:
    trader = bot.trader
    hook = await add_hook(trader)
    await trader.revoke(bot.grant_id)
    [message] = await hook.queued()
    claims = await hook.claims(message["message_id"])
    event = check_set(claims, message, "session-revoked")
    assert claims["sub_id"] == {"format": "opaque", "id": str(bot.grant_id)}
    assert event["tripcord"] == {
        "trader_id": str(trader.trader_id),
        "id": str(bot.grant_id),
        "kind": "grant",
        "reach": "subtree",
    }
    # The same words each time, so that a repeat is a repeat.
    assert await hook.sign(message["message_id"]) == await hook.sign(message["message_id"])


async def test_a_revoked_root_is_told_as_the_trader_and_once(bot: Bot) -> None:
    trader = bot.trader
    hook = await add_hook(trader)
    await trader.revoke(bot.grant_id)
    await trader.revoke(trader.bound.root_token_id)
    await trader.revoke(trader.bound.root_token_id)
    await trader.revoke(trader.credential_id)
    first, second = await hook.queued()
    claims = await hook.claims(second["message_id"])
    check_set(claims, second, "session-revoked")
    assert claims["sub_id"] == {"format": "iss_sub", "iss": ISSUER, "sub": str(trader.trader_id)}
    assert first["priority"] == second["priority"] == 0


async def test_what_the_signer_binds_it_tells_of(trader: Trader) -> None:
    code = await trader.appear()
    hook = await add_hook(trader)
    trader.bound = await trader.signer.ask(trader.bind_request(code))
    await trader.bind_factor()
    passkey = await Passkeys(trader).add()
    await trader.link()
    told = await hook.queued("credential-change")
    assert [row["fact"] for row in told] == ["device", "factor", "passkey", "credential"]
    for row, kind, ours in zip(
        told,
        ("app", "app", "passkey", "exchange-api-key"),
        (trader.bound.device_id, trader.factor_id, passkey, trader.credential_id),
        strict=True,
    ):
        claims = await hook.claims(row["message_id"])
        event = check_set(claims, row, "credential-change")
        assert (event["credential_type"], event["change_type"]) == (kind, "create")
        assert event["tripcord"]["id"] == str(ours)
        assert claims["sub_id"]["sub"] == str(trader.trader_id)


async def test_nothing_a_trader_wrote_and_no_secret_reaches_a_platform(bot: Bot) -> None:
    trader = bot.trader
    hook = await add_hook(trader)
    await trader.signer.revocations.revoke(
        trader.trader_id, bot.grant_id, reason="I do not trust my platform", origin=trader.origin
    )
    [message] = await hook.queued()
    said = json.dumps(await hook.claims(message["message_id"]))
    assert "trust" not in said
    assert "I do not" not in message["subject"]


async def test_only_what_a_platform_asked_for_is_queued(bot: Bot) -> None:
    trader = bot.trader
    wants_changes = await add_hook(trader, "{credential-change}")
    paused, disabled = await add_hook(trader), await add_hook(trader)
    admin = trader.signer.admin
    await admin.execute(
        "UPDATE webhook SET state = 'paused' WHERE webhook_id = $1", paused.webhook_id
    )
    await admin.execute(
        "UPDATE webhook SET state = 'disabled', disabled_at = now(), disabled_reason = 'x'"
        " WHERE webhook_id = $1",
        disabled.webhook_id,
    )
    await trader.revoke(bot.grant_id)
    assert [len(await hook.queued()) for hook in (wants_changes, paused, disabled)] == [0, 1, 0]


async def test_a_message_somebody_wrote_into_the_outbox_is_not_signed(bot: Bot) -> None:
    """D23: whoever writes the database invents no event."""
    trader = bot.trader
    hook = await add_hook(trader)
    forge = (
        "INSERT INTO outbox (trader_id, message_id, channel, topic, rid, target_id, subject,"
        " priority, due_at, expires_at) VALUES ($1, $2, 'webhook', 'revoked', $3, $4,"
        " $5::text::jsonb, 0, now(), now() + interval '1 day')"
    )
    last = (await trader.signer.log(trader.trader_id))[-1]["position"]
    root, device = trader.bound.root_token_id, trader.bound.device_id
    for event, fact, rid, position, expected in (
        ("session-revoked", "revocation", new_id(), last, "fence"),
        ("session-revoked", "revocation", root, last, "fence"),
        ("session-revoked", "revocation", root, None, "fence"),
        ("credential-change", "device", new_id(), 1, "device"),
        ("credential-change", "device", device, last, "log"),
        ("credential-change", "device", device, None, "log"),
        ("credential-change", "device", device, 10_000, "log"),
        ("credential-change", "factor", device, 1, "factor"),
        ("credential-change", "recovery_codes", device, 1, "recovery_codes"),
        ("credential-change", "credential", device, 1, "credential"),
        ("session-revoked", "device", device, 1, "template"),
        ("verification", "webhook", hook.webhook_id, None, "webhook"),
    ):
        message = new_id()
        subject = json.dumps({"event": event, "fact": fact, "position": position})
        await trader.signer.admin.execute(
            forge, trader.trader_id, message, rid, hook.webhook_id, subject
        )
        assert await hook.refusal(message) == f"statement_unproven:{expected}", (event, fact)
        refused = await trader.signer.admin.fetchval(
            "SELECT rule FROM access_log WHERE trader_id = $1 AND event = 'statement.refused'"
            " AND subject_id = $2",
            *(SYSTEM, message),
        )
        assert refused == f"statement_unproven:{expected}"
    assert await hook.refusal(new_id()) == "statement_unproven:message"


async def test_a_revocation_row_without_its_fence_or_its_entry_says_nothing(bot: Bot) -> None:
    trader = bot.trader
    hook = await add_hook(trader)
    await trader.revoke(bot.grant_id)
    [message] = await hook.queued()
    signer, node = trader.signer, bot.grant_id
    entry = "UPDATE access_log SET {} WHERE token_id = $1 AND event = 'token.revoked'"
    for statement, expected in (
        ("DELETE FROM fence WHERE token_id = $1", "fence"),
        ("UPDATE fence SET level = 4 WHERE token_id = $1", "fence"),
        (entry.format("event = 'token.read'"), "log"),
        (entry.format("at = at - interval '1 year'"), "log"),
        (entry.format("outcome = 'refused'"), "log"),
        (entry.format("previous_hash = sha256('x')"), "log"),
        ("UPDATE revocation SET log_position = 1 WHERE token_id = $1", "fence"),
    ):
        assert await undone(signer, statement, node, hook, message) == (
            f"statement_unproven:{expected}"
        ), statement
    assert await hook.refusal(message["message_id"]) == ""


async def undone(signer: Signer, statement: str, node: UUID, hook: Hook, message: Any) -> str:
    """The refusal while a row is edited beneath everything; then the rows are as before."""
    tables = ("fence", "access_log", "revocation")
    trader = hook.trader.trader_id
    copies = {
        table: await signer.admin.fetch(
            f"SELECT t::text AS row FROM {table} t WHERE trader_id = $1", trader
        )
        for table in tables
    }
    await signer.as_owner((statement, node))
    try:
        return await hook.refusal(message["message_id"])
    finally:
        for table in tables:
            await signer.as_owner((f"DELETE FROM {table} WHERE trader_id = $1", trader))
            for copy in copies[table]:
                await signer.as_owner(
                    (f"INSERT INTO {table} SELECT (($1::text)::{table}).*", copy["row"])
                )


async def test_a_swapped_row_is_not_told_of(trader: Trader) -> None:
    code = await trader.appear()
    hook = await add_hook(trader)
    trader.bound = await trader.signer.ask(trader.bind_request(code))
    [message] = await hook.queued()
    await trader.signer.as_owner(
        ("UPDATE device SET name = name || 'x' WHERE device_id = $1", trader.bound.device_id)
    )
    assert await hook.refusal(message["message_id"]) == "evidence_forged"


async def test_an_event_goes_to_the_traders_own_platform_and_to_no_other(
    bot: Bot, signer: Signer
) -> None:
    trader, stranger = bot.trader, Trader(signer)
    await stranger.enrol()
    hook, theirs = await add_hook(trader), await add_hook(stranger)
    await trader.revoke(bot.grant_id)
    [message] = await hook.queued()
    assert await theirs.queued() == []
    await signer.as_owner(
        ("UPDATE outbox SET target_id = $2 WHERE message_id = $1", message["message_id"],
         theirs.webhook_id),
    )  # fmt: skip
    assert await hook.refusal(message["message_id"]) == "statement_unproven:platform"
    assert await hook.refusal(message["message_id"], stranger.trader_id) == (
        "statement_unproven:message"
    )


async def test_a_platform_may_have_its_receiver_tried(trader: Trader) -> None:
    await trader.appear()
    hook = await add_hook(trader)
    message: UUID = await trader.signer.admin.fetchval(
        "SELECT test_webhook($1, $2)", hook.platform_id, hook.webhook_id
    )
    claims = await hook.claims(message, SYSTEM)
    assert claims["events"] == {
        "https://schemas.openid.net/secevent/ssf/event-type/verification": {"state": str(message)}
    }
    assert claims["sub_id"] == {"format": "opaque", "id": str(hook.webhook_id)}
    again = await trader.signer.admin.fetchval(
        "SELECT test_webhook($1, $2)", hook.platform_id, hook.webhook_id
    )
    assert again is None


async def test_a_trader_who_comes_back_is_told_of_with_the_root_that_ended(
    trader: Trader,
) -> None:
    await trader.enrol()
    old_root = trader.bound.root_token_id
    recovering = Recovering(trader)
    await recovering.make_codes()
    hook = await add_hook(trader)
    await recovering.begin()
    await recovering.let_wait()
    ended = await recovering.complete()
    assert ended.device is not None
    revoked, changed = sorted(await hook.queued(), key=lambda row: row["event"], reverse=True)
    claims = await hook.claims(revoked["message_id"])
    assert claims["events"][CAEP + "session-revoked"]["tripcord"]["id"] == str(old_root)
    claims = await hook.claims(changed["message_id"])
    event = check_set(claims, changed, "credential-change")
    assert event["tripcord"]["id"] == str(ended.device.device_id)
    assert "veto" in event["reason_admin"]["en"]


async def test_new_recovery_codes_are_told_of_and_no_code_is(trader: Trader) -> None:
    """The first set and, after an approval, the one that replaces it; each by its own entry."""
    await trader.enrol()
    await trader.bind_factor()
    hook, paper = await add_hook(trader), Recovering(trader)
    sheets = [await paper.make_codes() for _ in range(2)]
    told = [row for row in await hook.queued() if row["fact"] == "recovery_codes"]
    assert len(told) == 2
    for row in told:
        claims = await hook.claims(row["message_id"])
        event = claims["events"][f"{CAEP}credential-change"]
        assert (event["credential_type"], event["change_type"]) == ("recovery-codes", "update")
        assert event["tripcord"]["kind"] == "recovery_codes"
        assert event["tripcord"]["id"] == str(trader.bound.device_id)
        said = json.dumps(claims)
        assert not [code for sheet in sheets for code in sheet if str(code.code_id) in said]
    await trader.signer.admin.execute(
        "UPDATE recovery_code SET mac = $2 WHERE trader_id = $1", trader.trader_id, bytes(32)
    )
    assert await hook.refusal(told[0]["message_id"]) == "evidence_forged"
