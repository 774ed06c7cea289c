"""A checkpoint proves a log up to its position, and no other log."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest

from scripts.clients.encoding import b64url
from scripts.clients.keys import KeyPair, SignatureInvalid
from scripts.clients.logverify import Checkpoint, LogTampered
from tests.clients.logs import KEY, Entry, make_checkpoint, make_log, prove, sha


def test_an_untouched_log_is_proven_up_to_its_checkpoint() -> None:
    entries = make_log(12)
    seen = prove(entries, make_checkpoint(entries, position=10))
    assert (seen.number, seen.position, seen.size) == (1, 10, 5)


@pytest.mark.parametrize("size", range(1, 18))
def test_the_proof_holds_at_every_place_of_every_small_tree(size: int) -> None:
    entries = make_log(2)
    for index in range(size):
        prove(entries, make_checkpoint(entries, size=size, index=index))


def test_the_cut_end_of_a_log_is_found_by_the_checkpoint() -> None:
    entries = make_log(10)
    answer = make_checkpoint(entries)
    with pytest.raises(LogTampered, match="cut off"):
        prove(entries[:-1], answer)


def test_a_log_rewritten_with_fresh_hashes_is_found_by_the_checkpoint() -> None:
    honest, rewritten = make_log(10), make_log(10, seed=2)
    with pytest.raises(LogTampered) as found:
        prove(rewritten, make_checkpoint(honest))
    assert found.value.position == 10


def test_a_checkpoint_of_another_key_is_refused() -> None:
    entries = make_log(3)
    with pytest.raises(SignatureInvalid):
        prove(entries, make_checkpoint(entries, key=KeyPair.p256()))
    answer = make_checkpoint(entries, key=KeyPair.p256())
    with pytest.raises(SignatureInvalid):
        prove(entries, {**answer, "checkpoint_jwk": KEY.public_jwk})


@pytest.mark.parametrize(
    "spoil",
    [
        lambda a: a["proof"].reverse(),
        lambda a: a["proof"].pop(),
        lambda a: a["proof"].append(b64url(bytes(32))),
        lambda a: a.update(index=3),
        lambda a: a.update(index=-1),
        lambda a: a.update(index=5),
        lambda a: a["leaf"].update(position=2),
        lambda a: a["leaf"].update(position=0),
        lambda a: a["leaf"].update(chain=str(UUID(int=1))),
        lambda a: a["leaf"].update(head_hash=b64url(bytes(32))),
        lambda a: a["leaf"].pop("head_hash"),
        lambda a: a.pop("proof"),
    ],
)
def test_a_proof_that_does_not_reach_the_root_is_refused(spoil: Callable[[Any], Any]) -> None:
    entries = make_log(3)
    answer = make_checkpoint(entries)
    spoil(answer)
    with pytest.raises(LogTampered):
        prove(entries, answer)


def test_a_proof_too_short_for_the_signed_size_is_refused() -> None:
    entries = make_log(3)
    with pytest.raises(LogTampered, match="too short"):
        prove(entries, make_checkpoint(entries, size=1, index=0, claimed_size=2))


def seen_before(entries: list[Entry], **options: Any) -> tuple[Checkpoint, bytes]:
    answer = make_checkpoint(entries, **options)
    return prove(entries, answer), sha(answer["checkpoint"].encode())


def test_the_next_checkpoint_extends_the_last() -> None:
    entries = make_log(6)
    last, digest = seen_before(entries[:4])
    later = make_checkpoint(entries, number=2, previous=digest, at_us=1_795_000_002_000_000)
    assert prove(entries, later, last).number == 2
    far = make_checkpoint(entries, number=9, previous=bytes(32), at_us=1_795_000_002_000_000)
    assert prove(entries, far, last).number == 9


def test_the_same_checkpoint_again_is_no_fork() -> None:
    entries = make_log(4)
    answer = make_checkpoint(entries)
    last = prove(entries, answer)
    assert prove(entries, answer, last) == last


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"number": 2, "previous": bytes(32)}, "two histories"),
        ({"number": 1, "size": 6}, "two histories"),
        ({"number": 0}, "rolled back"),
        ({"number": 2, "position": 3}, "rolled back"),
        ({"number": 2, "at_us": 1}, "rolled back"),
    ],
)
def test_a_fork_or_a_rollback_is_refused(options: dict[str, Any], words: str) -> None:
    entries = make_log(6)
    last, digest = seen_before(entries, position=4)
    named = {"previous": digest, **options}
    with pytest.raises(LogTampered, match=words):
        prove(entries, make_checkpoint(entries, **named), last)


def test_a_history_rewritten_between_two_checkpoints_is_found() -> None:
    honest, rewritten = make_log(4), make_log(6, seed=2)
    last, _ = seen_before(honest)
    later = make_checkpoint(rewritten, number=9, at_us=1_795_000_002_000_000)
    with pytest.raises(LogTampered) as found:
        prove(rewritten, later, last)
    assert found.value.position == 4
