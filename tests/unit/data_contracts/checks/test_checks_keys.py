"""Keys over a whole asset: exact, whatever collides, and on disk where memory is short."""

from __future__ import annotations

import random
import stat
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from contract_builder import column, contract
from hypothesis import given
from hypothesis import strategies as st

from data_contracts.buckets import BucketFile, in_buckets
from data_contracts.checks import CheckPlan, Partial, check_files, check_tables, compile_plan, merge
from data_contracts.checks import hashes as hashes_module
from data_contracts.checks import running as running_module
from data_contracts.checks.hashes import (
    Hashes,
    contains,
    hash_keys,
    keys_of,
    repeats,
    spill,
)
from data_contracts.checks.keytable import KeyTable
from data_contracts.checks.whole import whole_findings
from data_contracts.checks.workspace import Workspace
from data_contracts.measure import KeyCounts, KeySpec

# The last kind differ in their highest bits alone: they share a slot where repeats are looked for.
ONE = st.integers(0, 2**64 - 1) | st.integers(0, 3) | st.integers(0, 2**8 - 1).map(lambda n: n << 56 | 7)
NUMBERS = st.lists(ONE, max_size=40)


def arrays(numbers: list[int]) -> np.ndarray[Any, Any]:
    return np.array(numbers, dtype=np.uint64)


@given(
    st.lists(NUMBERS, max_size=5),
    st.lists(st.booleans(), min_size=5, max_size=5),
    st.sampled_from([0, 10**6]),
)
def test_repeats_are_those_of_counting_in_memory_on_disk_and_mixed(
    runs: list[list[int]], on_disk: list[bool], at_once: int
) -> None:
    every = Counter(number for run in runs for number in run)
    with Workspace() as work, pytest.MonkeyPatch.context() as patch:
        patch.setattr(hashes_module, "AT_ONCE", at_once)
        made = Hashes()
        for run, written in zip(runs, on_disk, strict=False):
            one = Hashes(len(run), (in_buckets(arrays(run)),))
            made = made.merge(spill(one, work.root) if written else one)
        found = repeats(made.runs)
    assert sorted(found.hashes.tolist()) == sorted(number for number, count in every.items() if count > 1)
    assert found.rows == sum(count for count in every.values() if count > 1)
    assert made.keyed == sum(every.values())


@given(NUMBERS, NUMBERS)
def test_membership_is_membership(known: list[int], asked: list[int]) -> None:
    found = contains(np.unique(arrays(known)), arrays(asked))
    assert found.tolist() == [number in known for number in asked]


def duplicated() -> pa.Table:
    """3,000 keys, 20 of them twice, one 500 times, some null."""
    keys = [f"key-{n}" for n in range(3000)] + [f"key-{n}" for n in range(20)] + ["often"] * 500 + [None] * 7
    random.Random(5).shuffle(keys)  # noqa: S311 - no secret
    return pa.table({"k": pa.array(keys, pa.string()), "n": list(range(len(keys)))})


MADE = contract(
    column("k", "string", unique=True),
    column("n"),
    quality=[
        {"name": "pair", "metric": "duplicateValues", "mustBe": 0, "arguments": {"properties": ["k", "n"]}}
    ],
)


@pytest.mark.parametrize("budget", [0, 300, 10**9])
def test_a_budget_changes_where_the_work_is_done_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, budget: int
) -> None:
    pq.write_table(duplicated(), tmp_path / "a.parquet", row_group_size=100)
    work_folder = tmp_path / "work"
    work_folder.mkdir()
    seen: list[tuple[str, int]] = []

    class Watched(Workspace):
        def __init__(self, folder: Path | None = None) -> None:
            super().__init__(folder, budget)

        def __exit__(self, *error: object) -> None:
            found = work_folder.rglob("*")
            seen.extend((p.suffix, stat.S_IMODE(p.stat().st_mode) if p.is_dir() else 0) for p in found)
            super().__exit__(*error)  # type: ignore[arg-type]

    monkeypatch.setattr(running_module, "Workspace", Watched)
    verdict = check_files(compile_plan(MADE), [tmp_path / "a.parquet"], spill_to=work_folder)
    assert {rule.id: rule.unexpected_count for rule in verdict.failed} == {"k.unique": 540}
    assert next(rule.missing_count for rule in verdict.rules if rule.id == "k.unique") == 7
    suffixes = {suffix for suffix, _ in seen}
    assert ({".hashes", ".arrow"} <= suffixes) is (budget < 10**9), "small budgets spill hashes and keys"
    assert all(mode == 0o700 for suffix, mode in seen if not suffix)
    assert bool(seen) is (budget < 10**9), "what fits in memory touches no disk"
    assert list(work_folder.iterdir()) == [], "nothing stays"


def test_the_folder_is_gone_after_a_failure_too(tmp_path: Path) -> None:
    def fail() -> None:
        with Workspace(tmp_path) as work:
            (work.root / "x").write_bytes(b"1")
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert list(tmp_path.iterdir()) == []


def test_partials_spilled_by_others_hold_no_hashes_and_give_the_same(tmp_path: Path) -> None:
    table = duplicated()
    plan = compile_plan(MADE)
    parts = [plan.partial(table.slice(at, 500), spill_to=tmp_path) for at in range(0, table.num_rows, 500)]
    merged = merge(parts)
    runs = [run for state in merged.states.values() if isinstance(state, Hashes) for run in state.runs]
    assert runs
    assert all(isinstance(run, BucketFile) for run in runs)
    assert verdict_of(plan, merged, [table]).failed[0].unexpected_count == 540


def verdict_of(plan: CheckPlan, merged: Partial, tables: list[pa.Table]) -> Any:
    with Workspace() as work:
        return plan.verdict(merged, whole_findings(plan, lambda _: iter(tables), merged, work))


@pytest.mark.parametrize("budget", [0, 300, 10**9])
@given(st.lists(st.lists(st.tuples(st.integers(0, 5), st.sampled_from("ab")), max_size=8), max_size=6))
def test_a_table_of_keys_counts_as_a_counter_does(budget: int, parts: list[list[tuple[int, str]]]) -> None:
    with Workspace(budget=budget) as work:
        table = KeyTable(3, work)
        for part in parts:
            table.add(pl.DataFrame(part, schema={"k0": pl.Int64, "k1": pl.String}, orient="row"))
        found = [row for _, frame in table.buckets() for row in frame.rows()]
    assert len(found) == len({row[:2] for row in found}), "each key once"
    assert {row[:2]: row[2] for row in found} == Counter(key for part in parts for key in part)


def test_equal_values_are_equal_keys_and_nothing_else_is() -> None:
    """Minus zero is zero, a NaN is the other NaN; 'ab','c' is not 'a','bc'."""
    frame = pl.DataFrame({"k0": [0.0, -0.0, float("nan"), -float("nan"), 1.0]})
    made = hash_keys(frame, 7)
    assert len(set(made.tolist())) == 3
    pairs = pl.DataFrame({"k0": ["ab", "a", "c"], "k1": ["c", "bc", "ab"]})
    assert len(set(hash_keys(pairs, 7).tolist())) == 3
    assert set(hash_keys(pairs, 7).tolist()).isdisjoint(hash_keys(pairs, 8).tolist()), "seeded"


def test_distinct_counts_and_conditions() -> None:
    frame = pl.DataFrame({"k": [1, 1, None, 2, None], "w": [True, True, True, False, None]})
    keys, rows = keys_of(frame, KeySpec((pl.col("k"),), where=pl.col("w")))
    assert (rows, keys["k0"].to_list()) == (3, [1, 1])
    keys, rows = keys_of(frame, KeySpec((pl.col("k"),), null_is_value=True))
    assert (rows, keys.height) == (5, 5)


class Asked:
    """A measure that keeps what it was told."""

    def __init__(self, where: bool, nulls: bool) -> None:
        self.columns = ("k", "n")
        self.spec = KeySpec((pl.col("k"),), pl.col("n") > 0 if where else None, nulls)
        self.told: list[KeyCounts] = []

    def key(self) -> KeySpec:
        return self.spec

    def judge_keys(self, counts: KeyCounts, rows: int) -> Any:
        from data_contracts.measure import Finding

        self.told.append(counts)
        return Finding(True, rows, 0, 0, None)


@pytest.mark.parametrize(
    ("where", "nulls", "counts"),
    [
        (False, False, KeyCounts(7, 5, 3, 4)),
        (True, False, KeyCounts(5, 4, 3, 2)),
        (False, True, KeyCounts(7, 7, 4, 6)),
    ],
)
def test_a_key_measure_is_told_exact_counts(where: bool, nulls: bool, counts: KeyCounts) -> None:
    from dataclasses import replace

    from data_contracts.checks import Rule

    table = pa.table({"k": ["a", "b", "a", None, "c", "b", None], "n": [1, 1, 1, 1, 1, 0, 0]})
    measure = Asked(where, nulls)
    plan = compile_plan(contract(column("k", "string"), column("n")))
    plan = replace(plan, rules=(Rule("asked", "k", "custom", measure),))  # type: ignore[arg-type]

    def parts() -> Iterator[pa.Table]:
        yield from (table.slice(0, 2), table.slice(2, 0), table.slice(2))

    check_tables(plan, list(parts()))
    assert measure.told == [counts]
