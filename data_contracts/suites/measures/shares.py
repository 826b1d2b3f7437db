"""The share of rows that have a value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from data_contracts.measure import Counts, Finding, PartView
from data_contracts.suites.measures.aggregate import OfColumn, aggregate_finding, number

if TYPE_CHECKING:
    import polars as pl

__all__ = ["ValueShare"]


@dataclass(frozen=True)
class ValueShare(OfColumn):
    """The share of rows that have a value is inside bounds; of no rows it is 0."""

    def expressions(self) -> tuple[pl.Expr, ...]:
        """Return rows and values."""
        return (self.elements(), self.values().count())

    def state(self, answers: tuple[Any, ...], part: PartView) -> Counts:
        """Return rows and missing ones."""
        del part
        rows = number(answers[0])
        return Counts(rows, rows - number(answers[1]))

    def judge(self, state: Counts, rows: int) -> Finding:
        """Judge the share."""
        del rows
        found = (state.elements - state.missing) / state.elements if state.elements else 0
        return aggregate_finding(self.bounds.holds(found), state.elements, found, state.missing)
