"""Suites as JSON: strict, every problem at once; what cannot be compiled is refused by name and fails."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from data_contracts.checks import check_tables
from data_contracts.checks.expectations import plan_of_suite
from data_contracts.errors import DataBreaksContractError, DeclarationError, UsageError
from data_contracts.suites import Mode, Wanted, compile_expectation, load_suite, read_suite

TABLE = pa.table({"a": [1, 2, None], "s": ["x", "y", "z"]})
NOT_NULL = {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "a"}}


def read(data: Any) -> Any:
    return read_suite(json.dumps(data).encode(), file="suite.json")


def test_a_document_as_gx_writes_it_and_its_list_alone() -> None:
    item = {
        **NOT_NULL,
        "id": "6a1e",
        "meta": {"by": "me"},
        "severity": "warning",
        "description": "so",
        "notes": "n",
    }
    full = read({"name": "tests", "id": "1", "expectations": [item], "meta": {"v": 1}, "notes": None})
    (wanted,) = full.expectations
    assert (full.name, wanted.id, wanted.given_id) == (
        "tests",
        "a.expect_column_values_to_not_be_null",
        "6a1e",
    )
    assert (wanted.severity, wanted.meta) == ("warning", {"by": "me"})
    assert read([NOT_NULL]).name == "suite"
    assert [found.id for found in read([NOT_NULL, NOT_NULL]).expectations][1].endswith("_null-2")


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ("x", "no suite"),
        ({"name": "x"}, "no list"),
        ({"name": "x", "expectations": [], "nam": 1}, "nam: unknown key"),
        ({"expectation_suite_name": "x", "expectations": []}, "before 1.0"),
        ({"name": "x", "expectations": [], "suite_parameters": [1]}, "parameters"),
        (
            [{"expectation_type": "expect_a", "kwargs": {}}],
            "expectations.0.expectation_type: a key of GX before",
        ),
        ([{"type": "Expect", "kwargs": {}}], "expectations.0.type"),
        ([{"type": "expect_a", "kwargs": []}], "expectations.0.kwargs"),
        ([{"type": "expect_a", "severity": "high"}], "severity"),
        ([{**NOT_NULL, "id": "1"}, {**NOT_NULL, "id": "1"}], "stands 2 times"),
        ([1], "expectations.0: no expectation"),
    ],
)
def test_what_is_no_suite(data: Any, says: str) -> None:
    with pytest.raises(DeclarationError, match=r".") as caught:
        read(data)
    assert says in str(caught.value)


def test_every_problem_at_once() -> None:
    with pytest.raises(DeclarationError) as caught:
        read([{"type": "X", "kwargs": 1, "mood": 2}, 5])
    assert len(caught.value.problems) == 4


@pytest.mark.parametrize(
    "raw", [b"\xff", b"{", b'{"name": 1, "name": 2, "expectations": []}', b"[" * 100_000, b'{"a": NaN']
)
def test_bytes_that_are_no_json(raw: bytes) -> None:
    with pytest.raises(DeclarationError):
        read_suite(raw, file="suite.json")


def test_files(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        load_suite(tmp_path / "absent.json")
    (tmp_path / "s.json").write_text(json.dumps([NOT_NULL]))
    assert load_suite(tmp_path / "s.json").name == "s"


@pytest.mark.parametrize(
    ("kind", "kwargs", "why"),
    [
        ("expect_column_values_to_be_lovely", {"column": "a"}, "no core expectation"),
        ("expect_column_values_to_not_be_null", {"column": "a", "mosty": 1}, "no argument mosty"),
        ("expect_column_values_to_match_like_pattern", {"column": "s", "like_pattern": "a"}, "SQL"),
        ("expect_column_values_to_not_be_null", {"column": "a", "row_condition": "a.b()"}, "condition"),
        (
            "expect_column_values_to_match_json_schema",
            {"column": "s", "json_schema": {"$ref": "http://x/y"}},
            "another document",
        ),
    ],
)  # fmt: skip
def test_refused_by_name_and_reason_and_then_failed(kind: str, kwargs: dict[str, Any], why: str) -> None:
    made = compile_expectation(Wanted("rule", kind, kwargs), TABLE.schema)
    assert (made.mode, made.measure) == (Mode.REFUSED, None)
    assert why in made.why
    verdict = check_tables(plan_of_suite(read([{"type": kind, "kwargs": kwargs}]), TABLE.schema), [TABLE])
    assert [(rule.success, rule.reason) for rule in verdict.rules] == [(False, "not_evaluated")]


def test_a_suite_without_expectations_checks_nothing_and_is_no_check() -> None:
    with pytest.raises(UsageError, match="no expectation"):
        plan_of_suite(read({"name": "x", "expectations": []}), TABLE.schema)


def test_a_name_that_stands_twice() -> None:
    schema = pa.schema([("a", pa.int64()), ("a", pa.string())])
    with pytest.raises(DataBreaksContractError, match="more than once"):
        plan_of_suite(read([NOT_NULL]), schema)


def test_a_column_that_is_not_there_is_a_failed_rule_without_gx() -> None:
    suite = read([{"type": "expect_column_max_to_be_between", "kwargs": {"column": "q", "max_value": 1}}])
    (rule,) = check_tables(plan_of_suite(suite, TABLE.schema), [TABLE]).rules
    assert (rule.success, rule.reason) == (False, "column_missing")


def test_parameters_of_the_suite_stand_in_their_places_and_one_without_a_value_fails() -> None:
    rule = {
        "type": "expect_column_max_to_be_between",
        "kwargs": {"column": "a", "max_value": {"$PARAMETER": "most"}},
    }
    told = {"name": "x", "expectations": [rule], "suite_parameters": {"most": 2}}
    suite = read(told)
    assert suite.expectations[0].kwargs["max_value"] == 2
    assert check_tables(plan_of_suite(suite, TABLE.schema), [TABLE]).success
    without = read({**told, "suite_parameters": {}})
    (found,) = check_tables(plan_of_suite(without, TABLE.schema), [TABLE]).rules
    assert (found.success, found.reason) == (False, "not_evaluated")


def test_the_hospitals_expectation_needs_no_gx() -> None:
    from data_contracts.checks import compile_plan
    from data_contracts.registry import ContractRegistry

    plan = compile_plan(ContractRegistry.shipped().get("hospital.covid-tests"))
    assert [rule.word for rule in plan.rules].count("custom") == 1
    assert plan.whole_asset_rules == ()
