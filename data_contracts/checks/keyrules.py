"""Keys that must not repeat: uniqueness, primary keys, `duplicateValues`.

A row with a null in its key has no key, as in SQL: it repeats nothing. Of rows that share a key all count,
the first as well.
"""

from __future__ import annotations

from dataclasses import dataclass

from data_contracts.checks.rules import Limit
from data_contracts.measure import Finding, KeyCounts, KeySpec
from data_contracts.verdict import Reason

__all__ = ["UniqueKey"]


@dataclass(frozen=True)
class UniqueKey:
    """No two rows, or only so many, have the same values in these columns."""

    columns: tuple[str, ...]
    limit: Limit | None = None

    def key(self) -> KeySpec:
        """Return the columns themselves."""
        import polars as pl

        return KeySpec(tuple(pl.col(path) for path in self.columns))

    def judge_keys(self, counts: KeyCounts, rows: int) -> Finding:
        """Compare the number of rows that share their key with the limit."""
        count = counts.repeated
        holds = not count if self.limit is None else self.limit.holds(count, rows)
        reason = None if holds else Reason.DUPLICATE_VALUES
        return Finding(holds, rows, rows - counts.keyed, count, reason)
