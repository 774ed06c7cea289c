"""Secrets that a venue wants in clear, and what else a recorder leaves out or lets through."""

from typing import Any

import ccxt
import pytest

from app.core.secret import Secret
from app.exchanges.attaching import attach
from app.exchanges.capture import Recorder
from app.exchanges.errors import RequestRefused
from app.exchanges.models import Unsigned
from tests.exchanges.cases.all import CASES
from tests.exchanges.cases.case import NOW_MS

_IN_CLEAR = [case for case in CASES if case.clear is not None]
_CLEAR_IDS = [case.venue_id for case in _IN_CLEAR]


def _unsigned(**changes: Any) -> Unsigned:
    fields: dict[str, Any] = {
        "venue": "test",
        "method": "GET",
        "path_and_query": "/x",
        "headers": (("Passphrase", "tripcord-clear-1"),),
        "body": b"",
        "message": b"",
        "algorithm": "bearer",
        "sentinel": b"",
        "clear_sentinel": "tripcord-clear-1",
    }
    return Unsigned(**(fields | changes))


def _refusal(request: Unsigned, clear: Secret | None) -> str | None:
    with pytest.raises(RequestRefused) as refused:
        attach(request, b"", clear)
    return refused.value.rule


@pytest.mark.parametrize("case", _IN_CLEAR, ids=_CLEAR_IDS)
def test_a_secret_in_clear_is_in_no_request_before_it_is_attached(case: Any) -> None:
    for expected, _ in case.everything():
        unsigned = case.build(expected)
        assert case.clear not in repr(unsigned)
        assert unsigned.clear_sentinel not in unsigned.message.decode("latin-1")
        signed = case.signed(unsigned)
        assert sum(case.clear in value for _, value in signed.headers) == 1
        assert case.clear.encode() not in signed.body
        assert case.clear not in signed.path_and_query
        assert case.clear not in repr(signed)


def test_two_requests_never_share_a_sentinel_for_what_is_in_clear() -> None:
    case = _IN_CLEAR[0]
    assert case.build(case.order()).clear_sentinel != case.build(case.order()).clear_sentinel


@pytest.mark.parametrize("secret", [b"", b"a\r\nX-Other: 1", b" a", b"a ", b"caf\xc3\xa9", b"\x00"])
def test_a_secret_that_is_no_header_value_refuses(secret: bytes) -> None:
    assert _refusal(_unsigned(), Secret(secret)) == "secret_in_clear"


def test_a_secret_in_clear_goes_where_it_is_wanted_and_only_there() -> None:
    secret = Secret(b"words")
    assert attach(_unsigned(), b"", secret).headers == (("Passphrase", "words"),)
    assert _refusal(_unsigned(), None) == "secret_in_clear"
    assert _refusal(_unsigned(clear_sentinel=""), secret) == "secret_in_clear"
    for changes in (
        {"headers": ()},
        {"headers": 2 * (("Passphrase", "tripcord-clear-1"),)},
        {"path_and_query": "/x?p=tripcord-clear-1"},
        {"body": b"tripcord-clear-1"},
    ):
        assert _refusal(_unsigned(**changes), secret) == "sentinel_count"


@pytest.mark.parametrize(
    "options",
    [
        {"alg": "EdDSA", "kid": "k"},
        {"alg": "HS256"},
        {"kid": "k"},
    ],
)
def test_no_token_but_an_es256_one_is_made(options: dict[str, str]) -> None:
    recorder = Recorder(ccxt.coinbase, venue="test", origin="https://api.coinbase.com", options={})

    def call(exchange: Any, _: str | None) -> object:
        return exchange.jwt({}, exchange.encode(exchange.secret), "sha256", False, options)

    with pytest.raises(RequestRefused) as refused:
        recorder.record(call, api_key_id="k", now_ms=NOW_MS, snapshot=None)
    assert refused.value.rule == "algorithm"


def test_another_host_is_let_through_for_its_own_paths_only() -> None:
    recorder = Recorder(
        ccxt.binanceusdm,
        venue="test",
        origin="https://fapi.binance.com",
        options={},
        other_hosts=(("/sapi/", "https://api.binance.com"),),
    )

    def record(call: Any) -> Unsigned:
        return recorder.record(
            lambda exchange, _: call(exchange), api_key_id="k", now_ms=NOW_MS, snapshot=None
        )

    assert record(lambda x: x.sapi_get_account_apirestrictions()).path_and_query.startswith("/sapi")
    for call in (
        lambda x: x.private_get_account(),
        lambda x: x.dapiprivate_get_account(),
    ):
        with pytest.raises(RequestRefused) as refused:
            record(call)
        assert refused.value.rule == "origin"
