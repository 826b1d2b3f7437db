"""What every format gives: batches of typed columns, and what in them could not be read.

Invariants:
1. Nothing becomes null but a missing token of the contract (text, JSON text), a JSON null or absent key,
   and a null of the file itself. What cannot be read is counted and flagged.
2. A refusal names the file and the place (line, row, column by number), never a value.
3. One batch is held at a time; `read` may be called once for each pass that a caller needs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from data_contracts.errors import DataBreaksContractError

if TYPE_CHECKING:
    import pyarrow as pa

    from data_contracts.arrow import Values
    from data_contracts.parsing import Unreadable

__all__ = ["BATCH_ROWS", "Batch", "Reading", "Source", "refusal"]

BATCH_ROWS = 65_536
Reading: TypeAlias = "Callable[[list[str] | None], Iterator[pa.Table]]"
"""Reads an asset from its beginning: all columns, or those named. Called once for each pass."""


@dataclass(frozen=True)
class Batch:
    """Some rows.

    Attributes:
        table: the columns; an unreadable cell is null here.
        rejected: one flag per row, it has an unreadable cell; None where every cell was read.
        text: the rows as text, for those who keep rejected rows; None with `rejected`.
        unreadable: counts per column.
        written: gives all rows as the text that they are in the file; None where the file itself has types.
    """

    table: pa.Table
    rejected: Values | None = None
    text: pa.Table | None = None
    unreadable: tuple[Unreadable, ...] = ()
    written: Callable[[], pa.Table] | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Source:
    """A file (or folder of files) that was opened.

    Attributes:
        kind: `csv`, `jsonl`, `arrow`, `parquet` or `partitioned`.
        schema: of every table that `read` yields: the contract's where text was given types by one; CSV
            without a contract is all text; else the file's own.
        typed: the file itself has the types; what does not fit the contract is then a wrong type, not a
            cell that cannot be read.
        batches: reads from the beginning.
    """

    kind: str
    schema: pa.Schema
    typed: bool
    batches: Callable[[list[str] | None], Iterator[Batch]] = field(repr=False)
    _unreadable: list[Counter[str]] = field(default_factory=list, repr=False)

    def read(self, columns: list[str] | None = None) -> Iterator[pa.Table]:
        """Yield the tables of one pass: a `Reading`."""
        counts: Counter[str] = Counter()
        for batch in self.batches(columns):
            for cells in batch.unreadable:
                counts[cells.column] += cells.count
            yield batch.table
        self._unreadable[:] = [counts]

    @property
    def unreadable(self) -> Mapping[str, int]:
        """Cells by column that the last whole pass of `read` could not read as their type (read as null)."""
        return self._unreadable[0] if self._unreadable else Counter()


def refusal(path: Path, place: int | str, message: str, expected: str) -> DataBreaksContractError:
    """Return the refusal of a file at a line (or at no line: ``)."""
    where = f"{path.name}:{place}" if place else path.name
    return DataBreaksContractError(
        f"{where}: {message}", remedy=f"expected {expected}; nothing was committed"
    )
