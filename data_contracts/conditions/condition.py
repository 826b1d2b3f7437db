"""A condition: its text, its columns, and what it says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from data_contracts.conditions.expressions import expression
from data_contracts.conditions.mask import Values, met
from data_contracts.conditions.nodes import Both, Node

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Condition"]


@dataclass(frozen=True)
class Condition:
    """A condition on rows; picklable, and equal where the text is.

    Attributes:
        text: as written.
        columns: those that it looks at, sorted.
        node: what it says.
    """

    text: str
    columns: tuple[str, ...] = field(compare=False)
    node: Node = field(compare=False, repr=False)

    def expression(self) -> pl.Expr:
        """Return a boolean expression without nulls: true where the row meets the condition."""
        return expression(self.node).fill_null(value=False)

    @property
    def conjuncts(self) -> tuple[Node, ...]:
        """The parts that must all be true; one where the condition is no `and`."""
        return self.node.parts if isinstance(self.node, Both) and self.node.word == "and" else (self.node,)

    def met(self, columns: Mapping[str, Values]) -> Values:
        """Return one flag per row of these Arrow arrays, by other code than `expression` (for proofs)."""
        return met(self.node, columns)
