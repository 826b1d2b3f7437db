"""A check over workers: one verdict however the work is spread, and hashes stay where they were made."""

from __future__ import annotations

import pickle
import random
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from contract_builder import column, contract
from hypothesis import given
from hypothesis import strategies as st

from data_contracts.checks import check_files, compile_plan, judge_spread, spread
from data_contracts.checks import hashes as hashes_module
from data_contracts.errors import DefectError

MADE = contract(
    column("k", "string", unique=True, options={"maxLength": 2}),
    column("a", required=True, options={"minimum": 0, "maximum": 3}),
    column("x", "number", quality=[{"metric": "nullValues", "mustBeLessThan": 30, "unit": "percent"}]),
    quality=[
        {"name": "pairs", "metric": "duplicateValues", "mustBe": 0, "arguments": {"properties": ["k", "a"]}},
        {"name": "few", "metric": "duplicateValues", "mustBeLessThan": 3, "arguments": {"properties": ["x"]}},
    ],
)
SCHEMA = pa.schema([("k", pa.string()), ("a", pa.int64()), ("x", pa.float64())])
ROW = st.fixed_dictionaries(
    {
        "k": st.none() | st.text("ab", max_size=3),
        "a": st.none() | st.integers(-1, 4),
        "x": st.none() | st.sampled_from([0.0, 1.5, 2.5, float("nan")]),
    }
)


class Workers:
    """Processes elsewhere, as far as pickling goes; counts the bytes that go out and come back."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.out = self.back = 0

    def __call__(self, function: Callable[[Any], Any], items: Sequence[Any], /) -> list[Any]:
        answers = []
        for item in items:
            sent = pickle.dumps((function, item))
            there, told = pickle.loads(sent)  # noqa: S301 - ours
            back = pickle.dumps(there(told))
            answers.append(pickle.loads(back))  # noqa: S301 - ours
            self.asked.append(getattr(function, "__name__", type(function).__name__))
            self.out, self.back = self.out + len(sent), self.back + len(back)
        return answers


def written(folder: Path, table: pa.Table, cuts: Sequence[int]) -> tuple[Path, list[pa.Table]]:
    """Write a table whose row groups end at the cuts; also return these parts."""
    edges = sorted({0, table.num_rows, *(cut % (table.num_rows + 1) for cut in cuts)})
    parts = [table.slice(low, high - low) for low, high in pairwise(edges)] or [table]
    with pq.ParquetWriter(folder / "a.parquet", table.schema) as writer:
        for part in parts:
            writer.write_table(part)
    return folder / "a.parquet", parts


@given(
    rows=st.lists(ROW, max_size=14),
    cuts=st.lists(st.integers(0, 99), max_size=6),
    on_disk=st.lists(st.booleans(), min_size=8, max_size=8) | st.just([True] * 8),
    each=st.sampled_from([1, 3, 2**20]),
    most=st.sampled_from([0, 1, 2**14]),
    seed=st.integers(0, 9),
)
def test_any_cut_and_any_spreading_gives_the_verdict_of_one_process(
    rows: list[Any], cuts: list[int], on_disk: list[bool], each: int, most: int, seed: int
) -> None:
    plan = compile_plan(MADE)
    with TemporaryDirectory() as place, pytest.MonkeyPatch.context() as patch:
        folder = Path(place)
        path, parts = written(folder, pa.Table.from_pylist(rows, schema=SCHEMA), cuts)
        patch.setattr(spread, "_EACH", each)
        patch.setattr(spread, "_MOST", most)
        partials = [
            plan.partial(part, position=at, spill_to=folder if aside else None)
            for at, (part, aside) in enumerate(zip(parts, on_disk, strict=False))
        ]
        random.Random(seed).shuffle(partials)  # noqa: S311 - no secret
        found = judge_spread(plan, partials, [path], Workers(), spill_to=folder)
        assert found == check_files(plan, [path])
    keys = [row["k"] for row in rows if row["k"] is not None]
    expected = sum(keys.count(key) > 1 for key in keys)
    assert next(rule for rule in found.rules if rule.id == "k.unique").unexpected_count == expected


def many(count: int, *again: int) -> pa.Table:
    return pa.table({"k": [f"key-{number}" for number in (*range(count), *again)]})


def test_hashes_stay_with_the_workers_and_the_asset_is_not_read_again(tmp_path: Path) -> None:
    plan = compile_plan(contract(column("k", "string", unique=True)))
    partials = [
        plan.partial(many(50_000).slice(at, 5_000), spill_to=tmp_path) for at in range(0, 50_000, 5000)
    ]
    workers = Workers()
    verdict = judge_spread(plan, partials, [tmp_path / "nowhere.parquet"], workers, spill_to=tmp_path)
    assert verdict.success
    assert set(workers.asked) == {"_compare"}
    assert workers.out + workers.back < 50_000 * 8 / 10, "hashes would be 400,000 bytes"


@pytest.mark.parametrize("most", [1, 2**14])
def test_what_repeats_in_far_parts_is_counted_whoever_found_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    monkeypatch.setattr(spread, "_MOST", most)
    monkeypatch.setattr(spread, "_EACH", 5_000)
    path, parts = written(tmp_path, many(20_000, 3, 4, 5, 3), list(range(0, 20_004, 1_000)))
    plan = compile_plan(contract(column("k", "string", unique=True)))
    workers = Workers()
    verdict = judge_spread(
        plan, [plan.partial(part, spill_to=tmp_path) for part in parts], [path], workers, spill_to=tmp_path
    )
    assert [(rule.id, rule.unexpected_count) for rule in verdict.failed] == [("k.unique", 7)]
    assert workers.asked.count("_compare") >= 4, "one task for each range of buckets"
    assert workers.asked.count("_Whole") == 1


def test_colliding_hashes_are_told_apart_by_their_keys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import numpy as np

    from data_contracts.checks import whole as whole_module
    from data_contracts.checks.hashes import hash_keys

    for module in (hashes_module, whole_module):
        monkeypatch.setattr(module, "hash_keys", lambda *args: hash_keys(*args) % np.uint64(4))
    path, parts = written(tmp_path, many(100), [50])
    plan = compile_plan(contract(column("k", "string", unique=True)))
    partials = [plan.partial(part, spill_to=tmp_path) for part in parts]
    assert judge_spread(plan, partials, [path], Workers(), spill_to=tmp_path).success


def test_partials_of_another_plan_are_a_defect(tmp_path: Path) -> None:
    left, right = (compile_plan(contract(column("k", "string"))) for _ in range(2))
    with pytest.raises(DefectError):
        judge_spread(left, [right.partial(many(3))], [tmp_path], Workers())
    with pytest.raises(DefectError):
        judge_spread(left, [], [tmp_path], Workers())
