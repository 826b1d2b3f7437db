"""A condition as a Polars expression."""

from __future__ import annotations

import re
from functools import reduce
from typing import TYPE_CHECKING, Any

from data_contracts.conditions.nodes import Among, Both, Constant, Missing, Name, Negated, Node

if TYPE_CHECKING:
    import polars as pl

__all__ = ["expression"]


def expression(node: Node) -> pl.Expr:
    """Return the expression, null where unknown (Kleene's logic is what Polars has)."""
    if isinstance(node, Both):
        parts = [expression(part) for part in node.parts]
        return reduce((lambda a, b: a & b) if node.word == "and" else (lambda a, b: a | b), parts)
    if isinstance(node, Negated):
        return ~expression(node.part)
    import polars as pl

    if isinstance(node, Missing):
        return pl.col(node.column.column).is_null()
    if isinstance(node, Among):
        column = _known(node.column)
        return reduce(lambda a, b: a | b, (column == _literal(value) for value in node.values))
    left = _known(node.left)
    right = _literal(node.right) if isinstance(node.right, Constant) else _known(node.right)
    return {
        "=": left == right,
        "!=": left != right,
        "<": left < right,
        "<=": left <= right,
        ">": left > right,
        ">=": left >= right,
    }[node.operator]


def _known(name: Name) -> pl.Expr:
    """Return the column; NaN is no number, so what is compared with it is unknown."""
    import polars as pl

    column = pl.col(name.column)
    return column.fill_nan(None) if name.kind == "number" else column


def _literal(constant: Constant) -> pl.Expr:
    import polars as pl

    kinds: dict[str, Any] = {
        "timestamp": pl.Datetime("us"),
        "timestamp-utc": pl.Datetime("us", "UTC"),
        "integer": pl.Int64,
        "number": pl.Float64,
    }
    if constant.kind.startswith("decimal"):
        precision, scale = re.findall(r"[0-9]+", constant.kind)
        return pl.lit(constant.value).cast(pl.Decimal(int(precision), int(scale)))
    return pl.lit(constant.value, dtype=kinds.get(constant.kind))
