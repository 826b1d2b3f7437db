"""Expectations on each value of one column, made into measures for a table's columns."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from typing import Any

from data_contracts.errors import UsageError
from data_contracts.measure import KeyMeasure, Measure
from data_contracts.suites.arguments import Arguments, Bounds, is_number
from data_contracts.suites.columns import ColumnType
from data_contracts.suites.measures import keys, rows, scores, sequence, shape, tests_one, values
from data_contracts.suites.patterns import to_linear
from data_contracts.suites.row_conditions import RowCondition
from data_contracts.suites.schemas import local_schema
from data_contracts.suites.typenames import is_of, value_is_of
from data_contracts.suites.wanted import Unfamiliar

__all__ = [
    "between",
    "dateutil",
    "decreasing",
    "in_set",
    "in_type_list",
    "increasing",
    "json_parseable",
    "json_schema",
    "length_between",
    "length_equals",
    "not_in_set",
    "not_match",
    "not_match_list",
    "not_null",
    "null",
    "of_type",
    "outliers",
    "regex",
    "regex_list",
    "set_members",
    "strftime",
    "unique",
    "z_scores",
]

Condition = RowCondition | None
_READABLE = ("text", "integer", "float", "boolean", "date", "timestamp")


def set_members(column: ColumnType, said: Any) -> tuple[Any, ...]:  # noqa: ANN401 - JSON
    """Return the members of a set, each once, in the column's own kind.

    Raises:
        Unfamiliar: one is of another kind; what pandas makes of a mixture is GX's to say.
    """
    if not isinstance(said, list):
        raise Unfamiliar("value_set")
    fits: dict[str, Callable[[Any], bool]] = {
        "integer": is_number,
        "float": is_number,
        "boolean": lambda item: isinstance(item, bool),
        "text": lambda item: isinstance(item, str),
    }
    if not all(fits[column.kind](item) for item in said):
        raise Unfamiliar("value_set")
    return tuple(dict.fromkeys(said))


def _row(test: rows.RowTest, arguments: Arguments, condition: Condition) -> Measure:
    return rows.RowMeasure(test, arguments.mostly(), condition)


def between(arguments: Arguments, condition: Condition) -> Measure:
    """`expect_column_values_to_be_between`."""
    column = arguments.column("integer", "float", "boolean", "date", "timestamp", "text")
    kinds: dict[str, type] = {"date": date, "timestamp": datetime}
    bounds = arguments.bounds(kinds.get(column.kind, float))
    if not bounds.given:
        raise Unfamiliar("min_value")
    if column.kind == "timestamp" and any((b.tzinfo is None) != (column.zone is None) for b in bounds.given):
        raise Unfamiliar("min_value")
    if len(bounds.given) > 1 and bounds.low > bounds.high:
        raise Unfamiliar("min_value")
    if column.kind == "text":
        return shape.Raises(column, condition)  # GX makes numbers or dates of bounds: text has none.
    return _row(tests_one.Between(column, bounds), arguments, condition)


def in_set(arguments: Arguments, condition: Condition) -> Measure:
    """`expect_column_values_to_be_in_set`."""
    return _in_set(arguments, condition, negative=False)


def not_in_set(arguments: Arguments, condition: Condition) -> Measure:
    """`expect_column_values_to_not_be_in_set`."""
    return _in_set(arguments, condition, negative=True)


def _in_set(arguments: Arguments, condition: Condition, *, negative: bool) -> Measure:
    column = arguments.column("integer", "float", "boolean", "text")
    members = set_members(column, arguments.get("value_set"))
    return _row(tests_one.InSet(column, members, negative), arguments, condition)


def length_between(arguments: Arguments, condition: Condition) -> Measure:
    """`expect_column_value_lengths_to_be_between`."""
    column, bounds = arguments.column("text"), arguments.bounds(int)
    if not bounds.given:
        raise Unfamiliar("min_value")
    return _row(tests_one.Length(column, bounds), arguments, condition)


def length_equals(arguments: Arguments, condition: Condition) -> Measure:
    """`expect_column_value_lengths_to_equal`."""
    column, length = arguments.column("text"), arguments.number("value")
    return _row(tests_one.Length(column, Bounds(length, length)), arguments, condition)


def _matches(
    arguments: Arguments, condition: Condition, said: object, *, every: bool = False, negative: bool = False
) -> Measure:
    if not isinstance(said, list) or not said or not all(isinstance(item, str) for item in said):
        raise Unfamiliar("regex")
    column, mostly = arguments.column("text"), arguments.mostly()
    try:
        patterns = tuple(to_linear(item) for item in said)
    except UsageError:
        return shape.Raises(
            column, condition
        )  # It is no pattern: GX raises, if there is anything to look at.
    return rows.RowMeasure(tests_one.Matches(column, patterns, every, negative), mostly, condition)


def regex(arguments: Arguments, condition: Condition) -> Measure:
    """`expect_column_values_to_match_regex`."""
    return _matches(arguments, condition, [arguments.get("regex", "(?s).*")])


def not_match(arguments: Arguments, condition: Condition) -> Measure:
    """`expect_column_values_to_not_match_regex`."""
    return _matches(arguments, condition, [arguments.get("regex")], negative=True)


def regex_list(arguments: Arguments, condition: Condition) -> Measure:
    """`expect_column_values_to_match_regex_list`."""
    every = arguments.choice("match_on", ("any", "all")) == "all"
    return _matches(arguments, condition, arguments.get("regex_list"), every=every)


def not_match_list(arguments: Arguments, condition: Condition) -> Measure:
    """`expect_column_values_to_not_match_regex_list`."""
    return _matches(arguments, condition, arguments.get("regex_list"), negative=True)


def not_null(arguments: Arguments, condition: Condition) -> Measure:
    """`expect_column_values_to_not_be_null`."""
    return _row(tests_one.NotNull(arguments.column()), arguments, condition)


def null(arguments: Arguments, condition: Condition) -> Measure:
    """`expect_column_values_to_be_null`."""
    return _row(tests_one.Null(arguments.column()), arguments, condition)


def unique(arguments: Arguments, condition: Condition) -> KeyMeasure:
    """`expect_column_values_to_be_unique`."""
    column = arguments.column("integer", "float", "boolean", "text", "date", "timestamp")
    return keys.Unique(column, condition, arguments.mostly())


def increasing(arguments: Arguments, condition: Condition) -> Measure:
    """`expect_column_values_to_be_increasing`."""
    return _sequence(arguments, condition, down=False)


def decreasing(arguments: Arguments, condition: Condition) -> Measure:
    """`expect_column_values_to_be_decreasing`."""
    return _sequence(arguments, condition, down=True)


def _sequence(arguments: Arguments, condition: Condition, *, down: bool) -> Measure:
    column = arguments.column("integer", "float", "timestamp")
    strictly = arguments.flag("strictly", null=True)
    mostly = arguments.mostly()
    return sequence.Sequence(column, Bounds(), condition, down=down, strictly=strictly, mostly=mostly)


def json_parseable(arguments: Arguments, condition: Condition) -> Measure:
    """`expect_column_values_to_be_json_parseable`."""
    column = arguments.column(*_READABLE)
    if column.kind != "text":
        return _row(tests_one.Never(column), arguments, condition)
    return values.TextsMeasure(column, "json", "", arguments.mostly(), condition)


def json_schema(arguments: Arguments, condition: Condition) -> Measure:
    """`expect_column_values_to_match_json_schema`."""
    column, schema = arguments.column(*_READABLE), local_schema(arguments.get("json_schema"))
    if column.kind != "text":
        return shape.Raises(column, condition)
    return values.TextsMeasure(column, "schema", schema, arguments.mostly(), condition)


def dateutil(arguments: Arguments, condition: Condition) -> Measure:
    """`expect_column_values_to_be_dateutil_parseable`."""
    column, mostly = arguments.column(*_READABLE), arguments.mostly()
    if column.kind != "text":
        return shape.Raises(column, condition)
    return values.TextsMeasure(column, "date", "", mostly, condition)


def strftime(arguments: Arguments, condition: Condition) -> Measure:
    """`expect_column_values_to_match_strftime_format`."""
    column, layout = arguments.column(*_READABLE), arguments.text("strftime_format")
    moment = datetime(2000, 11, 28, 13, 59, 58)  # noqa: DTZ001 - any moment shows whether a layout is one
    try:
        datetime.strptime(moment.strftime(layout), layout)  # noqa: DTZ007 - as above
    except ValueError:
        raise Unfamiliar("strftime_format") from None
    if column.kind != "text":
        return shape.Raises(column, condition)
    return values.TextsMeasure(column, "strptime", layout, arguments.mostly(), condition)


def of_type(arguments: Arguments, condition: Condition) -> Measure:
    """`expect_column_values_to_be_of_type`."""
    return _typed(arguments, condition, [arguments.text("type_")], several=False)


def in_type_list(arguments: Arguments, condition: Condition) -> Measure:
    """`expect_column_values_to_be_in_type_list`."""
    said = arguments.get("type_list")
    if not isinstance(said, list) or not said or not all(isinstance(item, str) for item in said):
        raise Unfamiliar("type_list")
    return _typed(arguments, condition, said, several=True)


def _typed(arguments: Arguments, condition: Condition, names: list[str], *, several: bool) -> Measure:
    if condition is not None:
        raise Unfamiliar("row_condition")
    column = arguments.column("integer", "float", "boolean", "text", "timestamp")
    plain = is_of(column, names, nulls=False, several=several)
    nulls = is_of(column, names, nulls=True, several=several)
    each = value_is_of(column, names) if nulls is None else False
    return shape.TypeOf(column, plain, nulls, each, arguments.mostly())


def z_scores(arguments: Arguments, condition: Condition) -> Measure:
    """`expect_column_value_z_scores_to_be_less_than`."""
    column = arguments.column("integer", "float")
    double = arguments.flag("double_sided", default=None)  # type: ignore[arg-type] # GX has no default
    limit, mostly = float(arguments.number("threshold")), arguments.mostly()
    return scores.Spread(column, Bounds(), condition, "score", limit, double, mostly)


def outliers(arguments: Arguments, condition: Condition) -> Measure:
    """`expect_column_values_to_not_be_outliers`."""
    column, mostly = arguments.column("integer", "float"), arguments.mostly()
    multiplier = float(arguments.number("multiplier", 1.5))
    if multiplier < 0:
        raise Unfamiliar("multiplier")
    if arguments.choice("method", ("iqr", "std")) == "std":
        return scores.Spread(column, Bounds(), condition, "distance", multiplier, double=True, mostly=mostly)
    return scores.Quartiles(column, Bounds(), condition, multiplier, mostly)
