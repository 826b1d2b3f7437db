"""Counts of distinct combinations, part by part: all that the search for levels needs of the rows.

Invariants:
1. Counts merge in any order and grouping to the same counts.
2. They hold values of the data (of quasi-identifiers and sensitive columns, no others), so they stay in
   the environment: a partial of a step, never a result, a label or a log line.

Example, in a step:
    ```python
    partials = data.map(count, requirement, as_="polars")
    counts = merge_counts(partials)
    ```
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING

from data_contracts.anonymity.requirement import Requirement
from data_contracts.errors import DataBreaksContractError, UsageError

if TYPE_CHECKING:
    import polars as pl

__all__ = ["COUNT", "Counts", "count", "merge_counts"]

COUNT = "isthmus rows"
"""The column of counts; a name with a space is no column of a contract that this package is used with."""


@dataclass(frozen=True, eq=False)
class Counts:
    """How many rows each combination has.

    Attributes:
        frame: the columns of the requirement, and `COUNT`; one row for each combination.
        rows: of all parts.
    """

    frame: pl.DataFrame
    rows: int

    def merge(self, other: Counts) -> Counts:
        """Return the counts of both."""
        import polars as pl

        columns = [name for name in self.frame.columns if name != COUNT]
        both = pl.concat([self.frame, other.frame])
        return Counts(both.group_by(columns).agg(pl.col(COUNT).sum()), self.rows + other.rows)


def count(frame: pl.DataFrame, requirement: Requirement) -> Counts:
    """Return the counts of one part.

    Raises:
        DataBreaksContractError: a column is not there, or of a type that has no text.
    """
    import polars as pl

    columns = requirement.columns
    for name in columns:
        if name not in frame.columns:
            raise DataBreaksContractError(f"column {name}: absent, and the classes need it")
        if frame[name].dtype.is_nested():
            raise DataBreaksContractError(f"column {name}: objects and arrays make no classes")
    # Equal values must be one value: there is one zero, and a dictionary is its values.
    plain = [
        pl.when(pl.col(name) == 0).then(pl.lit(0.0, frame[name].dtype)).otherwise(pl.col(name)).alias(name)
        if frame[name].dtype.is_float()
        else pl.col(name).cast(pl.String)
        if frame[name].dtype in {pl.Categorical, pl.Enum}
        else pl.col(name)
        for name in columns
    ]
    found = frame.select(plain).group_by(columns).agg(pl.len().cast(pl.Int64).alias(COUNT))
    return Counts(found, frame.height)


def merge_counts(partials: Iterable[Counts]) -> Counts:
    """Merge, in any order and grouping.

    Raises:
        UsageError: there is none.
    """
    import polars as pl

    parts = list(partials)
    if not parts:
        raise UsageError("no part was counted")
    columns = [name for name in parts[0].frame.columns if name != COUNT]
    if len(parts) == 1:
        return parts[0]
    try:
        together = pl.concat([part.frame for part in parts])
    except pl.exceptions.PolarsError:
        raise DataBreaksContractError("parts have columns of different types") from None
    rows = reduce(lambda total, part: total + part.rows, parts, 0)
    return Counts(together.group_by(columns).agg(pl.col(COUNT).sum()), rows)
