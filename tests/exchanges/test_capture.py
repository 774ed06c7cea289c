"""The one pass through ccxt: one request, one signature, one place for it, nothing else."""

import base64
import hashlib
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import ccxt
import msgspec
import pytest

from app.exchanges.attaching import attach
from app.exchanges.capture import Recorder
from app.exchanges.errors import RequestRefused
from app.exchanges.models import SignedRequest, Unsigned
from app.exchanges.registry import dialect_of
from tests.exchanges.support import (
    API_KEY_ID,
    CLIENT_ID,
    NOW_MS,
    limit_order,
    sign,
    snapshot,
)

_SENTINEL = b"\xfb\xff\xbf" + bytes(range(29))
_MAC = b"\xfb\xff\xff" + bytes(range(100, 129))


def _recorder() -> Recorder:
    return Recorder(ccxt.binance, venue="test", origin="https://api.binance.com", options={})


def _record(call: Callable[[Any], object]) -> Unsigned:
    return _recorder().record(
        lambda exchange, _: call(exchange), api_key_id=API_KEY_ID, now_ms=NOW_MS, snapshot=None
    )


def _unsigned(**changes: Any) -> Unsigned:
    fields: dict[str, Any] = {
        "venue": "test",
        "method": "POST",
        "path_and_query": "/api/v3/order",
        "headers": (("X-MBX-APIKEY", API_KEY_ID),),
        "body": b"a=1&signature=" + _SENTINEL.hex().encode(),
        "message": b"a=1",
        "algorithm": "hmac-sha256",
        "sentinel": _SENTINEL,
    }
    return Unsigned(**(fields | changes))


def _hmac(exchange: Any, **options: Any) -> Any:
    return exchange.hmac(b"message", exchange.encode(exchange.secret), **options)


def test_the_message_to_sign_is_the_form_without_its_signature() -> None:
    unsigned = dialect_of("sandbox").build_order(snapshot(), API_KEY_ID, limit_order(), NOW_MS)
    assert unsigned.body.startswith(unsigned.message + b"&signature=")
    assert unsigned.algorithm == "hmac-sha256"


def test_two_requests_never_share_a_sentinel() -> None:
    dialect = dialect_of("sandbox")
    seen = {
        dialect.build_order(snapshot(), API_KEY_ID, limit_order(), NOW_MS).sentinel
        for _ in range(50)
    }
    assert len(seen) == 50


@pytest.mark.parametrize(
    ("call", "rule"),
    [
        (lambda _: None, "no_request"),
        (lambda exchange: exchange.public_get_time(), "no_signature"),
        (lambda exchange: exchange.fapiprivate_get_openorders(), "origin"),
        (lambda exchange: [_hmac(exchange), _hmac(exchange)], "second_signature"),
        (lambda exchange: _hmac(exchange, algorithm=hashlib.md5), "algorithm"),
        (lambda exchange: exchange.hmac(b"message", b"a raw secret"), "raw_secret"),
        (lambda exchange: exchange.rsa("message", exchange.secret), "algorithm"),
        (lambda exchange: exchange.ecdsa("message", exchange.secret), "algorithm"),
        (lambda exchange: exchange.eddsa(b"message", exchange.secret), "algorithm"),
        (lambda exchange: exchange.jwt({}, exchange.secret), "algorithm"),
        (lambda exchange: exchange.totp("seed"), "algorithm"),
        (lambda exchange: exchange.generate_client_order_id(), "client_order_id"),
        (lambda exchange: exchange.private_post_order({"symbol": "X"}), "client_order_id"),
        (lambda exchange: exchange.market("NOPE"), "ccxt"),
    ],
)
def test_ccxt_gets_one_request_with_one_hmac_by_our_handle(
    call: Callable[[Any], object], rule: str
) -> None:
    with pytest.raises(RequestRefused) as refused:
        _record(call)
    assert refused.value.rule == rule


def test_a_second_request_is_never_reached() -> None:
    reached: list[str] = []

    def call(exchange: Any) -> None:
        exchange.private_get_account()
        reached.append("after the first request")

    assert _record(call).path_and_query.startswith("/api/v3/account?")
    assert reached == []


def test_a_caller_inside_ccxt_that_swallows_every_error_does_not_get_to_go_on() -> None:
    reached: list[str] = []

    def call(exchange: Any) -> None:
        try:
            exchange.private_get_account()
        except Exception:  # noqa: BLE001 - as some ccxt methods do around optional requests
            reached.append("after the first request")

    assert _record(call).method == "GET"
    assert reached == []


def test_a_pass_inside_a_pass_is_refused_and_the_next_pass_works() -> None:
    recorder = _recorder()

    def run(call: Callable[[Any, str | None], object]) -> Unsigned:
        return recorder.record(call, api_key_id=API_KEY_ID, now_ms=NOW_MS, snapshot=None)

    def inner(exchange: Any, _: str | None) -> object:
        return exchange.private_get_account()

    with pytest.raises(RequestRefused) as refused:
        run(lambda *_: run(inner))
    assert refused.value.rule == "re_entered"
    assert run(inner).method == "GET"


def test_between_passes_ccxt_has_no_clock_no_wire_and_no_key() -> None:
    recorder = _recorder()
    exchange = recorder._exchange
    recorder.record(
        lambda ccxt_exchange, _: ccxt_exchange.private_get_account(),
        api_key_id=API_KEY_ID,
        now_ms=NOW_MS,
        snapshot=None,
    )
    for call in (exchange.milliseconds, lambda: exchange.fetch("https://api.binance.com/")):
        with pytest.raises(RequestRefused):
            call()
    assert exchange.apiKey == ""
    assert exchange.session is None
    assert API_KEY_ID not in repr(vars(exchange))


def test_ccxt_never_sees_more_of_the_secret_than_a_handle() -> None:
    assert _recorder()._exchange.secret == "tripcord:handle"
    assert _recorder()._exchange.base64_to_binary("tripcord:handle") == b"tripcord:handle"
    assert _recorder()._exchange.base64_to_binary("YWJj") == b"abc"


@pytest.mark.parametrize(
    ("algorithm", "digest", "spell"),
    [
        (hashlib.sha256, "hex", bytes.hex),
        (hashlib.sha512, "base64", lambda raw: base64.b64encode(raw).decode()),
        (hashlib.sha384, "binary", lambda raw: raw),
    ],
)
def test_a_sentinel_has_the_length_and_spelling_of_the_signature(
    algorithm: Callable[[], Any], digest: str, spell: Callable[[bytes], Any]
) -> None:
    spelled: list[Any] = []

    def call(exchange: Any) -> None:
        spelled.append(_hmac(exchange, algorithm=algorithm, digest=digest))
        exchange.fetch("https://api.binance.com/api/v3/x")

    unsigned = _record(call)
    assert unsigned.algorithm == f"hmac-{algorithm().name}"
    assert len(unsigned.sentinel) == algorithm().digest_size
    assert spelled == [spell(unsigned.sentinel)]


@pytest.mark.parametrize(
    "spell",
    [
        bytes.hex,
        lambda raw: base64.b64encode(raw).decode(),
        lambda raw: quote(base64.b64encode(raw).decode(), safe=""),
        lambda raw: base64.urlsafe_b64encode(raw).rstrip(b"=").decode(),
    ],
    ids=["hex", "base64", "base64-in-a-query", "base64url"],
)
@pytest.mark.parametrize("place", ["path_and_query", "body", "headers"])
def test_the_signature_is_spelled_as_the_sentinel_was(
    spell: Callable[[bytes], str], place: str
) -> None:
    def filled(raw: bytes) -> dict[str, Any]:
        text = f"before={spell(raw)}&after"
        places: dict[str, dict[str, Any]] = {
            "path_and_query": {"path_and_query": "/x?" + text, "body": b""},
            "body": {"body": text.encode()},
            "headers": {"headers": (("Authorization", text),), "body": b""},
        }
        return places[place]

    signed, wanted = attach(_unsigned(**filled(_SENTINEL)), _MAC), _unsigned(**filled(_MAC))
    assert (signed.path_and_query, signed.headers, signed.body) == (
        wanted.path_and_query,
        wanted.headers,
        wanted.body,
    )


@pytest.mark.parametrize(
    "request_",
    [
        _unsigned(body=b"a=1&signature="),
        _unsigned(path_and_query="/api/v3/order?signature=" + _SENTINEL.hex()),
        _unsigned(body=2 * (b"&signature=" + _SENTINEL.hex().encode())),
        _unsigned(headers=(("X-Sign", base64.b64encode(_SENTINEL).decode()),)),
    ],
    ids=["nowhere", "in query and body", "twice in the body", "in two spellings"],
)
def test_a_sentinel_that_is_not_there_exactly_once_refuses(request_: Unsigned) -> None:
    with pytest.raises(RequestRefused) as refused:
        attach(request_, _MAC)
    assert refused.value.rule == "sentinel_count"


@pytest.mark.parametrize("length", [0, 31, 33, 64])
def test_a_signature_of_another_length_refuses(length: int) -> None:
    with pytest.raises(RequestRefused) as refused:
        attach(_unsigned(), bytes(length))
    assert refused.value.rule == "signature_length"


def test_a_signed_request_is_not_printed_but_travels() -> None:
    unsigned = dialect_of("sandbox").build_order(snapshot(), API_KEY_ID, limit_order(), NOW_MS)
    signed = attach(unsigned, sign(unsigned))
    for text in (repr(signed), str(signed), f"{signed}", repr([signed]), repr({"r": signed})):
        assert sign(unsigned).hex() not in text
        assert CLIENT_ID not in text
    assert "api.binance.com" not in signed.path_and_query
    wire = msgspec.msgpack.encode(signed)
    assert msgspec.msgpack.decode(wire, type=SignedRequest) == signed


def test_only_so_many_markets_are_kept() -> None:
    recorder, pinned = _recorder(), snapshot()
    recorder._markets.update({(str(number), b""): ("", {}, {}) for number in range(512)})
    recorder._exchange.options |= {"crossMarginPairsData": [], "isolatedMarginPairsData": []}
    recorder._market((pinned.market, pinned.raw))
    assert len(recorder._markets) == 512
    assert ("0", b"") not in recorder._markets
    assert (pinned.market, pinned.raw) in recorder._markets
