from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from data_contracts.measure import Asset, Finding
from data_contracts.model import Column, QualityRule, SchemaObject
from data_contracts.sandbox.placeholders import fill
from data_contracts.sandbox.sql import SqlLimits, evaluate_sql, holds, sql_measures
from data_contracts.sandbox.work.sqltree import _FUNCTIONS, columns_of
from data_contracts.verdict import Reason

TABLE = pa.table(
    {
        "age": pa.array([3, 40, None, -1]),
        "name": pa.array(["a", "b", "b", None]),
        "price": pa.array([Decimal("0.10"), Decimal("0.20"), None, Decimal("1.00")], pa.decimal128(10, 2)),
        "odd name": pa.array([1.5, 2.5, float("nan"), None]),
    }
)
COLUMNS = tuple(Column(name) for name in TABLE.column_names)


def rule(query: str, operator: str = "mustBe", bound: Any = 0, **more: Any) -> QualityRule:
    given: dict[str, Any] = {"column": None, "dialect": "duckdb", "id": "r"} | more
    return QualityRule(kind="sql", metric=None, operator=operator, bound=bound, query=query, **given)


def read(columns: list[str] | None) -> Iterator[pa.Table]:
    for start in range(0, TABLE.num_rows, 2):
        part = TABLE.slice(start, 2)
        yield part if columns is None else part.select(columns)


def evaluate(query: str, operator: str = "mustBe", bound: Any = 0, **more: Any) -> Finding:
    made = rule(query, operator, bound, **more)
    limits = SqlLimits(seconds=5)
    return evaluate_sql(made, SchemaObject("my tests", COLUMNS, (made,)), read, rows=4, limits=limits)


@pytest.mark.parametrize(
    ("query", "column", "bound"),
    [
        ("SELECT count(*) FROM ${table} WHERE ${column} < 0", "age", 1),
        ("select count(*) from {object} where {property} < 0", "age", 1),
        ('SELECT sum(price) FROM "${model}"', None, 1.3),
        ('SELECT max("odd name") FROM {table} WHERE NOT isnan("odd name")', None, 2.5),
        ('SELECT count(DISTINCT name) FROM "MY TESTS"', None, 2),
        ("WITH x AS (SELECT name, count(*) n FROM ${table} GROUP BY 1) SELECT max(n) FROM x", None, 2),
        ("FROM ${table} SELECT count(*)", None, 4),
        ("SELECT bool_and(age > -5) FROM ${table} -- a comment; with a semicolon", None, 1),
        ("/* first; */ SELECT count(*) FROM ${table} /* DROP TABLE x; */", None, 4),
        ("SELECT count(*) FROM ${table} a JOIN ${table} b USING (name)", None, 5),
        ("SELECT sum(i) FROM range(5) r(i)", None, 10),
        ("SELECT count(DISTINCT t) FROM ${table} t", None, 4),
    ],
)
def test_a_query_gives_the_number_that_duckdb_gives(query: str, column: str | None, bound: float) -> None:
    found = evaluate(query, bound=bound, column=column)
    assert (found.success, found.reason, found.element_count) == (True, None, 4), found.observed
    other = evaluate(query, bound=bound + 1, column=column)
    assert (other.success, other.reason, other.unexpected_count) == (False, Reason.OUT_OF_BOUNDS, 1)


@pytest.mark.parametrize(
    "query",
    [
        "SELECT name FROM ${table}",
        "SELECT max(name) FROM ${table}",
        "SELECT 1, 2",
        "SELECT age FROM ${table}",
        "SELECT NULL",
        "SELECT 'nan'::DOUBLE",
        "SELECT 'inf'::DOUBLE",
        "SELECT 1 WHERE false",
        "SELECT nothing FROM ${table}",
        "SELECT count(*) FROM elsewhere",
        "SELECT count(*) FROM {nowhere}",
        "SELEC 1",
        "",
        ";",
        "SELECT 1/0 + age FROM ${table} LIMIT 1",
        "SELECT error('x')",
    ],
)
def test_what_gives_no_number_was_not_evaluated(query: str) -> None:
    found = evaluate(query)
    assert (found.success, found.reason, found.unexpected_count) == (False, Reason.NOT_EVALUATED, 0)


def test_another_servers_dialect_is_not_run() -> None:
    found = evaluate("SELECT 0", dialect="snowflake")
    assert found.reason is Reason.NOT_EVALUATED


@pytest.mark.parametrize(
    ("operator", "bound", "kept"),
    [
        ("mustBe", 4, True),
        ("mustBe", 4.0, True),
        ("mustNotBe", 4, False),
        ("mustBeGreaterThan", 4, False),
        ("mustBeGreaterThan", 3.9, True),
        ("mustBeGreaterOrEqualTo", 4, True),
        ("mustBeLessThan", 4, False),
        ("mustBeLessOrEqualTo", 4, True),
        ("mustBeBetween", [4, 5], True),
        ("mustBeBetween", [5, 6], False),
        ("mustNotBeBetween", [4, 5], False),
        ("mustNotBeBetween", [5, 6], True),
    ],
)
def test_every_operator(operator: str, bound: Any, kept: bool) -> None:
    assert holds(operator, bound, Decimal(4)) is kept


def test_a_decimal_and_a_double_are_compared_as_they_are_written() -> None:
    assert holds("mustBe", 0.1, Decimal("0.1"))
    assert holds("mustBe", 0.1, Decimal(repr(0.1)))
    assert not holds("mustBe", 0.1, Decimal("0.10000000000000001"))


def test_rows_are_sent_once_for_all_rules_and_only_columns_that_are_read() -> None:
    rules = (
        rule("SELECT count(*) FROM {table} WHERE age < 0", bound=1, id="one"),
        rule("SELECT count(DISTINCT name) FROM {table}", bound=2, id="two"),
        rule("SELECT nonsense(", id="three"),
    )
    asked: list[list[str] | None] = []

    def counting(columns: list[str] | None) -> Iterator[pa.Table]:
        asked.append(columns)
        return read(columns)

    asset = Asset(counting, 4)
    measures = sql_measures(SchemaObject("t", COLUMNS, rules))
    found = {name: measure.evaluate(asset).success for name, measure in measures.items()}
    for session in asset.shared.values():
        session.close()
    assert found == {"one": True, "two": True, "three": False}
    assert asked == [["age", "name"]]


def test_a_query_that_ends_its_child_does_not_end_the_others() -> None:
    rules = (
        rule("SELECT count(*) FROM range(1000000000000)", id="long"),
        rule("SELECT count(*) FROM {table}", bound=4, id="good"),
    )
    asset = Asset(read, 4)
    measures = sql_measures(SchemaObject("t", COLUMNS, rules), SqlLimits(seconds=1))
    assert measures["long"].evaluate(asset).reason is Reason.NOT_EVALUATED
    assert measures["good"].evaluate(asset).success
    for session in asset.shared.values():
        session.close()


def test_an_asset_without_rows_and_parts_without_columns() -> None:
    empty = TABLE.slice(0, 0)
    made = rule("SELECT count(*) FROM {table}")
    item = SchemaObject("t", COLUMNS, (made,))
    assert evaluate_sql(made, item, lambda columns: iter([empty.select(columns or [])]), rows=0).success
    other = pa.table({"age": [1]})
    star = rule("SELECT count(*) FROM (SELECT * FROM {table})", bound=1)
    item = SchemaObject("t", COLUMNS, (star,))
    found = evaluate_sql(star, item, lambda _: iter([other]), rows=1)
    assert found.reason is Reason.NOT_EVALUATED  # a column of the contract is missing


def test_spills_to_its_folder_where_memory_does_not_hold_the_rows() -> None:
    import numpy as np

    rows = 2_000_000
    table = pa.table({"x": np.random.default_rng(7).random(rows)})
    made = rule("SELECT count(*) FROM (SELECT DISTINCT x FROM {table})", bound=rows)
    item = SchemaObject("t", (Column("x"),), (made,))
    limits = SqlLimits(memory_bytes=48 * 1024 * 1024, seconds=60)
    assert evaluate_sql(made, item, lambda _: iter([table]), rows=rows, limits=limits).success


def test_names_are_quoted() -> None:
    filled = fill('SELECT {column} FROM "${table}"', table='a"b', column="address.street")
    assert filled == 'SELECT "address"."street" FROM "a""b"'
    assert fill("SELECT {column}", table="t", column=None) == "SELECT {column}"


def test_every_function_that_is_allowed_exists_and_looks_at_its_arguments_only() -> None:
    known = duckdb.sql(
        "SELECT DISTINCT lower(function_name), bool_or(coalesce(has_side_effects, false)) "
        "FROM duckdb_functions() GROUP BY 1"
    ).fetchall()
    effects = dict(known)
    assert set(effects) >= _FUNCTIONS
    assert not [name for name in _FUNCTIONS if effects[name]]
    risky = (
        "read_",
        "scan",
        "glob",
        "pragma",
        "duckdb",
        "sniff",
        "query",
        "getenv",
        "setting",
        "secret",
        "pg_",
    )
    assert not [name for name in _FUNCTIONS for word in risky if word in name]


def test_columns_are_never_too_few() -> None:
    names = ["a", "b", "c"]

    def asked(*expressions: dict[str, Any], **table: Any) -> list[str]:
        base = {"type": "BASE_TABLE", "table_name": "t", "alias": ""} | table
        return columns_of(
            {"statements": [{"node": {"select_list": list(expressions), "from_table": base}}]}, names
        )

    assert asked({"class": "COLUMN_REF", "column_names": ["t", "B"]}) == ["b"]
    assert asked({"class": "COLUMN_REF", "column_names": ["t"]}) == names
    assert asked({"class": "COLUMN_REF", "column_names": ["u"]}, alias="u") == names
    assert asked({"class": "STAR"}) == names
    assert asked({"class": "CONSTANT"}) == ["a"]
    assert asked({"ref_type": "NATURAL"}) == names
    assert asked({"using_columns": ["c"]}) == ["c"]
