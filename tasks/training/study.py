"""What one model is about: its features, its outcome, and how rows are split in time.

The fit, the export and the scoring know no column by name; they are told by a `Study`. The hospital's is in
`tasks.training.features`, the bank's in `tasks.training.credit`.

Invariants:
1. A study is plain data and one function of a module: it pickles, and means the same on every worker.
2. Training and scoring prepare features by the same function.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl

__all__ = ["HUNDREDTHS", "SLOT", "Study"]

SLOT = "isthmus slot"
"""The order of rows that have no time of their own: which hundredth of the asset they stand in, from 0."""
HUNDREDTHS = 100


@dataclass(frozen=True)
class Study:
    """One model's subject.

    Attributes:
        name: of the graph inside the model's file.
        categorical: text features, one-hot; a missing value is the empty text.
        indicators: features that are 0 or 1.
        elapsed: a feature of hours, as a standardised log(1 + hours); None where there is none.
        result: the column of the outcome.
        positive: its value in a positive row.
        negative: its value in a negative one; rows with any other are left out.
        order: the column of whole numbers that splits rows in time; `SLOT` where they have only their place.
        train_last: the last place in that order that is fitted on.
        held_out: first and last place that is judged on.
        folds: (last place fitted on, last place scored) for choosing the penalty.
        features: rows to feature columns, in the order of `names`, in the model's types.
        domains: closed sets of values of a categorical feature; of the others, what the training rows had.
        use: what the model is for and what not; it stands in the file.
        reads: the columns that `features` makes the features of; empty where they are these themselves.
    """

    name: str
    categorical: tuple[str, ...]
    indicators: tuple[str, ...]
    elapsed: str | None
    result: str
    positive: str | int
    negative: str | int
    order: str
    train_last: int
    held_out: tuple[int, int]
    folds: tuple[tuple[int, int], ...]
    features: Callable[[pl.DataFrame], pl.DataFrame]
    domains: tuple[tuple[str, tuple[str, ...]], ...] = ()
    use: str = ""
    reads: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The features, in the model's order."""
        return (*self.categorical, *self.indicators, *((self.elapsed,) if self.elapsed else ()))

    @property
    def columns(self) -> tuple[str, ...]:
        """What training reads; a column that is not named here is not even opened."""
        return (*(self.reads or self.names), self.result, *(() if self.order == SLOT else (self.order,)))

    def placed(self, frame: pl.DataFrame, first: int, rows: int) -> pl.DataFrame:
        """Return a part with its order.

        Args:
            frame: the part.
            first: how many rows stand before it.
            rows: how many rows there are in all.
        """
        if self.order != SLOT:
            return frame
        import polars as pl

        place = pl.int_range(first, first + frame.height, dtype=pl.Int64)
        return frame.with_columns((place * HUNDREDTHS // max(1, rows)).alias(SLOT))
