r"""Hierarchies from text: the CSV form that ARX (arx.deidentifier.org) reads and writes.

One line for each value: the value, its label at every level, separated by semicolons, and mostly `*` at
the end. Quoted fields are read as CSV has them. Blank lines are left out.

Example:
    >>> parse_table("United-States;North America;*\nEngland;Europe;*\n").levels
    3
"""

from __future__ import annotations

import csv
import io
from pathlib import Path

from data_contracts.anonymity.hierarchy import Table
from data_contracts.errors import UsageError

__all__ = ["parse_table", "read_table"]

_MAX_BYTES = 8 << 20
_MAX_ROWS = 100_000


def parse_table(text: str, *, separator: str = ";") -> Table:
    """Return the hierarchy that a text holds; `Table.complaints` says what is wrong with it.

    Raises:
        UsageError: it is no CSV, or has more rows than a hierarchy may have.
    """
    try:
        read = csv.reader(io.StringIO(text), delimiter=separator, strict=True)
        rows = tuple(tuple(row) for row in read if row)
    except csv.Error:
        # The csv module's own text may repeat what stands there.
        raise UsageError("a hierarchy that is no CSV", remedy="VALUE;LABEL;…;* on each line") from None
    if len(rows) > _MAX_ROWS:
        raise UsageError(
            f"a hierarchy of more than {_MAX_ROWS:,} rows", remedy="use bands, dates or prefixes"
        )
    return Table(rows)


def read_table(path: Path, *, separator: str = ";") -> Table:
    """Return the hierarchy of a file.

    Raises:
        UsageError: it cannot be read, is too large, is no UTF-8 text, or is no hierarchy; all that is wrong.
    """
    try:
        raw = path.read_bytes()
        text = raw.decode("utf-8-sig")
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UsageError(f"{path}: no UTF-8 text") from None
    if len(raw) > _MAX_BYTES:
        raise UsageError(f"{path}: larger than a hierarchy may be")
    table = parse_table(text, separator=separator)
    wrong = table.complaints("string")
    if wrong:
        raise UsageError(f"{path}: " + "; ".join(message for message, _ in wrong), remedy=wrong[0][1])
    return table
