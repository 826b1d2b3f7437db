"""CSV as batches: text as it stands, or in a contract's types."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from data_contracts.formats.base import Batch
from data_contracts.model import Contract
from data_contracts.parsing import parse_table
from data_contracts.textfile import read_csv

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["text_batches", "typed_batches"]


def _chosen(table: pa.Table, columns: list[str] | None) -> pa.Table:
    return table if columns is None else table.select([c for c in columns if c in table.column_names])


def text_batches(path: Path, columns: list[str] | None = None) -> Iterator[Batch]:
    """Yield every cell as the text that it is.

    Raises:
        DataBreaksContractError: the file is no strict CSV.
    """
    for text in read_csv(path):
        yield Batch(_chosen(text, columns))


def typed_batches(path: Path, contract: Contract, columns: list[str] | None = None) -> Iterator[Batch]:
    """Yield the contract's columns in its types.

    Raises:
        DataBreaksContractError: the file is no strict CSV, or its columns are not the contract's.
    """
    for text in read_csv(path):
        parsed = parse_table(contract, text)
        table = _chosen(parsed.table, columns)
        if parsed.unreadable:
            yield Batch(table, parsed.rejected, text, parsed.unreadable, partial(_ordered, text, contract))
        else:
            yield Batch(table, written=partial(_ordered, text, contract))


def _ordered(text: pa.Table, contract: Contract) -> pa.Table:
    """Return the columns in the contract's order, as the typed ones stand."""
    return text.select(list(contract.object.names))
