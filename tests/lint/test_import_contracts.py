"""Each import contract is seen to fail: a contract that cannot break protects nothing."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

OFFENCES = {
    "app/core/clock.py": "import app.db.pool",
    "app/revocation/models.py": "import app.vault.unwrap",
    "app/api/shapes.py": "import ccxt",
    "app/signing/errors.py": "import httpx",
    "app/egress/errors.py": "import pkcs11",
    "app/push/errors.py": "import litestar",
    "app/otp/errors.py": "import webauthn",
    "app/tokens/errors.py": "import asyncpg",
    "app/devices/models.py": "import firebase_admin",
    "app/grants/models.py": "import app.config",
    "mock_push/__init__.py": "import app.core",
}
"""One import per line, and between them they break every contract at once."""


@pytest.fixture(scope="module")
def verdict(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What the linter says of a copy of the tree in which each offence was committed."""
    copy = tmp_path_factory.mktemp("tree")
    for package in ("app", "mock_push"):
        shutil.copytree(ROOT / package, copy / package, ignore=shutil.ignore_patterns("*.pyc"))
    shutil.copy(ROOT / "pyproject.toml", copy)
    for file, line in OFFENCES.items():
        with (copy / file).open("a") as source:
            source.write(f"\n{line}\n")
    done = subprocess.run(  # noqa: S603 - our own linter on our own files
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=copy,
        env={"PYTHONPATH": str(copy), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    return re.sub(r"\s+", " ", done.stdout)


def _names() -> list[str]:
    text = (ROOT / "pyproject.toml").read_text()
    return re.findall(
        r'\[\[tool\.importlinter\.contracts\]\]\nid = "[^"]+"\nname = "([^"]+)"', text
    )


@pytest.mark.parametrize("name", _names())
def test_the_contract_breaks_when_it_should(verdict: str, name: str) -> None:
    assert f"{name} BROKEN" in verdict


def test_every_contract_is_looked_at() -> None:
    assert len(_names()) == (ROOT / "pyproject.toml").read_text().count("importlinter.contracts]]")
