"""The trader lock is taken by one helper, and by nothing else.

The leak: a transaction that locks the trader in the same statement as it reads the fences sees the
fences of before the wait, and signs after an acknowledged revoke (tried; DESIGN section 5).

Use: `Database.locked` (or `Database.signing` on the signing path); the waiting line and the error
map come with it. SQL functions in `migrations/` may lock, they are reviewed as SQL.

Escape: none. A new way to lock belongs into `app/db` with its own blocked-revoke test.
"""

import re
from collections.abc import Iterator

from scripts.lint.source import Finding, Source
from scripts.lint.sqltext import statements

NAME = "trader-lock"
FOLDERS = ("app",)
EXEMPT: dict[str, str] = {}

_ROW_LOCK = re.compile(r"\bFOR\s+(NO\s+KEY\s+UPDATE|UPDATE|KEY\s+SHARE|SHARE)\b", re.IGNORECASE)
_TRADER = re.compile(r"\b(FROM|JOIN|UPDATE|,)\s+(ONLY\s+)?(public\.)?trader\b", re.IGNORECASE)
_LOCK_TABLE = re.compile(r"\bLOCK\s+TABLE\b", re.IGNORECASE)
_LOCK_FUNCTION = re.compile(r"\block_trader\s*\(")
_SIGNING_FUNCTION = re.compile(r"\bbegin_signing\s*\(")


def check(source: Source) -> Iterator[Finding]:
    """Report a lock on the trader row outside the helper."""
    if source.is_below("app/db"):
        return
    for statement in statements(source):
        if _takes_lock(statement.text, signing=source.is_below("app/signing")):
            yield Finding(
                source.path,
                statement.line,
                NAME,
                f"{statement.owner} locks the trader itself; use Database.locked",
            )


def _takes_lock(text: str, *, signing: bool) -> bool:
    by_row = _ROW_LOCK.search(text) and _TRADER.search(text)
    by_function = _LOCK_FUNCTION.search(text) or (not signing and _SIGNING_FUNCTION.search(text))
    return bool(by_row or by_function or _LOCK_TABLE.search(text))
