"""A source to a tree of profiles: one for each column, and inside nested ones for each path."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from data_contracts.arrow import Values, in_utc
from data_contracts.discovery.profile import Profile
from data_contracts.errors import UsageError
from data_contracts.formats import Source

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Node", "profile_source"]


@dataclass
class Node:
    """A column, a property of an object, or the items of an array.

    Attributes:
        name: in its parent.
        kind: its Arrow type.
        logical: its logical type, of the file; of CSV, `string` until the texts are known.
        profile: of its values; of an object or array, of nothing but nulls.
        children: inside it.
    """

    name: str
    kind: Values
    logical: str
    profile: Profile
    children: list[Node] = field(default_factory=list)

    def walk(self) -> Iterator[Node]:
        """Yield this and everything inside it."""
        yield self
        for child in self.children:
            yield from child.walk()


def profile_source(source: Source) -> tuple[list[Node], int]:
    """Read the whole source once; return its columns and the number of rows.

    Raises:
        DataBreaksContractError: it cannot be read.
        UsageError: a column has a type that a contract cannot say.
    """
    import polars as pl

    nodes = [_node(field.name, field.type, field.name) for field in source.schema]
    rows = 0
    for table in source.read():
        rows += table.num_rows
        for node in nodes:
            values = pl.from_arrow(in_utc(table.column(node.name)))
            if isinstance(values, pl.Series):
                _see(node, values)
    return nodes, rows


def _node(name: str, kind: Values, path: str) -> Node:
    from pyarrow import types

    if types.is_dictionary(kind):
        kind = kind.value_type
    node = Node(name, kind, _logical(kind, path), Profile(path))
    if node.logical == "object":
        node.children = [_node(child.name, child.type, f"{path}.{child.name}") for child in kind]
    elif node.logical == "array":
        node.children = [_node("item", kind.value_type, f"{path}[]")]
    return node


def _logical(kind: Values, path: str) -> str:
    """Return the logical type for an Arrow type.

    Raises:
        UsageError: there is none.
    """
    from pyarrow import types

    tests = (
        ("string", (types.is_string, types.is_large_string, types.is_string_view, types.is_null)),
        ("string", (types.is_binary, types.is_large_binary, types.is_fixed_size_binary)),
        ("integer", (types.is_integer,)),
        ("number", (types.is_floating, types.is_decimal128)),
        ("boolean", (types.is_boolean,)),
        ("date", (types.is_date32,)),
        ("timestamp", (types.is_timestamp,)),
        ("time", (types.is_time,)),
        ("object", (types.is_struct,)),
        ("array", (types.is_list, types.is_large_list)),
    )
    for logical, asked in tests:
        if any(test(kind) for test in asked):
            return logical
    raise UsageError(
        f"column {path}: no contract can say its type",
        remedy="write the column as a list, an object or a plain type",
    )


def _see(node: Node, values: pl.Series) -> None:
    import polars as pl

    if node.logical == "object":
        node.profile.rows += len(values)
        node.profile.nulls += values.null_count()
        present = values.drop_nulls()
        for child in node.children:
            _see(child, present.struct.field(child.name))
    elif node.logical == "array":
        node.profile.rows += len(values)
        node.profile.nulls += values.null_count()
        full = values.drop_nulls()
        _see(
            node.children[0], full.filter(full.list.len() > 0).explode(empty_as_null=False, keep_nulls=False)
        )
    else:
        plain = values.cast(pl.String) if values.dtype in {pl.Null, pl.Categorical} else values
        node.profile.see(plain)
