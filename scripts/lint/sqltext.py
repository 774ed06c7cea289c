"""Find SQL in Python: the statement as text, its name, and whether all of it is constant."""

import ast
import re
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from scripts.lint.source import Source

_SQL = re.compile(r"(?:^|\(|\s)(SELECT\s|INSERT\s+INTO\s|UPDATE\s+\w|DELETE\s+FROM\s|WITH\s+\w)")
_CONSTANT = re.compile(r"_{0,2}[A-Z][A-Z0-9_]*")
_STRING_METHODS = frozenset({"format", "format_map", "replace", "join"})


class Text(NamedTuple):
    """What an expression makes, as far as it is constant, and the parts that are not."""

    constant: str = ""
    holes: tuple[str, ...] = ()


class Statement(NamedTuple):
    """A string that is SQL.

    ``owner`` is the constant it is bound to, else the function it stands in, else "module".
    ``holes`` are the expressions put into it that are not constants of the same module.
    ``is_piece``: nothing uses it but other statements, which are found with it inside.
    """

    text: str
    line: int
    owner: str
    holes: tuple[str, ...]
    is_piece: bool


def statements(source: Source) -> Iterator[Statement]:
    """Every outermost string expression of a file that reads like SQL; prose is left out."""
    constants = _constants(source.tree)
    pieces = _pieces(source.tree, constants)
    yield from _below(source.tree, "module", constants, pieces)


def _below(
    node: ast.AST, owner: str, constants: dict[str, str], pieces: frozenset[str]
) -> Iterator[Statement]:
    for child in ast.iter_child_nodes(node):
        # A string that is a statement of its own explains something; nobody runs it.
        if isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant):
            continue
        if isinstance(child, ast.expr) and not isinstance(child, ast.Name):
            text = fold(child, constants)
            if _SQL.search(text.constant):
                yield Statement(text.constant, child.lineno, owner, text.holes, owner in pieces)
                continue
        yield from _below(child, _owner_below(child, owner), constants, pieces)


def _owner_below(node: ast.AST, owner: str) -> str:
    match node:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
            return name
        case ast.Assign(targets=[ast.Name(id=name)]) if owner == "module":
            return name
        case ast.AnnAssign(target=ast.Name(id=name)) if owner == "module":
            return name
        case _:
            return owner


def fold(node: ast.expr, constants: dict[str, str]) -> Text:
    """Evaluate string building: literals, f-strings, +, % and the string methods."""
    parts: list[Text]
    hole: tuple[str, ...] = (ast.unparse(node),)
    match node:
        case ast.Constant(value=str() | int() as value):
            return Text(str(value))
        case ast.Name(id=name) if name in constants:
            return Text(constants[name])
        case ast.FormattedValue(value=value, conversion=-1, format_spec=None):
            return fold(value, constants)
        case ast.JoinedStr(values=parts_of):
            parts, hole = [fold(part, constants) for part in parts_of], ()
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            parts, hole = [fold(left, constants), fold(right, constants)], ()
        case ast.BinOp(left=left, op=ast.Mod()):
            parts = [fold(left, constants)]
        case ast.Call(func=ast.Attribute(value=value, attr=attr)) if attr in _STRING_METHODS:
            parts, hole = [fold(part, constants) for part in (value, *_arguments(node))], ()
        case _:
            parts = []
    return Text(
        "".join(part.constant for part in parts),
        (*(hole for part in parts for hole in part.holes), *hole),
    )


def _arguments(call: ast.Call) -> Iterator[ast.expr]:
    for argument in (*call.args, *(keyword.value for keyword in call.keywords)):
        if isinstance(argument, ast.List | ast.Tuple):
            yield from argument.elts
        else:
            yield argument


def _constants(tree: ast.Module) -> dict[str, str]:
    """Module names in capitals that are bound to constant text, in order of appearance."""
    known: dict[str, str] = {}
    for node in tree.body:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                pass
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                pass
            case _:
                continue
        text = fold(value, known)
        if _CONSTANT.fullmatch(name) and text.constant and not text.holes:
            known[name] = text.constant
    return known


def _pieces(tree: ast.Module, constants: dict[str, str]) -> frozenset[str]:
    """Constants that are read inside other strings and nowhere else."""
    inside: Counter[str] = Counter()
    everywhere: Counter[str] = Counter()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id in constants:
            everywhere[node.id] += 1
        for part in _string_parts(node):
            if isinstance(part, ast.Name):
                inside[part.id] += 1
    return frozenset(name for name, times in everywhere.items() if inside[name] == times)


def _string_parts(node: ast.AST) -> tuple[ast.expr, ...]:
    match node:
        case ast.FormattedValue(value=value):
            return (value,)
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return (left, right)
        case _:
            return ()
