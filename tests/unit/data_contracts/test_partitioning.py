"""The verdict does not depend on how the data is cut, and uniqueness is exact."""

from __future__ import annotations

import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from contract_builder import column, contract
from hypothesis import given
from hypothesis import strategies as st

from data_contracts.checks import check_files, check_tables, check_whole, compile_plan, merge
from data_contracts.checks import hashes as hashes_module
from data_contracts.checks import whole as whole_module
from data_contracts.checks.hashes import hash_keys
from data_contracts.errors import DataBreaksContractError, DefectError

MADE = contract(
    column("k", "string", unique=True, options={"maxLength": 2}),
    column("a", required=True, options={"minimum": 0, "maximum": 3}),
    column("x", "number", quality=[{"metric": "nullValues", "mustBeLessThan": 30, "unit": "percent"}]),
    quality=[
        {"name": "rows", "metric": "rowCount", "mustBeBetween": [2, 9]},
        {"name": "pairs", "metric": "duplicateValues", "mustBe": 0, "arguments": {"properties": ["k", "a"]}},
    ],
)
SCHEMA = pa.schema([("k", pa.string()), ("a", pa.int64()), ("x", pa.float64())])
ROW = st.fixed_dictionaries(
    {
        "k": st.none() | st.text("ab", max_size=3),
        "a": st.none() | st.integers(-1, 4),
        "x": st.none() | st.sampled_from([0.0, 1.5, float("nan")]),
    }
)


def parted(rows: list[dict[str, Any]], cuts: list[int]) -> list[pa.Table]:
    table = pa.Table.from_pylist(rows, schema=SCHEMA)
    edges = sorted({0, len(rows), *(cut % (len(rows) + 1) for cut in cuts)})
    return [table.slice(low, high - low) for low, high in pairwise(edges)] or [table]


@given(st.lists(ROW, max_size=12), st.lists(st.integers(0, 99), max_size=6), st.randoms())
def test_any_cut_order_and_grouping_gives_one_verdict(rows: list[Any], cuts: list[int], random: Any) -> None:
    plan = compile_plan(MADE)
    whole = plan.verdict(plan.partial(pa.Table.from_pylist(rows, schema=SCHEMA)))
    partials = [plan.partial(part) for part in parted(rows, cuts)]
    random.shuffle(partials)
    at = random.randint(0, len(partials) - 1)
    grouped = [merge(partials[: at + 1]), *([merge(partials[at + 1 :])] if partials[at + 1 :] else [])]
    assert plan.verdict(merge(reversed(grouped))) == whole
    keys = [row["k"] for row in rows if row["k"] is not None]
    expected = sum(keys.count(key) > 1 for key in keys)
    assert next(rule for rule in whole.rules if rule.id == "k.unique").unexpected_count == expected


def test_partials_of_two_plans_do_not_merge() -> None:
    table = pa.Table.from_pylist([], schema=SCHEMA)
    left, right = compile_plan(MADE), compile_plan(MADE)
    with pytest.raises(DefectError):
        merge([left.partial(table), right.partial(table)])
    with pytest.raises(DefectError):
        left.verdict(right.partial(table))
    with pytest.raises(DefectError):
        merge([])


def test_one_duplicate_in_far_row_groups_is_found_and_counted(tmp_path: Path) -> None:
    keys = [f"k{index}" for index in range(10_000)]
    keys[9_999] = "k3"
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"k": keys}), path, row_group_size=100)
    seen: list[int] = []
    made = contract(column("k", "string", unique=True))
    verdict = check_files(compile_plan(made), [path], on_progress=seen.append)
    assert [(rule.id, rule.unexpected_count) for rule in verdict.failed] == [("k.unique", 2)]
    assert seen == [100] * 100


@pytest.mark.parametrize("twice", [0, 1])
def test_colliding_hashes_break_no_contract_that_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, twice: int
) -> None:
    """Every key gets one of four hashes; only values decide."""
    keys = [*range(500), *range(twice)]
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"k": keys}), path, row_group_size=50)
    plan = compile_plan(contract(column("k", unique=True)))
    for module in (hashes_module, whole_module):
        monkeypatch.setattr(module, "hash_keys", lambda *args: hash_keys(*args) % np.uint64(4))
    partial = merge(
        [plan.partial(part) for part in (pa.table({"k": keys[:250]}), pa.table({"k": keys[250:]}))]
    )
    assert not plan.verdict(partial).success, "hashes alone would break it"
    found = {rule.id: rule.unexpected_count for rule in check_whole(plan, [path], partial)}
    assert found == {"k.unique": 2 * twice}


def test_whole_asset_results_replace_what_stood_for_them(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"k": ["a", "b", "a"]}), path, row_group_size=1)
    plan = compile_plan(contract(column("k", "string", unique=True)))
    partial = merge([plan.partial(pa.table({"k": [key]})) for key in ("a", "b", "a")])
    verdict = plan.verdict(partial).with_results(check_whole(plan, [path], partial))
    assert [(rule.id, rule.unexpected_count) for rule in verdict.failed] == [("k.unique", 2)]


def test_a_file_without_row_groups_is_still_checked_for_its_columns(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    with pq.ParquetWriter(path, pa.schema([("z", pa.int64())])):
        pass
    verdict = check_files(compile_plan(contract(column("k"))), [path])
    assert {rule.reason for rule in verdict.failed} == {"column_missing", "column_undeclared"}


def test_a_truncated_file_is_refused_clearly_and_no_file_is_no_success(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"k": list(range(1000))}), path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DataBreaksContractError, match=r"a\.parquet"):
        check_files(compile_plan(contract(column("k"))), [path])
    with pytest.raises(DataBreaksContractError):
        check_tables(compile_plan(contract(column("k"))), [])


def test_two_processes_hash_alike() -> None:
    """Partials come from Dask workers: equal keys must have equal hashes there and here."""
    code = (
        "import pickle, sys, pyarrow as pa; plan = pickle.load(sys.stdin.buffer);"
        "sys.stdout.buffer.write(pickle.dumps(plan.partial(pa.table({'k': ['a', 'b']}))))"
    )
    import pickle

    plan = compile_plan(contract(column("k", "string", unique=True)))
    there = subprocess.run(
        [sys.executable, "-P", "-c", code],
        input=pickle.dumps(plan),
        capture_output=True,
        check=True,
        env={**os.environ, "PYTHONHASHSEED": "7"},
    )
    partial = merge([plan.partial(pa.table({"k": ["c", "a"]})), pickle.loads(there.stdout)])  # noqa: S301 - ours
    assert plan.verdict(partial).failed[0].unexpected_count == 2
