"""Classes of rows at some levels, made from the classes at finer ones.

Invariants:
1. The classes at some levels do not depend on the finer levels that they were made from, nor does their
   order: it is that of their codes.
2. A class holds if it has k rows and every sensitive column is as diverse in it as asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_contracts.anonymity.ladders import Coded, Codes, Ladder
from data_contracts.anonymity.requirement import Requirement

__all__ = ["Classes", "Grouped"]

_DENSE = 1 << 20
_MOST = 1 << 62


@dataclass(frozen=True, eq=False)
class Classes:
    """The classes at some levels.

    Attributes:
        codes: for each quasi-identifier the label of each class.
        sizes: rows of each class.
        holds: whether the class reaches what is asked.
    """

    codes: tuple[Codes, ...]
    sizes: Codes
    holds: NDArray[np.bool_]

    @property
    def suppressed(self) -> int:
        """Rows of the classes that do not hold."""
        return int(self.sizes[~self.holds].sum())


@dataclass(frozen=True, eq=False)
class Grouped:
    """Combinations of labels and sensitive values at some levels, with their rows.

    Attributes:
        ladders: of the quasi-identifiers.
        levels: of each.
        codes: for each quasi-identifier the label, by combination.
        sensitive: for each sensitive column the value.
        sizes: how many values each sensitive column has.
        counts: rows of each combination.
    """

    ladders: tuple[Ladder, ...]
    levels: tuple[int, ...]
    codes: tuple[Codes, ...]
    sensitive: tuple[Codes, ...]
    sizes: tuple[int, ...]
    counts: Codes

    @classmethod
    def of(cls, coded: Coded) -> Grouped:
        """Return the values themselves."""
        bottom = (0,) * len(coded.ladders)
        return cls(coded.ladders, bottom, coded.values, coded.sensitive, coded.sizes, coded.counts)

    def plain(self) -> Grouped:
        """Return the combinations of the quasi-identifiers alone."""
        return replace(self, sensitive=(), sizes=()).lifted(self.levels)

    def __len__(self) -> int:
        """How many combinations there are."""
        return len(self.counts)

    def finer(self, levels: Sequence[int]) -> bool:
        """Whether these levels can be made from it."""
        return all(low <= high for low, high in zip(self.levels, levels, strict=True))

    def lifted(self, levels: tuple[int, ...]) -> Grouped:
        """Return the combinations at coarser levels."""
        codes = [
            codes if low == high else ladder.up(low, high)[codes]
            for ladder, codes, low, high in zip(self.ladders, self.codes, self.levels, levels, strict=True)
        ]
        sizes = [ladder.size(level) for ladder, level in zip(self.ladders, levels, strict=True)]
        places, first = _group([*codes, *self.sensitive], [*sizes, *self.sizes])
        return Grouped(
            self.ladders,
            levels,
            tuple(column[first] for column in codes),
            tuple(column[first] for column in self.sensitive),
            self.sizes,
            _sums(places, self.counts, len(first)),
        )

    @cached_property
    def _classes(self) -> tuple[Codes, Codes]:
        if self.levels != (0,) * len(self.levels) and not self.sensitive:
            # What was lifted has each combination once, in order: it is the classes.
            alone = np.arange(len(self), dtype=np.int64)
            return alone, alone
        sizes = [ladder.size(level) for ladder, level in zip(self.ladders, self.levels, strict=True)]
        return _group(list(self.codes), sizes)

    def classes(self, requirement: Requirement) -> Classes:
        """Return the classes, and which of them hold."""
        places, first = self._classes
        rows = _sums(places, self.counts, len(first))
        holds = rows >= requirement.k
        for column, size, asked in zip(
            self.sensitive, self.sizes, requirement.sensitive.values(), strict=True
        ):
            pairs, one = _group([places, column], [max(1, len(first)), size])
            owner = places[one]
            if asked.distinct > 1:
                holds &= np.bincount(owner, minlength=len(first)) >= asked.distinct
            if asked.entropy > 1.0:
                share = _sums(pairs, self.counts, len(one)) / rows[owner]
                spread = np.bincount(owner, weights=-share * np.log(share), minlength=len(first))
                # A hair below: a class that reaches it exactly must not fail by the last bit.
                holds &= spread >= np.log(asked.entropy) - 1e-12
        return Classes(tuple(column[first] for column in self.codes), rows, holds)


def _sums(places: Codes, counts: Codes, groups: int) -> Codes:
    # Whole numbers below 2**53: their sums in doubles are exact.
    return np.bincount(places, weights=counts, minlength=groups).astype(np.int64)


def _group(columns: list[Codes], sizes: list[int]) -> tuple[Codes, Codes]:
    """Return each row's group, numbered in the order of the columns' codes, and a row of each group."""
    keys: Any = np.zeros(len(columns[0]), dtype=np.int64) if columns else np.zeros(0, dtype=np.int64)
    bound = 1
    for column, size in zip(columns, sizes, strict=True):
        if bound * max(1, size) > _MOST:
            found, keys = np.unique(keys, return_inverse=True)
            bound = len(found)
        keys = keys * max(1, size) + column
        bound *= max(1, size)
    if bound <= max(_DENSE, 4 * len(keys)):
        seen = np.zeros(bound, dtype=np.bool_)
        seen[keys] = True
        places = (np.cumsum(seen, dtype=np.int64) - 1)[keys]
        groups = int(seen.sum())
    else:
        found, places = np.unique(keys, return_inverse=True)
        groups = len(found)
    first = np.zeros(groups, dtype=np.int64)
    first[places] = np.arange(len(places))
    return places, first
