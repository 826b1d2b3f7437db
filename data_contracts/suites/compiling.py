"""An expectation and a table's schema to a measure.

Invariants:
1. Every expectation becomes exactly one measure, or is refused with a reason: none is skipped.
2. What streams is decided by the expectation and the schema alone, never by the data.
3. What does not stream with one meaning is GX's own engine's, on the whole asset.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from data_contracts.errors import UsageError
from data_contracts.suites.arguments import Arguments
from data_contracts.suites.columns import ColumnType, column_types
from data_contracts.suites.measures.shape import Absent
from data_contracts.suites.own_engine import OwnEngine
from data_contracts.suites.row_conditions import RowCondition, read_condition
from data_contracts.suites.table import TABLE, Row
from data_contracts.suites.wanted import Mode, Unfamiliar, Wanted

__all__ = ["Compiled", "compile_expectation"]

_OVER_COLUMNS = frozenset(
    {
        "expect_compound_columns_to_be_unique",
        "expect_multicolumn_sum_to_equal",
        "expect_multicolumn_values_to_be_equal",
        "expect_select_column_values_to_be_unique_within_record",
    }
)


@dataclass(frozen=True)
class Compiled:
    """One expectation, ready.

    Attributes:
        wanted: the expectation.
        mode: how it is evaluated for this table.
        measure: a `Measure`, a `KeyMeasure` or a `WholeMeasure`; None where it is refused.
        why: why it is refused, or why GX's own engine judges; empty where it streams.
    """

    wanted: Wanted
    mode: Mode
    measure: Any
    why: str = ""


def compile_expectation(wanted: Wanted, schema: Any, *, shaped: bool = True) -> Compiled:  # noqa: ANN401 - pyarrow
    """Compile an expectation for a table.

    Args:
        wanted: the expectation.
        schema: the Arrow schema of the asset.
        shaped: whether the asset's own columns and types are exactly the schema's. Where they may differ (a
            contract allows narrower types), expectations on columns and types are GX's own engine's.
    """
    row = TABLE.get(wanted.type)
    if row is None:
        return Compiled(wanted, Mode.REFUSED, None, "no core expectation of GX")
    if row.build is None:
        return Compiled(wanted, Mode.REFUSED, None, row.streams)
    columns = column_types(schema)
    arguments = Arguments(wanted, columns)
    unknown = arguments.unknown(row.arguments)
    if unknown:
        return Compiled(wanted, Mode.REFUSED, None, f"it has no argument {', '.join(unknown)}")
    if wanted.type != "expect_column_to_exist" and _absent(wanted, columns):
        return Compiled(wanted, Mode.STREAMING, Absent())
    try:
        condition = _condition(wanted)
        try:
            return Compiled(wanted, row.mode, _streaming(row, arguments, condition, shaped=shaped))
        except Unfamiliar as reason:
            query = None if condition is None else condition.query()
            return Compiled(wanted, Mode.OWN_ENGINE, OwnEngine.of(wanted, query, columns), str(reason))
    except UsageError as error:
        return Compiled(wanted, Mode.REFUSED, None, str(error))


def _absent(wanted: Wanted, columns: Mapping[str, ColumnType]) -> bool:
    """Whether it names a column that the table has not, in any case of letters (GX may take another case)."""
    kwargs = wanted.kwargs
    several = kwargs.get("column_list") if wanted.type in _OVER_COLUMNS else None
    named = [kwargs.get(key) for key in ("column", "column_A", "column_B")]
    named += several if isinstance(several, list) else []
    known = {name.casefold() for name in columns}
    return any(isinstance(name, str) and name and name.casefold() not in known for name in named)


def _condition(wanted: Wanted) -> RowCondition | None:
    said = wanted.kwargs.get("row_condition")
    if said is None or said == "":
        return None
    return read_condition(said, wanted.kwargs.get("condition_parser"))


def _streaming(row: Row, arguments: Arguments, condition: RowCondition | None, *, shaped: bool) -> Any:  # noqa: ANN401
    if row.build is None or (row.shape and not shaped):
        raise Unfamiliar("column")
    bound = None if condition is None else condition.bound(arguments.columns)
    return row.build(arguments, bound)
