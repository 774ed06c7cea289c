"""Two doors lead through the vault: `wrap` in, `unwrap` out. There is no third.

The leak: a helper that unwraps a secret "just for this case" is reached by code that never passed
the trader lock and the approval, and the promise that secrets are used only by signing and deciding
(P4) is void, although every import contract still holds.

Use: `app.vault.unwrap.SigningKeys` to use a secret, `app.vault.wrap.SealingKeys` to take one in.

Escape: none; PKCS#11 itself lives in `app/vault/hsm`, which runs in a process of its own.
"""

import ast
from collections.abc import Iterator

from scripts.lint.source import Finding, Source

NAME = "second-door"
FOLDERS = ("app",)
EXEMPT: dict[str, str] = {}

_INSIDE = "app/vault/hsm"
_DOORS = {
    "Sign": "app/vault/unwrap.py",
    "HmacSteps": "app/vault/unwrap.py",
    "ImportSecret": "app/vault/wrap.py",
    "OpenSealingKey": "app/vault/wrap.py",
}
"""Requests to the HSM worker that touch a secret, and the one module that may make each."""

_KEY_OPERATIONS = frozenset({"unwrap_key", "derive_key", "C_UnwrapKey", "C_DeriveKey", "C_Decrypt"})
_CLOSED = ("app.vault.hsm", "app.vault.wire", "app.vault.client")


def check(source: Source) -> Iterator[Finding]:
    """Report key operations outside the HSM process and requests made beside the doors."""
    if source.is_below(_INSIDE):
        return
    inside_vault = source.is_below("app/vault")
    for node in ast.walk(source.tree):
        said = _key_operation(node)
        if said is None:
            said = _request(node, source.path) if inside_vault else _import(node, source)
        if said is not None:
            yield Finding(source.path, getattr(node, "lineno", 1), NAME, said)


def _key_operation(node: ast.AST) -> str | None:
    match node:
        case ast.Attribute(attr=name) | ast.Constant(value=str() as name):
            return f"{name} is used outside {_INSIDE}" if name in _KEY_OPERATIONS else None
        case _:
            return None


def _request(node: ast.AST, path: str) -> str | None:
    """A request of a door, made by another module of the vault."""
    match node:
        case ast.Attribute(value=ast.Name(id="wire"), attr=name):
            names = [name]
        case ast.ImportFrom(module="app.vault.wire", names=aliases):
            names = [alias.name for alias in aliases]
        case _:
            return None
    wrong = [name for name in names if _DOORS.get(name, path) != path]
    return f"{wrong[0]} is made here; only {_DOORS[wrong[0]]} may" if wrong else None


def _import(node: ast.AST, source: Source) -> str | None:
    """What lies behind the doors, imported from outside the vault."""
    match node:
        case ast.Import(names=aliases):
            modules = [alias.name for alias in aliases]
        case ast.ImportFrom(module=str() as module, names=aliases):
            modules = [f"{module}.{alias.name}" for alias in aliases]
        case _:
            return None
    wrong = [module for module in modules if _is_closed(module, source)]
    return f"{wrong[0]} is imported; use the doors of app.vault" if wrong else None


def _is_closed(module: str, source: Source) -> bool:
    # Wiring starts the workers and hands the doors out; it may know the client, not the wire.
    if source.is_below("app/wiring") and module.startswith("app.vault.client"):
        return False
    return any(module == name or module.startswith(f"{name}.") for name in _CLOSED)
