"""A row condition as a tree, and its two forms: an expression of the engine, and a query for pandas.

Two-valued, as pandas: a comparison with no value is false, `!=` and `not in` are then true, and `not` turns
both around.

Invariants:
1. A constant is of its column's own kind, else `Unfamiliar`: what pandas makes of others is GX's to say.
2. A query holds names in backticks, operators and constants, written here; never text of the suite.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from operator import and_, or_
from typing import TYPE_CHECKING, Any

from data_contracts.errors import UsageError
from data_contracts.suites.arguments import is_number
from data_contracts.suites.columns import ColumnType, member, value
from data_contracts.suites.wanted import Unfamiliar

if TYPE_CHECKING:
    import polars as pl

__all__ = ["MOST", "OPERATORS", "Leaf", "Tree", "expression", "leaf", "leaves", "query", "unknown"]

MOST = 100
OPERATORS = frozenset({"==", "!=", "<", "<=", ">", ">="})


@dataclass(frozen=True)
class Leaf:
    """A comparison; `op` is an operator, `in`, `not in`, `null` or `notnull`."""

    column: str
    op: str
    constant: Any = None


@dataclass(frozen=True)
class Tree:
    """`and`, `or` or `not` of others."""

    op: str
    parts: tuple[Leaf | Tree, ...]


def unknown() -> UsageError:
    """Return the error for what the grammar does not know."""
    return UsageError(
        "a row condition that is not known here", remedy="docs/guides/expectations.md says which are"
    )


def leaf(name: str, op: object, constant: object) -> Leaf:
    """Return a comparison.

    Raises:
        UsageError: it compares with something that is no constant.
    """
    many = op in {"in", "not in"}
    members = constant if many and isinstance(constant, list) else [constant]
    if (not many and op not in OPERATORS) or (many and not isinstance(constant, list)):
        raise unknown()
    if not all(isinstance(item, bool | str) or is_number(item) for item in members):
        raise unknown()
    return Leaf(name, str(op), tuple(members) if many else constant)


def leaves(node: Leaf | Tree) -> list[Leaf]:
    """Return the comparisons of a tree."""
    return [node] if isinstance(node, Leaf) else [found for part in node.parts for found in leaves(part)]


def expression(node: Leaf | Tree, columns: Mapping[str, ColumnType]) -> pl.Expr:
    """Return what is true in the rows that are meant, and never null.

    Raises:
        Unfamiliar: a constant is not of its column's kind, or there is no such column.
    """
    if isinstance(node, Leaf):
        return _compared(node, columns)
    parts = [expression(part, columns) for part in node.parts]
    if node.op == "not":
        turned: pl.Expr = ~parts[0]
        return turned
    return reduce(and_ if node.op == "and" else or_, parts)


def _compared(node: Leaf, columns: Mapping[str, ColumnType]) -> pl.Expr:
    column = columns.get(node.column)
    if column is None:
        raise Unfamiliar("row_condition")
    found = value(column)
    if node.op in {"null", "notnull"}:
        return found.is_null() if node.op == "null" else found.is_not_null()
    many = node.op in {"in", "not in"}
    for item in node.constant if many else (node.constant,):
        _must_fit(column, item, node.op)
    if many:
        inside: pl.Expr = member(column, found, node.constant).fill_null(value=False)
        return ~inside if node.op == "not in" else inside
    compared: pl.Expr = {
        "==": found.__eq__,
        "!=": found.__ne__,
        "<": found.__lt__,
        "<=": found.__le__,
        ">": found.__gt__,
        ">=": found.__ge__,
    }[node.op](node.constant)
    return compared.fill_null(value=node.op == "!=")


def _must_fit(column: ColumnType, item: object, op: str) -> None:
    ordered = op in {"<", "<=", ">", ">="}
    fits = {
        "integer": is_number(item),
        "float": is_number(item),
        "boolean": isinstance(item, bool) and not ordered,
        "text": isinstance(item, str),
    }
    if not fits.get(column.kind, False):
        raise Unfamiliar("row_condition")


def query(node: Leaf | Tree) -> str:
    """Return a condition for pandas' `DataFrame.query`."""
    if isinstance(node, Tree):
        parts = [f"({query(part)})" for part in node.parts]
        return f"not {parts[0]}" if node.op == "not" else f" {node.op} ".join(parts)
    if "`" in node.column or "\n" in node.column:
        raise unknown()
    name = f"`{node.column}`"
    if node.op in {"null", "notnull"}:
        return f"{name}.{'isnull' if node.op == 'null' else 'notnull'}()"
    if node.op in {"in", "not in"}:
        return f"{name} {node.op} [{', '.join(map(_literal, node.constant))}]"
    return f"{name} {node.op} {_literal(node.constant)}"


def _literal(constant: object) -> str:
    if isinstance(constant, str) and not all(char.isprintable() and char not in "@`\\" for char in constant):
        raise unknown()
    return repr(constant)
