"""mock_push is a program of its own: it and the application do not import one another."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BELOW = tuple(
    f"mock_push.{name}" for name in ("status", "clock", "draw", "disk", "box", "transit", "waiting")
)
ROOMS = ("oauth", "fcm", "phones", "mail", "telegram", "faults")


def imports(path: Path) -> set[str]:
    tree = ast.parse(path.read_text())
    named = {alias.name for n in ast.walk(tree) if isinstance(n, ast.Import) for alias in n.names}
    return named | {n.module or "" for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)}


def importers(package: str, name: str) -> list[str]:
    return [
        str(path.relative_to(ROOT))
        for path in sorted((ROOT / package).rglob("*.py"))
        if any(module.split(".")[0] == name for module in imports(path))
    ]


def test_mock_push_never_imports_the_application() -> None:
    assert list((ROOT / "mock_push").rglob("*.py")) != []
    assert importers("mock_push", "app") == []


def test_the_application_never_imports_mock_push() -> None:
    assert importers("app", "mock_push") == []


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_knows_only_what_is_below(room: str) -> None:
    for path in (ROOT / "mock_push" / room).rglob("*.py"):
        ours = {module for module in imports(path) if module.startswith("mock_push")}
        assert all(module.startswith((f"mock_push.{room}", *BELOW)) for module in ours), path
