"""Rows that stay where they are: each part is a block on the worker that read it; sums come back.

`Source` is the whole of what the fit knows of distribution: the parts, how one is read, and the
cluster that applies functions to them. In a step the parts are row ranges of Parquet files and the
cluster is the environment's Dask; in a test they may be frames in this process.

Invariants:
1. Results come in the order of the parts, so sums are formed in one order whoever computed them.
2. What a block holds stays with its worker; what returns is small: sums, tallies, scores, labels.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from data_contracts.errors import DataBreaksContractError
from tasks.steps.cluster import Cluster, Held, InlineCluster
from tasks.training.encoding import Encoder, Tally, tally
from tasks.training.features import HOSPITAL
from tasks.training.logistic import Partial, Problem, curvature
from tasks.training.study import Study

if TYPE_CHECKING:
    import polars as pl

    from tasks.steps.dataset import Dataset

__all__ = ["Encoded", "Source", "encode", "labelled", "share", "tally_days"]

Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class Source:
    """Some rows, in parts.

    Attributes:
        cluster: applies functions to parts.
        parts: (place, rows before it, whatever `read` takes).
        read: gives a part's rows.
        rows: of all parts.
        study: what the rows are about.
    """

    cluster: Cluster
    parts: Sequence[tuple[int, int, Any]]
    read: Callable[[Any], pl.DataFrame]
    rows: int
    study: Study = HOSPITAL

    @classmethod
    def of_dataset(cls, dataset: Dataset, study: Study = HOSPITAL) -> Source:
        """Take a dataset's parts, where its cluster is."""
        parts = dataset.select(*study.columns).parts
        return cls(dataset.cluster, *_placed(parts, [part.rows for part in parts], _read_part), study)

    @classmethod
    def of_frames(
        cls, frames: Sequence[pl.DataFrame], cluster: Cluster | None = None, study: Study = HOSPITAL
    ) -> Source:
        """Take frames as parts; without a cluster everything happens in this process."""
        sizes = [frame.height for frame in frames]
        return cls(cluster or InlineCluster(), *_placed(frames, sizes, _read_frame), study)

    def map(self, function: Callable[..., Any], *shared: object) -> list[Any]:
        """Return `function(place, frame, *shared)` of each part, in order."""
        return self.cluster.map(_apply, self.parts, self.read, self.rows, self.study, function, *shared)

    def hold(self, function: Callable[..., Any], *shared: object) -> Held:
        """Keep `function(place, frame, *shared)` of each part on the worker that computed it."""
        return self.cluster.hold(_apply, self.parts, self.read, self.rows, self.study, function, *shared)


def _placed(
    parts: Sequence[Any], sizes: Sequence[int], read: Callable[[Any], pl.DataFrame]
) -> tuple[list[tuple[int, int, Any]], Callable[[Any], pl.DataFrame], int]:
    before = [sum(sizes[:place]) for place in range(len(sizes))]
    return list(zip(range(len(sizes)), before, parts, strict=True)), read, sum(sizes)


def _apply(
    part: tuple[int, int, Any],
    read: Callable[[Any], pl.DataFrame],
    rows: int,
    study: Study,
    function: Callable[..., Any],
    *shared: object,
) -> Any:  # noqa: ANN401 - whatever the function returns
    place, first, inside = part
    return function(place, study.placed(read(inside), first, rows), *shared)


def _read_part(part: Any) -> pl.DataFrame:  # noqa: ANN401 - tasks.steps.partitions.Part
    from tasks.steps.partitions import read_part

    frame: pl.DataFrame = read_part(part, "polars")
    return frame


def _read_frame(frame: pl.DataFrame) -> pl.DataFrame:
    return frame


def labelled(frame: pl.DataFrame, study: Study = HOSPITAL) -> pl.DataFrame:
    """Return the rows that have one of the two results.

    A test whose result is `invalid`, say, tells nothing of the patient and is left out; it is repeated, and
    the repetition has a row of its own.

    Raises:
        DataBreaksContractError: the result or the day is absent or missing.
    """
    import polars as pl

    for name in (study.result, study.order):
        if name not in frame.columns:
            raise DataBreaksContractError(f"column {name}: absent, and training needs it")
        if frame[name].null_count():
            raise DataBreaksContractError(f"column {name}: values missing, and training needs them")
    return frame.filter(pl.col(study.result).is_in([study.positive, study.negative]))


@dataclass(frozen=True)
class Encoded:
    """A part as numbers.

    Attributes:
        place: the part's place among all.
        matrix: rows by coefficients.
        positive: 1.0 or 0.0.
        day: the place of each row in the order of its study.
    """

    place: int
    matrix: Matrix
    positive: Matrix
    day: NDArray[np.int64]

    def rows(self, first: int, last: int) -> tuple[Matrix, Matrix]:
        """Return matrix and labels of the days from `first` to `last`, both included."""
        inside = (self.day >= first) & (self.day <= last)
        return self.matrix[inside], self.positive[inside]


def tally_days(
    _place: int, frame: pl.DataFrame, last: int, study: Study = HOSPITAL
) -> tuple[Tally, int, int]:
    """Return the tally of the days up to `last`, how many rows these are, and how many have no result."""
    import polars as pl

    valid = labelled(frame, study)
    rows = valid.filter(pl.col(study.order) <= last)
    return tally(study.features(rows), study), rows.height, frame.height - valid.height


def encode(place: int, frame: pl.DataFrame, encoder: Encoder) -> Encoded:
    """Turn a part into numbers."""
    import polars as pl

    study = encoder.study
    valid = labelled(frame, study)
    return Encoded(
        place,
        encoder.matrix(study.features(valid)),
        (valid[study.result] == study.positive).to_numpy().astype(np.float64),
        valid[study.order].cast(pl.Int64).to_numpy(),
    )


def share(block: Encoded, points: Sequence[tuple[Problem, Matrix]]) -> list[Partial]:
    """Return this block's share of each problem's loss, gradient and Hessian."""
    return [
        curvature(*block.rows(problem.first, problem.last), coefficients) for problem, coefficients in points
    ]
