"""SQL is constant text; values go in as parameters.

The leak: a name, a filter or an order column that reaches a statement by f-string is a way into
the database for whoever chose its value, and every other lint that reads SQL goes blind.

Use: `$1`, `$2` … for values. Constant pieces (a column list) may be put in by an f-string when they
are module constants in capitals, bound to constant text in the same file.

Escape: `EXEMPT` below, by file and by what holds the statement, with the reason.
"""

from collections.abc import Iterator

from scripts.lint.source import Finding, Source
from scripts.lint.sqltext import statements

NAME = "sql-interpolation"
FOLDERS = ("app",)

EXEMPT: dict[str, str] = {
    "app/tokens/nodes.py:_PAGE": "the columns of a node, a constant of tokens.store",
    "app/tokens/nodes.py:_MANY": "the columns of a node, a constant of tokens.store",
    "app/tokens/subtree.py:_PAGE": "the columns of a node, a constant of tokens.store",
    "app/approvals/standings.py:_BURST": "the columns of an approval, a constant of store",
    "app/cli/roles.py:_REFUSE_POWERFUL_ROLES": "DO takes no parameters; names are of ROLES",
    "app/cli/roles.py:_role_lines": "role statements take no parameters; names are of ROLES",
    "app/cli/roles.py:_limit": "role statements take no parameters; names are of ROLES",
    "app/cli/roles.py:roles_sql": "puts whole statements of this module together",
    "app/cli/roles.py:database_sql": "database statements take no parameters; roles are of ROLES",
}


def check(source: Source) -> Iterator[Finding]:
    """Report every SQL string with a part that is not constant."""
    for statement in statements(source):
        if statement.holes:
            yield Finding(
                source.path,
                statement.line,
                NAME,
                f"{statement.owner} puts {statement.holes[0]!r} into SQL; pass it as a parameter",
            )
