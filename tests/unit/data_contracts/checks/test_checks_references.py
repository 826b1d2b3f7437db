"""Foreign keys: single and composite, exact, spilled, nested; what cannot be resolved fails by name."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from contract_builder import column, contract
from hypothesis import given
from hypothesis import strategies as st

from data_contracts.checks import Files, check_tables, compile_plan, examine
from data_contracts.checks import running as running_module
from data_contracts.checks.workspace import Workspace
from data_contracts.measure import Reading
from data_contracts.model import Contract


def rows_of(*tables: pa.Table) -> Reading:
    def read(columns: list[str] | None) -> Iterator[pa.Table]:
        for table in tables:
            names = table.column_names if columns is None else [n for n in columns if n in table.column_names]
            yield table.select(names)

    return read


def single(**more: Any) -> Contract:
    return contract(column("ward", "string", relationships=[{"to": "wards.id"}], **more))


def found(made: Contract, tables: list[pa.Table], **references: Reading) -> tuple[bool, int, int, str | None]:
    verdict = check_tables(compile_plan(made, references=references), tables)
    rule = next(rule for rule in verdict.rules if rule.rule == "foreignKey")
    return rule.success, rule.unexpected_count, rule.missing_count, rule.reason


WARDS = pa.table({"id": ["a", "b", "c"], "name": ["A", "B", None]})


def test_each_value_must_stand_in_the_other_asset_and_nulls_refer_to_nothing() -> None:
    table = pa.table({"ward": ["a", "z", None, "z", "c"]})
    parts = [table.slice(0, 2), table.slice(2, 0), table.slice(2)]
    assert found(single(), parts, wards=rows_of(WARDS)) == (False, 2, 1, "reference_missing")
    assert found(single(), parts, wards=rows_of(WARDS, pa.table({"id": ["z"]}))) == (True, 0, 1, None)


def test_what_cannot_be_resolved_is_not_evaluated() -> None:
    table = pa.table({"ward": ["a"]})
    refused = (False, 0, 0, "not_evaluated")
    assert found(single(), [table]) == refused
    assert found(single(), [table], other=rows_of(WARDS)) == refused
    assert found(single(), [table], wards=rows_of(WARDS.drop_columns(["id"]))) == refused
    assert found(single(), [table], wards=rows_of(pa.table({"id": [1]}))) == refused
    twice = pa.Table.from_arrays([pa.array(["a"])] * 2, names=["id", "id"])
    assert found(single(), [table], wards=lambda _: iter([twice])) == refused


def test_composite_keys_declared_by_the_object() -> None:
    made = contract(column("x"), column("y", "string"))
    keys = [{"from": ["t.x", "t.y"], "to": ["other.a", "other.b"]}]
    from contract_builder import document

    from data_contracts.loading import contract_from_document

    told = document(column("x"), column("y", "string"))
    told["schema"][0]["relationships"] = keys
    made = contract_from_document(told)
    table = pa.table({"x": [1, 1, 2, None], "y": ["p", "q", None, "p"]})
    other = pa.table({"a": pa.array([1, 2], pa.int32()), "b": ["p", "q"]})
    assert found(made, [table], other=rows_of(other)) == (False, 1, 2, "reference_missing")


def test_values_that_this_type_cannot_hold_are_referred_to_by_nothing() -> None:
    made = contract(column("n", relationships=[{"to": "o.n"}]))
    other = pa.table({"n": pa.array([2**64 - 1, 5], pa.uint64())})
    assert found(made, [pa.table({"n": [5, -1]})], o=rows_of(other)) == (False, 1, 0, "reference_missing")


def test_keys_inside_items() -> None:
    item = column("item", "object", properties=[column("sku", "string", relationships=[{"to": "skus.id"}])])
    made = contract(column("lines", "array", items=item))
    kind = pa.list_(pa.struct([("sku", pa.string())]))
    table = pa.table({"lines": pa.array([[{"sku": "a"}, {"sku": "x"}], None, [None, {"sku": "x"}]], kind)})
    assert found(made, [table], skus=rows_of(pa.table({"id": ["a"]}))) == (False, 2, 1, "reference_missing")


@given(
    st.lists(st.none() | st.integers(0, 30), max_size=30),
    st.sets(st.integers(0, 30)),
    st.sampled_from([0, 200]),
)
def test_counts_are_those_of_membership_at_any_budget(
    values: list[Any], known: set[int], budget: int
) -> None:
    made = contract(column("n", relationships=[{"to": "o.n"}]))
    table = pa.table({"n": pa.array(values, pa.int64())})
    other = pa.table({"n": pa.array(sorted(known), pa.int64())})
    plan = compile_plan(made, references={"o": rows_of(other.slice(0, 3), other.slice(3))})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(running_module, "Workspace", lambda folder: Workspace(folder, budget))
        result = examine(plan, rows_of(table.slice(0, 4), table.slice(4))).verdict.rules[-1]
    assert result.unexpected_count == sum(value is not None and value not in known for value in values)
    assert result.missing_count == values.count(None)


def test_an_object_of_a_contract_of_several_is_named(tmp_path: Path) -> None:
    from contract_builder import document

    from data_contracts.loading import contract_from_document

    told = document(column("ward", "string", relationships=[{"to": "wards.id"}]))
    told["schema"].append({"name": "wards", "properties": [column("id", "string", unique=True)]})
    made = contract_from_document(told)
    pq.write_table(WARDS.select(["id"]), tmp_path / "wards.parquet")
    files = Files((tmp_path / "wards.parquet",))
    plan = pickle.loads(pickle.dumps(compile_plan(made, side="t", references={"wards": files})))  # noqa: S301 - ours
    assert check_tables(plan, [pa.table({"ward": ["a", "c"]})]).success
    assert not check_tables(plan, [pa.table({"ward": ["q"]})]).success
    assert check_tables(compile_plan(made, side="wards"), [WARDS.select(["id"])]).success
