"""Columns as small numbers: each quasi-identifier's values, and their labels at every level, coded once.

Invariants:
1. Codes follow the order of the labels (null first), so they are the same for every partitioning.
2. The loss of a label is Iyengar's (2002): of the column's distinct values, the share that the label
   stands for beyond one. A value as it is loses 0, `*` loses 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from data_contracts.anonymity.counting import COUNT, Counts
from data_contracts.anonymity.hierarchy import Hierarchy, label
from data_contracts.anonymity.requirement import Requirement
from data_contracts.errors import UsageError

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Coded", "Codes", "Ladder", "encode"]

Codes = NDArray[Any]
"""Whole numbers; 32 bits where they are labels of a column, 64 where they are groups or counts."""
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Ladder:
    """One quasi-identifier.

    Attributes:
        name: the column.
        labels: for each level the distinct labels, in the order of their codes.
        codes: for each level the label of each distinct value, by the value's code.
        losses: for each level the loss of each label, 0 to 1.
        means: for each level the mean loss over all rows.
    """

    name: str
    labels: tuple[pl.Series, ...]
    codes: tuple[Codes, ...]
    losses: tuple[Floats, ...]
    means: tuple[float, ...]

    @property
    def levels(self) -> int:
        """How many levels it has."""
        return len(self.labels)

    def size(self, level: int) -> int:
        """How many labels a level has."""
        return len(self.labels[level])

    def up(self, low: int, high: int) -> Codes:
        """Return, for each label of a level, its label at a coarser one."""
        found = np.zeros(self.size(low), dtype=np.int32)
        found[self.codes[low]] = self.codes[high]
        return found


@dataclass(frozen=True, eq=False)
class Coded:
    """Counts in codes.

    Attributes:
        ladders: one for each quasi-identifier.
        values: for each quasi-identifier the code of its value (level 0), by combination.
        sensitive: the same for each sensitive column.
        sizes: how many distinct values each sensitive column has.
        counts: rows of each combination.
        rows: of all combinations.
    """

    ladders: tuple[Ladder, ...]
    values: tuple[Codes, ...]
    sensitive: tuple[Codes, ...]
    sizes: tuple[int, ...]
    counts: Codes
    rows: int


def encode(counts: Counts, requirement: Requirement, hierarchies: Mapping[str, Hierarchy]) -> Coded:
    """Return counts in codes, with every column's labels at every level.

    Raises:
        NoLabelError: some values have no label in their hierarchy; the count is of distinct values.
        UsageError: a level of a hierarchy is no function of the one before.
    """
    frame = counts.frame
    weights = frame[COUNT].to_numpy().astype(np.int64)
    ladders, values = [], []
    for name in requirement.quasi_identifiers:
        distinct, places = _coded(frame[name])
        held = np.bincount(places, weights=weights, minlength=len(distinct))
        ladder = _ladder(hierarchies[name], distinct, held, counts.rows)
        ladders.append(ladder)
        values.append(ladder.codes[0][places])
    sensitive = [_coded(frame[name]) for name in requirement.sensitive]
    return Coded(
        tuple(ladders),
        tuple(values),
        tuple(places for _, places in sensitive),
        tuple(len(distinct) for distinct, _ in sensitive),
        weights,
        counts.rows,
    )


def _coded(values: pl.Series) -> tuple[pl.Series, Codes]:
    """Return the distinct values in order, null first, and each value's place among them."""
    import polars as pl

    distinct = values.unique().sort(nulls_last=False)
    index = distinct.to_frame("value").with_row_index("place")
    joined = values.to_frame("value").join(
        index, on="value", how="left", nulls_equal=True, maintain_order="left"
    )
    return distinct.alias(values.name), joined["place"].cast(pl.Int32).to_numpy()


def _ladder(hierarchy: Hierarchy, distinct: pl.Series, held: Any, rows: int) -> Ladder:  # noqa: ANN401 - array
    labels, codes, losses, means = [], [], [], []
    for level in range(hierarchy.levels):
        words, places = _coded(label(hierarchy, distinct, level))
        stands_for = np.bincount(places, minlength=len(words))
        loss = (stands_for - 1.0) / max(1, len(distinct) - 1)
        labels.append(words)
        codes.append(places)
        losses.append(np.asarray(loss, dtype=np.float64))
        means.append(float((held * loss[places]).sum()) / max(1, rows))
    ladder = Ladder(distinct.name, tuple(labels), tuple(codes), tuple(losses), tuple(means))
    for level in range(1, hierarchy.levels):
        if not np.array_equal(ladder.up(level - 1, level)[codes[level - 1]], codes[level]):
            raise UsageError(
                f"{distinct.name}: level {level} of the hierarchy cuts a label of the level before",
                remedy="a label's values must share all coarser labels (`complaints` says where)",
            )
    return ladder
