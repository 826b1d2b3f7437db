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


def verdict(kind: str, kwargs: dict[str, Any], table: pa.Table, **columns: str) -> Verdict:
    rule = {
        "name": "gx",
        "type": "custom",
        "engine": "great-expectations",
        "implementation": {"type": kind, "kwargs": kwargs},
    }
    logical = columns or {"a": "integer", "s": "string"}
    made = contract(*(column(name, word) for name, word in logical.items()), quality=[rule])
    return check_tables(compile_plan(made), [table.slice(0, 2), table.slice(2)])


TABLE = pa.table({"a": [1, 2, 3, None], "s": [SENTINEL, "x", "y", "z"]})


def test_it_sees_the_whole_asset_and_counts_come_back() -> None:
    """Half of each part is distinct enough; only the whole is not."""
    table = pa.table({"a": [1, 2, 1, 2], "s": ["p", "q", "r", "t"]})
    kind = "expect_column_values_to_be_unique"
    found = verdict(kind, {"column": "a"}, table).failed
    assert [(rule.id, rule.unexpected_count, rule.reason) for rule in found] == [
        ("gx", 4, "duplicate_values")
    ]
    assert verdict(kind, {"column": "s"}, table).success


def test_mostly_counts_as_gx_counts() -> None:
    kind = "expect_column_values_to_be_between"
    assert verdict(kind, {"column": "a", "max_value": 2, "mostly": 0.6}, TABLE).success
    found = verdict(kind, {"column": "a", "max_value": 2, "mostly": 0.7}, TABLE).failed[0]
    assert (found.element_count, found.missing_count, found.unexpected_count) == (4, 1, 1)


@pytest.mark.parametrize(
    ("kind", "kwargs"),
    [
        ("expect_nothing_that_there_is", {"column": "a"}),
        ("expect_column_values_to_be_between", {"column": "s", "max_value": 1}),
        ("expect_column_values_to_be_between", {"column": "a", "max_value": 1, "surely": "unknown"}),
        ("expect_column_values_to_match_regex", {"column": "s", "regex": "("}),
    ],
)
def test_what_gx_cannot_evaluate_has_failed(kind: str, kwargs: dict[str, Any]) -> None:
    found = verdict(kind, kwargs, TABLE).failed
    assert [(rule.id, rule.reason) for rule in found] == [("gx", "not_evaluated")]


def test_a_column_that_is_not_there() -> None:
    found = verdict("expect_column_values_to_be_between", {"column": "absent", "max_value": 1}, TABLE).failed
    assert [(rule.id, rule.reason) for rule in found] == [("gx", "column_missing")]


@pytest.mark.attack
@pytest.mark.parametrize(
    ("kind", "kwargs"),
    [
        ("expect_column_values_to_be_in_set", {"column": "s", "value_set": ["x"]}),
        (
            "expect_column_values_to_be_in_set",
            {"column": "s", "value_set": ["x"], "result_format": "COMPLETE"},
        ),
        ("expect_column_values_to_be_between", {"column": "s", "max_value": 1}),
        ("expect_column_distinct_values_to_be_in_set", {"column": "s", "value_set": ["x"]}),
        ("expect_column_max_to_be_between", {"column": "s", "max_value": "a"}),
    ],
)
def test_no_value_leaves_by_result_or_error(
    kind: str, kwargs: dict[str, Any], capfd: pytest.CaptureFixture[str]
) -> None:
    found = verdict(kind, kwargs, TABLE)
    assert not found.success
    out, err = capfd.readouterr()
    assert SENTINEL not in json.dumps(found.to_json()) + repr(found) + out + err
    assert not err, "no progress bars, no log lines"


def test_an_asset_over_the_declared_size_is_not_sampled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own_engine, "MAX_BYTES", 10)
    kwargs = {"column": "a", "regex": "1"}
    found = verdict("expect_column_values_to_match_regex", kwargs, TABLE).failed
    assert [(rule.id, rule.reason) for rule in found] == [("gx", "not_evaluated")]


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
