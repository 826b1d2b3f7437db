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
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data_contracts.errors import UsageError

if TYPE_CHECKING:
    import pyarrow as pa

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
    from data_contracts.checks.expectations_rows import row_tests

    failed = {rule.id for rule in checked.verdict.failed}
    tests = row_tests(checked.plan, lambda names: _columns(checked, names), failed)
    repeated = repeated_keys(checked.plan, lambda names: _columns(checked, names), failed)
    metadata = {
        "isthmus.labels": json.dumps(checked.labels.to_json()),
        "isthmus.of": checked.name,
        "isthmus.checked": checked.reference,
    }
    first = 1
    for part in checked.parts():
        yield _table(checked, part, tests, repeated, first).replace_schema_metadata(metadata)
        first += part.table.num_rows


def _columns(checked: Checked, names: list[str] | None) -> Iterator[pa.Table]:
    for part in checked.parts():
        yield part.table if names is None else part.table.select(names)


def _table(
    checked: Checked, part: Part, tests: Mapping[str, Any], repeated: Mapping[str, Any], first: int
) -> pa.Table:
    """Return the rows of one part that break rules; of a part without any, no rows."""
    import numpy as np
    import polars as pl
    import pyarrow as pa

    from data_contracts.checks.expectations_keys import broken_keys
    from data_contracts.checks.expectations_rows import broken_rules

    broken = broken_rules(checked.plan, part.table, tests) | broken_keys(checked.plan, part.table, repeated)
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
    kept = part.shown.filter(pl.Series(any_broken).to_arrow())
    columns: dict[str, Any] = {_OWN[0]: row, _OWN[1]: names}
    columns |= {name: kept.column(name) for name in kept.column_names if name not in _OWN}
    return pa.table(columns)
