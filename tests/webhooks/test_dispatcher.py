"""From the outbox to a platform's server: signed, in time, given up at last, in nobody's way."""

import asyncio
import base64
import logging
from datetime import timedelta
from uuid import UUID

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from app.core.secret import Secret
from app.verbs.errors import PeerUnavailable
from app.webhooks.errors import RotationUnderWay
from app.webhooks.models import State
from app.webhooks.rules import DELAYS
from app.webhooks.service import UnprovenStatement
from tests.webhooks.conftest import ORIGIN, Running, Signer, World, until
from tests.webhooks.receiving import Answer, Delivery, receiving

GONE_BY = Answer(500)


def signed_by(delivery: Delivery) -> list[bytes]:
    header = delivery.headers["webhook-signature"]
    parts = [part.split(",") for part in header.split(" ")]
    assert {scheme for scheme, _ in parts} == {"v1a"}
    return [base64.b64decode(text) for _, text in parts]


def holds(public_key: bytes | None, signature: bytes, delivery: Delivery) -> bool:
    assert public_key is not None
    heads = delivery.headers
    signed = f"{heads['webhook-id']}.{heads['webhook-timestamp']}.".encode() + delivery.body
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, signed)
    except InvalidSignature:
        return False
    return True


async def test_an_event_arrives_signed_with_the_published_key(
    world: World, running: Running
) -> None:
    async with receiving() as server, running():
        hook = await world.hook(server.port)
        await world.tell()
        await until(lambda: server.deliveries)
        [delivery] = server.deliveries
        [message] = await world.messages(hook)
        hook = await world.again(hook)
    assert delivery.headers["webhook-id"] == str(message["message_id"])
    assert delivery.headers["content-type"] == "application/secevent+jwt"
    assert delivery.body == f"token-of-{message['message_id']}".encode()
    [signature] = signed_by(delivery)
    assert holds(hook.keys[0].public_key, signature, delivery)
    assert hook.keys[0].version == 1


async def test_eight_failures_over_27_hours_disable_it_and_the_log_tells(
    world: World, running: Running, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with receiving(GONE_BY) as server, running():
        hook = await world.hook(server.port)
        await world.tell(2)
        waited = timedelta(0)
        for made in range(1, 8):
            await until(lambda made=made: _failures(world, hook, made))  # type: ignore[misc]
            [first, *_] = await world.messages(hook)
            pause = first["due_at"] - world.clock.now()
            assert abs(pause - DELAYS[made - 1]) < timedelta(seconds=30)
            waited += DELAYS[made - 1]
            world.clock.ahead += DELAYS[made - 1]
            await world.make_due()
        await until(lambda: _is(world, hook, State.DISABLED))
        hook = await world.again(hook)
        messages = await world.messages(hook)
    assert waited > timedelta(hours=27)
    assert [row["state"] for row in messages] == ["dead", "dead"]
    assert hook.webhook.disabled_reason == "unreachable: 500"
    assert len([d for d in server.deliveries if d.body.endswith(_id(messages[0]))]) <= 8
    async with world.admin.session() as tx:
        [entry] = await tx.fetch(
            "SELECT * FROM access_log WHERE event = 'webhook.disabled' AND trader_id = $1",
            UUID(int=0),
        )
    assert (entry["subject_id"], entry["rule"]) == (hook.webhook.webhook_id, "unreachable: 500")
    [alert] = [record for record in caplog.records if "webhook disabled" in record.message]
    assert alert.levelno == logging.ERROR
    # Nothing waits for a disabled webhook; taken up again it starts with a clean sheet.
    await world.tell()
    assert len(await world.messages(hook)) == 2
    hook = await world.registry.change(
        world.platform_id, hook.webhook.webhook_id, ORIGIN, state=State.ACTIVE
    )
    assert (hook.webhook.disabled_at, hook.webhook.failing_since) == (None, None)


async def test_who_was_not_told_of_is_told_so_and_nobody_else(
    world: World, running: Running
) -> None:
    """Traders whose event died with the webhook: an entry of their own, and their phones ring."""
    bystander = World(world.admin, world.api, world.clock)
    bystander.platform_id = world.platform_id
    phones = [await world.phone(), await world.phone()]
    await bystander.begin()
    await bystander.phone()
    async with receiving(Answer(410)) as server, running():
        hook = await world.hook(server.port)
        await world.tell(3)
        await until(lambda: _is(world, hook, State.DISABLED))
    async with world.admin.session() as tx:
        rung = await tx.fetch("SELECT * FROM outbox WHERE channel = 'push'")
        entries = await tx.fetch(
            "SELECT * FROM access_log WHERE event = 'webhook.disabled' AND trader_id <> $1",
            UUID(int=0),
        )
    assert {row["device_id"] for row in rung} == set(phones)
    assert len(rung) == 2
    assert {(row["topic"], row["rid"]) for row in rung} == {("security", hook.webhook.webhook_id)}
    [entry] = entries
    assert (entry["trader_id"], entry["subject_id"], entry["rule"]) == (
        world.trader_id, hook.webhook.webhook_id, "gone: 410",
    )  # fmt: skip


def _id(message: dict[str, object]) -> bytes:
    return str(message["message_id"]).encode()


async def _failures(world: World, hook: object, count: int) -> bool:
    rows = await world.messages(hook)  # type: ignore[arg-type]
    return all(row["failures"] >= count and row["leased_until"] is None for row in rows)


async def _is(world: World, hook: object, state: State) -> bool:
    return (await world.again(hook)).webhook.state is state  # type: ignore[arg-type]


async def test_gone_ends_it_at_once(world: World, running: Running) -> None:
    async with receiving(Answer(410)) as server, running():
        hook = await world.hook(server.port)
        await world.tell()
        await until(lambda: _is(world, hook, State.DISABLED))
        assert len(server.deliveries) == 1
        assert (await world.again(hook)).webhook.disabled_reason == "gone: 410"


async def test_a_failure_is_tried_again_under_the_same_id_and_forgotten_when_it_works(
    world: World, running: Running
) -> None:
    async with receiving() as server, running():
        server.answers.append(Answer(503))
        hook = await world.hook(server.port)
        await world.tell()
        await until(lambda: _failures(world, hook, 1))
        assert (await world.again(hook)).webhook.failing_since is not None
        await world.make_due()
        await until(lambda: len(server.deliveries) == 2)
        first, second = server.deliveries
        assert first.headers["webhook-id"] == second.headers["webhook-id"]
        await until(lambda: _is_sent(world, hook))
        assert (await world.again(hook)).webhook.failing_since is None


async def _is_sent(world: World, hook: object) -> bool:
    return all(row["state"] == "sent" for row in await world.messages(hook))  # type: ignore[arg-type]


async def test_one_that_hangs_delays_no_other(world: World, running: Running) -> None:
    async with (
        receiving(Answer(200, delay_seconds=60)) as hanging,
        receiving() as good,
        running(timeout_seconds=15.0),  # none of the hanging is given up, and tried anew, meanwhile
    ):
        await world.hook(hanging.port)
        await world.tell(30)
        await until(lambda: hanging.connections >= 4)
        quick = await world.hook(good.port)
        await world.tell(20)
        await until(lambda: len(good.deliveries) == 20)
        assert hanging.connections <= 4
        await until(lambda: _is_sent(world, quick))


async def test_a_rotation_signs_with_both_keys_until_the_overlap_is_over(
    world: World, running: Running
) -> None:
    async with receiving() as server, running():
        hook = await world.hook(server.port)
        await until(lambda: _published(world, hook, 1))
        old = (await world.again(hook)).keys[0]
        hook = await world.registry.rotate(
            world.platform_id, hook.webhook.webhook_id, timedelta(hours=24), ORIGIN
        )
        await until(lambda: _published(world, hook, 2))
        new, _ = (await world.again(hook)).keys
        assert new.version == 2
        await world.tell()
        await until(lambda: server.deliveries)
        first, second = signed_by(server.deliveries[0])
        assert holds(new.public_key, first, server.deliveries[0])
        assert holds(old.public_key, second, server.deliveries[0])
        assert not holds(old.public_key, first, server.deliveries[0])
        with pytest.raises(RotationUnderWay):
            await world.registry.rotate(
                world.platform_id, hook.webhook.webhook_id, timedelta(hours=1), ORIGIN
            )
        world.clock.ahead = timedelta(hours=24, seconds=1)
        await world.tell()
        await until(lambda: len(server.deliveries) == 2)
        [signature] = signed_by(server.deliveries[1])
        assert holds(new.public_key, signature, server.deliveries[1])
        # A key that may be in the wrong hands ends at once.
        hook = await world.registry.rotate(
            world.platform_id, hook.webhook.webhook_id, timedelta(0), ORIGIN
        )
        assert [key.version for key in hook.keys] == [3]


async def _published(world: World, hook: object, count: int) -> bool:
    keys = (await world.again(hook)).keys  # type: ignore[arg-type]
    return len(keys) == count and all(key.public_key is not None for key in keys)


async def test_a_key_of_another_secret_signs_nothing_and_a_rotation_heals_it(
    world: World, running: Running
) -> None:
    async with receiving() as server:
        hook = await world.hook(server.port)
        async with running():
            await until(lambda: _published(world, hook, 1))
        async with running(Secret(b"another secret, as after a restore of the database")):
            await world.tell()
            await until(lambda: _put_off(world, hook, "no_signing_key"))
            assert server.connections == 0
            await world.registry.rotate(
                world.platform_id, hook.webhook.webhook_id, timedelta(0), ORIGIN
            )
            await world.make_due()
            await until(lambda: server.deliveries)


async def _put_off(world: World, hook: object, error: str) -> bool:
    rows = await world.messages(hook)  # type: ignore[arg-type]
    return all(row["last_error"] == error and row["leased_until"] is None for row in rows)


async def test_a_signer_that_is_away_is_not_the_receivers_fault(
    world: World, running: Running, signer: Signer
) -> None:
    signer.fault = PeerUnavailable()
    async with receiving() as server, running():
        hook = await world.hook(server.port)
        await world.tell()
        await until(lambda: _put_off(world, hook, "peer_unavailable"))
        [row] = await world.messages(hook)
        assert (row["failures"], row["state"], server.connections) == (0, "pending", 0)
        signer.fault = None
        await world.make_due()
        await until(lambda: server.deliveries)


async def test_what_the_signer_will_not_say_is_dead_and_told_to_people(
    world: World, running: Running, signer: Signer, caplog: pytest.LogCaptureFixture
) -> None:
    signer.fault = UnprovenStatement("statement_unproven:fence")
    async with receiving() as server, running():
        hook = await world.hook(server.port)
        await world.tell()
        await until(lambda: _all(world, hook, "dead"))
        assert server.connections == 0
    [row] = await world.messages(hook)
    assert row["last_error"] == "statement_unproven:fence"
    assert any(r.levelno == logging.ERROR and "dead" in r.message for r in caplog.records)


async def _all(world: World, hook: object, state: str) -> bool:
    return all(row["state"] == state for row in await world.messages(hook))  # type: ignore[arg-type]


async def test_a_pause_keeps_and_a_deletion_drops_what_waits(
    world: World, running: Running
) -> None:
    async with receiving() as server, running():
        paused, deleted = await world.hook(server.port, "/p"), await world.hook(server.port, "/d")
        for hook in (paused, deleted):
            await world.registry.change(
                world.platform_id, hook.webhook.webhook_id, ORIGIN, state=State.PAUSED
            )
        await world.tell()
        await world.registry.delete(world.platform_id, deleted.webhook.webhook_id, ORIGIN)
        await until(lambda: _all(world, deleted, "dead"))
        await asyncio.sleep(0.1)
        assert server.connections == 0
        await world.registry.change(
            world.platform_id, paused.webhook.webhook_id, ORIGIN, state=State.ACTIVE
        )
        await until(lambda: server.deliveries)
        assert server.deliveries[0].head.startswith("POST /p ")


async def test_nothing_is_sent_after_its_time(world: World, running: Running) -> None:
    async with receiving() as server:
        hook = await world.hook(server.port)
        await world.tell()
        async with world.admin.session() as tx:
            await tx.execute("UPDATE outbox SET expires_at = now() - interval '1 second'")
        async with running():
            await until(lambda: _all(world, hook, "expired"))
        assert server.connections == 0
