"""A data directory of the version before the issuer key: `up` adds the key, and only the key."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.cli.errors import CommandRefused
from app.cli.hsm import ensure_embedded_token, find_softhsm
from app.cli.site import Site
from tests.support.postgres import public_temporary_directory, remove
from tests.vault.support import PIN, Token, run_inside


@pytest.fixture
def site() -> Iterator[Site]:
    directory = public_temporary_directory()
    made = Site(directory / "data")
    pin = directory / "data/secrets/hsm_pin"
    pin.write_bytes(PIN)
    pin.chmod(0o600)
    yield made
    made.close()
    remove(directory)


def of_the_version_before(pinned: Path) -> dict[str, str]:
    values: dict[str, str] = json.loads(pinned.read_bytes())
    run_inside(Token("softhsm", find_softhsm(), pinned.parent, values), "forget_issuer")
    del values["issuer-v1"]
    pinned.write_text(json.dumps(values))
    return values


def test_the_missing_key_is_made_and_pinned_and_all_others_stay(site: Site) -> None:
    pinned = ensure_embedded_token(site, find_softhsm())
    before = of_the_version_before(pinned)
    assert ensure_embedded_token(site, find_softhsm()) == pinned
    after = json.loads(pinned.read_bytes())
    assert after == before | {"issuer-v1": after["issuer-v1"]}
    # And then never again.
    stamp = pinned.stat().st_mtime_ns
    ensure_embedded_token(site, find_softhsm())
    assert pinned.stat().st_mtime_ns == stamp


def test_a_token_with_another_key_is_not_pinned_anew(site: Site) -> None:
    pinned = ensure_embedded_token(site, find_softhsm())
    before = of_the_version_before(pinned)
    pinned.write_text(json.dumps(before | {"row-mac-v1": "00" * 32}))
    with pytest.raises(CommandRefused, match="differ from the pinned"):
        ensure_embedded_token(site, find_softhsm())
    assert json.loads(pinned.read_bytes())["row-mac-v1"] == "00" * 32
