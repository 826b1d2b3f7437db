"""Rows that share a key, against a counter, however the data is cut."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import polars as pl
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from data_contracts.checks import compile_plan
from data_contracts.checks.expectations_keys import broken_keys, repeated_keys
from data_contracts.loading import parse_contract

CONTRACT = parse_contract(
    b"""
apiVersion: v3.1.0
kind: DataContract
id: a.keys
version: 1.0.0
status: active
schema:
  - name: rows
    properties:
      - {name: a, logicalType: integer, primaryKey: true, primaryKeyPosition: 1, required: false}
      - {name: b, logicalType: string, primaryKey: true, primaryKeyPosition: 2, required: false}
""",
    file="keys.odcs.yaml",
)
ROW = st.tuples(st.one_of(st.none(), st.integers(0, 3)), st.one_of(st.none(), st.sampled_from("xy")))
SCHEMA = pa.schema([("a", pa.int64()), ("b", pa.string())])


@given(st.lists(st.lists(ROW, max_size=8), min_size=1, max_size=4))
def test_the_flagged_rows_are_those_that_a_counter_finds(
    parts: list[list[tuple[int | None, str | None]]],
) -> None:
    plan = compile_plan(CONTRACT)
    [rule] = plan.unique_rules
    tables = [
        pa.table({"a": [r[0] for r in rows], "b": [r[1] for r in rows]}, schema=SCHEMA) for rows in parts
    ]

    def read(names: list[str] | None) -> Iterator[pa.Table]:
        yield from (table.select(names or table.column_names) for table in tables)

    repeated = repeated_keys(plan, read, {rule.id})
    counts = Counter(row for rows in parts for row in rows if None not in row)
    for rows, table in zip(parts, tables, strict=True):
        flags = broken_keys(plan, table, repeated)[rule.id].tolist()
        assert flags == [counts[row] > 1 for row in rows]
    assert isinstance(repeated[rule.id], pl.DataFrame)


def test_of_rules_that_hold_nothing_is_looked_at() -> None:
    def read(_: list[str] | None) -> Iterator[pa.Table]:
        raise AssertionError("nothing is to be read")
        yield

    assert repeated_keys(compile_plan(CONTRACT), read, {"another"}) == {}
