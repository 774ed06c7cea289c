"""A verifier raises; it never answers yes or no.

The leak: the result of a function is easily dropped. `verify_proof(...)` on a line of its own looks
like protection, and with a bool it is none (pyca/cryptography's rule).

Use: raise the room's refusal, and return nothing or the verified value.

Escape: name it for what it is: `is_…`, `has_…`, `matches_…`.
"""

import ast
import re
from collections.abc import Iterator

from scripts.lint.source import Finding, Source

NAME = "verify-returns"
FOLDERS = ("app", "mock_push", "scripts", "tests")
EXEMPT: dict[str, str] = {}

_VERIFIER = re.compile(r"_{0,2}verify(_|$)")
_BOOL = re.compile(r"\bbool\b")


def check(source: Source) -> Iterator[Finding]:
    """Report functions called verify… whose annotation or whose body gives a truth value."""
    for node in ast.walk(source.tree):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if _VERIFIER.match(node.name) and _gives_bool(node):
            yield Finding(
                source.path, node.lineno, NAME, f"{node.name} answers with a bool; let it raise"
            )


def _gives_bool(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    if node.returns is not None and _BOOL.search(ast.unparse(node.returns)):
        return True
    returned = (part.value for part in ast.walk(node) if isinstance(part, ast.Return))
    return any(isinstance(value, ast.Constant) and value.value in (True, False)
               and isinstance(value.value, bool) for value in returned)  # fmt: skip
