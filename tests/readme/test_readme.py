"""The README is always true: what it names exists, and each promise has tests that run."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()
PROMISES = re.findall(r"^\| (P\d+) \| .* \| (.*) \|$", README, flags=re.MULTILINE)


def test_each_of_the_ten_promises_has_a_row() -> None:
    assert [name for name, _ in PROMISES] == [f"P{number}" for number in range(1, 11)]


@pytest.mark.parametrize(("promise", "files"), PROMISES, ids=[name for name, _ in PROMISES])
def test_each_promise_names_tests_that_exist(promise: str, files: str) -> None:
    named = re.findall(r"`(tests/[^`]+\.py)`", files)
    assert named, promise
    for file in named:
        assert re.search(r"^(async )?def test_", (ROOT / file).read_text(), re.MULTILINE), file


def test_every_link_leads_to_a_file() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert (ROOT / target).exists(), target


def test_the_two_commands_are_there_and_can_be_run() -> None:
    for command in ("scripts/demo", "scripts/test"):
        assert f"    {command}" in README
        assert (ROOT / command).stat().st_mode & 0o111


def test_nothing_else_stands_at_the_top_level() -> None:
    expected = {
        "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "README.md", "SECURITY.md", "app",
        "migrations", "mock_push", "pyproject.toml", "requirements.lock", "scripts", "tests",
    }  # fmt: skip
    assert {path.name for path in ROOT.iterdir() if not path.name.startswith(".")} <= expected
