"""Canonical JSON: the samples of RFC 8785, and everything it must not be."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.canonical import canonical_json, parse_canonical
from app.core.errors import Malformed

SORTED_KEYS = ["\r", "1", "\u0080", "ö", "€", "😀", "\ufb33"]
"""RFC 8785 section 3.2.3: order of UTF-16 code units, so the emoji stands before U+FB33."""

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(max_size=8),
    lambda children: (
        st.lists(children, max_size=4) | st.dictionaries(st.text(max_size=4), children, max_size=4)
    ),
    max_leaves=12,
)


def test_properties_are_sorted_as_in_rfc_8785() -> None:
    shuffled = dict.fromkeys(sorted(SORTED_KEYS), 0)
    assert list(json.loads(canonical_json(shuffled))) == SORTED_KEYS


def test_strings_are_escaped_as_in_rfc_8785() -> None:
    sample = '€$\u000f\nA\'B"\\\\"/'
    assert canonical_json(sample) == '"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"'.encode()


def test_literals_and_structure_are_as_in_rfc_8785() -> None:
    sample = {"string": "\u20ac", "literals": [None, True, False], "empty": {}}
    assert canonical_json(sample) == (
        '{"empty":{},"literals":[null,true,false],"string":"€"}'.encode()
    )


@given(_JSON)
def test_canonical_json_is_json_and_is_its_own_canonical_form(value: Any) -> None:
    raw = canonical_json(value)
    assert json.loads(raw) == value
    assert parse_canonical(raw) == value


@pytest.mark.parametrize(
    "value",
    [
        1.0,
        0.5,
        float("nan"),
        float("inf"),
        {"a": [{"b": 1.5}]},
        (1, 2.0),
        2**53,
        -(2**53),
        {1: "a"},
        {"a": {1, 2}},
        b"bytes",
        "\ud800",
    ],
)
def test_floats_large_integers_and_what_json_has_not_are_refused(value: Any) -> None:
    with pytest.raises(Malformed):
        canonical_json(value)


@pytest.mark.parametrize(
    "raw",
    [
        b'{"a":1,"a":1}',
        b'{"a":1,"a":2}',
        b'{"a":{"b":1,"b":1}}',
        b'{"b":1,"a":2}',
        b'{"a": 1}',
        b' {"a":1}',
        b'{"a":1}\n',
        b'{"a":1}{}',
        b'{"a":1.0}',
        b'{"a":1e2}',
        b'{"a":-0}',
        b'{"a":01}',
        b'{"a":9007199254740993}',
        b'{"\\u0061":1}',
        b'{"a":"\\/"}',
        b'{"a":"\\u00e9"}',
        b'{"a":"\\ud800"}',
        b'{"a":"\xff"}',
        b'\xef\xbb\xbf{"a":1}',
        b"{'a':1}",
        b"NaN",
        b"",
        b'{"a":1',
        b"[" * 100_000,
        b"[" * 4_000 + b"]" * 4_000,
    ],
)
def test_a_second_spelling_is_refused(raw: bytes) -> None:
    with pytest.raises(Malformed):
        parse_canonical(raw)
