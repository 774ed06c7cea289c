"""How long our request takes beside plain ccxt's: `python -m tests.exchanges.bench_signing`.

Prints p50 and p99 in microseconds. Plain ccxt has its secret in memory and gets a ready answer.
"""

import time
from collections.abc import Callable
from typing import Any

from app.exchanges.attaching import attach
from app.exchanges.registry import dialect_of
from tests.exchanges.support import (
    API_KEY_ID,
    CLIENT_ID,
    NOW_MS,
    PlainBinance,
    limit_order,
    plain_binance,
    sign,
    snapshot,
)

_ROUNDS, _WARM_UP = 5000, 500
_ANSWER = {
    "symbol": "BTCUSDT",
    "orderId": 1,
    "clientOrderId": CLIENT_ID,
    "transactTime": NOW_MS,
    "price": "50000.00",
    "origQty": "0.01",
    "executedQty": "0",
    "cummulativeQuoteQty": "0",
    "status": "NEW",
    "timeInForce": "GTC",
    "type": "LIMIT",
    "side": "BUY",
    "fills": [],
}


def _measure(name: str, call: Callable[[], object]) -> None:
    took = []
    for turn in range(_WARM_UP + _ROUNDS):
        start = time.perf_counter_ns()
        call()
        if turn >= _WARM_UP:
            took.append(time.perf_counter_ns() - start)
    took.sort()
    p50, p99 = took[_ROUNDS // 2] / 1000, took[_ROUNDS * 99 // 100] / 1000
    print(f"{name:34} p50 {p50:7.1f} us   p99 {p99:7.1f} us")  # noqa: T201 - a bench prints


def _plain_with_an_answer() -> Any:
    plain = plain_binance()
    plain.fetch = lambda *_: _ANSWER
    return plain


def main() -> None:
    dialect, pinned, order = dialect_of("sandbox"), snapshot(), limit_order()
    built = dialect.build_order(pinned, API_KEY_ID, order, NOW_MS)
    signature, plain = sign(built), _plain_with_an_answer()
    assert isinstance(plain, PlainBinance)

    def ours() -> object:
        return attach(dialect.build_order(pinned, API_KEY_ID, order, NOW_MS), signature)

    def theirs() -> object:
        params = {"newClientOrderId": CLIENT_ID, "timeInForce": "GTC"}
        return plain.create_order("BTC/USDT", "limit", "buy", "0.01", "50000", params)

    def read_back() -> None:
        dialect.check_request(built, expected=order, api_key_id=API_KEY_ID, now_ms=NOW_MS)

    _measure("ours: build, read back, attach", ours)
    _measure("plain ccxt: create_order", theirs)
    _measure("of ours: read back", read_back)
    _measure("of ours: attach", lambda: attach(built, signature))


if __name__ == "__main__":
    main()
