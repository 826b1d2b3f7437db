"""A folder of Parquet files, partitioned as Hive does it: `country=DE/year=2026/part-0.parquet`.

Invariants:
1. Every file stands under the same keys in the same order; a key is no column of the files and stands once.
   All files have the same columns of the same types. Otherwise the folder is refused.
2. A key's value is text, percent-decoded, in the contract's type where there is a contract; only
   `__HIVE_DEFAULT_PARTITION__` is null, as Hive writes it.
3. Nothing is passed over but what writers leave beside data: `_SUCCESS`, `_metadata`, `_common_metadata`,
   `.*.crc`. A link, another file and an empty folder are refused: a folder that was copied in part must not
   look whole.
4. Files are read in the order of their paths. A message tells a file by its number in that order: its path
   holds values.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from data_contracts.arrow import Values, array_of
from data_contracts.errors import DataBreaksContractError, UsageError
from data_contracts.formats.base import Batch, refusal
from data_contracts.formats.parquetfile import parquet_batches, parquet_schema
from data_contracts.model import Column, SchemaObject
from data_contracts.parsing import Unreadable, parse_column

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Partitioned", "open_partitioned"]

MAX_FILES = 100_000
MAX_DEPTH = 16
_NULL = "__HIVE_DEFAULT_PARTITION__"
_BESIDE = re.compile(r"_SUCCESS|_metadata|_common_metadata|\..*\.crc")
_ESCAPE = re.compile(rb"%([0-9A-Fa-f]{2})")
_SUFFIXES = {".parquet", ".pq"}
_FORM = "folders KEY=VALUE of Parquet files, all under the same keys"


@dataclass(frozen=True)
class Partitioned:
    """The files of one folder, with what their places say.

    Attributes:
        root: the folder.
        keys: the partition columns, outermost first.
        files: each with the values of the keys (None is null), in the order of their paths.
        schema: of a file, then the keys as text.
        columns: the contract's, by name, for the types of keys.
    """

    root: Path
    keys: tuple[str, ...]
    files: tuple[tuple[Path, tuple[str | None, ...]], ...]
    schema: pa.Schema
    columns: dict[str, Column]

    def batches(self, names: list[str] | None = None) -> Iterator[Batch]:
        """Yield the rows of all files, the keys' columns last."""
        for number, (path, values) in enumerate(self.files, 1):
            inside = None if names is None else [name for name in names if name not in self.keys]
            try:
                for batch in parquet_batches(path, inside):
                    yield self._widened(batch.table, values, names)
            except DataBreaksContractError:
                raise _refused(self.root, number, "damaged or truncated") from None

    def _widened(self, table: pa.Table, values: tuple[str | None, ...], names: list[str] | None) -> Batch:
        import pyarrow as pa
        import pyarrow.compute as pc

        rows = table.num_rows
        rejected: Values | None = None
        unreadable: list[Unreadable] = []
        for key, value in zip(self.keys, values, strict=True):
            if names is not None and key not in names:
                continue
            text = array_of([value], pa.string())
            column = self.columns.get(key)
            typed, broken = (text, None) if column is None else parse_column(column, text)
            if broken is not None and broken[0].as_py() and rows:
                unreadable.append(Unreadable(f"{key}.type", key, rows))
                rejected = array_of([True] * rows, pa.bool_())
            table = table.append_column(key, _repeated(typed, rows))
        if names is not None:
            table = table.select([name for name in names if name in table.column_names])
        if rejected is None:
            return Batch(table)
        text_of: Values = {
            name: pc.cast(table.column(name), pa.string(), safe=False) for name in table.column_names
        }
        return Batch(table, rejected, pa.table(text_of), tuple(unreadable))


def _repeated(one: Values, rows: int) -> Values:
    """Return the one value as a column: indices that all name it, so that every type repeats."""
    import numpy as np
    import pyarrow as pa

    zeros: Values = np.zeros(rows, dtype=np.int32)
    return one.take(pa.Array.from_buffers(pa.int32(), rows, [None, pa.py_buffer(zeros)]))


def open_partitioned(root: Path, item: SchemaObject | None = None) -> Partitioned:
    """Look at every file of the folder; `item` gives the types of the keys.

    Raises:
        DataBreaksContractError: the folder breaks an invariant above.
        OSError: it cannot be read.
    """
    found = sorted(_files(root))
    placed = [_placed(root, number, path) for number, path in enumerate(found, 1)]
    keys = tuple(key for key, _ in placed[0])
    for number, pairs in enumerate(placed, 1):
        if tuple(key for key, _ in pairs) != keys or len(set(keys)) != len(keys):
            raise _refused(root, number, "under other keys than the first, or one key twice")
    schema = _schema(root, found, keys)
    columns = {} if item is None else {column.name: column for column in item.columns}
    files = tuple(
        (path, tuple(value for _, value in pairs)) for path, pairs in zip(found, placed, strict=True)
    )
    return Partitioned(root, keys, files, schema, columns)


def _files(root: Path) -> list[Path]:
    files: list[Path] = []
    others = empty = False
    for folder, folders, names in os.walk(root, onerror=_raise):
        here = Path(folder)
        if len(here.relative_to(root).parts) > MAX_DEPTH:
            raise refusal(root, "", f"folders nested deeper than {MAX_DEPTH}", _FORM)
        if any((here / name).is_symlink() for name in (*folders, *names)):
            raise refusal(root, "", "a link in it", "files and folders themselves")
        data = [name for name in names if not _BESIDE.fullmatch(name)]
        others = others or any(Path(name).suffix.lower() not in _SUFFIXES for name in data)
        empty = empty or not (folders or data)
        files += [here / name for name in data if Path(name).suffix.lower() in _SUFFIXES]
        if len(files) > MAX_FILES:
            raise refusal(root, "", f"more than {MAX_FILES} files", "larger files")
    if not files:
        raise UsageError(f"{root}: a folder without Parquet files", remedy=f"name a file, or {_FORM}")
    if empty:
        raise refusal(root, "", "a folder in it without any file", _FORM)
    if others:
        raise refusal(root, "", "a file in it that is no Parquet file", _FORM)
    return files


def _raise(error: OSError) -> None:
    raise error


def _placed(root: Path, number: int, path: Path) -> list[tuple[str, str | None]]:
    pairs = []
    for part in path.relative_to(root).parts[:-1]:
        key, sign, value = part.partition("=")
        if not key or not sign:
            raise _refused(root, number, "in a folder that is not KEY=VALUE")
        pairs.append((_decoded(root, number, key), None if value == _NULL else _decoded(root, number, value)))
    return pairs


def _decoded(root: Path, number: int, text: str) -> str:
    try:
        raw = _ESCAPE.sub(lambda found: bytes.fromhex(found[1].decode()), os.fsencode(text))
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        raise _refused(root, number, "in a folder whose name is no UTF-8") from None


def _schema(root: Path, paths: list[Path], keys: tuple[str, ...]) -> pa.Schema:
    import pyarrow as pa

    try:
        schema = parquet_schema(paths[0])
    except DataBreaksContractError:
        raise _refused(root, 1, "damaged or truncated, or no Parquet file") from None
    for number, path in enumerate(paths, 1):
        try:
            alike = parquet_schema(path).equals(schema)
        except DataBreaksContractError:
            raise _refused(root, number, "damaged or truncated, or no Parquet file") from None
        if not alike:
            raise _refused(root, number, "with other columns or types than the first")
    if set(keys) & set(schema.names):
        raise refusal(root, "", "a partition key that is a column of the files too", "each name once")
    return pa.schema([*schema, *(pa.field(key, pa.string()) for key in keys)])


def _refused(root: Path, number: int, what: str) -> DataBreaksContractError:
    return refusal(root, "", f"file {number} (by path) is {what}", _FORM)
