"""A request that says anything but the order is not signed."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.exchanges.attaching import attach
from app.exchanges.errors import RequestMismatch, RequestRefused, VerbUnsupported
from app.exchanges.models import (
    CancelTarget,
    Expected,
    ReadTarget,
    SignedRequest,
    Unsigned,
    VenueOrder,
)
from app.exchanges.registry import dialect_of
from tests.exchanges.support import (
    API_KEY_ID,
    CLIENT_ID,
    NOW_MS,
    entry,
    limit_order,
    market_order,
    sign,
    snapshot,
)

_DIALECT = dialect_of("sandbox")
_SNAPSHOT = snapshot()
_ORDER = limit_order()
_BUILT = _DIALECT.build_order(_SNAPSHOT, API_KEY_ID, _ORDER, NOW_MS)
_SIGNED = attach(_BUILT, sign(_BUILT))
_CANCEL = CancelTarget(market="BTCUSDT", client_order_id=CLIENT_ID)
_CANCEL_BUILT = _DIALECT.build_cancel(_SNAPSHOT, API_KEY_ID, _CANCEL, NOW_MS)


def _check(
    request: Unsigned | SignedRequest, expected: Expected = _ORDER, now_ms: int = NOW_MS
) -> None:
    _DIALECT.check_request(request, expected=expected, api_key_id=API_KEY_ID, now_ms=now_ms)


def _refused(request: Unsigned | SignedRequest, expected: Expected = _ORDER) -> str | None:
    with pytest.raises(RequestMismatch) as refused:
        _check(request, expected)
    return refused.value.rule


def _body(change: Callable[[bytes], bytes]) -> SignedRequest:
    changed = change(_SIGNED.body)
    assert changed != _SIGNED.body
    return msgspec.structs.replace(_SIGNED, body=changed)


def test_what_was_built_and_what_was_signed_both_pass() -> None:
    _check(_BUILT)
    _check(_SIGNED)


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"market": "ETHUSDT"}, "symbol"),
        ({"side": "sell"}, "side"),
        ({"quantity": Decimal("0.011")}, "quantity"),
        ({"quantity": Decimal("0.0100000001")}, "quantity"),
        ({"price": Decimal("50000.01")}, "price"),
        ({"time_in_force": "IOC"}, "timeInForce"),
        ({"client_order_id": "tcother"}, "newClientOrderId"),
        ({"type": "market", "price": None, "time_in_force": None}, "price"),
    ],
)
def test_another_order_than_the_built_one_refuses(changes: dict[str, Any], rule: str) -> None:
    assert _refused(_BUILT, limit_order(**changes)) == rule
    assert _refused(_SIGNED, limit_order(**changes)) == rule


@pytest.mark.parametrize(
    ("old", "new", "rule"),
    [
        (b"symbol=BTCUSDT", b"symbol=BTCUSDC", "symbol"),
        (b"side=BUY", b"side=SELL", "side"),
        (b"side=BUY", b"side=buy", "side"),
        (b"type=LIMIT", b"type=LIMIT_MAKER", "type"),
        (b"quantity=0.01", b"quantity=0.1", "quantity"),
        (b"quantity=0.01", b"quantity=1e-2", "quantity"),
        (b"quantity=0.01", b"quantity=00.01", "quantity"),
        (b"quantity=0.01", b"quantity=NaN", "quantity"),
        (b"quantity=0.01", b"quantity=-0.01", "quantity"),
        (b"quantity=0.01", b"quantity=0.01%30", "spelling"),
        (b"quantity=0.01", b"quantity=+0.01", "spelling"),
        (b"quantity=0.01", b"quantity=", "spelling"),
        (b"quantity=0.01", b"quoteOrderQty=0.01", "quantity"),
        (b"quantity=0.01", b"quantity=0.01&quantity=0.01", "quantity"),
        (b"quantity=0.01", b"quantity=0.01&quantity=9", "quantity"),
        (b"quantity=0.01", b"quantity=0.01&icebergQty=0.01", "icebergQty"),
        (b"quantity=0.01", b"quantity=0.01&stopPrice=1", "stopPrice"),
        (b"quantity=0.01", b"quantity=0.01&isIsolated=TRUE", "isIsolated"),
        (b"quantity=0.01", b"quantity=0.01&&", "spelling"),
        (b"quantity=0.01", b"quantity=0.01;side=SELL", "spelling"),
        (b"quantity=0.01", b"quantity=0.01&si%64e=SELL", "spelling"),
        (b"&newOrderRespType=FULL", b"", "newOrderRespType"),
        (b"newOrderRespType=FULL", b"newOrderRespType=ACK", "newOrderRespType"),
        (b"&price=50000", b"", "price"),
        (b"timestamp=1763600000123", b"timestamp=1763600000124", "timestamp"),
        (b"recvWindow=10000", b"recvWindow=60000", "recvWindow"),
        (b"&signature=", b"&signature=0", "signature"),
        (b"&signature=", b"&sign=", "signature"),
        (b"symbol=BTCUSDT", "symbol=BTCUSD\u0422".encode(), "spelling"),
    ],
)
def test_a_changed_form_refuses_and_names_the_parameter(old: bytes, new: bytes, rule: str) -> None:
    assert _refused(_body(lambda body: body.replace(old, new))) == rule


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"method": "GET"}, "method"),
        ({"method": "DELETE"}, "method"),
        ({"path_and_query": "/api/v3/order/test"}, "path"),
        ({"path_and_query": "/sapi/v1/margin/order"}, "path"),
        ({"path_and_query": "/sapi/v1/capital/withdraw/apply"}, "path"),
        ({"path_and_query": "//evil.example/api/v3/order"}, "path"),
        ({"path_and_query": "/api/v3/order?symbol=BTCUSDT"}, "stray_parameters"),
        ({"headers": (("X-MBX-APIKEY", "another"),)}, "headers"),
        ({"headers": _SIGNED.headers[:1]}, "headers"),
        ({"headers": (*_SIGNED.headers, ("X-Extra", "1"))}, "headers"),
        ({"headers": (*_SIGNED.headers, _SIGNED.headers[0])}, "headers"),
    ],
)
def test_another_verb_place_or_header_refuses(changes: dict[str, Any], rule: str) -> None:
    assert _refused(msgspec.structs.replace(_SIGNED, **changes)) == rule


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"message": _BUILT.message + b" "}, "message"),
        ({"message": _BUILT.message.replace(b"0.01", b"0.02")}, "message"),
        ({"sentinel": bytes(32)}, "signature"),
        ({"algorithm": "hmac-sha512"}, "algorithm"),
    ],
)
def test_a_message_that_is_not_the_request_refuses(changes: dict[str, Any], rule: str) -> None:
    assert _refused(msgspec.structs.replace(_BUILT, **changes)) == rule


@given(st.integers(0, len(_SIGNED.body) - 66), st.integers(0, 255))
def test_no_single_changed_byte_before_the_signature_passes(place: int, byte: int) -> None:
    changed = bytearray(_SIGNED.body)
    if changed[place] == byte:
        return
    changed[place] = byte
    request = msgspec.structs.replace(_SIGNED, body=bytes(changed))
    with pytest.raises(RequestMismatch):
        _check(request)


def test_an_order_never_passes_as_a_cancel_or_a_read() -> None:
    status = ReadTarget(kind="order", market="BTCUSDT", client_order_id=CLIENT_ID)
    assert _refused(_BUILT, _CANCEL) == "method"
    assert _refused(_CANCEL_BUILT, _ORDER) == "method"
    assert _refused(_CANCEL_BUILT, status) == "method"
    _check(_CANCEL_BUILT, _CANCEL)


@pytest.mark.parametrize(
    "target",
    [
        CancelTarget(market="ETHUSDT", client_order_id=CLIENT_ID),
        CancelTarget(market="BTCUSDT", client_order_id="tcother"),
    ],
)
def test_a_cancel_of_another_order_refuses(target: CancelTarget) -> None:
    assert _refused(_CANCEL_BUILT, target) in {"symbol", "origClientOrderId"}


def test_a_snapshot_of_another_market_refuses() -> None:
    with pytest.raises(RequestMismatch) as refused:
        _DIALECT.build_order(snapshot(entry("ETHUSDT", "ETH")), API_KEY_ID, _ORDER, NOW_MS)
    assert refused.value.rule == "symbol"


def test_a_snapshot_whose_raw_entry_is_another_market_refuses() -> None:
    other = snapshot(entry("ETHUSDT", "ETH"))
    poisoned = msgspec.structs.replace(_SNAPSHOT, raw=other.raw)
    with pytest.raises(RequestRefused) as refused:
        _DIALECT.build_order(poisoned, API_KEY_ID, _ORDER, NOW_MS)
    assert refused.value.rule == "snapshot"


@pytest.mark.parametrize(
    ("field", "place", "size"), [("price", 0, "tickSize"), ("quantity", 1, "stepSize")]
)
def test_a_snapshot_with_another_precision_refuses(field: str, place: int, size: str) -> None:
    coarse = entry()
    coarse["filters"][place][size] = "1.00000000"
    order = limit_order(quantity=Decimal("1.5"), price=Decimal("50000.55"))
    order = msgspec.structs.replace(order, **{"price" if place else "quantity": Decimal(7)})
    with pytest.raises(RequestMismatch) as refused:
        _DIALECT.build_order(snapshot(coarse), API_KEY_ID, order, NOW_MS)
    assert refused.value.rule == field


def test_a_snapshot_of_a_futures_market_refuses() -> None:
    raw = msgspec.json.encode(entry() | {"contractType": "PERPETUAL", "marginAsset": "USDT"})
    with pytest.raises(RequestRefused):
        _DIALECT.build_order(
            msgspec.structs.replace(_SNAPSHOT, raw=raw), API_KEY_ID, _ORDER, NOW_MS
        )


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b"null", b"1", b'{"symbol":"BTCUSDT"}'])
def test_a_snapshot_that_is_no_market_refuses(raw: bytes) -> None:
    with pytest.raises(RequestRefused):
        _DIALECT.build_order(
            msgspec.structs.replace(_SNAPSHOT, raw=raw), API_KEY_ID, _ORDER, NOW_MS
        )


@pytest.mark.parametrize(
    ("order", "rule"),
    [
        (limit_order(price=None), "price_or_time_in_force"),
        (limit_order(time_in_force=None), "price_or_time_in_force"),
        (market_order(price=Decimal(1)), "price_or_time_in_force"),
        (market_order(time_in_force="IOC"), "price_or_time_in_force"),
        (limit_order(market="BTC/USDT"), "market"),
        (limit_order(market="\u0412TCUSDT"), "market"),
        (limit_order(client_order_id="x" * 37), "client_order_id"),
        (limit_order(client_order_id="a&side=SELL"), "client_order_id"),
        (limit_order(client_order_id=""), "client_order_id"),
        (limit_order(quantity=Decimal("NaN")), "amount"),
        (limit_order(quantity=Decimal("Infinity")), "amount"),
        (limit_order(quantity=Decimal(0)), "amount"),
        (limit_order(quantity=Decimal(-1)), "amount"),
        (limit_order(price=Decimal("-0")), "amount"),
        (limit_order(quantity=Decimal("0.000001")), "ccxt"),
    ],
)
def test_an_order_the_venue_cannot_be_told_refuses(order: VenueOrder, rule: str) -> None:
    with pytest.raises(RequestRefused) as refused:
        _DIALECT.build_order(_SNAPSHOT, API_KEY_ID, order, NOW_MS)
    assert refused.value.rule == rule


@pytest.mark.parametrize("api_key_id", ["", "a b", "key\r\nX-Other: 1", "k" * 129, "k\n"])
def test_an_api_key_id_that_could_be_more_than_one_header_refuses(api_key_id: str) -> None:
    with pytest.raises(RequestRefused) as refused:
        _DIALECT.build_order(_SNAPSHOT, api_key_id, _ORDER, NOW_MS)
    assert refused.value.rule == "api_key_id"


@pytest.mark.parametrize(
    ("target", "with_snapshot"),
    [
        (ReadTarget(kind="order", client_order_id=CLIENT_ID), False),
        (ReadTarget(kind="order", market="BTCUSDT"), True),
        (ReadTarget(kind="trades"), False),
        (ReadTarget(kind="trades", market="BTCUSDT", limit=0), True),
        (ReadTarget(kind="trades", market="BTCUSDT", limit=1001), True),
        (ReadTarget(kind="trades", market="BTCUSDT"), False),
        (ReadTarget(kind="balances"), True),
    ],
)
def test_a_read_without_what_it_needs_refuses(target: ReadTarget, *, with_snapshot: bool) -> None:
    with pytest.raises(RequestRefused):
        _DIALECT.build_read(_SNAPSHOT if with_snapshot else None, API_KEY_ID, target, NOW_MS)


def test_key_deletion_is_not_something_this_venue_offers() -> None:
    with pytest.raises(VerbUnsupported):
        _DIALECT.build_read(None, API_KEY_ID, ReadTarget(kind="delete_key"), NOW_MS)
