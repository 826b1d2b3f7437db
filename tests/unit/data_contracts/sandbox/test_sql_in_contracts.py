from __future__ import annotations

import pickle
import sys
from pathlib import Path
from subprocess import run

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from data_contracts.checks import check_files, compile_plan
from data_contracts.evolution.linting import lint
from data_contracts.loading import parse_contract, unevaluated
from data_contracts.verdict import Reason

CONTRACT = b"""
apiVersion: v3.1.0
kind: DataContract
id: my.sql
version: 1.0.0
status: active
schema:
- name: tests
  quality:
  - {type: sql, query: "SELECT count(*) FROM ${object} WHERE age < 0", mustBe: 0, name: none-negative}
  - {type: sql, query: "SELECT sum(age) FROM tests", mustBeGreaterThan: 100, name: a-large-sum}
  - {type: sql, query: "SELECT count(*) FROM '/etc/passwd'", mustBe: 0, name: elsewhere}
  properties:
  - name: age
    logicalType: integer
    quality:
    - {type: sql, query: "SELECT count(*) FROM ${table} WHERE ${column} > 100", mustBeLessThan: 1}
"""


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "ages.parquet"
    pq.write_table(pa.table({"age": pa.array([1, 2, 3], pa.int64())}), path)
    return path


def test_a_contracts_queries_are_rules_like_others(data: Path) -> None:
    contract = parse_contract(CONTRACT, file="x")
    assert [unevaluated(rule) for rule in contract.object.rules] == [None, None, None]
    plan = pickle.loads(pickle.dumps(compile_plan(contract)))  # noqa: S301 - our own bytes
    found = {rule.id: (rule.success, rule.reason) for rule in check_files(plan, [data]).rules}
    assert found["age.sql"] == (True, None)
    assert found["none-negative"] == (True, None)
    assert found["a-large-sum"] == (False, Reason.OUT_OF_BOUNDS)
    assert found["elsewhere"] == (False, Reason.NOT_EVALUATED)


def test_a_check_without_queries_starts_no_child_and_no_database(data: Path, tmp_path: Path) -> None:
    code = (
        "import sys\nfrom pathlib import Path\n"
        "from data_contracts.checks import check_files, compile_plan\n"
        "from data_contracts.loading import parse_contract\n"
        f"contract = parse_contract(Path({str(tmp_path / 'c.yaml')!r}).read_bytes(), file='x')\n"
        f"assert check_files(compile_plan(contract), [Path({str(data)!r})]).success\n"
        "assert 'duckdb' not in sys.modules\n"
    )
    text = CONTRACT.decode().split("  quality:")[0] + "  properties:\n  - {name: age, logicalType: integer}\n"
    (tmp_path / "c.yaml").write_text(text)
    run([sys.executable, "-c", code], check=True)


def test_lint_names_each_query_that_a_check_would_refuse(tmp_path: Path) -> None:
    path = tmp_path / "x.odcs.yaml"
    copied = CONTRACT.replace(b"SELECT sum(age) FROM tests", b"COPY tests TO '/tmp/out.csv'")
    path.write_bytes(copied)
    contract, problems = lint(path)
    assert contract is not None
    told = {p.message.split(" ")[1]: p.message for p in problems if "not_evaluated" in p.message}
    assert set(told) == {"a-large-sum", "elsewhere"}
    assert "refused (statements)" in told["a-large-sum"]
    assert all("one SELECT" in message for message in told.values())
    path.write_bytes(CONTRACT.replace(b"FROM '/etc/passwd'", b"FROM tests"))
    assert not [p for p in lint(path)[1] if "not_evaluated" in p.message]
