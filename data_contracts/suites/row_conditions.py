"""`row_condition`: which rows an expectation is about.

GX hands its text to pandas' `DataFrame.query`, which can run code. Here it is parsed by a grammar of its own
(`condition_text`), the safe part of that language, and never handed on as written: where GX's own engine must
judge, it gets the condition as `condition_tree` writes it. What the grammar does not know is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from data_contracts.suites.columns import ColumnType
from data_contracts.suites.condition_text import parse_condition
from data_contracts.suites.condition_tree import MOST, Leaf, Tree, expression, leaf, leaves, query, unknown

if TYPE_CHECKING:
    import polars as pl

__all__ = ["RowCondition", "read_condition"]

_OWN = {"great_expectations", "great_expectations__experimental__"}
_DEEPEST = 20


@dataclass(frozen=True)
class RowCondition:
    """A condition that was read, and the columns of the table that it is for."""

    root: Leaf | Tree
    columns: tuple[ColumnType, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The columns that it reads, each once."""
        return tuple(dict.fromkeys(found.column for found in leaves(self.root)))

    def bound(self, columns: Mapping[str, ColumnType]) -> RowCondition:
        """Return the condition for a table.

        Raises:
            Unfamiliar: a constant is not of its column's kind, or there is no such column.
        """
        expression(self.root, columns)
        return RowCondition(self.root, tuple(columns[name] for name in self.names))

    def expression(self) -> pl.Expr:
        """Return what is true in the rows that are meant, and never null."""
        return expression(self.root, {column.name: column for column in self.columns})

    def query(self) -> str:
        """Return it for pandas.

        Raises:
            UsageError: a name or a constant has characters that pandas could take for something else.
        """
        return query(self.root)


def read_condition(said: object, parser: object = None) -> RowCondition:
    """Read the text of a condition in the language of `parser`, or the object that GX 1.x writes.

    Raises:
        UsageError: the grammar does not know it.
    """
    if (
        isinstance(said, dict)
        and said.get("type") == "pass_through"
        and set(said) == {"type", "pass_through_filter"}
    ):
        said = said["pass_through_filter"]
    if isinstance(said, str) and parser in {None, "pandas", *_OWN}:
        found = parse_condition(said, called=parser in _OWN)
    elif isinstance(said, dict):
        found = _object(said, 0)
    else:
        raise unknown()
    if len(leaves(found)) > MOST:
        raise unknown()
    return RowCondition(found)


def _object(said: object, depth: int) -> Leaf | Tree:
    if not isinstance(said, dict) or depth > _DEEPEST:
        raise unknown()
    kind, keys = said.get("type"), set(said) - {"type"}
    if kind in {"and", "or"} and keys == {"conditions"} and isinstance(said["conditions"], list):
        parts = tuple(_object(part, depth + 1) for part in said["conditions"])
        if parts:
            return Tree(str(kind), parts)
    column = said.get("column")
    name = column.get("name") if isinstance(column, dict) and set(column) == {"name"} else None
    if not isinstance(name, str) or not name:
        raise unknown()
    if kind == "nullity" and keys == {"column", "is_null"} and isinstance(said["is_null"], bool):
        return Leaf(name, "null" if said["is_null"] else "notnull")
    if kind == "comparison" and keys == {"column", "operator", "parameter"}:
        op = said["operator"]
        return leaf(name, {"IN": "in", "NOT_IN": "not in"}.get(str(op), op), said["parameter"])
    raise unknown()
