"""Loaded keys: how many, how long, and when they are destroyed."""

from types import SimpleNamespace
from typing import Any

import pytest
from pkcs11 import Attribute

from app.vault.errors import EvidenceForged
from app.vault.hsm import loading
from app.vault.hsm.attributes import Mapper, asked_on_unwrap, forced_on_unwrap
from app.vault.hsm.loading import MAX_HANDLE_SECONDS, Handles
from app.vault.models import SecretAlgorithm, WrappedKey


class _Handle(dict[Attribute, bool]):
    def __init__(self) -> None:
        super().__init__({Attribute.SENSITIVE: True, Attribute.EXTRACTABLE: False})
        self.destroyed = False

    def destroy(self) -> None:
        assert not self.destroyed
        self.destroyed = True


class _Bench:
    """Handles over a module that always says yes, and a clock to be turned."""

    def __init__(self) -> None:
        self.now = 0.0
        row_mac = SimpleNamespace(sign=lambda *_, **__: bytes(32))
        shard = SimpleNamespace(unwrap_key=lambda *_, **__: _Handle())
        keys: Any = SimpleNamespace(row_mac=row_mac, shards={"shard-hmac-00": shard})
        hsm: Any = SimpleNamespace(mapper=Mapper())
        self.handles = Handles(hsm, keys, clock=lambda: self.now)

    def load(
        self,
        name: str,
        *,
        mac: bytes = bytes(32),
        algorithm: SecretAlgorithm = "hmac-sha256",
        context: bytes = b"",
    ) -> Any:
        return self.handles.load(
            WrappedKey(
                shard="shard-hmac-00",
                algorithm=algorithm,
                blob=name.encode(),
                context=context or name.encode(),
                mac=mac,
            )
        )


@pytest.fixture
def bench() -> _Bench:
    return _Bench()


def test_a_key_is_unwrapped_once_within_its_time(bench: _Bench) -> None:
    first = bench.load("a")
    bench.now = MAX_HANDLE_SECONDS
    assert bench.load("a") is first
    bench.now += 1
    assert bench.load("a") is not first
    assert first.destroyed
    assert bench.handles.unwraps == 2


def test_an_idle_key_is_swept(bench: _Bench) -> None:
    first = bench.load("a")
    bench.now = MAX_HANDLE_SECONDS - 1
    second = bench.load("b")
    bench.now += 2
    bench.handles.sweep()
    assert (first.destroyed, second.destroyed) == (True, False)


def test_a_context_is_forgotten_with_all_its_versions(bench: _Bench) -> None:
    old, new = bench.load("old", context=b"c"), bench.load("new", context=b"c")
    other = bench.load("other")
    bench.handles.forget(b"c")
    assert (old.destroyed, new.destroyed, other.destroyed) == (True, True, False)


def test_the_least_used_key_makes_room(bench: _Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "MAX_HANDLES", 2)
    first, second = bench.load("a"), bench.load("b")
    bench.load("a")
    bench.load("c")
    assert (first.destroyed, second.destroyed) == (False, True)
    assert len(bench.handles) == 2


def test_a_cached_key_does_not_vouch_for_another_mac(bench: _Bench) -> None:
    bench.load("a")
    with pytest.raises(EvidenceForged):
        bench.load("a", mac=b"\x01" * 32)


def test_an_hmac_secret_is_not_loaded_as_a_private_key(bench: _Bench) -> None:
    with pytest.raises(EvidenceForged):
        bench.load("a", algorithm="rsa-sha256")


def test_the_forced_template_has_fifteen_attributes_and_all_are_repeated() -> None:
    forced, asked = forced_on_unwrap("hmac"), asked_on_unwrap("hmac")
    assert len(forced) == 15
    assert {key: forced[key] for key in asked} == asked
    assert set(forced) - set(asked) == {Attribute.CLASS, Attribute.KEY_TYPE}
    assert list(asked)[-1] is Attribute.MODIFIABLE
