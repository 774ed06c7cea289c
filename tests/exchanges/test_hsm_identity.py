"""Requests signed inside SoftHSM are plain ccxt's: order, cancel, balance, open orders, trades."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from app.vault.client import HsmWorkers
from tests.exchanges.cases.all import CASES
from tests.exchanges.cases.case import Case, seen
from tests.exchanges.cases.comparing import assert_identical
from tests.vault.support import Desk, find_module, make_token

_HMAC = [case for case in CASES if case.algorithm.startswith("hmac-")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def workers(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[HsmWorkers]:
    module = find_module("softhsm")
    if module is None:
        pytest.skip("SoftHSM is not installed")
    directory: Path = tmp_path_factory.mktemp("venues") / "hsm"
    async with HsmWorkers(make_token("softhsm", module, directory).config()) as started:
        yield started


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("case", _HMAC, ids=[case.venue_id for case in _HMAC])
async def test_every_request_signed_by_the_hsm_is_the_one_plain_ccxt_sends(
    case: Case, workers: HsmWorkers
) -> None:
    desk, exchange = Desk(workers), case.plain()
    linked = await desk.link(case.secret, case.algorithm)
    for expected, theirs in case.everything():
        unsigned = case.build(expected)
        assert unsigned.algorithm == linked.key.algorithm
        made = await desk.signing.sign(checks=[], key=linked.key, message=unsigned.message)
        assert_identical(case, case.signed(unsigned, made.signature), seen(exchange, theirs))
