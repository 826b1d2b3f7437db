"""A path to a `Source`: which format it is, and which columns it has."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from data_contracts.errors import UsageError
from data_contracts.formats.base import Source

if TYPE_CHECKING:
    from data_contracts.model import Contract, SchemaObject

__all__ = ["kind_of_file", "open_source"]

_SUFFIXES = {
    ".csv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".arrow": "arrow",
    ".arrows": "arrow",
    ".feather": "arrow",
    ".ipc": "arrow",
    ".parquet": "parquet",
    ".pq": "parquet",
}
_KINDS = "CSV, JSON Lines, Parquet nor Arrow"
_NAMES = ".csv, .jsonl, .ndjson, .parquet, .arrow, .arrows, .feather, or a folder of Parquet files"


def kind_of_file(path: Path) -> str:
    """Return `csv`, `jsonl`, `arrow`, `parquet` or (for a folder) `partitioned`.

    Raises:
        UsageError: there is no such file, or its name ends in none of ours.
    """
    if path.is_dir():
        return "partitioned"
    kind = _SUFFIXES.get(path.suffix.lower())
    if kind is None:
        raise UsageError(f"{path}: neither {_KINDS}", remedy=f"name a file that ends in {_NAMES}")
    if not path.is_file():
        raise UsageError(f"{path}: no such file", remedy=f"name {_NAMES}")
    return kind


def open_source(path: Path, contract: Contract | None = None) -> Source:
    """Open a file, or a folder of Parquet files.

    Args:
        path: its name says the format.
        contract: gives text its types. Without one CSV is all text, and JSON Lines are read once more, before
            anything else, to learn the type of every key.

    Raises:
        UsageError: the name is none of ours, nothing is there, or the contract has not one data object.
        DataBreaksContractError: the file is damaged, or its columns are not the contract's (CSV: at once;
            others: while reading, or by the rules of a check).
        OSError: it cannot be read.
    """
    kind = kind_of_file(path)
    item = None if contract is None else contract.object
    if kind == "csv":
        return _csv(path, contract)
    if kind == "jsonl":
        return _jsonl(path, item)
    if kind == "partitioned":
        return _partitioned(path, item)
    if kind == "arrow":
        from data_contracts.formats.arrowfile import arrow_batches, arrow_schema_of

        return Source(kind, arrow_schema_of(path), True, partial(arrow_batches, path))
    from data_contracts.formats.parquetfile import parquet_batches, parquet_schema

    return Source(kind, parquet_schema(path), True, partial(parquet_batches, path))


def _csv(path: Path, contract: Contract | None) -> Source:
    from data_contracts.arrow import object_schema
    from data_contracts.formats.csvtyped import text_batches, typed_batches
    from data_contracts.textfile import read_csv

    if contract is not None:
        schema = object_schema(contract.object)
        return Source("csv", schema, False, partial(typed_batches, path, contract))
    first = next(read_csv(path, rows=1))
    return Source("csv", first.schema, False, partial(text_batches, path))


def _jsonl(path: Path, item: SchemaObject | None) -> Source:
    from data_contracts.arrow import object_schema
    from data_contracts.formats.jsonshape import learn_object
    from data_contracts.formats.jsontyped import typed_batches

    item = item or learn_object(path)
    return Source("jsonl", object_schema(item), False, partial(typed_batches, path, item))


def _partitioned(path: Path, item: SchemaObject | None) -> Source:
    from data_contracts.formats.partitioned import open_partitioned

    found = open_partitioned(path, item)
    # One batch tells the types: a key's are the contract's.
    first = next(found.batches())
    return Source("partitioned", first.table.schema, True, found.batches)
