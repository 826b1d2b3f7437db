"""Strict CSV (RFC 4180, UTF-8): every cell as text, or one clear refusal with a line and no cell.

Invariants:
1. The first line names the columns; names are neither empty nor repeated.
2. Every row has as many cells as the header. An empty line, an unclosed quote, text after a closing quote
   and a byte that is no UTF-8 are refused, with the line where the record begins.
3. Cells are not changed: not trimmed, not unquoted twice, never null.
4. One batch is held at a time.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from data_contracts.arrow import array_of
from data_contracts.errors import DataBreaksContractError

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["read_csv"]

_ROWS = 50_000
_MAX_CELL = 16 * 1024 * 1024


def read_csv(path: Path, *, rows: int = _ROWS) -> Iterator[pa.Table]:
    """Yield tables of text without nulls, of at most `rows` rows; a header alone gives one empty table.

    Raises:
        DataBreaksContractError: the file breaks an invariant above; the text names the line, never a cell.
        OSError: the file cannot be read.
    """
    csv.field_size_limit(_MAX_CELL)
    # newline="": the reader, not the decoder, ends records, so that a quoted line break stays as it is.
    with path.open(encoding="utf-8-sig", errors="strict", newline="") as file:
        reader = csv.reader(_decoded(path, file), strict=True)
        header = _next(path, reader, 1)
        if header is None:
            raise _refusal(path, 1, "an empty file", "a first line with the names of the columns")
        if "" in header or len(set(header)) != len(header):
            raise _refusal(path, 1, "a column name that is empty or stands twice", "each name once")
        yield from _batches(path, reader, header, rows)


def _batches(path: Path, reader: Iterator[list[str]], header: list[str], rows: int) -> Iterator[pa.Table]:
    batch: list[list[str]] = []
    given = False
    while True:
        line: int = reader.line_num + 1  # type: ignore[attr-defined]
        record = _next(path, reader, line)
        if record is None:
            break
        if len(record) != len(header):
            message = f"{len(record)} cells where the header has {len(header)}"
            raise _refusal(path, line, message, "as many cells in every row")
        batch.append(record)
        if len(batch) == rows:
            yield _table(header, batch)
            batch, given = [], True
    if batch or not given:
        yield _table(header, batch)


def _next(path: Path, reader: Iterator[list[str]], line: int) -> list[str] | None:
    try:
        return next(reader, None)
    except csv.Error as error:
        # The module's own messages name no cell; only their kinds are told all the same.
        what = "a quote that is not closed" if "unexpected end" in str(error) else "no lawful CSV record"
        raise _refusal(path, line, what, "RFC 4180: quotes around the whole cell, doubled inside") from None


def _decoded(path: Path, file: Iterator[str]) -> Iterator[str]:
    line = 0
    while True:
        line += 1
        try:
            text = next(file, None)
        except UnicodeDecodeError:
            # The decoder reads ahead in blocks; the exact line is found by reading again.
            raise _refusal(path, _bad_line(path), "bytes that are no UTF-8", "UTF-8 text") from None
        if text is None:
            return
        if "\x00" in text:
            raise _refusal(path, line, "a NUL byte", "UTF-8 text")
        yield text


def _bad_line(path: Path) -> int:
    with path.open("rb") as file:
        for number, raw in enumerate(file, start=1):
            try:
                raw.decode("utf-8")
            except UnicodeDecodeError:
                return number
    return 0


def _table(header: list[str], batch: list[list[str]]) -> pa.Table:
    import pyarrow as pa

    columns = list(zip(*batch, strict=True)) if batch else [()] * len(header)
    return pa.table({name: array_of(cells, pa.string()) for name, cells in zip(header, columns, strict=True)})


def _refusal(path: Path, line: int, message: str, expected: str) -> DataBreaksContractError:
    return DataBreaksContractError(f"{path.name}:{line}: {message}", remedy=f"expected {expected}")
