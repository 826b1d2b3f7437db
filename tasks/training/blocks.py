"""Rows that stay where they are: each partition is a block, and only small results come back.

`Blocks` is the whole of what the fit knows of distribution. `LocalBlocks` is the plain one, for
one process; `tasks.training.spread.DaskBlocks` keeps each block on the worker that read it.

Invariants:
1. Results come in the order of the blocks, so sums are formed in one order whoever computed them.
2. What `then` makes stays with its block; what `map` returns is small: sums, tallies, scores.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from data_contracts.errors import DataBreaksContractError
from tasks.training.encoding import Encoder, Tally, tally
from tasks.training.features import DAY, NEGATIVE, POSITIVE, RESULT, features_of
from tasks.training.logistic import Partial, Problem, curvature

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Block", "Blocks", "Encoded", "LocalBlocks", "encode", "read", "share", "tally_days"]

Matrix = NDArray[np.float64]


class Blocks(Protocol):
    """Some rows, in pieces."""

    def then(self, function: Callable[..., Any], *shared: Any) -> Blocks:  # noqa: ANN401 - any picklable
        """Replace each block by `function(block, *shared)`, which stays where the block is."""
        ...

    def map(self, function: Callable[..., Any], *shared: Any) -> list[Any]:  # noqa: ANN401 - as above
        """Return `function(block, *shared)` of each block, in order."""
        ...

    def map_each(self, function: Callable[..., Any], each: Sequence[Any]) -> list[Any]:
        """Return `function(block, argument)` of each block with its own argument, in order."""
        ...


@dataclass(frozen=True)
class LocalBlocks:
    """Blocks in this process."""

    blocks: tuple[Any, ...]

    def then(self, function: Callable[..., Any], *shared: Any) -> LocalBlocks:  # noqa: ANN401 - any picklable
        """Replace each block."""
        return LocalBlocks(tuple(function(block, *shared) for block in self.blocks))

    def map(self, function: Callable[..., Any], *shared: Any) -> list[Any]:  # noqa: ANN401 - as above
        """Apply to each block."""
        return [function(block, *shared) for block in self.blocks]

    def map_each(self, function: Callable[..., Any], each: Sequence[Any]) -> list[Any]:
        """Apply to each block with its own argument."""
        return [function(block, argument) for block, argument in zip(self.blocks, each, strict=True)]


@dataclass(frozen=True)
class Block:
    """One partition's rows with a result: features, whether it was positive, its day.

    Attributes:
        features: as `features_of` returns them.
        positive: 1.0 or 0.0.
        day: days since the pandemic began.
        invalid: rows left out because the test gave no result.
    """

    features: pl.DataFrame
    positive: Matrix
    day: NDArray[np.int64]
    invalid: int


@dataclass(frozen=True)
class Encoded:
    """A block as numbers."""

    matrix: Matrix
    positive: Matrix
    day: NDArray[np.int64]

    def rows(self, first: int, last: int) -> tuple[Matrix, Matrix]:
        """Return matrix and labels of the days from `first` to `last`, both included."""
        inside = (self.day >= first) & (self.day <= last)
        return self.matrix[inside], self.positive[inside]


def read(frame: pl.DataFrame) -> Block:
    """Take a partition's columns apart.

    A test whose result is `invalid` says nothing of the patient and is left out; it will be
    repeated, and the repetition has a row of its own.

    Raises:
        DataBreaksContractError: a column is absent or unusable.
    """
    import polars as pl

    absent = [name for name in (RESULT, DAY) if name not in frame.columns]
    if absent:
        raise DataBreaksContractError(f"columns {', '.join(absent)}: absent, and training needs them")
    if frame[DAY].null_count():
        raise DataBreaksContractError(f"column {DAY}: values missing, and the split needs them")
    valid = frame.filter(pl.col(RESULT).is_in([POSITIVE, NEGATIVE]))
    return Block(
        features_of(valid),
        (valid[RESULT] == POSITIVE).to_numpy().astype(np.float64),
        valid[DAY].cast(pl.Int64).to_numpy(),
        frame.height - valid.height,
    )


def tally_days(block: Block, last: int) -> tuple[Tally, int, int]:
    """Return the tally of the days up to `last`, how many rows these are, and how many were invalid."""
    rows = block.features.filter(block.day <= last)
    return tally(rows), rows.height, block.invalid


def encode(block: Block, encoder: Encoder) -> Encoded:
    """Turn a block into numbers."""
    return Encoded(encoder.matrix(block.features), block.positive, block.day)


def share(block: Encoded, points: Sequence[tuple[Problem, Matrix]]) -> list[Partial]:
    """Return this block's share of each problem's loss, gradient and Hessian."""
    return [
        curvature(*block.rows(problem.first, problem.last), coefficients) for problem, coefficients in points
    ]
