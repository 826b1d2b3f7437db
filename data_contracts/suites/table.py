"""The table of all core expectations of GX 1.24: how each is evaluated, and why some are not.

`docs/reference/expectations.md` is generated from it, and a test compares it with GX's own registry: an
expectation without a row fails the build.

Modes: `streaming` (one pass, in parts that merge), `second pass` (as streaming, several times), `refused`
(never evaluated: the rule has failed, `not_evaluated`, for the reason here). Any of the first two goes to
GX's own engine, on the whole asset and up to a declared size, where column or arguments are not among
those of `streams`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from data_contracts.suites import build_aggregates as aggregates
from data_contracts.suites import build_rows as rows
from data_contracts.suites import build_values as values
from data_contracts.suites.arguments import Arguments
from data_contracts.suites.row_conditions import RowCondition
from data_contracts.suites.wanted import Mode

__all__ = ["TABLE", "Row"]

Build = Callable[[Arguments, RowCondition | None], Any]


@dataclass(frozen=True)
class Row:
    """One expectation.

    Attributes:
        type: GX's name.
        mode: how it is evaluated.
        arguments: what it takes, beside what every expectation takes.
        streams: on which columns and arguments it streams; of a refused one, why it is refused.
        build: makes its measure; None where it is refused.
        shape: whether it is about columns and their types, not about values.
    """

    type: str
    mode: Mode
    arguments: frozenset[str]
    streams: str
    build: Build | None = None
    shape: bool = False


_CONDITION = "row_condition condition_parser"
_COLUMN = f"column mostly {_CONDITION}"
_BETWEEN = "min_value max_value strict_min strict_max"
_AGGREGATE = f"column {_CONDITION}"
_NUMBERS = "integers and floats"
_PLAIN = "integers, floats, booleans and text"
_KEYED = f"{_PLAIN}, dates and timestamps"
_LIKE = "GX has it for SQL only, where its meaning (upper and lower case) is the database's"
_SQL = "it is a query to a database, and the asset is in none"


def _row(name: str, arguments: str, streams: str, build: Build, mode: Mode = Mode.STREAMING) -> Row:
    return Row(f"expect_{name}", mode, frozenset(arguments.split()), streams, build)


def _shape(name: str, arguments: str, streams: str, build: Build) -> Row:
    return Row(f"expect_{name}", Mode.STREAMING, frozenset(arguments.split()), streams, build, shape=True)


def _no(name: str, why: str) -> Row:
    return Row(name, Mode.REFUSED, frozenset(), why)


_PAIRS = f"column_A column_B mostly ignore_row_if {_CONDITION}"
_MANY = f"column_list mostly ignore_row_if {_CONDITION}"
_ROWS = (
    _row("column_values_to_not_be_null", _COLUMN, "every type", values.not_null),
    _row("column_values_to_be_null", _COLUMN, "every type", values.null),
    _row(
        "column_values_to_be_between",
        f"{_COLUMN} {_BETWEEN}",
        "integers, floats and booleans with numbers; dates with dates; timestamps with moments (both "
        "with a zone, or neither)",
        values.between,
    ),
    _row(
        "column_values_to_be_in_set",
        f"{_COLUMN} value_set",
        f"{_PLAIN}, all members of that kind",
        values.in_set,
    ),
    _row(
        "column_values_to_not_be_in_set",
        f"{_COLUMN} value_set",
        f"{_PLAIN}, all members of that kind",
        values.not_in_set,
    ),
    _row("column_values_to_be_unique", _COLUMN, _KEYED, values.unique),
    _row(
        "column_values_to_be_increasing",
        f"{_COLUMN} strictly",
        "integers, floats, timestamps",
        values.increasing,
    ),
    _row(
        "column_values_to_be_decreasing",
        f"{_COLUMN} strictly",
        "integers, floats, timestamps",
        values.decreasing,
    ),
    _row("column_value_lengths_to_be_between", f"{_COLUMN} {_BETWEEN}", "text", values.length_between),
    _row("column_value_lengths_to_equal", f"{_COLUMN} value", "text", values.length_equals),
    _row(
        "column_values_to_match_regex",
        f"{_COLUMN} regex",
        "text; expressions without look-around, references, `\\b`, and `$` only at the end",
        values.regex,
    ),
    _row("column_values_to_not_match_regex", f"{_COLUMN} regex", "as match_regex", values.not_match),
    _row(
        "column_values_to_match_regex_list",
        f"{_COLUMN} regex_list match_on",
        "as match_regex",
        values.regex_list,
    ),
    _row(
        "column_values_to_not_match_regex_list",
        f"{_COLUMN} regex_list",
        "as match_regex",
        values.not_match_list,
    ),
    _row("column_values_to_match_strftime_format", f"{_COLUMN} strftime_format", "text", values.strftime),
    _row("column_values_to_be_dateutil_parseable", _COLUMN, "text", values.dateutil),
    _row(
        "column_values_to_be_json_parseable",
        _COLUMN,
        f"{_KEYED} (only text can be JSON)",
        values.json_parseable,
    ),
    _row(
        "column_values_to_match_json_schema",
        f"{_COLUMN} json_schema",
        "text; schemas without patterns. One that refers to another document is refused",
        values.json_schema,
    ),
    _shape(
        "column_values_to_be_of_type",
        f"{_COLUMN} type_",
        f"{_PLAIN}, timestamps; without row_condition; names of numpy, Python and pandas",
        values.of_type,
    ),
    _shape("column_values_to_be_in_type_list", f"{_COLUMN} type_list", "as of_type", values.in_type_list),
    _shape(
        "column_type_to_be", "column type_", f"{_PLAIN}, timestamps; pandas' plain names", rows.column_type
    ),
    _row(
        "column_value_z_scores_to_be_less_than",
        f"{_COLUMN} threshold double_sided",
        _NUMBERS,
        values.z_scores,
        Mode.SECOND_PASS,
    ),
    _row(
        "column_values_to_not_be_outliers",
        f"{_COLUMN} method multiplier",
        _NUMBERS,
        values.outliers,
        Mode.SECOND_PASS,
    ),
    _row("column_pair_values_to_be_equal", _PAIRS, "two columns of numbers, or of one type", rows.pair_equal),
    _row(
        "column_pair_values_a_to_be_greater_than_b",
        f"{_PAIRS} or_equal",
        "two columns of numbers, of text, or of timestamps",
        rows.pair_greater,
    ),
    _row(
        "column_pair_values_to_be_in_set",
        f"{_PAIRS} value_pairs_set",
        "columns of numbers and text; at most 200 pairs; without row_condition (GX's metric ignores it)",
        rows.pair_in_set,
    ),
    _row("multicolumn_sum_to_equal", f"{_MANY} sum_total", _NUMBERS, rows.sum_equals),
    _row("multicolumn_values_to_be_equal", _MANY, "columns of numbers, or of one type", rows.all_equal),
    _row(
        "select_column_values_to_be_unique_within_record",
        _MANY,
        "columns of numbers, or of one type",
        rows.all_differ,
    ),
    _row("compound_columns_to_be_unique", _MANY, f"{_KEYED}; without row_condition", rows.compound_unique),
    _row(
        "column_min_to_be_between",
        f"{_AGGREGATE} {_BETWEEN}",
        "numbers and booleans with numbers; dates, and text, with dates; timestamps with moments",
        aggregates.minimum,
    ),
    _row("column_max_to_be_between", f"{_AGGREGATE} {_BETWEEN}", "as min", aggregates.maximum),
    _row("column_sum_to_be_between", f"{_AGGREGATE} {_BETWEEN}", _NUMBERS, aggregates.total),
    _row("column_mean_to_be_between", f"{_AGGREGATE} {_BETWEEN}", _NUMBERS, aggregates.mean),
    _row("column_median_to_be_between", f"{_AGGREGATE} {_BETWEEN}", _NUMBERS, aggregates.median),
    _row("column_stdev_to_be_between", f"{_AGGREGATE} {_BETWEEN}", _NUMBERS, aggregates.stdev),
    _row(
        "column_quantile_values_to_be_between",
        f"{_AGGREGATE} quantile_ranges allow_relative_error",
        _NUMBERS,
        aggregates.quantiles,
    ),
    _row(
        "column_unique_value_count_to_be_between", f"{_AGGREGATE} {_BETWEEN}", _KEYED, aggregates.unique_count
    ),
    _row(
        "column_proportion_of_unique_values_to_be_between",
        f"{_AGGREGATE} {_BETWEEN}",
        _KEYED,
        aggregates.unique_proportion,
    ),
    _row(
        "column_proportion_of_non_null_values_to_be_between",
        f"{_AGGREGATE} {_BETWEEN}",
        "every type",
        aggregates.non_null_proportion,
    ),
    _row(
        "column_distinct_values_to_be_in_set",
        f"{_AGGREGATE} value_set",
        f"{_PLAIN}, all members of that kind",
        aggregates.distinct_in_set,
    ),
    _row(
        "column_distinct_values_to_contain_set",
        f"{_AGGREGATE} value_set",
        f"{_PLAIN}, all members of that kind",
        aggregates.contain_set,
    ),
    _row(
        "column_distinct_values_to_equal_set",
        f"{_AGGREGATE} value_set",
        f"{_PLAIN}, all members of that kind",
        aggregates.equal_set,
    ),
    _row(
        "column_most_common_value_to_be_in_set",
        f"{_AGGREGATE} value_set ties_okay",
        f"{_PLAIN}, all members of that kind",
        aggregates.most_common,
    ),
    _row(
        "column_kl_divergence_to_be_less_than",
        f"{_AGGREGATE} min_value max_value partition_object threshold internal_weight_holdout "
        "tail_weight_holdout bucketize_data",
        f"{_NUMBERS} with bins or values, text with values; with a partition_object",
        aggregates.kl_divergence,
    ),
    _shape("column_to_exist", "column column_index", "always", rows.column_exists),
    _shape("table_columns_to_match_set", "column_set exact_match", "always", rows.columns_in_set),
    _shape("table_columns_to_match_ordered_list", "column_list", "always", rows.columns_in_order),
    _shape("table_column_count_to_be_between", "min_value max_value", "numbers", rows.column_count),
    _shape("table_column_count_to_equal", "value", "whole numbers", rows.column_count_equals),
    _row("table_row_count_to_be_between", f"{_BETWEEN} {_CONDITION}", "whole numbers", rows.row_count),
    _row("table_row_count_to_equal", f"value {_CONDITION}", "whole numbers", rows.row_count_equals),
    _no("expect_column_values_to_match_like_pattern", _LIKE),
    _no("expect_column_values_to_match_like_pattern_list", _LIKE),
    _no("expect_column_values_to_not_match_like_pattern", _LIKE),
    _no("expect_column_values_to_not_match_like_pattern_list", _LIKE),
    _no(
        "expect_table_row_count_to_equal_other_table",
        "an asset is one table; use a rule of ODCS with a relationship",
    ),
    _no("expect_query_results_to_match_comparison", _SQL),
    _no("unexpected_rows_expectation", f"{_SQL}; use a rule of ODCS of type sql"),
)

TABLE: Mapping[str, Row] = {row.type: row for row in _ROWS}
