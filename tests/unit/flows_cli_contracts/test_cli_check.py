"""`isthmus check` and `isthmus contract lint`, as a user runs them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

HEAVY = ("prefect", "dask", "distributed", "pandas", "great_expectations")
CONTRACT = """apiVersion: v3.1.0
kind: DataContract
id: test.t
version: 1.0.0
status: active
schema:
  - name: t
    properties:
      - name: a
        logicalType: integer
        classification: internal
        required: true
        logicalTypeOptions: {minimum: 0}
      - name: s
        logicalType: string
        classification: restricted
        logicalTypeOptions: {maxLength: 5}
"""


def isthmus(*arguments: str | Path, home: Path, code: int) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-P", "-c", "from flows.cli.main import main; main()", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "ISTHMUS_HOME": str(home), "ISTHMUS_SITE": "", "NO_COLOR": "1"},
    )
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "c.odcs.yaml").write_text(CONTRACT)
    (tmp_path / "good.csv").write_text("a,s\n1,x\n2,y\n")
    (tmp_path / "bad.csv").write_text("a,s\n-1,SENTINEL\n2,y\n-7,SENTINEL\n")
    return tmp_path


def test_a_table_with_failing_rules_first_and_no_value(place: Path) -> None:
    done = isthmus("check", place / "bad.csv", "--contract", place / "c.odcs.yaml", home=place, code=1)
    lines = [line.split() for line in done.stdout.splitlines() if line.startswith(("FAIL", "ok"))]
    assert [line[:2] for line in lines[:3]] == [
        ["FAIL", "a.minimum"],
        ["FAIL", "s.maxLength"],
        ["ok", "schema.columns"],
    ]
    assert lines[0][2:] == ["3", "0", "2", "unexpected_values"]
    assert "SENTINEL" not in done.stdout + done.stderr
    assert "breaks test.t@1.0.0" in done.stdout
    done = isthmus("check", place / "good.csv", "--contract", place / "c.odcs.yaml", home=place, code=0)
    assert "keeps test.t@1.0.0" in done.stdout


def test_json_has_the_promised_shape(place: Path) -> None:
    done = isthmus(
        "check", place / "bad.csv", "--contract", place / "c.odcs.yaml", "--json", home=place, code=1
    )
    told = json.loads(done.stdout)
    assert set(told) == {"success", "rows", "rules"}
    assert (told["success"], told["rows"]) == (False, 3)
    fields = [
        "id",
        "column",
        "rule",
        "success",
        "element_count",
        "missing_count",
        "unexpected_count",
        "unexpected_percent",
        "reason",
    ]
    assert all(list(rule) == fields for rule in told["rules"])
    assert "SENTINEL" not in done.stdout


def test_parquet_alike(place: Path) -> None:
    pq.write_table(pa.table({"a": [1, None], "s": ["x", "y"]}), place / "t.parquet")
    done = isthmus(
        "check", place / "t.parquet", "--contract", place / "c.odcs.yaml", "--json", home=place, code=1
    )
    failed = [rule["id"] for rule in json.loads(done.stdout)["rules"] if not rule["success"]]
    assert failed == ["a.required"]


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["absent.csv", "--contract", "c.odcs.yaml"], 2, "no such file"),
        (["good.csv"], 2, "no contract"),
        ([], 2, "not said"),
        (["good.csv", "--contract", "no.such"], 2, "no contract no.such"),
        (["good.csv", "--contract", "hospital.result-model"], 2, "model"),
        (["good.csv", "--contract", "hospital.clinic-tests"], 1, "schema.columns"),
        (["c.odcs.yaml", "--contract", "c.odcs.yaml"], 2, "neither CSV, JSON Lines, Parquet"),
        (["good.csv", "--contract", "broken.odcs.yaml"], 2, "broken.odcs.yaml:5"),
        (["cut.parquet", "--contract", "c.odcs.yaml"], 1, "truncated Parquet file"),
        (["ragged.csv", "--contract", "c.odcs.yaml"], 1, "ragged.csv:3"),
        (["latin.csv", "--contract", "c.odcs.yaml"], 1, "latin.csv:2"),
        (["--asset", "x", "--env", "nowhere"], 2, "nowhere"),
        (["--asset", "x"], 2, "--env"),
    ],
)
def test_bad_input_is_one_clear_message(place: Path, arguments: list[str], code: int, says: str) -> None:
    (place / "broken.odcs.yaml").write_text(CONTRACT.replace("status: active", "statu: active"))
    (place / "cut.parquet").write_bytes(b"PAR1" + b"\0" * 100)
    (place / "ragged.csv").write_text("a,s\n1,x\n2\n")
    (place / "latin.csv").write_bytes(b"a,s\n1,\xe4\n")
    named = [str(place / word) if (place / word).exists() else word for word in arguments]
    done = isthmus("check", *named, home=place, code=code)
    assert says in done.stderr
    assert not done.stdout


def test_lint(place: Path) -> None:
    done = isthmus("contract", "lint", place / "c.odcs.yaml", home=place, code=0)
    assert "test.t@1.0.0 is sound: 0 errors, 0 warnings" in done.stdout
    (place / "broken.odcs.yaml").write_text(
        CONTRACT.replace("required", "requierd").replace("status", "statu")
    )
    done = isthmus("contract", "lint", place / "broken.odcs.yaml", "--json", home=place, code=2)
    told: dict[str, Any] = json.loads(done.stdout)
    assert told["success"] is False
    assert {(problem["path"], problem["line"]) for problem in told["problems"]} >= {
        ("schema.0.properties.0.requierd", 12),
        ("statu", 5),
    }


def test_a_check_without_gx_rules_imports_nothing_heavy(place: Path) -> None:
    code = (
        "import sys\n"
        "from flows.cli.report import run_reporting\n"
        "from flows.cli.group import ROOT\n"
        f"status = run_reporting(ROOT, ['check', {str(place / 'good.csv')!r}, '--contract', "
        f"{str(place / 'c.odcs.yaml')!r}])\n"
        f"print('HEAVY', [name for name in {HEAVY!r} if name in sys.modules], status)"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True, cwd=place
    )
    assert done.stdout.splitlines()[-1] == "HEAVY [] 0"


def test_an_asset_is_checked_against_the_contract_that_its_store_holds(place: Path) -> None:
    data = Path(__file__).parents[3] / "flows" / "hospital" / "data" / "clinic_tests.csv"
    named = ("--env", "edge", "--name", "tests", "--contract", "hospital.clinic-tests")
    isthmus("asset", "add", data, *named, home=place / "home", code=0)
    done = isthmus("check", "--asset", "tests", "--env", "edge", "--json", home=place / "home", code=1)
    told = json.loads(done.stdout)
    failed = [(rule["id"], rule["unexpected_count"]) for rule in told["rules"] if not rule["success"]]
    assert (told["rows"], failed) == (1_244, [("age.maximum", 2)])
