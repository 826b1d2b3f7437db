"""A condition over Arrow arrays: the second way to the same answer, for whoever proves the first.

Invariant: nothing is shared with `expressions` but the nodes. The proof of an output asks here which rows
of the source might cross, so a fault of one engine shows as rows too many or too few.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from typing import Any, TypeAlias

from data_contracts.conditions.nodes import Among, Both, Compare, Constant, Missing, Name, Negated, Node

__all__ = ["Values", "met"]

Values: TypeAlias = Any
"""A pyarrow.Array. `data_contracts.arrow` knows more of them, and reads contracts, so it is above this."""

_FUNCTIONS = {
    "=": "equal",
    "!=": "not_equal",
    "<": "less",
    "<=": "less_equal",
    ">": "greater",
    ">=": "greater_equal",
}


def _compute() -> Any:  # noqa: ANN401 - the stubs of pyarrow.compute refuse arrays of an unknown type
    import pyarrow.compute

    return pyarrow.compute


def met(node: Node, columns: Mapping[str, Values]) -> Values:
    """Return a boolean array without nulls: true where the row meets the condition."""
    return _compute().fill_null(_truth(node, columns), fill_value=False)


def _truth(node: Node, columns: Mapping[str, Values]) -> Values:
    pc = _compute()
    if isinstance(node, Both):
        join = pc.and_kleene if node.word == "and" else pc.or_kleene
        return reduce(join, (_truth(part, columns) for part in node.parts))
    if isinstance(node, Negated):
        return pc.invert(_truth(node.part, columns))
    if isinstance(node, Missing):
        return pc.is_null(columns[node.column.column])
    if isinstance(node, Among):
        alike = (Compare("=", node.column, value) for value in node.values)
        return reduce(pc.or_kleene, (_truth(item, columns) for item in alike))
    return _compared(node, columns)


def _compared(node: Compare, columns: Mapping[str, Values]) -> Values:
    left = _known(node.left, columns)
    right: Any
    if isinstance(node.right, Constant):
        import pyarrow as pa

        right = pa.scalar(node.right.value, type=left.type)
    else:
        right = _known(node.right, columns)
    return getattr(_compute(), _FUNCTIONS[node.operator])(left, right)


def _known(name: Name, columns: Mapping[str, Values]) -> Values:
    """Return the column with null in the place of NaN, which is no number."""
    values = columns[name.column]
    if name.kind != "number":
        return values
    import pyarrow as pa

    pc = _compute()
    return pc.if_else(pc.is_nan(values), pa.scalar(None, type=values.type), values)
