"""With a real `tripcord up`: the cord while every other part of ours, and every venue, hangs (P7).

Stopped with SIGSTOP, not killed: a dead part is started again within a second and refuses
connections at once; one that hangs takes them and says nothing, which is worse.
"""

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from scripts.clients.cord import read_revocation, redeem_card
from scripts.clients.http import Api, Refused
from scripts.clients.keys import KeyPair
from scripts.clients.phone import Phone
from scripts.clients.platform import Platform
from scripts.clients.stack import Stack
from tests.support.postgres import public_temporary_directory, remove

pytestmark = pytest.mark.timeout(240)

HUNG = ("app.signerd", "app.courierd", "app.dispatchd", "mock_push", "app.sandbox")
SECONDS = 5.0
"""Far more than a pull takes; far less than any deadline of a part that hangs."""


@pytest.fixture
def stack() -> Iterator[Stack]:
    place = public_temporary_directory()
    running = Stack(place / "data")
    try:
        running.start()
        yield running
    finally:
        running.stop()
        remove(place)


@contextmanager
def hanging(stack: Stack) -> Iterator[int]:
    """Stop every process of the stack that runs one of `HUNG`; yields how many there were."""
    assert stack._process is not None
    session, found = stack._process.pid, []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal():
            continue
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0")
            if os.getsid(int(entry.name)) != session and not _below(int(entry.name), session):
                continue
        except (OSError, ProcessLookupError):
            continue
        if any(name.encode() in words for name in HUNG):
            found.append(int(entry.name))
    for pid in found:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield len(found)
    finally:
        for pid in found:
            os.kill(pid, signal.SIGCONT)


def _below(pid: int, ancestor: int) -> bool:
    while pid > 1:
        if pid == ancestor:
            return True
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        pid = int(fields[1])
    return False


def timed(pull: Callable[[], Any]) -> Any:
    began = time.monotonic()
    answer = pull()
    assert time.monotonic() - began < SECONDS
    return answer


def test_every_way_to_cut_works_while_everything_else_hangs(stack: Stack) -> None:
    key = KeyPair.p256()
    client_id = stack.add_platform("a platform", key)
    origin = json.loads((stack.data / "addresses.json").read_bytes())["public_origin"]
    with Api(origin) as api:
        platform = Platform(api, client_id=client_id, key=key)
        phones = [Phone(name=f"phone {number}", inbox=None) for number in range(3)]
        for phone in phones:
            phone.enrol(platform.create_trader().enrolment_uri.reveal())
        card = phones[2].make_revocation_card()
        with hanging(stack) as stopped:
            assert stopped >= len(HUNG)
            with pytest.raises(httpx.HTTPError):  # it does hang
                httpx.get(f"{origin}/readyz", timeout=1, trust_env=False).raise_for_status()
            assert httpx.get(f"{origin}/card", timeout=SECONDS, trust_env=False).is_success
            receipts = [
                timed(phones[0].pull_the_cord),
                timed(lambda: phones[1].revoke(phones[1].account.device_id)),
                timed(lambda: redeem_card(api, card.text)),
            ]
            for phone, receipt in zip(phones, receipts, strict=True):
                with pytest.raises(Refused, match="token_rejected"):
                    phone.cards()
                view = timed(lambda receipt=receipt: read_revocation(api, receipt))  # type: ignore[misc]
                assert view["revocation_id"] == str(receipt.revocation_id)
        for phone in phones:
            phone.close()
