"""Objects and arrays: every option of theirs, and rules on what lies inside, at any depth."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest
from contract_builder import column, contract

from data_contracts.checks import check_tables, compile_plan, merge
from data_contracts.model import Contract

ADDRESS = column(
    "address",
    "object",
    properties=[
        column("street", "string", required=True, options={"maxLength": 5}),
        column("floor", options={"minimum": 0}),
    ],
)
TAGS = column("tags", "array", items=column("item", "string", required=True, options={"pattern": "^[a-z]+$"}))
LINES = column(
    "lines",
    "array",
    items=column(
        "item",
        "object",
        properties=[
            column("price", "number", required=True, options={"minimum": 0}),
            column("codes", "array", items=column("item", options={"maximum": 9})),
        ],
    ),
)
ADDRESS_TYPE = pa.struct([("street", pa.string()), ("floor", pa.int64())])
LINES_TYPE = pa.list_(pa.struct([("price", pa.float64()), ("codes", pa.list_(pa.int64()))]))


def failed(made: Contract, table: pa.Table) -> dict[str, tuple[int, str | None]]:
    """What fails, over every cut of the table in two."""
    plan = compile_plan(made)
    found = {r.id: (r.unexpected_count, r.reason) for r in check_tables(plan, [table]).failed}
    for at in range(table.num_rows + 1):
        parts = [plan.partial(table.slice(at), position=1), plan.partial(table.slice(0, at), position=0)]
        verdict = plan.verdict(merge(parts))
        assert {r.id: (r.unexpected_count, r.reason) for r in verdict.failed} == found
    return found


def test_properties_are_rules_by_path_and_an_absent_object_misses_none() -> None:
    rows = [{"street": "long street", "floor": 1}, None, {"street": None, "floor": -1}]
    table = pa.table({"address": pa.array(rows, ADDRESS_TYPE)})
    assert failed(contract(ADDRESS), table) == {
        "address.street.required": (1, "missing_values"),
        "address.street.maxLength": (1, "unexpected_values"),
        "address.floor.minimum": (1, "unexpected_values"),
    }


def test_items_are_rows_of_their_own_level() -> None:
    table = pa.table({"tags": pa.array([["a", "B"], [], None, ["c", None, "D"]], pa.list_(pa.string()))})
    plan = compile_plan(contract(TAGS))
    verdict = check_tables(plan, [table])
    found = {rule.id: rule for rule in verdict.rules}
    assert failed(contract(TAGS), table) == {
        "tags[].required": (1, "missing_values"),
        "tags[].pattern": (2, "unexpected_values"),
    }
    assert found["tags[].pattern"].element_count == 5
    assert found["tags[].pattern"].missing_count == 1
    assert found["tags.type"].element_count == 4
    assert plan.violations(table).to_pylist() == [True, False, False, True]


def test_arrays_of_objects_with_arrays() -> None:
    rows = [
        [{"price": 1.0, "codes": [1, 10]}, {"price": None, "codes": []}],
        None,
        [{"price": -1.0, "codes": None}, None, {"price": 2.0, "codes": [11, None]}],
    ]
    table = pa.table({"lines": pa.array(rows, LINES_TYPE)})
    assert failed(contract(LINES), table) == {
        "lines[].price.required": (1, "missing_values"),
        "lines[].price.minimum": (1, "unexpected_values"),
        "lines[].codes[].maximum": (2, "unexpected_values"),
    }
    plan = compile_plan(contract(LINES))
    assert plan.violations(table).to_pylist() == [True, False, True]


@pytest.mark.parametrize(
    ("options", "rows", "broken"),
    [
        ({"minItems": 1}, [[1], [], None], 1),
        ({"maxItems": 1}, [[1], [1, 2], None], 1),
        ({"uniqueItems": True}, [[1, 2], [1, 1], [None, None], [None, 1], None], 2),
        ({"uniqueItems": False}, [[1, 1]], 0),
    ],
)
def test_options_of_arrays(options: dict[str, Any], rows: list[Any], broken: int) -> None:
    made = contract(column("c", "array", items=column("item"), options=options))
    table = pa.table({"c": pa.array(rows, pa.list_(pa.int64()))})
    expected = {f"c.{next(iter(options))}": (broken, "unexpected_values")} if broken else {}
    assert failed(made, table) == expected


@pytest.mark.parametrize(
    ("options", "rule", "broken"),
    [
        ({"minProperties": 1}, "minProperties", 1),
        ({"minProperties": 2}, "minProperties", 2),
        ({"maxProperties": 1}, "maxProperties", 1),
        ({"maxProperties": 2}, "maxProperties", 0),
        ({"required": ["a"]}, "requiredProperties", 1),
        ({"required": ["a", "b"]}, "requiredProperties", 2),
    ],
)
def test_options_of_objects(options: dict[str, Any], rule: str, broken: int) -> None:
    made = contract(column("c", "object", properties=[column("a"), column("b")], options=options))
    rows = [{"a": 1, "b": 2}, {"a": 1, "b": None}, {"a": None, "b": None}, None]
    table = pa.table({"c": pa.array(rows, pa.struct([("a", pa.int64()), ("b", pa.int64())]))})
    assert failed(made, table) == ({f"c.{rule}": (broken, "unexpected_values")} if broken else {})


def test_uniqueness_and_metrics_inside() -> None:
    quality = [{"name": "few", "metric": "nullValues", "mustBeLessThan": 2}]
    made = contract(
        column("a", "object", properties=[column("id", unique=True, quality=quality)]),
        column("t", "array", items=column("item", unique=True)),
    )
    rows = [{"id": 1}, {"id": 2}, {"id": 1}, {"id": None}, None]
    table = pa.table(
        {
            "a": pa.array(rows, pa.struct([("id", pa.int64())])),
            "t": pa.array([[1, 2], [3], [], None, [2]], pa.list_(pa.int64())),
        }
    )
    found = {
        rule.id: rule for rule in check_tables(compile_plan(made), [table.slice(0, 2), table.slice(2)]).rules
    }
    assert (found["a.id.unique"].success, found["a.id.unique"].unexpected_count) == (False, 2)
    assert (found["t[].unique"].success, found["t[].unique"].unexpected_count) == (False, 2)
    assert found["few"].success, "an absent object has no property that could be null"


def test_an_object_of_other_properties_fails_everything_inside_by_reason() -> None:
    table = pa.table({"address": pa.array([{"street": "x"}], pa.struct([("street", pa.string())]))})
    verdict = check_tables(compile_plan(contract(ADDRESS)), [table])
    assert {rule.reason for rule in verdict.failed} == {"wrong_type"}
    assert {rule.id for rule in verdict.failed} >= {
        "address.type",
        "address.street.required",
        "address.floor.type",
    }


def test_two_places_with_one_path_are_not_told_apart_and_fail() -> None:
    made = contract(column("a", "object", properties=[column("b")]), column("a.b", options={"minimum": 0}))
    table = pa.table({"a": pa.array([{"b": 1}], pa.struct([("b", pa.int64())])), "a.b": [1]})
    found = {rule.id: rule.reason for rule in check_tables(compile_plan(made), [table]).failed}
    assert found["a.b.minimum"] == "not_evaluated"
