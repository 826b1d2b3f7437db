"""Text to typed columns (being filled in)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from data_contracts.model import Contract

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["ParsedTable", "Unreadable", "parse_table"]


@dataclass(frozen=True)
class Unreadable:
    """Cells of one column that could not be read as its type."""

    id: str
    column: str
    count: int


@dataclass(frozen=True)
class ParsedTable:
    """Typed columns, and what could not be read.

    Attributes:
        table: columns of the contract's arrow schema; an unreadable cell is null here.
        rejected: one flag per row: it has an unreadable cell.
        unreadable: counts per rule (`COLUMN.type`); empty where all was read.
    """

    table: pa.Table
    rejected: pa.BooleanArray
    unreadable: tuple[Unreadable, ...]


def parse_table(contract: Contract, table: pa.Table) -> ParsedTable:
    """Convert a table of strings (no nulls) with the contract's columns, in any order."""
    raise NotImplementedError
