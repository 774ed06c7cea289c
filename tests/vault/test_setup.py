"""Making a token: whole or not at all, once, and without telling anybody the PIN."""

import json
import shutil
import stat
from pathlib import Path

import pytest

from tests.vault.support import PIN, Token, make_token, open_desk, run_inside, run_setup


def test_a_second_run_changes_nothing_and_says_the_same(token: Token) -> None:
    before = sorted(path.name for path in token.directory.rglob("*"))
    finished = run_setup(token.profile, token.module, token.directory)
    assert json.loads(finished.stdout)["check_values"] == token.check_values
    assert sorted(path.name for path in token.directory.rglob("*")) == before


def test_two_tokens_share_no_key(token: Token, tmp_path: Path) -> None:
    other = make_token(token.profile, token.module, tmp_path / "hsm")
    assert other.check_values.keys() == token.check_values.keys()
    assert not set(other.check_values.values()) & set(token.check_values.values())


def test_a_wrong_pin_is_refused_with_its_own_exit_code(token: Token, tmp_path: Path) -> None:
    copy = tmp_path / "hsm"
    shutil.copytree(token.directory, copy)
    finished = run_setup(token.profile, token.module, copy, pin=b"00000000")
    assert finished.returncode == 4
    assert "PIN" in finished.stderr
    assert PIN.decode() not in finished.stderr


def test_a_file_that_is_no_module_leaves_no_token(token: Token, tmp_path: Path) -> None:
    nothing = tmp_path / "nothing.so"
    nothing.write_bytes(b"not a library")
    finished = run_setup(token.profile, nothing, tmp_path / "hsm")
    assert finished.returncode == 3
    assert [path.name for path in (tmp_path / "hsm").iterdir()] == []


def test_only_its_owner_may_look_into_the_directory(token: Token) -> None:
    for path in (token.directory, token.directory / "tokens"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o700


async def test_the_workers_refuse_another_token_in_the_place_of_ours(
    token: Token, tmp_path: Path
) -> None:
    other = make_token(token.profile, token.module, tmp_path / "hsm")
    for pinned in (token.check_values, {**other.check_values, "shard-hmac-00": "00"}, {}):
        outcome = run_inside(other, "examine", expected=pinned)
        assert outcome["refused"] == "hsm_module_refused"
    async with open_desk(other.config()) as desk:
        assert desk.workers.status.check_values == other.check_values


@pytest.mark.parametrize("label", ["shard-hmac-00", "row-mac-v1"])
def test_a_second_key_of_one_label_refuses_the_start(
    token: Token, tmp_path: Path, label: str
) -> None:
    victim = make_token(token.profile, token.module, tmp_path / "hsm")
    run_inside(victim, "squat", label=label)
    outcome = run_inside(victim, "examine")
    assert outcome == {"refused": "hsm_module_refused", "rule": f"2 keys {label}"}
    assert run_setup(token.profile, token.module, tmp_path / "hsm").returncode == 3
