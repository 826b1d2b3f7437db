"""From feature columns to a matrix of numbers, learned once from tallies that partitions add up.

Invariants:
1. Tallies merge in any order and grouping to the same levels; moments to the same within rounding.
2. A level seen in fewer than `RARE` training rows is pooled with every level never seen: it has no
   coefficient of its own, and its name does not enter the model. (Forty kinds of ward have a
   handful of patients each; a name with three patients behind it has no place in a file that travels.)
3. The matrix has the intercept first, then each column's levels in sorted order and its pool, then
   the indicators, then the elapsed time.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tasks.training.features import HOSPITAL
from tasks.training.study import Study

if TYPE_CHECKING:
    import polars as pl

__all__ = ["POOL", "RARE", "Encoder", "Moments", "Tally", "tally"]

RARE = 30
POOL = "(other)"
"""How reports call the pool of a column's rare and unseen levels."""

Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class Moments:
    """Count, mean and sum of squared deviations; merges by Chan, Golub and LeVeque (1979)."""

    count: int = 0
    mean: float = 0.0
    squares: float = 0.0

    @classmethod
    def of(cls, values: Matrix) -> Moments:
        """Return the moments of some values."""
        if not len(values):
            return cls()
        mean = float(values.mean())
        return cls(len(values), mean, float(((values - mean) ** 2).sum()))

    def __add__(self, other: Moments) -> Moments:
        """Merge two."""
        count = self.count + other.count
        if not count:
            return self
        gap = other.mean - self.mean
        mean = self.mean + gap * other.count / count
        return Moments(
            count, mean, self.squares + other.squares + gap * gap * self.count * other.count / count
        )

    @property
    def deviation(self) -> float:
        """The standard deviation, or 1 where the values do not vary."""
        spread = math.sqrt(self.squares / self.count) if self.count else 0.0
        return spread if spread > 0 else 1.0


@dataclass(frozen=True)
class Tally:
    """What one partition contributes to the encoder."""

    levels: Mapping[str, Counter[str]]
    elapsed: Moments

    def __add__(self, other: Tally) -> Tally:
        """Merge two."""
        return Tally(
            {name: self.levels[name] + other.levels[name] for name in self.levels},
            self.elapsed + other.elapsed,
        )


def log_hours(hours: pl.Series) -> Matrix:
    """Return log(1 + hours), taking a negative time as none."""
    return np.asarray(np.log1p(np.maximum(hours.to_numpy(), 0.0)), dtype=np.float64)


def tally(features: pl.DataFrame, study: Study = HOSPITAL) -> Tally:
    """Count the levels and sum the moments of one partition's features."""
    levels = {name: Counter(dict(features[name].value_counts().iter_rows())) for name in study.categorical}
    return Tally(levels, Moments.of(log_hours(features[study.elapsed])) if study.elapsed else Moments())


@dataclass(frozen=True)
class Encoder:
    """The learned mapping.

    Attributes:
        levels: each categorical column's levels that have a coefficient, sorted.
        mean: of log(1 + hours).
        deviation: of the same.
        study: whose columns they are.
    """

    levels: Mapping[str, tuple[str, ...]]
    mean: float
    deviation: float
    study: Study = HOSPITAL

    @classmethod
    def learn(cls, tallies: Iterable[Tally], study: Study = HOSPITAL) -> Encoder:
        """Merge the partitions' tallies, pool what is rare, and round so that grouping leaves no trace."""
        whole = reduce(Tally.__add__, tallies)
        levels = {
            name: tuple(sorted(level for level, count in whole.levels[name].items() if count >= RARE))
            for name in study.categorical
        }
        return cls(levels, round(whole.elapsed.mean, 9), round(whole.elapsed.deviation, 9), study)

    @property
    def names(self) -> tuple[str, ...]:
        """The matrix's columns: `(intercept)`, `gender=female`, `gender=(other)`, …, `col_rec_tat`."""
        study = self.study
        one_hot = [f"{name}={level}" for name in study.categorical for level in (*self.levels[name], POOL)]
        return ("(intercept)", *one_hot, *study.names[len(study.categorical) :])

    def matrix(self, features: pl.DataFrame) -> Matrix:
        """Return the rows as a matrix of shape (rows, len(names))."""
        blocks = [np.ones((features.height, 1))]
        study = self.study
        for name in study.categorical:
            levels = self.levels[name]
            index = dict(zip(levels, range(len(levels)), strict=True))
            column = np.array(
                [index.get(value, len(levels)) for value in features[name].to_list()], dtype=int
            )
            blocks.append(np.eye(len(levels) + 1)[column])
        blocks.extend(features[name].to_numpy().astype(np.float64)[:, None] for name in study.indicators)
        if study.elapsed:
            hours = log_hours(features[study.elapsed])
            blocks.append(((hours - self.mean) / self.deviation)[:, None])
        return np.hstack(blocks)
