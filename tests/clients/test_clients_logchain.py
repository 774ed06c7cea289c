"""Every change to the chain of a log is found and named, offline."""

import copy
from typing import Any
from uuid import UUID

import pytest

from scripts.clients.encoding import b64url
from scripts.clients.logverify import Chain, LogTampered, locked_entries, verify_chain
from tests.clients.logs import (
    BYTES,
    DEVICE,
    IDS,
    ORDER,
    TRADER,
    make_log,
    redacted,
    seal_entry,
)


def test_an_empty_log_is_an_empty_chain() -> None:
    assert verify_chain([], trader_id=TRADER) == Chain((), 0)


def test_entries_outside_the_subtree_still_hold_the_chain() -> None:
    entries = make_log(6)
    entries[2] = redacted(entries[2])
    assert verify_chain(entries, trader_id=TRADER).redacted == 1
    entries[2]["content_hash"] = b64url(bytes(32))
    with pytest.raises(LogTampered) as found:
        verify_chain(entries, trader_id=TRADER)
    assert found.value.position == 3


def other(name: str, value: Any) -> Any:
    if name in {"position", "at_us"}:
        return value + 1
    if name in IDS:
        return str(UUID(int=7)) if value != str(UUID(int=7)) else None
    if name == "path":
        return [str(DEVICE)]
    if name in BYTES or name.endswith("_hash"):
        return b64url(b"\1" * 32)
    return f"{value}x"


@pytest.mark.parametrize("name", [*ORDER, "previous_hash", "content_hash", "entry_hash"])
def test_an_edit_of_any_field_is_found_and_named(name: str) -> None:
    entries = make_log(8)
    entries[4][name] = other(name, entries[4][name])
    with pytest.raises(LogTampered) as found:
        verify_chain(entries, trader_id=TRADER)
    assert found.value.position == 5


@pytest.mark.parametrize("name", [name for name in ORDER if name != "event"])
def test_a_missing_or_mistyped_field_is_found(name: str) -> None:
    missing, mistyped = make_log(3), make_log(3)
    del missing[1][name]
    mistyped[1][name] = {"a": 1}
    for entries in (missing, mistyped):
        with pytest.raises(LogTampered) as found:
            verify_chain(entries, trader_id=TRADER)
        assert found.value.position == 2


def test_null_and_empty_are_not_the_same() -> None:
    entries = make_log(30)
    entry = next(e for e in entries if e["rule"] == "")
    entry["rule"] = None
    with pytest.raises(LogTampered):
        verify_chain(entries, trader_id=TRADER)


@pytest.mark.parametrize("place", range(9))
def test_a_deleted_entry_is_found(place: int) -> None:
    entries = make_log(10)
    del entries[place]
    with pytest.raises(LogTampered) as found:
        verify_chain(entries, trader_id=TRADER)
    assert found.value.position == place + 1


@pytest.mark.parametrize("place", range(9))
def test_two_swapped_entries_are_found(place: int) -> None:
    entries = make_log(10)
    entries[place], entries[place + 1] = entries[place + 1], entries[place]
    with pytest.raises(LogTampered) as found:
        verify_chain(entries, trader_id=TRADER)
    assert found.value.position == place + 1


def test_an_inserted_entry_is_found() -> None:
    entries = make_log(10)
    entries.insert(4, copy.deepcopy(entries[3]))
    with pytest.raises(LogTampered):
        verify_chain(entries, trader_id=TRADER)


def test_an_entry_of_another_trader_or_chain_is_found() -> None:
    for name in ("trader_id", "chain"):
        entries = make_log(1)
        entries[0][name] = str(UUID(int=9))
        seal_entry(entries[0], bytes(32))
        with pytest.raises(LogTampered, match="another chain"):
            verify_chain(entries, trader_id=TRADER)


def test_the_locked_chain_is_picked_out_of_a_mixed_log() -> None:
    entries = make_log(3)
    reads = [{**entries[0], "chain": str(UUID(int=5)), "event": "orders.read"}]
    mixed = [entries[2], *reads, redacted(entries[1]), entries[0]]
    chain = verify_chain(locked_entries(mixed), trader_id=TRADER)
    assert (len(chain.links), chain.redacted) == (3, 1)
