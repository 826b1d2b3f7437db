"""`isthmus contract infer`, as a user runs it."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from data_contracts.loading import load_contract

ROWS = "id,first_name,state\n" + "".join(f"{n},Zebulon,{'on' if n % 2 else 'off'}\n" for n in range(40))


def isthmus(*arguments: str | Path, code: int = 0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-P", "-c", "from flows.cli.main import main; main()", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "ISTHMUS_SITE": "", "NO_COLOR": "1"},
    )
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert "Zebulon" not in done.stdout + done.stderr
    return done


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "people.csv"
    path.write_text(ROWS)
    return path


def test_the_draft_is_written_and_its_file_passes_the_check(file: Path, tmp_path: Path) -> None:
    out = tmp_path / "people.odcs.yaml"
    done = isthmus("contract", "infer", file, "--name", "test.people", "--out", out)
    assert "first_name  restricted: given-name (name en)" in done.stdout
    assert (
        f"{out}: test.people@0.1.0, 40 rows; 1 of 3 columns may be personal and are restricted" in done.stdout
    )
    assert load_contract(out).reference == "test.people@0.1.0"
    isthmus("contract", "lint", out)
    isthmus("check", file, "--contract", out)


def test_without_a_file_the_contract_alone_is_on_the_output(file: Path, tmp_path: Path) -> None:
    done = isthmus("contract", "infer", file)
    copy = tmp_path / "copy.odcs.yaml"
    copy.write_text(done.stdout)
    assert load_contract(copy).reference == "draft.people@0.1.0"
    assert "given-name" in done.stderr


def test_json_tells_every_column(file: Path) -> None:
    told = json.loads(isthmus("contract", "infer", file, "--json").stdout)
    assert set(told) == {"contract", "out", "rows", "unmet", "columns", "document"}
    (column,) = [column for column in told["columns"] if column["personal"]]
    assert column == {
        "column": "first_name",
        "type": "string",
        "values": 40,
        "missing": 0,
        "endless": 0,
        "personal": True,
        "classification": "restricted",
        "kinds": ["given-name"],
        "categories": ["direct-identifier", "personal"],
        "evidence": [{"kind": "given-name", "basis": "name", "detector": "en", "count": 0, "of": 0}],
    }
    assert told["document"]["schema"][0]["properties"][1]["classification"] == "restricted"


def test_nothing_is_replaced_and_mistakes_are_usage(file: Path, tmp_path: Path) -> None:
    out = tmp_path / "there.yaml"
    out.write_text("mine")
    isthmus("contract", "infer", file, "--out", out, code=2)
    assert out.read_text() == "mine"
    isthmus("contract", "infer", file, "--out", tmp_path / "no" / "x.yaml", code=2)
    isthmus("contract", "infer", tmp_path / "absent.csv", code=2)
    isthmus("contract", "infer", file, "--name", "Not An Id", code=2)
    (tmp_path / "bad.jsonl").write_text('{"a": 1, "a": 2}\n')
    assert "bad.jsonl:1:" in isthmus("contract", "infer", tmp_path / "bad.jsonl", code=1).stderr


def test_nan_and_infinity_are_drafted_counted_and_said(tmp_path: Path) -> None:
    file, out = tmp_path / "t.parquet", tmp_path / "t.odcs.yaml"
    weight = [float(n) + 0.5 for n in range(10, 60)]
    inner = [
        {"depth": math.inf if n == 3 else 1.5, "tags": [2.5, math.nan] if n < 2 else [2.5]} for n in range(50)
    ]
    rows = {"weight": [math.nan, math.inf, -math.inf, *weight[3:]], "height": weight, "inner": inner}
    pq.write_table(pa.table(rows), file)
    done = isthmus("contract", "infer", file, "--out", out)
    assert (
        "does not pass this draft: NaN or infinity in weight: 3, inner.depth: 1, inner.tags[]: 2;"
        in done.stdout
    )
    assert (
        "breaks weight.type, weight.minimum, weight.maximum, inner.depth.type, inner.tags[].type"
        in done.stdout
    )
    column, other, _ = load_contract(out).object.columns
    assert "3 of 50 values are NaN or infinite" in column.description
    assert "they break `weight.type`" in column.description
    assert dict(column.options) == {"minimum": 13, "maximum": 60}
    assert "NaN" not in other.description
    told = json.loads(isthmus("contract", "infer", file, "--json").stdout)
    assert told["unmet"] == [
        "weight.type", "weight.minimum", "weight.maximum", "inner.depth.type", "inner.tags[].type"
    ]  # fmt: skip
    assert {item["column"]: item["endless"] for item in told["columns"] if item["endless"]} == {
        "weight": 3,
        "inner.depth": 1,
        "inner.tags[]": 2,
    }
    # What the draft says is what the check finds; with nulls in their place the file passes.
    check = json.loads(isthmus("check", file, "--contract", out, "--json", code=1).stdout)
    assert [rule["id"] for rule in check["rules"] if not rule["success"]] == told["unmet"]
    rows["weight"][:3] = [13.5, 13.5, 13.5]
    rows["inner"] = [{"depth": 1.5, "tags": [2.5]}] * 50
    pq.write_table(pa.table(rows), file)
    isthmus("check", file, "--contract", out)


def test_a_column_of_nothing_but_nan_has_a_draft(tmp_path: Path) -> None:
    file = tmp_path / "t.parquet"
    pq.write_table(pa.table({"x": pa.array([math.nan] * 5, pa.float32()), "n": [1, 2, 3, 4, 5]}), file)
    told = json.loads(isthmus("contract", "infer", file, "--json").stdout)
    assert told["unmet"] == ["x.type"]
    assert "logicalTypeOptions" not in told["document"]["schema"][0]["properties"][0]
