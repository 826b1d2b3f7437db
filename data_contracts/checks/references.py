"""Foreign keys: every key that is there stands in another asset. Exact: values are compared, not hashes.

Invariants:
1. A row with a null in its key refers to nothing, as in SQL, and breaks nothing.
2. The other asset's rows come through a `Reading` that the caller gives, by the object's name. Where it
   gives none, or the columns there are missing or of another kind, the rule is not evaluated: it fails.
3. Both sides are cut into buckets on disk where this side's keys outgrow the memory budget.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from data_contracts.arrow import Values, in_utc
from data_contracts.checks.keytable import KeyTable
from data_contracts.checks.workspace import Workspace
from data_contracts.measure import KeySpec, Reading

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa

__all__ = ["ReferenceKey", "UnresolvableError", "unmatched_keys", "unmatched_rows"]


class UnresolvableError(Exception):
    """The other side cannot be compared with: no such column, or another kind of value."""


@dataclass(frozen=True)
class ReferenceKey:
    """A foreign key.

    Attributes:
        columns: paths of this side.
        to_object: the other side's object.
        to_columns: its columns, pairwise.
        file: the other contract, as written; None for an object of this contract.
    """

    columns: tuple[str, ...]
    to_object: str
    to_columns: tuple[str, ...]
    file: str | None = None

    def key(self) -> KeySpec:
        """Return this side's key."""
        import polars as pl

        return KeySpec(tuple(pl.col(path) for path in self.columns))


def unmatched_rows(
    key: ReferenceKey, own: Iterable[pl.DataFrame], other: Reading, seed: int, work: Workspace
) -> int:
    """Return how many rows of `own` (keys without nulls, as `k0`, …) stand nowhere in the other asset.

    Raises:
        UnresolvableError: the other asset has no such columns.
    """
    return sum(int(left["rows"].sum()) for left in unmatched_keys(key, own, other, seed, work))


def unmatched_keys(
    key: ReferenceKey, own: Iterable[pl.DataFrame], other: Reading, seed: int, work: Workspace
) -> Iterator[pl.DataFrame]:
    """Yield the keys of `own` that stand nowhere in the other asset, each once, with its `rows`.

    Raises:
        UnresolvableError: the other asset has no such columns.
    """
    here = KeyTable(seed, work)
    kinds: list[Any] = []
    for keys in own:
        kinds = keys.dtypes
        here.add(keys)
    there = _referred(key, kinds, other)
    if here.spilled:
        yield from _by_bucket(here, there, seed, work)
        return
    for _, left in here.buckets():
        for keys in there:
            left = left.join(keys, on=keys.columns, how="anti")  # noqa: PLW2901 - what is not found yet
        yield left


def _by_bucket(
    here: KeyTable, there: Iterable[pl.DataFrame], seed: int, work: Workspace
) -> Iterator[pl.DataFrame]:
    known = KeyTable(seed, work)
    for keys in there:
        known.add(keys)
    known.flush()
    for number, found in here.buckets():
        others = known.bucket(number)
        names = [name for name in found.columns if name != "rows"]
        yield found if others is None else found.join(others, on=names, how="anti")


def _referred(key: ReferenceKey, kinds: list[Any], other: Reading) -> Iterator[pl.DataFrame]:
    """Yield the other side's keys in this side's types, without nulls and each once for a part."""
    import polars as pl

    for table in other(list(key.to_columns)):
        columns = [
            _aligned(table, name, kinds[index] if kinds else None).alias(f"k{index}")
            for index, name in enumerate(key.to_columns)
        ]
        yield pl.DataFrame(columns).drop_nulls().unique()


def _aligned(table: pa.Table, name: str, kind: Any) -> pl.Series:  # noqa: ANN401 - a Polars type or None
    import polars as pl

    if table.column_names.count(name) != 1:
        raise UnresolvableError
    values: Values = table.column(name)
    try:
        values.validate(full=True)
    except ValueError:
        raise UnresolvableError from None
    made = pl.from_arrow(in_utc(values))
    if not isinstance(made, pl.Series):
        raise UnresolvableError
    found = made.cast(pl.String) if made.dtype in {pl.Categorical, pl.Enum} else made
    if kind is None or found.dtype == kind:
        return found
    if found.dtype != pl.Null and _family(found.dtype) != _family(kind):
        raise UnresolvableError
    # A value that this side's type cannot hold is referred to by nothing here.
    return found.cast(kind, strict=False)


def _family(kind: Any) -> str:  # noqa: ANN401 - a Polars type
    """Return a word that types have in common whose values compare."""
    for word in ("integer", "float", "decimal"):
        if getattr(kind, f"is_{word}")():
            return word
    return str(kind)
