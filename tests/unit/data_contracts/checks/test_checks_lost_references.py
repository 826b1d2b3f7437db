"""Rows whose foreign key has no counterpart, against plain membership, however the data is cut."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pytest
from contract_builder import column, contract, document
from hypothesis import given
from hypothesis import strategies as st

from data_contracts.checks import compile_plan
from data_contracts.checks import expectations_references as lost_module
from data_contracts.checks.expectations_references import broken_references, lost_keys
from data_contracts.checks.workspace import Workspace
from data_contracts.loading import contract_from_document
from data_contracts.measure import Reading
from data_contracts.model import Contract


def reading(*tables: pa.Table) -> Reading:
    def read(names: list[str] | None) -> Iterator[pa.Table]:
        for table in tables:
            yield table if names is None else table.select([n for n in names if n in table.column_names])

    return read


def flagged(made: Contract, tables: list[pa.Table], **references: Reading) -> list[list[bool]]:
    """Return the flags of the first foreign key for each part; no list where no row is to blame."""
    plan = compile_plan(made, references=references)
    rule = next(rule for rule in plan.rules if rule.reference is not None)
    lost = lost_keys(plan, reading(*tables), {rule.id})
    found = [broken_references(plan, table, lost).get(rule.id) for table in tables]
    return [flags.tolist() for flags in found if flags is not None]


WHOLE = contract(column("n", relationships=[{"to": "o.n"}]))


@given(
    st.lists(st.lists(st.none() | st.integers(0, 9), max_size=8), min_size=1, max_size=3),
    st.sets(st.integers(0, 9)),
    st.sampled_from([0, 10**6]),
)
def test_the_flagged_rows_are_those_of_membership_at_any_budget(
    parts: list[list[int | None]], known: set[int], budget: int
) -> None:
    tables = [pa.table({"n": pa.array(rows, pa.int64())}) for rows in parts]
    other = pa.table({"n": pa.array(sorted(known), pa.int64())})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lost_module, "Workspace", lambda: Workspace(None, budget))
        found = flagged(WHOLE, tables, o=reading(other.slice(0, 2), other.slice(2)))
    expected = [[value is not None and value not in known for value in rows] for rows in parts]
    # Where no row has a key there is nothing to tell: no list, or nothing but False.
    assert found == expected or (not found and not any(any(flags) for flags in expected))


def test_composite_keys_are_compared_together() -> None:
    told = document(column("x"), column("y", "string"))
    told["schema"][0]["relationships"] = [{"from": ["t.x", "t.y"], "to": ["other.a", "other.b"]}]
    table = pa.table({"x": [1, 1, 2, None], "y": ["p", "q", "q", "q"]})
    other = pa.table({"a": pa.array([1, 2], pa.int32()), "b": ["p", "q"]})
    found = flagged(contract_from_document(told), [table], other=reading(other))
    assert found == [[False, True, False, False]]


def test_an_item_without_counterpart_flags_its_row() -> None:
    item = column("item", "object", properties=[column("sku", "string", relationships=[{"to": "skus.id"}])])
    made = contract(column("lines", "array", items=item))
    kind = pa.list_(pa.struct([("sku", pa.string())]))
    lines: list[Any] = [[{"sku": "a"}, {"sku": "x"}], None, [], [{"sku": "a"}], [None, {"sku": "y"}]]
    found = flagged(made, [pa.table({"lines": pa.array(lines, kind)})], skus=reading(pa.table({"id": ["a"]})))
    assert found == [[True, False, False, False, True]]


def test_where_nothing_was_evaluated_no_row_is_to_blame() -> None:
    table = pa.table({"n": [1, 2]})
    assert flagged(WHOLE, [table]) == []
    assert flagged(WHOLE, [table], o=reading(pa.table({"m": [1]}))) == []
    assert flagged(WHOLE, [table], o=reading(pa.table({"n": ["1"]}))) == []
    assert flagged(WHOLE, [pa.table({"n": ["x", "y"]})], o=reading(table)) == []
