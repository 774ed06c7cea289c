"""What holds for every venue: our bytes are plain ccxt's, and no other request is signed."""

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from app.exchanges.errors import RequestMismatch, RequestRefused, VerbUnsupported
from app.exchanges.models import ReadTarget, SignedRequest
from app.exchanges.spelling import SPELLINGS
from app.exchanges.venues import VENUES
from tests.exchanges.cases.all import CASES, IDS
from tests.exchanges.cases.case import NOW_MS, Case, seen
from tests.exchanges.cases.comparing import assert_identical

_EVERY = pytest.mark.parametrize("case", CASES, ids=IDS)
_OTHER_ID = "tc01kA9ZbQ7rYx2LmN3pQ4sU"


def test_every_venue_with_a_dialect_has_a_case() -> None:
    spoken = {row.id for row in VENUES.values() if row.dialect is not None}
    assert spoken - {"binance", "sandbox"} == set(IDS)


_IN_CCXT = [case for case in CASES if case.plain is not None]


@pytest.mark.parametrize("case", _IN_CCXT, ids=[case.venue_id for case in _IN_CCXT])
def test_every_request_is_the_one_plain_ccxt_sends(case: Case) -> None:
    assert case.plain is not None
    exchange = case.plain()
    for expected, theirs in case.everything():
        unsigned = case.build(expected)
        assert_identical(case, case.signed(unsigned), seen(exchange, theirs))


@_EVERY
def test_what_was_built_and_what_was_signed_both_pass_and_for_nothing_else(case: Case) -> None:
    every = [expected for expected, _ in case.everything()]
    table: Any = getattr(case.dialect, "_table")  # noqa: B009 - not of the protocol
    for expected in every:
        unsigned = case.build(expected)
        case.check(unsigned, expected)
        case.check(case.signed(unsigned), expected)
        for other in every:
            if other == expected:
                continue
            if table.wanted_of(other) == table.wanted_of(expected):
                # Two reads may be one request (Kraken lists all markets at once), nothing else.
                assert isinstance(other, ReadTarget)
                assert isinstance(expected, ReadTarget)
                continue
            with pytest.raises(RequestMismatch):
                case.check(unsigned, other)


@_EVERY
def test_another_order_than_the_built_one_refuses(case: Case) -> None:
    built, order = case.build(case.order()), case.order()
    assert order.price is not None
    for changes in (
        {"market": case.other_market},
        {"side": "sell"},
        {"quantity": order.quantity * 2},
        {"quantity": order.quantity + Decimal("0.0000000001")},
        {"price": order.price + 1},
        {"time_in_force": "IOC"},
        {"client_order_id": _OTHER_ID},
        {"type": "market", "price": None, "time_in_force": None},
    ):
        with pytest.raises(RequestRefused):
            case.check(built, msgspec.structs.replace(order, **changes))
    with pytest.raises(RequestMismatch):
        case.check(
            case.build(case.target),
            msgspec.structs.replace(
                case.target, client_order_id=_OTHER_ID, venue_order_id="another-order"
            ),
        )


@_EVERY
def test_no_changed_byte_passes(case: Case) -> None:
    for expected, _ in case.everything():
        unsigned = case.build(expected)
        signature = case.sign(unsigned)
        signed = case.signed(unsigned, signature)
        for changed in _changed(signed, (*_spelled(case, signature), *case.loose(signed))):
            with pytest.raises(RequestRefused):
                case.check(changed, expected)


@_EVERY
def test_an_unknown_header_parameter_or_message_refuses(case: Case) -> None:
    for expected, _ in case.everything():
        built = case.build(expected)
        replace: Callable[..., Any] = msgspec.structs.replace
        mark = "&" if "?" in built.path_and_query else "?"
        for changes in (
            {"headers": (*built.headers, ("X-Extra", "1"))},
            {"headers": (*built.headers, built.headers[0])},
            {"headers": built.headers[1:]},
            {"path_and_query": built.path_and_query + mark + "extra=1"},
            {"path_and_query": built.path_and_query.replace("/", "//", 1)},
            {"body": built.body + b"&extra=1"},
            {"body": built.body[:-1] + b',"extra":"1"}' if built.body else b'{"extra":"1"}'},
            {"method": "DELETE" if built.method == "POST" else "POST"},
            {"message": built.message + b" "},
            {"algorithm": "hmac-sha384"},
        ):
            with pytest.raises(RequestRefused):
                case.check(replace(built, **changes), expected)


@_EVERY
def test_a_poisoned_snapshot_gives_no_signature(case: Case) -> None:
    pinned, order = case.snapshot(), case.order()
    foreign = case.snapshot(case.other, case.other_market)
    replace: Callable[..., Any] = msgspec.structs.replace
    poisoned = [
        foreign,
        replace(pinned, raw=foreign.raw),
        replace(foreign, raw=pinned.raw),
        *(replace(pinned, raw=raw) for raw in (b"", b"{", b"[]", b"null", b"1", b"{}")),
    ]
    odd = case.order(quantity=order.quantity * 3, price=(order.price or 0) + Decimal(0))
    for snapshot in poisoned:
        for expected in (order, case.target):
            with pytest.raises(RequestRefused):
                case.build(expected, snapshot)
    for entry in case.coarser(case.entry):
        with pytest.raises(RequestRefused):
            case.build(odd, case.snapshot(entry))


@_EVERY
@pytest.mark.parametrize(
    "changes",
    [
        {"price": None},
        {"time_in_force": None},
        {"type": "market", "price": Decimal(1), "time_in_force": None},
        {"type": "market", "price": None, "time_in_force": "IOC"},
        {"client_order_id": "x" * 37},
        {"client_order_id": 'a","side":"sell'},
        {"client_order_id": "a&side=sell"},
        {"client_order_id": ""},
        {"quantity": Decimal("NaN")},
        {"quantity": Decimal("Infinity")},
        {"quantity": Decimal(0)},
        {"quantity": Decimal(-1)},
        {"price": Decimal("-0")},
        {"quantity": Decimal("0.000000000001")},
        {"market": "\u0412TC"},
        {"market": "a b"},
    ],
    ids=str,
)
def test_an_order_the_venue_cannot_be_told_refuses(case: Case, changes: dict[str, Any]) -> None:
    order = msgspec.structs.replace(case.order(), **changes)
    with pytest.raises(RequestRefused):
        case.dialect.build_order(case.snapshot(), case.api_key_id, order, NOW_MS)


@_EVERY
@pytest.mark.parametrize(
    "api_key_id", ["", "a b", "key\r\nX-Other: 1", "k" * 300, "k\n", "k\u00e9"]
)
def test_a_key_id_that_could_be_more_than_one_header_refuses(case: Case, api_key_id: str) -> None:
    with pytest.raises(RequestRefused) as refused:
        case.dialect.build_order(case.snapshot(), api_key_id, case.order(), NOW_MS)
    assert refused.value.rule == "api_key_id"


@_EVERY
def test_key_deletion_is_offered_where_the_row_says_so(case: Case) -> None:
    offered = any(target.kind == "delete_key" for target, _ in case.reads)
    assert offered == VENUES[case.venue_id].can_delete_key
    if not offered:
        with pytest.raises(VerbUnsupported):
            case.build(ReadTarget(kind="delete_key"))


@_EVERY
def test_no_request_names_a_host_or_a_broker(case: Case) -> None:
    for expected, _ in case.everything():
        signed = case.signed(case.build(expected))
        assert signed.path_and_query.startswith("/")
        assert not {name for name, _ in signed.headers} & set(case.broker_headers)
        assert b"ccxt" not in signed.body.lower()


@_EVERY
def test_two_keys_and_two_times_are_not_mixed(case: Case) -> None:
    first = case.build(case.order())
    later = case.dialect.build_order(case.snapshot(), case.api_key_id, case.order(), NOW_MS + 5000)
    if first.algorithm != "bearer":
        last = "0" if case.api_key_id[-1] != "0" else "1"
        with pytest.raises(RequestRefused):
            case.dialect.check_request(
                first,
                expected=case.order(),
                api_key_id=case.api_key_id[:-1] + last,
                now_ms=NOW_MS,
            )
        assert later.message != first.message
        with pytest.raises(RequestMismatch):
            case.check(later, case.order())


def _spelled(case: Case, signature: bytes) -> tuple[str, ...]:
    """What nobody can check without the key: a signature in any spelling, a secret in clear."""
    spelled = (spell(signature) for spell in SPELLINGS.values() if signature)
    return (*spelled, *(() if case.clear is None else (case.clear,)))


def _changed(signed: SignedRequest, free: tuple[str, ...]) -> Iterator[SignedRequest]:
    """Every request one byte away, but for the places that nobody can check without the key."""
    for field in ("path_and_query", "body"):
        value = getattr(signed, field)
        text = value.decode() if isinstance(value, bytes) else value
        for place in _places(text, free):
            new = text[:place] + ("9" if text[place] != "9" else "8") + text[place + 1 :]
            yield msgspec.structs.replace(
                signed, **{field: new.encode() if isinstance(value, bytes) else new}
            )
    for number, (name, value) in enumerate(signed.headers):
        for place in _places(value, free):
            new = value[:place] + ("9" if value[place] != "9" else "8") + value[place + 1 :]
            headers = list(signed.headers)
            headers[number] = (name, new)
            yield msgspec.structs.replace(signed, headers=tuple(headers))


def _places(text: str, free: tuple[str, ...]) -> Iterator[int]:
    hidden: set[int] = set()
    for part in free:
        start = text.find(part)
        if part and start >= 0:
            hidden |= set(range(start, start + len(part)))
    yield from (place for place in range(len(text)) if place not in hidden)
