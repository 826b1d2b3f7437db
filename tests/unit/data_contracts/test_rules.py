"""Every rule word with rows that keep it and rows that break it."""

from __future__ import annotations

import datetime as dt
import pickle
from typing import Any

import pyarrow as pa
import pytest
from contract_builder import column, contract

from data_contracts.checks import RuleResult, check_tables, compile_plan
from data_contracts.errors import UsageError
from data_contracts.model import Contract


def result(made: Contract, rule: str, *tables: pa.Table) -> RuleResult:
    verdict = check_tables(compile_plan(made), tables)
    return next(item for item in verdict.rules if item.id == rule)


def of(
    made: Contract, rule: str, values: list[Any], kind: pa.DataType | None = None
) -> tuple[bool, int, Any]:
    found = result(made, rule, pa.table({"c": pa.array(values, type=kind)}))
    return found.success, found.unexpected_count, None if found.reason is None else found.reason.value


def option(word: str, operand: Any, logical: str = "integer", **more: Any) -> Contract:
    return contract(column("c", logical, options={word: operand, **more}))


BROKEN = "unexpected_values"


@pytest.mark.parametrize(
    ("made", "rule", "values", "broken"),
    [
        (option("minimum", 3), "minimum", [3, 4, None, 2, 1], 2),
        (option("maximum", 3), "maximum", [3, 2, None, 4], 1),
        (option("exclusiveMinimum", 3), "exclusiveMinimum", [4, 3, None], 1),
        (option("exclusiveMaximum", 3), "exclusiveMaximum", [2, 3, None], 1),
        (option("multipleOf", 5), "multipleOf", [0, 5, -10, 7, None], 1),
        (option("minimum", 0.5, "number"), "minimum", [0.5, 0.49, None], 1),
        (option("multipleOf", 0.1, "number"), "multipleOf", [0.3, 0.7, 0.35], 1),
        (option("minLength", 2, "string"), "minLength", ["ab", "é", "éé", None, ""], 2),
        (option("maxLength", 2, "string"), "maxLength", ["ab", "éé", "abc", None], 1),
        (option("pattern", "^A[0-9]+$", "string"), "pattern", ["A1", "A", "xA1", "A1\n", None], 3),
        (option("pattern", "A", "string"), "pattern", ["xAx", "b"], 1),
        (option("format", "uuid", "string"), "format", ["123e4567-e89b-12d3-a456-426614174000", "x"], 1),
        (option("format", "email", "string"), "format", ["a@b.de", "a@b", "a b@c.de"], 2),
        (option("format", "ipv4", "string"), "format", ["1.2.3.4", "1.2.3.256"], 1),
        (option("minimum", "2020-01-02", "date"), "minimum", [dt.date(2020, 1, 2), dt.date(2020, 1, 1)], 1),
        (option("maximum", "12:00:00", "time"), "maximum", [dt.time(12), dt.time(12, 0, 1)], 1),
        (
            option("maximum", "2020-01-01 00:00:00", "timestamp"),
            "maximum",
            [dt.datetime(2020, 1, 1), dt.datetime(2020, 1, 1, 0, 0, 1)],  # noqa: DTZ001 - local on purpose
            1,
        ),
        (
            option("minimum", "2020-01-01T10:00:00+10:00", "timestamp", timezone=True),
            "minimum",
            [dt.datetime(2020, 1, 1, tzinfo=dt.UTC), dt.datetime(2019, 12, 31, 23, 59, tzinfo=dt.UTC)],
            1,
        ),
    ],
)
def test_options(made: Contract, rule: str, values: list[Any], broken: int) -> None:
    assert of(made, f"c.{rule}", values) == (False, broken, BROKEN)
    keeping = [value for value in values if of(made, f"c.{rule}", [value])[0]]
    assert len(keeping) == len(values) - broken
    assert of(made, f"c.{rule}", keeping) == (True, 0, None)


@pytest.mark.parametrize(
    ("arguments", "values", "broken"),
    [
        ({"validValues": ["a", "b"]}, ["a", "b", None], 0),
        ({"validValues": ["a", None]}, ["a", "c", "c", None], 2),
        ({"pattern": "^[ab]$"}, ["a", "c"], 1),
        ({"validValues": ["a", "xx"], "pattern": "^[ab]$"}, ["a", "xx", "b"], 2),
    ],
)
def test_invalid_values(arguments: dict[str, Any], values: list[Any], broken: int) -> None:
    rule = {"metric": "invalidValues", "arguments": arguments, "mustBe": 0}
    made = contract(column("c", "string", quality=[rule]))
    assert of(made, "c.invalidValues", values, pa.string()) == (
        not broken,
        broken,
        BROKEN if broken else None,
    )


def test_missing_values_are_nulls_and_the_named_words() -> None:
    rule = {"metric": "missingValues", "arguments": {"missingValues": [None, "", "N/A"]}, "mustBe": 0}
    made = contract(column("c", "string", quality=[rule]))
    assert of(made, "c.missingValues", ["", "N/A", None, "x"]) == (False, 3, "missing_values")
    rule = {"metric": "nullValues", "mustBe": 0}
    assert of(contract(column("c", "string", quality=[rule])), "c.nullValues", ["", None]) == (
        False,
        1,
        "missing_values",
    )


@pytest.mark.parametrize(
    ("operator", "bound", "unit", "holds"),
    [
        ("mustBe", 1, "rows", True),
        ("mustBe", 2, "rows", False),
        ("mustNotBe", 1, "rows", False),
        ("mustNotBe", 2, "rows", True),
        ("mustBeGreaterThan", 0, "rows", True),
        ("mustBeGreaterThan", 1, "rows", False),
        ("mustBeGreaterOrEqualTo", 1, "rows", True),
        ("mustBeGreaterOrEqualTo", 2, "rows", False),
        ("mustBeLessThan", 2, "rows", True),
        ("mustBeLessThan", 1, "rows", False),
        ("mustBeLessOrEqualTo", 1, "rows", True),
        ("mustBeLessOrEqualTo", 0, "rows", False),
        ("mustBeBetween", [1, 2], "rows", True),
        ("mustBeBetween", [2, 3], "rows", False),
        ("mustNotBeBetween", [1, 2], "rows", False),
        ("mustNotBeBetween", [2, 3], "rows", True),
        ("mustBe", 25, "percent", True),
        ("mustBeLessThan", 25, "percent", False),
        ("mustBeLessOrEqualTo", 25.0, "percent", True),
        ("mustBeLessOrEqualTo", 24.99, "percent", False),
    ],
)
def test_every_operator_and_unit(operator: str, bound: Any, unit: str, holds: bool) -> None:
    rule = {"metric": "nullValues", operator: bound, "unit": unit}
    found = of(contract(column("c", quality=[rule])), "c.nullValues", [1, 2, None, 4])
    assert found == (holds, 1, None if holds else "missing_values")


def test_row_count() -> None:
    made = contract(column("c"), quality=[{"name": "some", "metric": "rowCount", "mustBeGreaterThan": 1}])
    assert of(made, "some", [1, 2]) == (True, 0, None)
    assert of(made, "some", [1]) == (False, 1, "out_of_bounds")
    assert of(made, "some", [], pa.int64()) == (False, 1, "out_of_bounds")


def test_required_and_primary_key() -> None:
    assert of(contract(column("c", required=True)), "c.required", [1, None]) == (False, 1, "missing_values")
    made = contract(column("c", primaryKey=True))
    assert of(made, "c.required", [1, None]) == (False, 1, "missing_values")
    assert of(made, "c.unique", [1, 1, 2]) == (False, 2, "duplicate_values")


def test_a_nan_keeps_no_bound_and_no_type() -> None:
    values = [1.0, float("nan"), float("inf")]
    assert of(option("maximum", 5, "number"), "c.maximum", values) == (False, 2, BROKEN)
    assert of(option("minimum", 0, "number"), "c.minimum", values) == (False, 1, BROKEN)
    assert of(option("minimum", 0, "number"), "c.type", values) == (False, 2, "wrong_type")


def test_the_width_of_integers_and_of_bytes() -> None:
    assert of(option("format", "u8"), "c.type", [0, 255, 256, -1]) == (False, 2, "wrong_type")
    made = contract(column("c", "string", physicalType="binary(16)"))
    assert of(made, "c.type", [b"0" * 16, b"0" * 15, None], pa.binary()) == (False, 1, "wrong_type")


@pytest.mark.parametrize(
    ("logical", "kind", "taken"),
    [
        ("integer", pa.int8(), True),
        ("integer", pa.float64(), False),
        ("integer", pa.string(), False),
        ("number", pa.int32(), True),
        ("number", pa.float32(), True),
        ("number", pa.string(), False),
        ("number", pa.decimal128(5, 2), False),
        ("string", pa.large_string(), True),
        ("string", pa.dictionary(pa.int32(), pa.string()), True),
        ("string", pa.binary(), False),
        ("string", pa.int64(), False),
        ("boolean", pa.bool_(), True),
        ("boolean", pa.int8(), False),
        ("date", pa.date32(), True),
        ("date", pa.timestamp("us"), False),
        ("timestamp", pa.timestamp("ms"), True),
        ("timestamp", pa.timestamp("us", tz="UTC"), False),
        ("time", pa.time32("s"), True),
    ],
)
def test_types_are_taken_only_where_nothing_is_guessed(logical: str, kind: Any, taken: bool) -> None:
    values = pa.nulls(3, type=kind)
    found = result(contract(column("c", logical)), "c.type", pa.table({"c": values}))
    assert (found.success, found.reason) == (taken, None if taken else "wrong_type")


def test_columns_that_are_missing_repeated_or_not_declared() -> None:
    made = contract(column("a", required=True), column("b"))
    verdict = check_tables(compile_plan(made), [pa.table({"a": [1]})])
    assert {rule.id: rule.reason for rule in verdict.failed} == {"b.type": "column_missing"}
    verdict = check_tables(compile_plan(made), [pa.table({"a": [1], "b": [1], "extra": [1]})])
    assert [(rule.id, rule.unexpected_count) for rule in verdict.failed] == [("schema.columns", 1)]
    twice = pa.Table.from_arrays([pa.array([1]), pa.array([1]), pa.array([1])], names=["a", "b", "b"])
    verdict = check_tables(compile_plan(made), [twice])
    assert {rule.id for rule in verdict.failed} == {"schema.columns", "b.type"}


@pytest.mark.attack
def test_text_that_is_no_utf8_is_seen_before_an_engine_reads_it() -> None:
    hostile = pa.Array.from_buffers(
        pa.string(), 1, [None, pa.py_buffer(b"\x00\0\0\0\x02\0\0\0"), pa.py_buffer(b"\xff\xfe")]
    )
    found = result(contract(column("c", "string")), "c.type", pa.table({"c": hostile}))
    assert (found.success, found.reason) == (False, "unreadable_values")


ORACLE = {"property": "isthmusDialect", "value": "oracle"}


@pytest.mark.parametrize(
    "item",
    [
        {"type": "text", "description": "looks right"},
        {"type": "sql", "query": "select 1", "mustBe": 1, "customProperties": [ORACLE]},
        {"type": "custom", "engine": "soda", "implementation": "x"},
        {"type": "custom", "engine": "great-expectations", "implementation": "import os"},
        {"type": "custom", "engine": "great-expectations", "implementation": {"type": "x", "kwargs": {}}},
        {"metric": "invalidValues", "arguments": {"validValues": ["a"]}, "mustBe": 0},
        {"metric": "invalidValues", "arguments": {"pattern": "(?=x)"}, "mustBe": 0},
    ],
)
def test_what_cannot_be_evaluated_has_failed_by_name(item: dict[str, Any]) -> None:
    made = contract(column("c", quality=[{"name": "mine", **item}]))
    assert of(made, "mine", [1, 2]) == (False, 0, "not_evaluated")


@pytest.mark.parametrize("word", ["(?=a)a", r"(a)\1", "["])
def test_a_pattern_that_the_engine_lacks_is_not_evaluated(word: str) -> None:
    assert of(option("pattern", word, "string"), "c.pattern", ["a"]) == (False, 0, "not_evaluated")
    assert of(option("format", "ipv6", "string"), "c.format", ["::1"]) == (False, 0, "not_evaluated")


@pytest.mark.attack
def test_a_pattern_that_backtracks_for_ever_elsewhere_ends_here() -> None:
    made = option("pattern", "^(a+)+$", "string")
    assert of(made, "c.pattern", ["a" * 100_000 + "!"]) == (False, 1, BROKEN)


def test_an_empty_table_says_what_rules_on_rows_say_of_none() -> None:
    made = contract(column("c", required=True, unique=True, options={"minimum": 0}))
    verdict = check_tables(compile_plan(made), [pa.table({"c": pa.array([], pa.int64())})])
    assert verdict.success
    assert verdict.rows == 0


def test_a_plan_pickles_and_its_partials_do() -> None:
    plan = compile_plan(contract(column("c", unique=True)))
    again = pickle.loads(pickle.dumps(plan))  # noqa: S301 - our own
    partial = pickle.loads(pickle.dumps(again.partial(pa.table({"c": [1, 1]}))))  # noqa: S301
    assert plan.verdict(partial).failed[0].id == "c.unique"


def test_a_contract_of_several_tables_is_refused_by_number() -> None:
    from contract_builder import document

    from data_contracts.loading import contract_from_document

    told = document(column("c"))
    told["schema"].append({"name": "u", "properties": [column("d")]})
    with pytest.raises(UsageError, match="2 schema objects"):
        compile_plan(contract_from_document(told))


def test_violations_flag_exactly_the_rows_that_row_rules_name() -> None:
    rules = [{"metric": "invalidValues", "arguments": {"validValues": [1, 2, 3]}, "mustBe": 0}]
    tolerant = [{"metric": "nullValues", "mustBeLessThan": 50, "unit": "percent"}]
    made = contract(
        column("a", required=True, quality=rules), column("b", options={"maximum": 9}, quality=tolerant)
    )
    table = pa.table({"a": [1, None, 3, 4], "b": [None, 1, 10, 2]})
    plan = compile_plan(made)
    assert plan.violations(table).to_pylist() == [False, True, True, True]
    assert plan.violations(table.slice(0, 0)).to_pylist() == []
    assert plan.violations(table.rename_columns(["a", "z"])).to_pylist() == [True] * 4
