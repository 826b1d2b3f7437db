"""Hierarchies: from a column's own values, level by level, to `*`.

Invariants:
1. Level 0 is the value itself as text, the last level is `*` for every row, null included.
2. Each level is a function of the level below: two values that share a label share all coarser ones.
   This is what lets a search leave levels out without looking at them.
3. Null is a value of its own, and stays null below `*`. It never joins a label in silence.
4. A value that a hierarchy has no label for is counted and refused, never let through and never nulled.

Example:
    >>> import polars as pl
    >>> ages = Bands(((0, 20, 40, 60), (0, 40)))
    >>> ages.levels, label(ages, pl.Series("age", [7, 41, None]), 1).to_list()
    (4, ['[0,20)', '[40,60)', None])
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Protocol

from data_contracts.digest import canonical
from data_contracts.errors import DataBreaksContractError

if TYPE_CHECKING:
    import polars as pl

__all__ = ["TOP", "Bands", "Hierarchy", "NoLabelError", "Star", "Table", "as_text", "band_labels", "label"]

TOP = "*"
"""What every value of a column becomes at its last level."""
_MAX_BANDS = 1000
_MAX_LEVELS = 32


class NoLabelError(DataBreaksContractError):
    """Values that a column's hierarchy has no label for.

    Attributes:
        rule: the rule's id, such as `education.hierarchy`.
        count: rows (or, while levels are searched, distinct values) with such a value.
    """

    def __init__(self, rule: str, count: int) -> None:
        """Say which rule and how many; never which values."""
        super().__init__(
            f"{rule}: {count} values that the hierarchy has no label for",
            remedy="set such rows aside first, or name the values in the hierarchy",
        )
        self.rule = rule
        self.count = count


class Hierarchy(Protocol):
    """One column's way from its values to `*`."""

    @property
    def levels(self) -> int:
        """How many levels there are, the values themselves and `*` included; at least 2."""
        ...

    def complaints(self, kind: str | None) -> list[tuple[str, str]]:
        """Return (what is wrong, what is expected) on a column of this logical type; None: not known yet."""
        ...

    def between(self, values: pl.Series, level: int) -> pl.Series:
        """Return the labels at a level that is neither the first nor the last; null for null.

        A value without a label is null as well: `label` counts those.
        """
        ...


def as_text(values: pl.Series) -> pl.Series:
    """Return each value's one text: equal values have equal texts, and different ones do not."""
    import polars as pl

    if values.dtype.is_float():
        # One zero: -0.0 is written like 0.0. (Polars takes `+ 0.0` for nothing to do.)
        zero = pl.lit(0.0, values.dtype)
        values = pl.select(pl.when(values == 0).then(zero).otherwise(values)).to_series()
    if values.dtype == pl.Binary:
        return values.bin.encode("hex")
    return values.cast(pl.String)


def label(hierarchy: Hierarchy, values: pl.Series, level: int) -> pl.Series:
    """Return the column at a level, as text.

    Raises:
        NoLabelError: some values have no label there.
    """
    import polars as pl

    if level == hierarchy.levels - 1:
        return pl.repeat(TOP, values.len(), dtype=pl.String, eager=True).alias(values.name)
    if level == 0:
        return as_text(values).alias(values.name)
    found = hierarchy.between(values, level)
    lost = found.null_count() - values.null_count()
    if lost:
        raise NoLabelError(f"{values.name}.hierarchy", lost)
    return found.alias(values.name)


def band_labels(bounds: tuple[float, ...]) -> list[str]:
    """Return the half-open bands between ascending bounds, as design §4 writes them.

    Example:
        >>> band_labels((0, 18, 65.5))
        ['[0,18)', '[18,65.5)', '[65.5,)']
    """
    words = [canonical(bound).decode() for bound in bounds]
    return [f"[{low},{high})" for low, high in pairwise(words)] + [f"[{words[-1]},)"]


@dataclass(frozen=True)
class Star:
    """Any column: the value, or `*`."""

    @property
    def levels(self) -> int:
        """Two."""
        return 2

    def complaints(self, kind: str | None) -> list[tuple[str, str]]:
        """Text, numbers, dates and truth have a text; objects and arrays have none."""
        return _no_text(kind)

    def between(self, values: pl.Series, level: int) -> pl.Series:  # noqa: ARG002 - the protocol's
        """There is nothing between."""
        return values


@dataclass(frozen=True)
class Bands:
    """Numbers as half-open bands, coarser from level to level.

    Attributes:
        bounds: for each level between value and `*` the lower bounds, ascending. All levels start at the
            same bound, and the bounds of a level are some of those of the one before.
    """

    bounds: tuple[tuple[float, ...], ...]

    @property
    def levels(self) -> int:
        """One for each list of bounds, the values, and `*`."""
        return len(self.bounds) + 2

    def complaints(self, kind: str | None) -> list[tuple[str, str]]:
        """Ascending bounds, each level's among those of the one before, on a column of numbers."""
        found = []
        if kind not in {"integer", "number", None}:
            found.append(("a column that holds no numbers has no bands", "an integer or number column"))
        found += [
            ("a level's bounds are no ascending list", "the lower bound of each band")
            for bounds in self.bounds
            if not 1 <= len(bounds) <= _MAX_BANDS or any(a >= b for a, b in pairwise(bounds))
        ]
        for fine, coarse in pairwise(self.bounds):
            if not set(coarse) <= set(fine) or coarse[:1] != fine[:1]:
                found.append(
                    ("a level cuts a band of the one before", "bounds among those before, the first alike")
                )
        return found

    def between(self, values: pl.Series, level: int) -> pl.Series:
        """Return each number's band; null for what is below the first bound or no number."""
        import polars as pl

        bounds = self.bounds[level - 1]
        numbers = values.cast(pl.Float64)
        inside = numbers.is_not_null() & (numbers >= bounds[0]) & numbers.is_not_nan()
        edges = pl.Series(bounds, dtype=pl.Float64)
        safe = pl.select(pl.when(inside).then(numbers).otherwise(pl.lit(bounds[0], pl.Float64))).to_series()
        words = pl.Series(band_labels(bounds), dtype=pl.String)[edges.search_sorted(safe, side="right") - 1]
        return pl.select(pl.when(inside).then(words)).to_series()


@dataclass(frozen=True)
class Table:
    """Named values with their labels, one row for each value: the form of ARX's CSV files.

    Attributes:
        rows: each value (as text) with its label at every level, from the finest to the coarsest.
    """

    rows: tuple[tuple[str, ...], ...]

    @cached_property
    def _middle(self) -> int:
        """Levels between the values and `*`; a last column that is all `*` is the top itself."""
        width = min((len(row) for row in self.rows), default=1)
        starred = width > 1 and all(row[width - 1] == TOP for row in self.rows)
        return width - 1 - starred

    @property
    def levels(self) -> int:
        """One for each column of the table, and `*` where the last is not that already."""
        return self._middle + 2

    def complaints(self, kind: str | None) -> list[tuple[str, str]]:
        """Rows of one length, each value once, each label with one label above it."""
        found = _no_text(kind)
        widths = {len(row) for row in self.rows}
        if not self.rows or len(widths) > 1 or not 1 <= min(widths) <= _MAX_LEVELS:
            return [*found, ("rows of a hierarchy have different numbers of levels", "VALUE;LABEL;…;*")]
        if len({row[0] for row in self.rows}) != len(self.rows):
            found.append(("a value stands twice in a hierarchy", "one row for each value"))
        for level in range(1, min(widths) - 1):
            above: dict[str, set[str]] = {}
            for row in self.rows:
                above.setdefault(row[level], set()).add(row[level + 1])
            if any(len(labels) > 1 for labels in above.values()):
                message = f"a label of level {level} has several labels at level {level + 1}"
                found.append((message, "each label under one coarser label"))
        return found

    def mapping(self, level: int) -> Mapping[str, str]:
        """Return value to label at a level."""
        return {row[0]: row[level] for row in self.rows}

    def between(self, values: pl.Series, level: int) -> pl.Series:
        """Return each value's label; null for a value that the table does not name."""
        import polars as pl

        return as_text(values).replace_strict(self.mapping(level), default=None, return_dtype=pl.String)


def _no_text(kind: str | None) -> list[tuple[str, str]]:
    if kind in {"object", "array", ""}:
        return [("a column of this type has no hierarchy", "text, numbers, dates or truth")]
    return []
