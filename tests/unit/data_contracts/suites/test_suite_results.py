"""Verdicts as GX's own validation results, and its own Data Docs made of them; never a value of the data."""

from __future__ import annotations

import json
import re
import stat
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from data_contracts.checks import check_tables
from data_contracts.checks.expectations import compile_suite, plan_of_suite
from data_contracts.errors import UsageError
from data_contracts.suites import read_suite
from data_contracts.suites.own_engine import quiet
from data_contracts.suites.pages import write_data_docs
from data_contracts.suites.results import to_validation_result

MOMENT = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
SENTINEL = "SENTINEL-4711"
TABLE = pa.table({"a": [1, 2, None, 400], "b": [1, 2, 3, 4], "s": ["x", SENTINEL, "y", "y"]})
QUANTILES = {"quantiles": [0.5], "value_ranges": [[1, 2]]}
RULES: list[tuple[str, dict[str, Any]]] = [
    ("column_values_to_not_be_null", {"column": "a"}),
    ("column_values_to_be_between", {"column": "a", "max_value": 2, "mostly": 0.9}),
    ("column_values_to_be_in_set", {"column": "s", "value_set": ["x", "y"]}),
    ("column_values_to_be_unique", {"column": "s"}),
    ("column_distinct_values_to_equal_set", {"column": "s", "value_set": ["x"]}),
    ("column_most_common_value_to_be_in_set", {"column": "s", "value_set": ["x"]}),
    ("column_max_to_be_between", {"column": "b", "max_value": 2}),
    ("column_min_to_be_between", {"column": "s", "min_value": "2020-01-01"}),
    ("column_quantile_values_to_be_between", {"column": "b", "quantile_ranges": QUANTILES}),
    ("column_pair_values_to_be_equal", {"column_A": "a", "column_B": "b"}),
    ("column_values_to_not_be_outliers", {"column": "b"}),
    ("column_values_to_match_regex", {"column": "s", "regex": r"\bx"}),
    ("column_values_to_match_like_pattern", {"column": "s", "like_pattern": "a%"}),
    ("column_to_exist", {"column": "q"}),
    ("table_row_count_to_equal", {"value": 4}),
    ("nothing_of_gx", {}),
]  # fmt: skip


@pytest.fixture(scope="module")
def result() -> dict[str, Any]:
    items = [{"type": f"expect_{kind}", "kwargs": kwargs} for kind, kwargs in RULES]
    suite = read_suite(json.dumps({"name": "my/../suite", "expectations": items}).encode(), file="s.json")
    verdict = check_tables(plan_of_suite(suite, TABLE.schema), [TABLE.slice(0, 2), TABLE.slice(2)])
    compiled = compile_suite(suite, TABLE.schema)
    return to_validation_result(suite, compiled, verdict, asset="tests.parquet", moment=MOMENT)


def test_counts_and_percentages_are_gxs_and_there_is_nothing_else(result: dict[str, Any]) -> None:
    between = result["results"][1]
    assert between["result"] == {
        "element_count": 4,
        "unexpected_count": 1,
        "unexpected_percent": pytest.approx(100 / 3),
        "missing_count": 1,
        "missing_percent": 25.0,
        "unexpected_percent_total": 25.0,
        "unexpected_percent_nonmissing": pytest.approx(100 / 3),
    }
    assert "missing_count" not in result["results"][0]["result"]
    assert result["results"][6]["result"] == {"observed_value": None}
    assert result["statistics"]["evaluated_expectations"] == len(RULES)
    assert result["success"] is False
    assert SENTINEL not in json.dumps(result)


def test_what_was_not_evaluated_raised_with_a_reason_of_ours(result: dict[str, Any]) -> None:
    told = {item["expectation_config"]["type"]: item["exception_info"] for item in result["results"]}
    like = told["expect_column_values_to_match_like_pattern"]
    assert like["raised_exception"]
    assert "SQL" in like["exception_message"]
    # GX's own exception text would quote the column's least value here.
    assert told["expect_column_min_to_be_between"]["exception_message"] == "not_evaluated"


def test_data_docs_are_gxs_own_pages(
    result: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    index = write_data_docs(result, tmp_path / "docs")
    assert index.is_file()
    pages = [path for path in (tmp_path / "docs").rglob("*.html") if path != index]
    assert len(pages) == 1
    text = re.sub(r"<(script|style).*?</\1>", "", pages[0].read_text(), flags=re.DOTALL)
    words = " ".join(re.sub(r"<[^>]+>", " ", text).split())
    for said in (
        "Status: Failed",
        f"Evaluated Expectations {len(RULES)}",
        "values must be unique.",
        "2 unexpected values found. 50% of 4 total rows.",
        "values must never be null.",
        "expect_nothing_of_gx (no expectation that Great Expectations would take)",
        "raised an exception: not_evaluated",
    ):
        assert said in words
    every = "".join(
        path.read_text(errors="replace") for path in (tmp_path / "docs").rglob("*") if path.is_file()
    )
    assert SENTINEL not in every
    modes = {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "docs").rglob("*")}
    assert modes <= {0o600, 0o700}
    assert not (tmp_path / "home").exists(), "GX leaves an id of its user nowhere"
    assert capfd.readouterr() == ("", "")


def test_gx_reads_the_result_back(result: dict[str, Any]) -> None:
    with quiet():
        from great_expectations.core import expectation_validation_result as theirs

        loaded = theirs.expectationSuiteValidationResultSchema.load(json.loads(json.dumps(result)))
    assert (loaded.success, loaded.suite_name, len(loaded.results)) == (False, "my/../suite", len(RULES))


def test_pages_go_into_no_folder_with_other_things(result: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("x")
    with pytest.raises(UsageError, match="other things"):
        write_data_docs(result, tmp_path)
    with pytest.raises(UsageError, match="not a folder"):
        write_data_docs(result, tmp_path / "mine.txt")
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
