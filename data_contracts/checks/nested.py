"""Paths: what lies inside objects and arrays, as columns of a flat frame.

Invariants:
1. A path is one column of one level. Level '' has a row for each row; level `tags[]` has one for each item
   of that array, in the order of rows and items. A null or empty array has no items.
2. Where an object is null, all its properties are.
3. Nothing is flattened that no rule reads.

Example: of `address: object(street)` and `lines: array of object(price)`, the paths are `address`,
`address.street`, `lines`, `lines[]` and `lines[].price`; the last two are of level `lines[]`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from data_contracts.arrow import Values, in_utc, kind_of
from data_contracts.model import Column

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Flat", "Node", "nodes_of"]


@dataclass(frozen=True)
class Node:
    """One path.

    Attributes:
        path: such as `lines[].price`.
        column: what the contract says there; its name is the last step.
        parent: the path that it lies in; None at the top.
        level: the array whose items it is about, '' for rows.
        top: the column of the table that all this is in.
    """

    path: str
    column: Column
    parent: str | None
    level: str
    top: str

    @property
    def item(self) -> bool:
        """Whether it is the items of an array, rather than a property of an object."""
        return self.path == self.level


def nodes_of(columns: Iterable[Column]) -> Iterator[Node]:
    """Yield every path of the columns, parents first."""
    for column in columns:
        yield from _within(Node(column.name, column, None, "", column.name))


def _within(node: Node) -> Iterator[Node]:
    yield node
    children = node.column.children
    if kind_of(node.column) == "array" and children:
        path = f"{node.path}[]"
        yield from _within(Node(path, children[0], node.path, path, node.top))
    else:
        for child in children:
            yield from _within(Node(f"{node.path}.{child.name}", child, node.path, node.level, node.top))


class Flat:
    """The columns of one part by path, made when they are first asked for.

    Args:
        nodes: by path; a path that is not here is a column of the table.
        tops: the table's sound columns, as Arrow or Polars has them; converted where a rule reads them.
        rows: of the part.
    """

    def __init__(self, nodes: Mapping[str, Node], tops: Mapping[str, Values], rows: int) -> None:
        """Keep the columns."""
        self._nodes = nodes
        self._tops = tops
        self._made: dict[str, pl.Series] = {}
        self._rows = rows

    def level(self, path: str) -> str:
        """Return the level of a path."""
        node = self._nodes.get(path)
        return "" if node is None else node.level

    def column(self, path: str) -> pl.Series:
        """Return the column of a path, named by it."""
        if path in self._made:
            return self._made[path]
        if path in self._tops:
            self._made[path] = _series(path, self._tops[path])
        else:
            node = self._nodes[path]
            around = self.column(str(node.parent))
            if node.item:
                inside = around.filter(around.list.len() > 0).explode()
            else:
                inside = around.struct.field(node.column.name)
            self._made[path] = inside.alias(path)
        return self._made[path]

    def arrow(self, path: str) -> Values | None:
        """Return a column of the table as Arrow has it, or None where it was converted or lies deeper."""
        return None if path in self._made else self._tops.get(path)

    def has(self, top: str) -> bool:
        """Whether that column of the table is sound."""
        return top in self._tops

    def frame(self, paths: Iterable[str]) -> pl.DataFrame:
        """Return the columns of paths of one level."""
        import polars as pl

        return pl.DataFrame([self.column(path) for path in paths])

    def rows(self, level: str) -> int:
        """Return how many rows a level has."""
        return self.column(level).len() if level else self._rows

    def owners(self, level: str) -> Any:  # noqa: ANN401 - a numpy array of int64
        """Return, for each row of a level, the number of the row of the part that it is in."""
        import numpy as np

        if not level:
            return np.arange(self._rows)
        arrays = self._nodes[str(self._nodes[level].parent)]
        lengths = self.column(arrays.path).list.len().fill_null(0).to_numpy()
        return np.repeat(self.owners(arrays.level), lengths)


def _series(path: str, values: Values) -> pl.Series:
    import polars as pl
    from pyarrow import types

    if isinstance(values, pl.Series):
        return values
    plain = values.cast(values.type.value_type) if types.is_dictionary(values.type) else values
    made: Any
    try:
        made = pl.from_arrow(plain)
    except pl.exceptions.ComputeError:
        made = pl.from_arrow(in_utc(plain))  # The name of a zone that the engine does not know.
    return pl.Series(path, made)
