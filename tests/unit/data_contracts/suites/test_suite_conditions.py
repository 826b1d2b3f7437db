"""Row conditions: a grammar of our own, the safe part of pandas' language, with its missing values."""

from __future__ import annotations

import random

import polars as pl
import pyarrow as pa
import pytest
import suite_cases

from data_contracts.errors import UsageError
from data_contracts.suites.columns import column_types
from data_contracts.suites.row_conditions import read_condition
from data_contracts.suites.wanted import Unfamiliar


@pytest.mark.attack
@pytest.mark.parametrize(
    "text",
    [
        "@pd.io.common.os.system('id')",
        "__import__('os').system('id')",
        "a.__class__",
        "a.map(print)",
        "s.str.contains('x')",
        "a == b",
        "a == @b",
        "a = 1",
        "a > 1; b > 2",
        "a > 1 +",
        "(a > 1",
        "a > 1)",
        "~a > 1",
        "a in b",
        "a in (1, 2)",
        "not",
        "",
        "a > 'x\\n'",
        "a == `b`",
        "a is None",
        "lambda: 1",
        "index > 1 and",
        "(" * 5000 + "a > 1" + ")" * 5000,
        "not " * 5000 + "a > 1",
        " or ".join(["a > 1"] * 200),
        "a > 1 " + "x" * 20_000,
    ],
)
def test_what_the_grammar_does_not_know_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="row condition"):
        read_condition(text, "pandas")


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("a > 1", "`a` > 1"),
        ("1 < a", "`a` > 1"),
        ("1 < a <= 5", "(`a` > 1) and (`a` <= 5)"),
        ("`a b` == 'x' & c != 2.5", "(`a b` == 'x') and (`c` != 2.5)"),
        ("not a in [1, 2] or b == True", "(not (`a` in [1, 2])) or (`b` == True)"),
        ("~(a > 1 | ~b.isna())", "not ((`a` > 1) or (not (`b`.isnull())))"),
        ("a not in ['x'] and (b > 1 or c.notna())", "(`a` not in ['x']) and ((`b` > 1) or (`c`.notnull()))"),
    ],
)
def test_it_is_written_anew_for_pandas(text: str, query: str) -> None:
    assert read_condition(text, "pandas").query() == query


@pytest.mark.parametrize("name", ["a`b", "a\nb"])
def test_a_name_that_could_be_more_than_a_name_goes_to_no_query(name: str) -> None:
    said = {"type": "nullity", "column": {"name": name}, "is_null": True}
    with pytest.raises(UsageError):
        read_condition(said).query()


@pytest.mark.parametrize("text", ["x@y", "a`b", "a\\b", "a\nb"])
def test_a_text_that_could_be_more_than_a_text_goes_to_no_query(text: str) -> None:
    said = {"type": "comparison", "column": {"name": "s"}, "operator": "==", "parameter": text}
    with pytest.raises(UsageError):
        read_condition(said).query()


@pytest.mark.parametrize(
    "said",
    [
        5,
        {"type": "comparison", "column": {"name": "a"}, "operator": "~", "parameter": 1},
        {"type": "comparison", "column": {"name": "a"}, "operator": "==", "parameter": None},
        {"type": "comparison", "column": {"name": "a"}, "operator": "IN", "parameter": "x"},
        {"type": "comparison", "column": "a", "operator": "==", "parameter": 1},
        {"type": "nullity", "column": {"name": "a"}, "is_null": 1},
        {"type": "and", "conditions": []},
        {"type": "pass_through", "pass_through_filter": "@x"},
        {"type": "other"},
    ],
)
def test_objects_of_gx_are_read_as_strictly(said: object) -> None:
    with pytest.raises(UsageError):
        read_condition(said)


def test_the_language_of_gx() -> None:
    assert read_condition('col("a") >= -5', "great_expectations").query() == "`a` >= -5"
    assert read_condition('col("a b").notNull()', "great_expectations").query() == "`a b`.notnull()"
    for text in ('col("a") == True', "a > 1", 'col("a") > 1 and col("b") > 1', 'col("a") == "'):
        with pytest.raises(UsageError):
            read_condition(text, "great_expectations")
    with pytest.raises(UsageError):
        read_condition("a > 1", "spark")


def test_a_constant_of_another_kind_is_for_gx_to_judge() -> None:
    columns = column_types(pa.schema([("a", pa.int64()), ("s", pa.string()), ("b", pa.bool_())]))
    for text in ("a == 'x'", "s > 1", "b < True", "absent > 1"):
        with pytest.raises(Unfamiliar):
            read_condition(text).bound(columns)


def test_missing_values_are_where_pandas_has_them() -> None:
    """A comparison with nothing is false, `!=` and `not in` are true, and `not` turns both around."""
    for seed in range(60):
        order = random.Random(seed)  # noqa: S311 - repeatable, not secret
        data = suite_cases.table(order)
        frame = data.select(["i", "f", "s", "j"]).to_pandas()
        name, constant = order.choice([("i", 2), ("f", 1.5), ("s", "'a'")])
        op = order.choice(["==", "!=", "<", "<=", ">", ">="])
        text = order.choice(
            [
                f"{name} {op} {constant}",
                f"not {name} {op} {constant}",
                f"{name} not in [{constant}]",
                f"not ({name} {op} {constant} or j == 1) and ~{name}.isnull()",
            ]
        )
        condition = read_condition(text, "pandas").bound(column_types(data.schema))
        ours = pl.from_arrow(data).filter(condition.expression())
        assert ours.height == len(frame.query(text)) == len(frame.query(condition.query())), text
