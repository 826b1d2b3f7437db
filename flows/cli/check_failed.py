"""`--failed-rows FILE`: the rows that break rules, for the data's owner alone.

Invariants:
1. The file is new, a regular file, and readable by its owner alone from its first byte. Nothing is
   written into a pipe, a device or a file that is there already; so never to stdout.
2. It carries the labels of the data that it was taken from, in its metadata (`isthmus.labels`), and the
   name of what it breaks.
3. Rows stand there as in the data (of text: as text), after their number (from 1) and the rules that they
   break.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data_contracts.errors import UsageError

if TYPE_CHECKING:
    import pyarrow as pa

    from data_contracts.checks import CheckPlan
    from flows.cli.check_input import Checked, Part

__all__ = ["write_failed_rows"]

_MODE = 0o600
_OWN = ("isthmus.row", "isthmus.rules")


def write_failed_rows(checked: Checked, path: Path) -> int:
    """Write the rows and return how many they are.

    Raises:
        UsageError: the file is there already, or cannot be made.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    try:
        handle = os.open(path, flags, _MODE)
    except FileExistsError:
        raise UsageError(
            f"{path}: there already",
            remedy="name a new file; rows of the data go into no pipe and over no file",
        ) from None
    except OSError as error:
        raise UsageError(f"{path}: cannot be written: {error.strerror}") from None
    written = 0
    writer: pq.ParquetWriter | None = None
    with os.fdopen(handle, "wb") as stream:
        try:
            for table in _tables(checked):
                if writer is None:
                    writer = pq.ParquetWriter(pa.PythonFile(stream, mode="w"), table.schema)
                writer.write_table(table)
                written += table.num_rows
        finally:
            if writer is not None:
                writer.close()
    return written


def _tables(checked: Checked) -> Iterator[pa.Table]:
    from data_contracts.checks.expectations_keys import repeated_keys
    from data_contracts.checks.expectations_references import lost_keys
    from data_contracts.checks.expectations_rows import row_tests

    failed = {rule.id for rule in checked.verdict.failed}

    def read(names: list[str] | None) -> Iterator[pa.Table]:
        yield from _columns(checked, names)

    guilty = _Guilty(
        row_tests(checked.plan, read, failed),
        repeated_keys(checked.plan, read, failed),
        lost_keys(checked.plan, read, failed),
    )
    metadata = {
        "isthmus.labels": json.dumps(checked.labels.to_json()),
        "isthmus.of": checked.name,
        "isthmus.checked": checked.reference,
    }
    first = 1
    for part in checked.parts():
        yield _table(checked, part, guilty, first).replace_schema_metadata(metadata)
        first += part.table.num_rows


def _columns(checked: Checked, names: list[str] | None) -> Iterator[pa.Table]:
    """Read the rows again; a column that is not there once stays out, and its rules blame no row."""
    for part in checked.parts():
        held = part.table.column_names
        yield part.table if names is None else part.table.select([n for n in names if held.count(n) == 1])


@dataclass(frozen=True)
class _Guilty:
    """What tells a row that breaks a rule: its own test, a key that repeats, a key that refers to none."""

    tests: Mapping[str, Any]
    repeated: Mapping[str, Any]
    lost: Mapping[str, Any]

    def broken(self, plan: CheckPlan, table: pa.Table) -> dict[str, Any]:
        """Return, by rule, one flag for each row."""
        from data_contracts.checks.expectations_keys import broken_keys
        from data_contracts.checks.expectations_references import broken_references
        from data_contracts.checks.expectations_rows import broken_rules

        found = broken_rules(plan, table, self.tests) | broken_keys(plan, table, self.repeated)
        return found | broken_references(plan, table, self.lost)


def _table(checked: Checked, part: Part, guilty: _Guilty, first: int) -> pa.Table:
    """Return the rows of one part that break rules; of a part without any, no rows."""
    import numpy as np
    import polars as pl
    import pyarrow as pa

    broken = guilty.broken(checked.plan, part.table)
    if part.unreadable is not None:
        flags: Any = part.unreadable
        broken["unreadable cells"] = np.asarray(flags.to_numpy(zero_copy_only=False), dtype=bool)
    any_broken = np.zeros(part.table.num_rows, dtype=bool)
    for flags in broken.values():
        any_broken |= flags
    places = np.flatnonzero(any_broken)
    rules = [[name for name, flags in broken.items() if flags[place]] for place in places.tolist()]
    row, names = (
        pl.Series(places + first, dtype=pl.Int64).to_arrow(),
        pl.Series(rules, dtype=pl.List(pl.String)).to_arrow().cast(pa.list_(pa.string())),
    )
    kept = part.shown().filter(pl.Series(any_broken).to_arrow())
    columns: dict[str, Any] = {_OWN[0]: row, _OWN[1]: names}
    columns |= {name: kept.column(name) for name in kept.column_names if name not in _OWN}
    return pa.table(columns)
