"""Values that increase or decrease, in the order of the asset's rows.

Inside a part, neighbours are compared there; over parts, the last value of one with the first of the next
that has any. States keep the ends of each part by its position, so they merge in any order.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from data_contracts.measure import Finding, PartView
from data_contracts.suites.measures.aggregate import OfColumn, number
from data_contracts.suites.measures.rows import row_finding

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Sequence", "SequenceState"]


@dataclass(frozen=True)
class SequenceState:
    """Rows, values and breaks inside of parts, and the ends of each part: (position, first, last)."""

    rows: int
    count: int
    broken: int
    ends: tuple[tuple[int, Any, Any], ...]

    def merge(self, other: SequenceState) -> SequenceState:
        """Return the state of both."""
        ends = tuple(sorted((*self.ends, *other.ends), key=lambda end: end[0]))
        return SequenceState(
            self.rows + other.rows, self.count + other.count, self.broken + other.broken, ends
        )


@dataclass(frozen=True)
class Sequence(OfColumn):
    """No value is less (with `down`, greater) than the one before; with `strictly`, nor equal to it."""

    down: bool = False
    strictly: bool = False
    mostly: float = 1.0

    def expressions(self) -> tuple[pl.Expr, ...]:
        """Return rows, values, breaks, and both ends."""
        import polars as pl

        found = self.values().drop_nulls()
        if self.column.kind == "timestamp":
            found = found.to_physical().cast(pl.Int64)
        before = found.shift(1)
        if self.strictly:
            wrong = found >= before if self.down else found <= before
        else:
            wrong = found > before if self.down else found < before
        if self.column.kind == "float" and self.strictly:
            # The difference of infinities is no number, and GX finds that no number breaks nothing.
            wrong = wrong & ~(found.is_infinite() & (found == before))
        return (self.elements(), found.len(), wrong.sum(), found.first(), found.last())

    def state(self, answers: tuple[Any, ...], part: PartView) -> SequenceState:
        """Return the state of a part."""
        rows, count, broken, first, last = answers
        ends = ((part.position, first, last),) if count else ()
        return SequenceState(number(rows), number(count), number(broken), ends)

    def judge(self, state: SequenceState, rows: int) -> Finding:
        """Judge the breaks inside of parts and between them."""
        del rows
        between = sum(
            self._breaks(last, first)
            for (_, _, last), (_, first, _) in zip(state.ends[:-1], state.ends[1:], strict=True)
        )
        return row_finding(state.rows, state.rows - state.count, state.broken + between, self.mostly)

    def _breaks(self, before: Any, found: Any) -> bool:  # noqa: ANN401 - numbers
        if self.strictly and before == found:
            return not (isinstance(found, float) and found in {float("inf"), float("-inf")})
        return bool(found > before if self.down else found < before)
