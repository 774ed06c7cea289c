"""Every statement on a tenant table says whose rows it means.

The leak: a query by id alone finds the row of another trader as soon as an id is guessed, leaked or
mixed up, and P10 is gone. On a sharded database it also asks every node.

Use: `trader_id = $n` in SELECT, UPDATE and DELETE; `trader_id` among the columns of INSERT. A
tenant table is one whose CREATE TABLE in `migrations/` has a column `trader_id`.

Escape: `EXEMPT` below, by file and by the constant (or function) that holds the statement. It is
for work that serves all traders at once, in a process that may.
"""

import functools
import re
from collections.abc import Iterator

from scripts.lint.source import ROOT, Finding, Source
from scripts.lint.sqltext import Statement, statements

NAME = "tenant-scope"
FOLDERS = ("app",)

EXEMPT: dict[str, str] = {
    "app/accesslog/checkpoints.py:_CHANGED": "a checkpoint signs the heads of every chain",
    "app/accesslog/checkpoints.py:_LEAVES": "an inclusion proof needs the leaves of a checkpoint",
    "app/ciba/store.py:_LEASE": "the dispatcher drains the pings of everybody",
    "app/ciba/store.py:_SWEEP_MESSAGES": "the dispatcher ends what nobody will fetch any more",
    "app/ciba/store.py:_SWEEP_SECRETS": "the dispatcher forgets what nobody can be told any more",
    "app/approvals/store.py:_OVERDUE": "one sweep writes down what expired for everybody",
    "app/containment/store.py:_FENCES": "an operator sees what operators imposed on anybody",
    "app/egress/market_store.py:_WANTED": "prices are public; the courier reads each market once",
    "app/egress/revocation_store.py:_OPEN_REVOCATIONS": "the courier cleans up for everybody",
    "app/egress/store.py:_ACTIVE_KEYS": "the courier's scheduled reads serve everybody",
    "app/egress/store.py:_UNREAD_KEYS": "the courier reads new keys back for everybody",
    "app/orders/cleanup_store.py:_DUE": "the courier cleans up for everybody",
    "app/orders/store.py:_OVERDUE": "one sweep ends the held orders of everybody",
    "app/orders/store.py:_IN_DOUBT": "the courier reconciles the orders of everybody",
    "app/outbox/store.py:_LEASE": "the dispatcher drains the doorbells of everybody",
    "app/webhooks/store.py:_LEASE": "the dispatcher drains the webhooks of everybody",
    "app/webhooks/store.py:_SWEEP": "the dispatcher ends what nobody will send any more",
}

_CREATE = re.compile(r"CREATE TABLE (\w+) \((.*?)^\)", re.DOTALL | re.MULTILINE)
_TRADER_COLUMN = re.compile(r"^\s+trader_id\s", re.MULTILINE)
_TOUCHES = re.compile(
    r"\b(?:FROM|JOIN|INTO|UPDATE|USING)\s+(?:ONLY\s+)?(?:public\.)?(\w+)", re.IGNORECASE
)
_SCOPED = re.compile(r"\btrader_id\s*=\s*(ANY\s*\(\s*)?\$\d", re.IGNORECASE)
_INSERTS = re.compile(r"\s*INSERT\s+INTO\s+\w+(\s+AS\s+\w+)?\s*\([^)]*\btrader_id\b", re.IGNORECASE)


def check(source: Source) -> Iterator[Finding]:
    """Report statements on a tenant table without a trader."""
    tables = tenant_tables()
    for statement in statements(source):
        touched = sorted(_touched(statement) & tables)
        if touched and not statement.is_piece and not _is_scoped(statement.text):
            said = f"{statement.owner} reads or writes {touched[0]} without trader_id = $n"
            yield Finding(source.path, statement.line, NAME, said)


@functools.cache
def tenant_tables() -> frozenset[str]:
    """Tables with a trader, read from the migrations."""
    migrations = sorted((ROOT / "migrations").glob("[0-9]*.sql"))
    return tenant_tables_of("\n".join(file.read_text() for file in migrations))


def tenant_tables_of(sql: str) -> frozenset[str]:
    return frozenset(
        table for table, columns in _CREATE.findall(sql) if _TRADER_COLUMN.search(columns)
    )


def _is_scoped(text: str) -> bool:
    return bool(_SCOPED.search(text) or _INSERTS.match(text))


def _touched(statement: Statement) -> set[str]:
    return {name.lower() for name in _TOUCHES.findall(statement.text)}
