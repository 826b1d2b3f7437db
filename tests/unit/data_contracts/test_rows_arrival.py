"""The arrival contract of a crossing with a condition: what it still promises, and what it adds."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pyarrow as pa
import pytest
from contract_builder import CLOUD, column, contract, crossing
from hypothesis import given, settings
from hypothesis import strategies as st

from data_contracts.arrow import arrow_schema
from data_contracts.checks import check_tables, compile_plan
from data_contracts.model import Column, Contract
from data_contracts.obligations import apply
from data_contracts.policy import select_terms
from data_contracts.projection import project


def arrival(rows: str, *columns: dict[str, Any], quality: Any = None, **more: Any) -> Contract:
    said: dict[str, Any] = {**crossing({item["name"]: "keep" for item in columns}), "rows": rows, **more}
    return project(contract(*columns, crossings=[said], quality=quality), CLOUD, "study")


def only(made: Contract) -> Column:
    (found,) = made.object.columns
    return found


@pytest.mark.parametrize(
    ("rows", "options"),
    [
        ("a >= 18", {"minimum": 18}),
        ("18 <= a", {"minimum": 18}),
        ("a > 18 and a < 65", {"exclusiveMinimum": 18, "exclusiveMaximum": 65}),
        ("a <= 5 and a <= 9", {"maximum": 5}),
        ("a <= 9 and a <= 5", {"maximum": 5}),
        ("a is not null", {}),
        ("a != 3", {}),
        ("a not in (3)", {}),
        ("a = 7", {}),
        ("a in (7, 8)", {}),
        ("a > 5 and a < 5", {"exclusiveMinimum": 5}),
    ],
)
def test_a_condition_on_one_column_that_arrives_becomes_its_rules(rows: str, options: dict[str, Any]) -> None:
    found = only(arrival(rows, column("a")))
    assert found.required
    assert dict(found.options) == options


def test_listed_values_are_a_rule() -> None:
    (rule,) = only(arrival("a in ('x', 'y')", column("a", "string"))).rules
    assert (rule.id, rule.arguments, rule.bound) == ("a.rows", {"validValues": ["x", "y"]}, 0)
    (rule,) = only(arrival("a = true", column("a", "boolean"))).rules
    assert rule.arguments == {"validValues": [True]}


@pytest.mark.parametrize(
    "rows", ["a > 1 or a is null", "a is null", "a = a", "not (a > 3)", "a = 9007199254740993"]
)
def test_what_odcs_cannot_say_is_left_to_the_proof(rows: str) -> None:
    found = only(arrival(rows, column("a")))
    assert (dict(found.options), found.rules) == ({}, ())


def test_the_tighter_bound_stays_and_bounds_stay_possible() -> None:
    made = arrival(
        "a >= 5 and b <= 3", column("a", options={"minimum": 9}), column("b", options={"minimum": 5})
    )
    assert [dict(item.options) for item in made.object.columns] == [{"minimum": 9}, {"minimum": 5}]


def test_days_and_moments_are_bounds() -> None:
    made = arrival(
        "a >= '2024-01-01' and b < '2024-01-01T10:00:00'", column("a", "date"), column("b", "timestamp")
    )
    assert dict(made.object.columns[0].options) == {"minimum": "2024-01-01"}
    assert dict(made.object.columns[1].options) == {"exclusiveMaximum": "2024-01-01T10:00:00"}


@pytest.mark.parametrize(
    ("rule", "stays"),
    [
        ({"metric": "nullValues", "mustBe": 0}, True),
        ({"metric": "nullValues", "mustBeLessThan": 3}, True),
        ({"metric": "nullValues", "mustBeBetween": [0, 3]}, True),
        ({"metric": "nullValues", "mustBe": 0, "unit": "percent"}, True),
        ({"metric": "nullValues", "mustBeLessOrEqualTo": 0, "unit": "percent"}, True),
        ({"metric": "nullValues", "mustBeLessThan": 3, "unit": "percent"}, False),
        ({"metric": "nullValues", "mustBe": 2}, False),
        ({"metric": "nullValues", "mustNotBe": 2}, False),
        ({"metric": "nullValues", "mustBeGreaterThan": 2}, False),
        ({"metric": "nullValues", "mustBeBetween": [1, 3]}, False),
        ({"metric": "nullValues", "mustNotBeBetween": [1, 3]}, False),
        ({"type": "sql", "query": "select count(*) from t", "mustBe": 0}, False),
        ({"type": "text", "description": "prose"}, True),
        (gx := {"type": "custom", "engine": "gx"}, None),
    ],
)
def test_only_rules_that_hold_of_fewer_rows_stay(rule: dict[str, Any], stays: bool | None) -> None:
    if stays is None:
        implementation = {
            "type": "expect_column_values_to_be_between",
            "kwargs": {"column": "a", "min_value": 0},
        }
        lenient = {**implementation, "kwargs": {**implementation["kwargs"], "mostly": 0.9}}
        average = {"type": "expect_column_mean_to_be_between", "kwargs": {"column": "a", "min_value": 0}}
        for said, wanted in ((implementation, 1), (lenient, 0), (average, 0)):
            quality = [{**gx, "implementation": said}]
            assert len(only(arrival("a > 1 or a < 0", column("a", quality=quality))).rules) == wanted
        return
    assert bool(only(arrival("a > 1 or a < 0", column("a", quality=[rule]))).rules) is stays


@pytest.mark.parametrize(
    ("rule", "stays"),
    [({"mustBeGreaterThan": 0}, False), ({"mustBeLessThan": 9}, True), ({"mustBe": 9}, False)],
)
def test_a_number_of_rows_is_promised_only_from_above(rule: dict[str, Any], stays: bool) -> None:
    made = arrival("a > 1 or a < 0", column("a"), quality=[{"metric": "rowCount", **rule}])
    assert bool(made.object.rules) is stays


def test_suppression_leaves_rows_out_as_well() -> None:
    terms = {"k": 5, "quasiIdentifiers": ["a"], "maxSuppressed": 0.1}
    said = {**crossing({"a": "keep"}), "anonymity": terms}
    quality = [{"metric": "rowCount", "mustBeGreaterThan": 0}]
    assert (
        project(contract(column("a"), crossings=[said], quality=quality), CLOUD, "study").object.rules == ()
    )


def test_acknowledged_rules_arrive_acknowledged_under_their_ids() -> None:
    prose = [{"type": "text", "description": "one"}, {"type": "text", "description": "two"}]
    sql = {"type": "sql", "query": "select 1", "mustBe": 1, "name": "gone"}
    listed = [
        {"rule": name, "by": "A. Owner", "date": "2026-01-02", "reason": "checked by hand"}
        for name in ("a.text-2", "gone", "a.type")
    ]
    said = {**crossing({"a": "keep", "b": "drop"}), "rows": "b > 1"}
    value = {"version": 1, "crossings": [said]}
    made = contract(
        column("a", quality=prose),
        column("b"),
        quality=[sql],
        customProperties=[
            {"property": "isthmusBoundary", "value": value},
            {"property": "isthmusAcknowledged", "value": listed},
        ],
    )
    found = project(made, CLOUD, "study")
    assert [rule.id for rule in only(found).rules] == ["a.text", "a.text-2"]
    assert [entry.rule for entry in found.acknowledged] == ["a.text-2", "a.type"]
    assert only(found).rules[1].acknowledged == dt.date(2026, 1, 2)


def test_a_nested_column_arrives_without_examples_and_the_sources_words() -> None:
    street = column(
        "street", "string", physicalName="TBL_STR", examples=["Hidden Road"], transformLogic="secret"
    )
    street["quality"] = [{"metric": "nullValues", "mustBeLessThan": 5, "unit": "percent"}]
    street["relationships"] = [{"to": "streets.name"}]
    made = arrival("b > 1", column("a", "object", properties=[street]), column("b"))
    inner = made.document["schema"][0]["properties"][0]["properties"][0]
    assert set(inner) == {"name", "logicalType", "classification"}


ROWS = st.lists(
    st.tuples(
        st.none() | st.integers(-5, 5),
        st.none() | st.sampled_from(["x", "y", "it's"]),
        st.none() | st.booleans(),
        st.none() | st.sampled_from([dt.date(2024, 1, 1), dt.date(2024, 6, 1)]),
    ),
    max_size=8,
)
PARTS = st.sampled_from(
    [
        "a > 0",
        "a >= -2",
        "a < 3",
        "2 >= a",
        "a = 1",
        "a in (1, 2)",
        "a not in (0)",
        "a is not null",
        "b = 'x'",
        "b in ('x', 'it''s')",
        "b != 'y'",
        "c = true",
        "c = false or a > 1",
        "d >= '2024-02-01'",
        "d < '2024-02-01'",
        "not a = 1",
        "b > 'x'",
    ]
)


@settings(max_examples=150, deadline=None)
@given(rows=ROWS, parts=st.lists(PARTS, min_size=1, max_size=3))
def test_rows_that_meet_it_keep_the_arrival_contract(rows: list[tuple[Any, ...]], parts: list[str]) -> None:
    said = {**crossing(dict.fromkeys("abcd", "keep")), "rows": " and ".join(map("({})".format, parts))}
    made = contract(
        column("a", options={"minimum": -5}),
        column("b", "string"),
        column("c", "boolean"),
        column("d", "date"),
        crossings=[said],
        quality=[{"metric": "rowCount", "mustBe": len(rows)}],
    )
    table = pa.table([pa.array(v) for v in zip(*rows, strict=True)] or [[]] * 4, schema=arrow_schema(made))
    terms = select_terms(made, CLOUD, "study")
    assert terms is not None
    output = apply(terms, made, table)
    verdict = check_tables(compile_plan(project(made, CLOUD, "study")), [output])
    assert verdict.success, verdict.failed
