"""A secret that came through the sealing door is nowhere in our memory, signing or not."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from app.vault.models import Envelope, Proof
from tests.vault.support import ROOT, Desk, Token, may_read_memory, open_desk


class _Phone:
    """A phone in a process of its own, which also looks for its secret in others."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.vault.phone"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, **order: Any) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    @property
    def pid(self) -> int:
        return self._process.pid

    def close(self) -> None:
        with self._process:
            assert self._process.stdin is not None
            self._process.stdin.close()


@pytest.fixture
def phone() -> Iterator[_Phone]:
    opened = _Phone()
    yield opened
    opened.close()


async def _link(desk: Desk, phone: _Phone) -> Any:
    key = await desk.sealing.open_sealing_key()
    seal_context, storage_context = desk.contexts()
    point, ciphertext, tag = phone.ask(
        do="seal",
        public_point=key.public_point.hex(),
        trader_id=str(seal_context.trader_id),
        purpose=seal_context.purpose,
        subject=seal_context.subject,
        algorithm=seal_context.algorithm,
        proof_message=b"proof".hex(),
    )
    imported = await desk.sealing.import_secret(
        sealing_key_id=key.sealing_key_id,
        envelope=Envelope(bytes.fromhex(point), bytes.fromhex(ciphertext)),
        seal_context=seal_context,
        storage_context=storage_context,
        proof=Proof(b"proof", bytes.fromhex(tag)),
    )
    return imported.key


async def test_the_secret_is_in_no_memory_of_ours(softhsm: Token, phone: _Phone) -> None:
    if not may_read_memory():
        pytest.skip("only root may look into the memory of a worker")
    async with open_desk(softhsm.config()) as desk:
        key = await _link(desk, phone)
        for number in range(200):
            message = f"order {number}".encode()
            signed = await desk.signing.sign(checks=(), key=key, message=message)
        expected = phone.ask(do="sign", algorithm="hmac-sha256", message=message.hex())
        assert signed.signature.hex() == expected
        # The control: it is found where it must be, so the search does search.
        assert phone.ask(do="count", pid=phone.pid)["secret"] > 0
        places = {"signer": os.getpid()}
        places |= {"hot": desk.workers.hot.pid or 0, "keys": desk.workers.keys.pid or 0}
        for moment in ("loaded", "forgotten"):
            for place, pid in places.items():
                counts = phone.ask(do="count", pid=pid)
                assert set(counts.values()) == {0}, (moment, place, counts)
            await desk.signing.forget(key.context)
