"""Expectations on several columns of a row, and on the table as such, made into measures."""

from __future__ import annotations

from typing import Any

from data_contracts.measure import KeyMeasure, Measure
from data_contracts.suites.arguments import Arguments, Bounds, is_number
from data_contracts.suites.columns import NUMERIC, ColumnType
from data_contracts.suites.measures import keys, rows, shape, tests_many
from data_contracts.suites.row_conditions import RowCondition
from data_contracts.suites.typenames import same_type
from data_contracts.suites.wanted import Unfamiliar

__all__ = [
    "all_differ",
    "all_equal",
    "column_count",
    "column_count_equals",
    "column_exists",
    "column_type",
    "columns_in_order",
    "columns_in_set",
    "compound_unique",
    "pair_equal",
    "pair_greater",
    "pair_in_set",
    "row_count",
    "row_count_equals",
    "sum_equals",
]

Condition = RowCondition | None
_PAIR = ("both_values_are_missing", "either_value_is_missing", "neither")
_MANY = ("all_values_are_missing", "any_value_is_missing", "never")
_IGNORE = dict(zip((*_PAIR, *_MANY), ("all", "any", "never") * 2, strict=True))


def _pair(arguments: Arguments) -> tuple[tuple[ColumnType, ColumnType], str]:
    """Return both columns, which must compare, and which rows are ignored."""
    first, second = arguments.column(name="column_A"), arguments.column(name="column_B")
    if first.name == second.name or not _comparable((first, second)):
        raise Unfamiliar("column_B")
    return (first, second), _IGNORE[arguments.choice("ignore_row_if", _PAIR)]


def _comparable(columns: tuple[ColumnType, ...]) -> bool:
    kinds = {column.kind for column in columns}
    if kinds <= {"integer", "float"}:
        return True
    same = len(kinds) == 1 and kinds <= {"text", "timestamp", "boolean"}
    return same and len({(column.unit, column.zone) for column in columns}) == 1


def pair_equal(arguments: Arguments, condition: Condition) -> Measure:
    """`expect_column_pair_values_to_be_equal`."""
    over, ignore = _pair(arguments)
    return rows.RowMeasure(tests_many.AllEqual(over, ignore), arguments.mostly(), condition)


def pair_greater(arguments: Arguments, condition: Condition) -> Measure:
    """`expect_column_pair_values_a_to_be_greater_than_b`."""
    over, ignore = _pair(arguments)
    if over[0].kind == "boolean":
        raise Unfamiliar("column_A")
    test = tests_many.Greater(over, ignore, arguments.flag("or_equal", null=True))
    return rows.RowMeasure(test, arguments.mostly(), condition)


def pair_in_set(arguments: Arguments, condition: Condition) -> Measure:
    """`expect_column_pair_values_to_be_in_set`."""
    over = (arguments.column(name="column_A"), arguments.column(name="column_B"))
    ignore = _IGNORE[arguments.choice("ignore_row_if", _PAIR)]
    pairs = _pairs(over, arguments.get("value_pairs_set"))
    if condition is not None:
        raise Unfamiliar("row_condition")
    return rows.RowMeasure(tests_many.PairInSet(over, ignore, pairs), arguments.mostly())


_MOST_PAIRS = 200


def _pairs(over: tuple[ColumnType, ColumnType], said: Any) -> tuple[tuple[Any, Any], ...]:  # noqa: ANN401 - JSON
    if over[0].name == over[1].name or not isinstance(said, list) or len(said) > _MOST_PAIRS:
        raise Unfamiliar("value_pairs_set")
    for pair in said:
        if not isinstance(pair, list) or len(pair) != 2:  # noqa: PLR2004 - a pair
            raise Unfamiliar("value_pairs_set")
        for column, item in zip(over, pair, strict=True):
            if item is not None and not _fits(column, item):
                raise Unfamiliar("value_pairs_set")
    return tuple((first, second) for first, second in said)


def _fits(column: ColumnType, item: object) -> bool:
    if column.kind in {"integer", "float"}:
        return is_number(item)
    return isinstance(item, str) and column.kind == "text"


def _many(arguments: Arguments) -> tuple[tuple[ColumnType, ...], str]:
    return arguments.column_list(), _IGNORE[arguments.choice("ignore_row_if", _MANY)]


def all_equal(arguments: Arguments, condition: Condition) -> Measure:
    """`expect_multicolumn_values_to_be_equal`."""
    over, ignore = _many(arguments)
    if not _comparable(over):
        raise Unfamiliar("column_list")
    return rows.RowMeasure(tests_many.AllEqual(over, ignore, nulls=True), arguments.mostly(), condition)


def all_differ(arguments: Arguments, condition: Condition) -> Measure:
    """`expect_select_column_values_to_be_unique_within_record`."""
    over, ignore = _many(arguments)
    if not _comparable(over):
        raise Unfamiliar("column_list")
    return rows.RowMeasure(tests_many.AllDiffer(over, ignore), arguments.mostly(), condition)


def sum_equals(arguments: Arguments, condition: Condition) -> Measure:
    """`expect_multicolumn_sum_to_equal`."""
    over, ignore = _many(arguments)
    if not {column.kind for column in over} <= NUMERIC - {"boolean"}:
        raise Unfamiliar("column_list")
    total = arguments.number("sum_total")
    return rows.RowMeasure(tests_many.SumEquals(over, ignore, total), arguments.mostly(), condition)


def compound_unique(arguments: Arguments, condition: Condition) -> KeyMeasure:
    """`expect_compound_columns_to_be_unique`."""
    over, ignore = _many(arguments)
    if condition is not None or not {c.kind for c in over} <= {*NUMERIC, "text", "date", "timestamp"}:
        raise Unfamiliar("column_list")
    return keys.Compound(over, ignore, arguments.mostly())


def row_count(arguments: Arguments, condition: Condition) -> Measure:
    """`expect_table_row_count_to_be_between`."""
    bounds = arguments.bounds(int)
    if len(bounds.given) > 1 and bounds.low > bounds.high:
        raise Unfamiliar("min_value")
    return shape.RowCount(bounds, condition)


def row_count_equals(arguments: Arguments, condition: Condition) -> Measure:
    """`expect_table_row_count_to_equal`."""
    wanted = arguments.get("value")
    if not isinstance(wanted, int) or isinstance(wanted, bool):
        raise Unfamiliar("value")
    return shape.RowCount(Bounds(wanted, wanted), condition)


def _plain(condition: Condition) -> None:
    if condition is not None:
        raise Unfamiliar("row_condition")


def column_count(arguments: Arguments, condition: Condition) -> Measure:
    """`expect_table_column_count_to_be_between`."""
    _plain(condition)
    return shape.Decided(arguments.bounds(float).holds(len(arguments.columns)))


def column_count_equals(arguments: Arguments, condition: Condition) -> Measure:
    """`expect_table_column_count_to_equal`."""
    _plain(condition)
    wanted = arguments.get("value")
    if not isinstance(wanted, int) or isinstance(wanted, bool):
        raise Unfamiliar("value")
    return shape.Decided(len(arguments.columns) == wanted)


def column_exists(arguments: Arguments, condition: Condition) -> Measure:
    """`expect_column_to_exist`."""
    _plain(condition)
    name, index = arguments.text("column"), arguments.get("column_index")
    if index is None or index == 0:
        return shape.Decided(name in arguments.columns)  # GX looks for 0 anywhere as well.
    if not isinstance(index, int) or isinstance(index, bool) or index < 0:
        raise Unfamiliar("column_index")
    names = list(arguments.columns)
    return shape.Decided(index < len(names) and names[index] == name)


def columns_in_order(arguments: Arguments, condition: Condition) -> Measure:
    """`expect_table_columns_to_match_ordered_list`."""
    _plain(condition)
    return shape.Decided(list(arguments.columns) == _names(arguments, "column_list"))


def columns_in_set(arguments: Arguments, condition: Condition) -> Measure:
    """`expect_table_columns_to_match_set`."""
    _plain(condition)
    wanted, found = set(_names(arguments, "column_set")), set(arguments.columns)
    exact = arguments.flag("exact_match", default=True, null=True)
    return shape.Decided(wanted == found if exact else wanted <= found)


def _names(arguments: Arguments, name: str) -> list[str]:
    said = arguments.get(name)
    if not isinstance(said, list) or not all(isinstance(item, str) for item in said):
        raise Unfamiliar(name)
    return said


def column_type(arguments: Arguments, condition: Condition) -> Measure:
    """`expect_column_type_to_be`."""
    _plain(condition)
    column, wanted = (
        arguments.column("integer", "float", "boolean", "text", "timestamp"),
        arguments.text("type_"),
    )
    plain, nulls = (same_type(column, wanted, nulls=missing) for missing in (False, True))
    return shape.TypeOf(column, plain, nulls)
