"""A part of the data as columns of the contract's own types, or a reason code for each that is not.

Invariants:
1. A column is taken only once, in a type that `arrow.accepts` takes, cast without loss.
2. Text is checked to be UTF-8 before any engine reads it: a file's footer does not prove that.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from data_contracts.arrow import Values, accepts, column_type
from data_contracts.errors import UsageError
from data_contracts.model import Column
from data_contracts.verdict import Reason

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["conform", "undeclared"]


def undeclared(columns: Iterable[Column], table: pa.Table) -> int:
    """Return how many of the table's columns the contract does not name, or names once and has twice."""
    declared = {column.name for column in columns}
    seen: set[str] = set()
    count = 0
    for name in table.column_names:
        count += name not in declared or name in seen
        seen.add(name)
    return count


def conform(columns: Iterable[Column], table: pa.Table) -> tuple[pa.Table, dict[str, Reason]]:
    """Return the columns that can be checked, in the contract's types, and why the others cannot."""
    import pyarrow as pa

    taken: dict[str, Values] = {}
    reasons: dict[str, Reason] = {}
    for column in columns:
        if table.column_names.count(column.name) != 1:
            reasons[column.name] = Reason.COLUMN_MISSING
            continue
        found = _taken(column, table.column(column.name))
        if isinstance(found, Reason):
            reasons[column.name] = found
        else:
            taken[column.name] = found
    return pa.table(taken), reasons


def _taken(column: Column, values: Values) -> Values:
    import pyarrow as pa

    if not accepts(column, values.type):
        return Reason.WRONG_TYPE
    try:
        values.validate(full=True)
    except pa.ArrowInvalid:
        return Reason.UNREADABLE_VALUES
    try:
        return values.cast(column_type(column), safe=True)
    except UsageError:
        return values  # An object or array without declared children: its type is all that is promised.
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return Reason.WRONG_TYPE
