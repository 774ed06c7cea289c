"""A worker that hangs, dies or is worn: an error within the deadline, and then it works again."""

import asyncio
import os
import signal
import time
from collections.abc import Awaitable, Callable

import msgspec
import pytest

from app.core.secret import Secret
from app.vault import client, link
from app.vault.client import HsmWorkers, WorkerClient
from app.vault.errors import HsmUnavailable, PinRefused, SealingKeyGone
from app.vault.models import Envelope
from app.vault.unwrap import SigningKeys
from app.vault.wrap import SealingKeys
from tests.vault import phone
from tests.vault.support import Desk, Token, alive, open_desk, row

SECRET = b"a secret that outlives its worker"


async def _until(condition: Callable[[], bool], seconds: float = 15.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        await asyncio.sleep(0.02)


async def _until_it_works(call: Callable[[], Awaitable[object]]) -> None:
    end = time.monotonic() + 15
    while True:
        try:
            await call()
        except HsmUnavailable:
            assert time.monotonic() < end
            await asyncio.sleep(0.02)
        else:
            return


def _pid(worker: WorkerClient) -> int:
    assert worker.pid is not None
    return worker.pid


async def test_a_stopped_worker_costs_every_caller_an_error_within_the_deadline(
    own_desk: Desk,
) -> None:
    key = (await own_desk.link(SECRET)).key
    stopped = _pid(own_desk.workers.hot)
    os.kill(stopped, signal.SIGSTOP)
    began = time.monotonic()
    signing = SigningKeys(own_desk.workers)
    outcomes = await asyncio.gather(
        *(signing.sign(checks=(), key=key, message=b"m") for _ in range(5)),
        return_exceptions=True,
    )
    assert 0.14 < time.monotonic() - began < 1
    assert {type(outcome) for outcome in outcomes} == {HsmUnavailable}
    await _until_it_works(lambda: own_desk.signing.sign(checks=(), key=key, message=b"m"))
    assert not alive(stopped)
    signed = await own_desk.signing.sign(checks=(), key=key, message=b"m")
    assert signed.signature == phone.hmac_of(SECRET, "hmac-sha256", b"m")


async def test_a_worker_killed_in_the_middle_fails_its_calls_and_comes_back(own_desk: Desk) -> None:
    os.kill(_pid(own_desk.workers.hot), signal.SIGSTOP)  # so that the call is surely in flight
    call = asyncio.create_task(own_desk.evidence.seal([row("a")]))
    await asyncio.sleep(0.01)
    began = time.monotonic()
    os.kill(_pid(own_desk.workers.hot), signal.SIGKILL)
    with pytest.raises(HsmUnavailable):
        await call
    assert time.monotonic() - began < 1
    with pytest.raises(HsmUnavailable):
        await own_desk.evidence.seal([row("a")])  # at once: nobody waits for a worker under a lock
    await _until_it_works(lambda: own_desk.evidence.seal([row("a")]))
    assert own_desk.workers.hot.starts == 2


async def test_the_two_workers_fall_alone(own_desk: Desk) -> None:
    os.kill(_pid(own_desk.workers.keys), signal.SIGSTOP)
    with pytest.raises(HsmUnavailable):
        await SealingKeys(own_desk.workers).open_sealing_key(deadline_seconds=0.1)
    await own_desk.evidence.seal([row("a")])
    assert own_desk.workers.hot.starts == 1
    await _until_it_works(own_desk.sealing.open_sealing_key)


async def test_sealing_keys_go_with_their_worker(own_desk: Desk) -> None:
    key = await own_desk.sealing.open_sealing_key()
    os.kill(_pid(own_desk.workers.keys), signal.SIGKILL)
    await _until(
        lambda: own_desk.workers.keys.starts == 2 and own_desk.workers.keys.pid is not None
    )
    seal_context, storage_context = own_desk.contexts()
    with pytest.raises(SealingKeyGone):
        await own_desk.sealing.import_secret(
            sealing_key_id=key.sealing_key_id,
            envelope=Envelope(b"", b""),
            seal_context=seal_context,
            storage_context=storage_context,
        )


async def test_answers_come_in_order_and_a_cancelled_caller_shifts_nobody(own_desk: Desk) -> None:
    calls = [asyncio.create_task(own_desk.evidence.seal([row(str(n))])) for n in range(60)]
    await asyncio.sleep(0)
    for call in calls[::7]:
        call.cancel()
    await asyncio.gather(*calls, return_exceptions=True)
    for number, call in enumerate(calls):
        if number % 7:
            await own_desk.evidence.verify([(row(str(number)), call.result()[0])])


async def test_a_full_queue_refuses_the_newcomer_and_kills_nobody(
    own_desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link, "MAX_IN_FLIGHT", 10)
    calls = (own_desk.evidence.seal([row(str(n))]) for n in range(30))
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    refused = [outcome for outcome in outcomes if isinstance(outcome, HsmUnavailable)]
    assert len(refused) == 20
    assert own_desk.workers.hot.starts == 1


async def test_a_worn_worker_is_followed_without_a_missed_call(token: Token) -> None:
    async with open_desk(token.config(recycle_after_unwraps=20)) as desk:
        key = (await desk.link(SECRET)).key
        first = _pid(desk.workers.hot)

        async def cold_signature() -> None:
            await desk.signing.forget(key.context)
            signed = await desk.signing.sign(checks=(), key=key, message=b"m")
            assert signed.signature == phone.hmac_of(SECRET, "hmac-sha256", b"m")

        while desk.workers.hot.pid == first:
            await cold_signature()
        await cold_signature()
        await _until(lambda: not alive(first))


async def test_a_wrong_pin_is_tried_once_and_never_again(token: Token) -> None:
    workers = HsmWorkers(token.config(pin=Secret(b"00000000")))
    for _ in range(3):
        with pytest.raises(PinRefused):
            await workers.start()
    assert (workers.hot.starts, workers.keys.starts) == (1, 0)
    with pytest.raises(PinRefused):
        await workers.probe()
    async with open_desk(token.config()) as desk:  # the right one was not locked out
        await desk.evidence.seal([row("a")])


async def test_a_pin_that_stops_working_ends_the_restarts_of_both(token: Token) -> None:
    async with open_desk(token.config()) as desk:
        hot, keys = desk.workers.hot, desk.workers.keys
        hot._config = msgspec.structs.replace(hot._config, pin=Secret(b"00000000"))
        os.kill(_pid(hot), signal.SIGKILL)
        await _until(lambda: hot.starts == 2 and hot._fatal.refusal is not None)
        with pytest.raises(PinRefused):
            await desk.evidence.seal([row("a")])
        os.kill(_pid(keys), signal.SIGKILL)
        await _until(lambda: keys.pid is None)
        await asyncio.sleep(0.3)
        assert (hot.starts, keys.starts) == (2, 1)


async def test_a_token_that_vanished_pauses_between_restarts(
    token: Token, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "FIRST_PAUSE_SECONDS", 0.01)
    async with open_desk(token.config()) as desk:
        hot = desk.workers.hot
        hot._config = msgspec.structs.replace(hot._config, token_label="another")
        if token.profile == "nss":  # which names its token as it is told to
            hot._config = msgspec.structs.replace(hot._config, module="/nowhere.so")
        os.kill(_pid(hot), signal.SIGKILL)
        await _until(lambda: hot.starts >= 2)
        with pytest.raises(HsmUnavailable):
            await desk.evidence.seal([row("a")])


async def test_stopping_ends_the_children(token: Token) -> None:
    async with open_desk(token.config()) as desk:
        children = [_pid(desk.workers.hot), _pid(desk.workers.keys)]
        assert all(alive(child) for child in children)
    assert not any(alive(child) for child in children)
    with pytest.raises(HsmUnavailable):
        await desk.evidence.seal([row("a")])


async def test_stopped_workers_can_be_started_again_and_are_watched_again(token: Token) -> None:
    workers = HsmWorkers(token.config())
    for starts in (1, 3):
        await workers.start()
        os.kill(_pid(workers.hot), signal.SIGKILL)
        await _until(lambda: workers.hot.pid is None)
        await _until_it_works(workers.probe)
        assert workers.hot.starts == starts + 1
        await workers.stop()


async def test_twenty_thousand_signatures_by_eight_tasks(token: Token) -> None:
    total = 20_000 if token.profile == "softhsm" else 4_000
    async with open_desk(token.config()) as desk:
        secrets = [os.urandom(40) for _ in range(8)]
        keys = [(await desk.link(secret)).key for secret in secrets]
        (tag,) = await desk.evidence.seal([row("grant")])

        async def hammer(task: int) -> None:
            for number in range(total // 8):
                message = f"{task}/{number}".encode()
                signed = await desk.signing.sign(
                    checks=[(row("grant"), tag)], key=keys[task], message=message
                )
                assert signed.signature == phone.hmac_of(secrets[task], "hmac-sha256", message)

        await asyncio.gather(*(hammer(task) for task in range(8)))
        assert desk.workers.hot.starts == 1
        assert (await desk.workers.probe()).unwraps == 8
