"""One verdict, with the same counts, for every partitioning, permutation and grouping of the same rows."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from dataclasses import replace as changed
from itertools import pairwise
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from contract_builder import column, contract
from hypothesis import given
from hypothesis import strategies as st

from data_contracts.checks import (
    CheckPlan,
    Partial,
    Rule,
    Verdict,
    check_files,
    check_tables,
    compile_plan,
    merge,
)
from data_contracts.checks.running import check_source
from data_contracts.checks.whole import whole_findings
from data_contracts.checks.workspace import Workspace
from data_contracts.measure import Finding, Measure, PartView
from data_contracts.verdict import Reason

PERCENT = {"metric": "nullValues", "mustBeLessThan": 30, "unit": "percent"}
MADE = contract(
    column("k", "string", unique=True, options={"maxLength": 2}, quality=[PERCENT]),
    column("a", required=True, options={"minimum": 0, "maximum": 3}),
    column("x", "number", options={"multipleOf": 0.5}),
    column("o", "object", properties=[column("s", "string", required=True, unique=True)]),
    column("t", "array", items=column("item", options={"maximum": 2}), options={"uniqueItems": True}),
    quality=[
        {"name": "rows", "metric": "rowCount", "mustBeBetween": [2, 9]},
        {
            "name": "pairs",
            "metric": "duplicateValues",
            "mustBeLessThan": 5,
            "arguments": {"properties": ["k", "a"]},
        },
    ],
)
SCHEMA = pa.schema(
    [
        ("k", pa.string()),
        ("a", pa.int64()),
        ("x", pa.float64()),
        ("o", pa.struct([("s", pa.string())])),
        ("t", pa.list_(pa.int64())),
    ]
)
ROW = st.fixed_dictionaries(
    {
        "k": st.none() | st.text("ab", max_size=3),
        "a": st.none() | st.integers(-1, 4),
        "x": st.none() | st.sampled_from([0.0, -0.0, 1.5, 0.3, float("nan"), float("inf")]),
        "o": st.none() | st.fixed_dictionaries({"s": st.none() | st.sampled_from(["p", "q"])}),
        "t": st.none() | st.lists(st.none() | st.integers(1, 3), max_size=3),
    }
)


@dataclass(frozen=True)
class Edges:
    """Parts by position: first and last value, and how often the values fall inside."""

    parts: tuple[tuple[int, int, int, int], ...] = ()

    def merge(self, other: Edges) -> Edges:
        return Edges(self.parts + other.parts)


@dataclass(frozen=True)
class Increasing:
    """Values that never fall, in the order of rows; then, in a second pass, how many lie above the last."""

    columns: tuple[str, ...] = ("a",)
    above: int | None = None

    def expressions(self) -> tuple[pl.Expr, ...]:
        values = pl.col("a").drop_nulls()
        if self.above is not None:
            return (values.first(), values.last(), (values > self.above).sum())
        return (values.first(), values.last(), (values.diff() < 0).sum())

    def state(self, answers: tuple[Any, ...], part: PartView) -> Edges:
        first, last, falls = answers
        return Edges() if first is None else Edges(((part.position, first, last, int(falls)),))

    def second(self, state: Edges) -> Measure | None:
        ordered = sorted(state.parts)
        return None if self.above is not None or not ordered else Increasing(above=ordered[-1][2])

    def judge(self, state: Edges, rows: int) -> Finding:
        ordered = sorted(state.parts)
        if self.above is not None:
            count = sum(part[3] for part in ordered)
        else:
            count = sum(part[3] for part in ordered)
            count += sum(left[2] > right[1] for left, right in pairwise(ordered))
        return Finding(not count, rows, 0, count, Reason.UNEXPECTED_VALUES if count else None)

    def broken(self) -> pl.Expr | None:
        return None


@dataclass(frozen=True)
class Falls(Increasing):
    """Only the first pass."""

    def second(self, state: Edges) -> Measure | None:
        del state
        return None


PLAN = compile_plan(MADE)
PLAN = changed(
    PLAN,
    rules=(
        *PLAN.rules,
        Rule("a.falls", "a", "custom", Falls()),
        Rule("a.above", "a", "custom", Increasing()),
    ),
)


def tables_of(rows: list[dict[str, Any]], cuts: list[int]) -> list[pa.Table]:
    table = pa.Table.from_pylist(rows, schema=SCHEMA)
    edges = sorted([0, len(rows), *(cut % (len(rows) + 1) for cut in cuts)])
    return [table.slice(low, high - low) for low, high in pairwise(edges)]


def grouped(partials: list[Partial], random: Any) -> Partial:
    """Merge as a tree of any shape."""
    rest = list(partials)
    random.shuffle(rest)
    while len(rest) > 1:
        take = random.randint(2, len(rest))
        rest = [merge(rest[:take]), *rest[take:]]
        random.shuffle(rest)
    return rest[0]


def verdict_of(plan: CheckPlan, tables: list[pa.Table], random: Any) -> Verdict:
    partials = [plan.partial(table, position=at) for at, table in enumerate(tables)]
    merged = grouped(partials, random)
    with Workspace() as work:
        return plan.verdict(merged, whole_findings(plan, lambda _: iter(tables), merged, work))


@given(
    st.lists(ROW, max_size=12), st.lists(st.integers(0, 99), max_size=6), st.randoms(use_true_random=False)
)
def test_any_cut_order_and_grouping_gives_one_verdict(rows: list[Any], cuts: list[int], random: Any) -> None:
    whole = check_tables(PLAN, [pa.Table.from_pylist(rows, schema=SCHEMA)])
    assert verdict_of(PLAN, tables_of(rows, cuts), random) == whole
    found = {rule.id: rule.unexpected_count for rule in whole.rules}
    keys = [row["k"] for row in rows if row["k"] is not None]
    assert found["k.unique"] == sum(keys.count(key) > 1 for key in keys)
    inside = [row["o"]["s"] for row in rows if row["o"] and row["o"]["s"] is not None]
    assert found["o.s.unique"] == sum(inside.count(key) > 1 for key in inside)
    values = [row["a"] for row in rows if row["a"] is not None]
    assert found["a.falls"] == sum(left > right for left, right in pairwise(values))
    assert found["a.above"] == sum(value > values[-1] for value in values)


@given(st.lists(ROW, max_size=8), st.lists(st.integers(0, 99), max_size=4))
def test_columns_that_are_wrong_in_some_parts_give_one_verdict_too(rows: list[Any], cuts: list[int]) -> None:
    tables = tables_of(rows, cuts)
    other = pa.table({"k": [1, 2], "extra": [1, 2]})
    one = check_tables(PLAN, [*tables, other])
    assert one == check_tables(PLAN, [other, *tables])
    assert one == check_tables(PLAN, [other.slice(0, 1), *tables, other.slice(1)])
    found = {rule.id: (rule.unexpected_count, rule.reason) for rule in one.rules}
    assert found["schema.columns"] == (1, "column_undeclared")
    assert found["k.type"] == (2, "wrong_type")
    assert found["a.falls"][1] == "column_missing"


def test_files_of_any_row_groups_and_none_give_one_verdict(tmp_path: Path) -> None:
    rows = [{"k": f"{n % 7}", "a": n % 5, "x": 0.5, "o": {"s": "p"}, "t": [n % 4]} for n in range(30)]
    table = pa.Table.from_pylist(rows, schema=SCHEMA)
    pq.write_table(table, tmp_path / "one.parquet")
    pq.write_table(table.slice(0, 11), tmp_path / "a.parquet", row_group_size=3)
    with pq.ParquetWriter(tmp_path / "b.parquet", SCHEMA):
        pass
    pq.write_table(table.slice(11), tmp_path / "c.parquet", row_group_size=19)
    whole = check_files(PLAN, [tmp_path / "one.parquet"])
    assert check_files(PLAN, [tmp_path / f"{name}.parquet" for name in "abc"]) == whole
    only = check_files(PLAN, [tmp_path / "b.parquet"])
    assert (only.rows, [rule.id for rule in only.failed]) == (0, ["rows"])


def test_only_the_columns_that_rules_read_are_asked_for() -> None:
    asked: list[list[str] | None] = []
    table = pa.Table.from_pylist([{"a": 1, "k": "x"}] * 2, schema=SCHEMA)

    def read(columns: list[str] | None) -> Any:
        asked.append(columns)
        return iter([table if columns is None else table.select(columns)])

    check_source(PLAN, read)
    assert asked == [None, ["a"], ["a", "k"]], "first pass, second pass of one rule, keys that repeat"


def test_a_rule_that_the_engine_cannot_run_fails_alone() -> None:
    @dataclass(frozen=True)
    class Odd(Falls):
        def expressions(self) -> tuple[pl.Expr, ...]:
            return (pl.col("a").str.len_chars().sum(),)

    plan = changed(PLAN, rules=(*PLAN.rules, Rule("odd", "a", "custom", Odd())))
    table = pa.Table.from_pylist([{"a": 1}, {"a": 2}], schema=SCHEMA)
    verdict = check_tables(plan, [table, table])
    found = {rule.id: rule.reason for rule in verdict.rules}
    assert found.pop("odd") == "not_evaluated"
    assert found == {rule.id: rule.reason for rule in check_tables(PLAN, [table, table]).rules}


def test_merging_is_associative_to_the_states() -> None:
    tables = tables_of([{"a": n, "k": "x", "x": None, "o": None, "t": None} for n in range(6)], [1, 3])
    a, b, c = (PLAN.partial(table, position=at) for at, table in enumerate(tables))
    left = PLAN.verdict(merge([merge([a, b]), c]))
    assert left == PLAN.verdict(functools.reduce(lambda x, y: merge([x, y]), [c, b, a]))
