"""Measures: how a rule looks at data. A rule holds one; the engine runs those of all rules together.

Invariants:
1. A measure is plain data (a frozen dataclass) that pickles and means the same in every process. What it
   reads is `columns`; the engine reads nothing else for it.
2. A state is small, picklable, and merges associatively and commutatively: the verdict does not depend on
   how the asset is cut, or on the order in which parts are done. A measure that needs the order of rows
   keeps `position` in its state and chains by it when it judges.
3. `expressions` give one value each; the engine runs those of all measures in one select per part.
4. A measure never sees a column that is missing, repeated, of a wrong type or with unreadable values: the
   engine has then failed the rule already, with that reason.
5. `Finding.observed` and states may hold values of the data. Both stay inside the environment: a verdict
   takes nothing but the counts and the reason.

There are three kinds. A `Measure` streams. A `KeyMeasure` asks about keys over the whole asset (how many
are distinct, how many rows repeat one); the engine answers exactly, spilling to disk where it must. A
`WholeMeasure` needs the asset at once.

Columns are paths: `age`; `address.street` inside an object; `tags[]` for the items of an array. All paths
of one measure stand at one level: rows, or the items of one array. At the level `tags[]` a "row" of the
frame is one item; a null or empty array has none.

Example, of rows that are not positive::

    @dataclass(frozen=True)
    class Positive(OnePass):
        columns: tuple[str, ...]

        def expressions(self):
            values = pl.col(self.columns[0])
            return (values.null_count(), (values <= 0).sum())

        def state(self, answers, part):
            return Counts(part.rows, *map(int, answers))

        def judge(self, state, rows):
            bad = state.unexpected
            return Finding(not bad, rows, state.missing, bad, Reason.UNEXPECTED_VALUES if bad else None)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, Self, runtime_checkable

from data_contracts.verdict import Reason

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa

__all__ = [
    "Asset",
    "Counts",
    "Finding",
    "KeyCounts",
    "KeyMeasure",
    "KeySpec",
    "Measure",
    "OnePass",
    "PartView",
    "Reading",
    "State",
    "WholeMeasure",
    "level_of",
]

Reading = Callable[[list[str] | None], Iterator["pa.Table"]]
"""Reads an asset from its beginning: all columns, or those named. Called once for each pass."""


class State(Protocol):
    """What a measure remembers of the parts it has seen."""

    def merge(self, other: Self) -> Self:
        """Return the state of both; in any order and grouping the same."""


@dataclass(frozen=True)
class Finding:
    """What a measure found in the whole asset.

    Attributes:
        success: whether the rule is kept.
        element_count: rows looked at (items, for a rule on the items of an array).
        missing_count: those of them without a value.
        unexpected_count: those that break the rule; for a rule on a number, 0 or 1.
        reason: why it failed; None where it did not.
        observed: for the data's owner only, never in a verdict.
    """

    success: bool
    element_count: int
    missing_count: int
    unexpected_count: int
    reason: Reason | None
    observed: object = None


@dataclass(frozen=True)
class PartView:
    """One part (a row group) as a measure sees it.

    Attributes:
        frame: the sound columns that rules read, named by paths, in the contract's types (or the file's).
        rows: rows of the part at this measure's level.
        position: ordinal of the part in the asset, from 0, contiguous.
        first_row: number of its first row in the asset, where that is known (not over Dask).
    """

    frame: pl.DataFrame
    rows: int
    position: int
    first_row: int | None = None


@runtime_checkable
class Measure(Protocol):
    """A rule that streams: one pass over the parts, or several."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Paths of what it reads; empty for a rule on rows as such."""

    def expressions(self) -> tuple[pl.Expr, ...]:
        """Return aggregates over `columns`, each with one value for a part."""

    def state(self, answers: tuple[Any, ...], part: PartView) -> Any:  # noqa: ANN401 - its own State
        """Return the state of one part; `answers` are the values of `expressions`, in their order."""

    def second(self, state: Any) -> Measure | None:  # noqa: ANN401 - its own State
        """Return the measure of the next pass, made from the merged state; None where there is none.

        The verdict is then the next measure's.
        """

    def judge(self, state: Any, rows: int) -> Finding:  # noqa: ANN401 - its own State
        """Judge the merged state of all parts; `rows` counts the asset's rows at the measure's level."""

    def broken(self) -> pl.Expr | None:
        """Return what is true (never null) in rows that break it; None where it is not about single rows."""


class OnePass:
    """Defaults of a measure that needs one pass and is not about single rows."""

    def second(self, state: Any) -> Measure | None:  # noqa: ANN401 - as the protocol
        """Return None: there is no second pass."""
        del state
        return None

    def broken(self) -> pl.Expr | None:
        """Return None: no single row breaks it."""
        return None


@dataclass(frozen=True)
class Counts:
    """The state of most rules: rows looked at, rows without a value, rows that break the rule."""

    elements: int = 0
    missing: int = 0
    unexpected: int = 0

    def merge(self, other: Counts) -> Counts:
        """Return the sums."""
        return Counts(
            self.elements + other.elements,
            self.missing + other.missing,
            self.unexpected + other.unexpected,
        )


@dataclass(frozen=True)
class KeySpec:
    """Which rows have a key, and which.

    Attributes:
        values: the parts of the key.
        where: only rows where this is true (null is not); None is every row.
        null_is_value: a null in a key is a value like others. Else a row with a null in its key has none.
    """

    values: tuple[pl.Expr, ...] = field(compare=False)
    where: pl.Expr | None = field(default=None, compare=False)
    null_is_value: bool = False


@dataclass(frozen=True)
class KeyCounts:
    """Exact counts of the keys of an asset.

    Attributes:
        rows: rows that `where` admits.
        keyed: those of them that have a key.
        distinct: different keys among them.
        repeated: rows whose key occurs more than once, its first occurrence included.
    """

    rows: int = 0
    keyed: int = 0
    distinct: int = 0
    repeated: int = 0


@runtime_checkable
class KeyMeasure(Protocol):
    """A rule about keys over the whole asset. The engine hashes, sorts, spills and compares for it."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Paths of what the key is made from."""

    def key(self) -> KeySpec:
        """Return the key."""

    def judge_keys(self, counts: KeyCounts, rows: int) -> Finding:
        """Judge the counts; `rows` counts the asset's rows at the measure's level."""


@dataclass(frozen=True)
class Asset:
    """A whole asset, for a measure that needs it at once.

    Attributes:
        read: reads it, as often as wanted.
        rows: how many rows the first pass saw.
        shared: what measures of one check share (a pandas frame, an engine); lives as long as the check.
    """

    read: Reading
    rows: int
    shared: dict[Any, Any] = field(default_factory=dict, repr=False)


@runtime_checkable
class WholeMeasure(Protocol):
    """A rule that needs the whole asset: Great Expectations' own engine, `sql` through DuckDB."""

    @property
    def columns(self) -> tuple[str, ...] | None:
        """Columns that it reads; None is all."""

    def evaluate(self, asset: Asset) -> Finding:
        """Evaluate it; whatever cannot be evaluated has failed with `Reason.NOT_EVALUATED`."""


def level_of(path: str) -> str:
    """Return the array whose items the path is about (`lines[]` of `lines[].price`), '' for rows."""
    head, found, _ = path.rpartition("[]")
    return head + found
