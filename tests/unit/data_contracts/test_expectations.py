"""`custom` rules of a contract: measures where they stream, GX's own engine else, and no value gets out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from contract_builder import column, contract

from data_contracts.checks import Verdict, check_files, check_tables, compile_plan
from data_contracts.suites import own_engine

SENTINEL = "SENTINEL-4711"
TABLE = pa.table({"a": [1, 2, 3, None], "s": [SENTINEL, "x", "y", "z"]})
Rules = list[tuple[str, dict[str, Any]]]


def verdict(rules: Rules, table: pa.Table) -> Verdict:
    quality = [
        {
            "name": f"gx{index}",
            "type": "custom",
            "engine": "great-expectations",
            "implementation": {"type": f"expect_{kind}", "kwargs": kwargs},
        }
        for index, (kind, kwargs) in enumerate(rules)
    ]
    made = contract(column("a", "integer"), column("s", "string"), quality=quality)
    return check_tables(compile_plan(made), [table.slice(0, 2), table.slice(2)])


def test_it_sees_the_whole_asset_and_counts_come_back() -> None:
    """Half of each part is distinct enough; only the whole is not."""
    table = pa.table({"a": [1, 2, 1, 2], "s": ["p", "q", "r", "t"]})
    kind = "column_values_to_be_unique"
    found = verdict([(kind, {"column": "a"}), (kind, {"column": "s"})], table).failed
    assert [(rule.id, rule.unexpected_count, rule.reason) for rule in found] == [
        ("gx0", 4, "duplicate_values")
    ]


def test_mostly_counts_as_gx_counts() -> None:
    kind, kwargs = "column_values_to_be_between", {"column": "a", "max_value": 2}
    found = verdict([(kind, {**kwargs, "mostly": 0.6}), (kind, {**kwargs, "mostly": 0.7})], TABLE).failed
    assert [(rule.id, rule.element_count, rule.missing_count, rule.unexpected_count) for rule in found] == [
        ("gx1", 4, 1, 1)
    ]


def test_what_gx_cannot_evaluate_has_failed() -> None:
    rules: Rules = [
        ("nothing_that_there_is", {"column": "a"}),
        ("column_values_to_be_between", {"column": "s", "max_value": 1}),
        ("column_values_to_be_between", {"column": "a", "max_value": 1, "surely": "unknown"}),
        ("column_values_to_match_regex", {"column": "s", "regex": "("}),
        ("column_values_to_be_dateutil_parseable", {"column": "a"}),
        ("column_max_to_be_between", {"column": "s", "max_value": 3}),
    ]
    assert {(rule.success, rule.reason) for rule in verdict(rules, TABLE).rules if rule.rule == "custom"} == {
        (False, "not_evaluated")
    }


def test_a_column_that_is_not_there() -> None:
    found = verdict([("column_values_to_be_between", {"column": "absent", "max_value": 1})], TABLE).failed
    assert [(rule.id, rule.reason) for rule in found] == [("gx0", "column_missing")]


@pytest.mark.attack
def test_no_value_leaves_by_result_or_error(capfd: pytest.CaptureFixture[str]) -> None:
    rules: Rules = [
        ("column_values_to_be_in_set", {"column": "s", "value_set": ["x"]}),
        ("column_values_to_be_in_set", {"column": "s", "value_set": ["x", 1]}),
        ("column_values_to_be_in_set", {"column": "s", "value_set": ["x"], "result_format": "COMPLETE"}),
        ("column_values_to_be_between", {"column": "s", "max_value": 1}),
        ("column_distinct_values_to_be_in_set", {"column": "s", "value_set": ["x", 1]}),
        ("column_max_to_be_between", {"column": "s", "max_value": "a"}),
        ("column_values_to_be_of_type", {"column": "s", "type_": "int"}),
    ]
    found = verdict(rules, TABLE)
    assert len(found.failed) == len(rules)
    out, err = capfd.readouterr()
    assert SENTINEL not in json.dumps(found.to_json()) + repr(found) + out + err
    assert not err, "no progress bars, no log lines"


def test_an_asset_over_the_declared_size_is_not_sampled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own_engine, "MAX_BYTES", 10)
    found = verdict([("column_values_to_match_regex", {"column": "a", "regex": "1"})], TABLE).failed
    assert [(rule.id, rule.reason) for rule in found] == [("gx0", "not_evaluated")]


def test_implementation_as_text_and_the_column_that_it_stands_under(tmp_path: Path) -> None:
    rule = {
        "type": "custom",
        "engine": "greatExpectations",
        "implementation": "type: expect_column_values_to_be_unique\nkwargs: {}\n",
    }
    made = contract(column("a", quality=[rule]))
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"a": [1, 1]}), path, row_group_size=1)
    found = check_files(compile_plan(made), [path]).failed
    assert [(item.id, item.unexpected_count) for item in found] == [("a.custom", 2)]
