"""The arrival contract: what it promises, and the property that lawful input keeps the promise."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pyarrow as pa
import pytest
from contract_builder import CLOUD, column, contract, crossing
from hypothesis import given, settings
from hypothesis import strategies as st

from data_contracts.arrow import arrow_schema
from data_contracts.checks import check_tables, compile_plan
from data_contracts.errors import DeniedError
from data_contracts.labels import Classification
from data_contracts.loading import dump_contract
from data_contracts.model import Contract
from data_contracts.obligations import apply, compile_proof, merge_proofs
from data_contracts.policy import select_terms
from data_contracts.projection import project
from data_contracts.registry import ContractRegistry

KEY = bytes(range(32))


def arrived(*columns: dict[str, Any], crosses: dict[str, Any], **more: Any) -> Contract:
    return project(contract(*columns, crossings=[crossing(crosses)], **more), CLOUD, "study")


def test_names_version_and_no_further_terms() -> None:
    made = arrived(column("a"), crosses={"a": "keep"})
    assert made.reference == "test.t.cloud.study@1.0.0"
    assert made.terms is None


def test_what_may_not_cross_has_no_arrival_contract() -> None:
    source = contract(column("a"), crossings=[crossing({"a": "keep"})])
    for made, purpose in ((source, "marketing"), (contract(column("a")), "study")):
        with pytest.raises(DeniedError):
            project(made, CLOUD, purpose)


def test_dropped_and_unnamed_columns_are_not_even_mentioned() -> None:
    quality = [
        {
            "name": "pairs",
            "metric": "duplicateValues",
            "arguments": {"properties": ["a", "gone"]},
            "mustBe": 0,
        },
        {
            "name": "gx",
            "type": "custom",
            "engine": "great-expectations",
            "implementation": {"type": "expect_column_to_exist", "kwargs": {"column": "unnamed"}},
        },
        {"name": "rows", "metric": "rowCount", "mustBeGreaterThan": 0},
    ]
    made = arrived(
        column("a", examples=["sentinel"], transformLogic="from gone"),
        column("gone", "string"),
        column("unnamed"),
        crosses={"a": "keep", "gone": "drop"},
        quality=quality,
        description={"purpose": "gone and unnamed"},
        servers=[{"server": "s", "type": "local", "path": "/secret", "format": "parquet"}],
    )
    text = dump_contract(made).decode()
    assert not any(word in text for word in ("gone", "unnamed", "sentinel", "/secret"))
    assert [rule.id for rule in made.object.rules] == ["rows"]


def test_keys_survive_where_equality_does() -> None:
    pair = (
        column("a", primaryKey=True, primaryKeyPosition=1),
        column("b", primaryKey=True, primaryKeyPosition=2),
    )
    made = arrived(*pair, crosses={"a": {"pseudonymise": {}}, "b": "keep"})
    assert made.object.primary_key == ("a", "b")
    for crosses in ({"a": "keep", "b": "drop"}, {"a": "keep", "b": {"generalise": {"bands": [0]}}}):
        made = arrived(*pair, crosses=crosses)
        assert made.object.primary_key == ()
        assert made.object.column("a").required


def test_a_kept_columns_rule_about_another_column_falls_with_that_column() -> None:
    rule = {"metric": "duplicateValues", "arguments": {"properties": ["a", "b"]}, "mustBe": 0}
    made = arrived(column("a", quality=[rule]), column("b"), crosses={"a": "keep", "b": "drop"})
    assert made.object.column("a").rules == ()
    made = arrived(column("a", quality=[rule]), column("b"), crosses={"a": "keep", "b": "keep"})
    assert len(made.object.column("a").rules) == 1


def test_labels_are_lowered_only_by_what_was_done() -> None:
    made = arrived(
        column("id", "string", classification="restricted"),
        column("age", "number", classification="confidential"),
        column("a", classification="confidential"),
        crosses={"id": {"pseudonymise": {}}, "age": {"generalise": {"bands": [0]}}, "a": "keep"},
    )
    levels = [item.classification for item in made.object.columns]
    assert levels == [Classification.CONFIDENTIAL, Classification.INTERNAL, Classification.CONFIDENTIAL]


@pytest.mark.parametrize("reference", ["hospital.positivity-summary", "hospital.result-model"])
def test_shipped_contracts_project(reference: str) -> None:
    made = ContractRegistry.shipped().get(reference)
    assert made.terms is not None
    to = CLOUD.__class__("onprem", "onprem", "DE", Classification.RESTRICTED)
    purpose = made.terms.crossings[-1].purposes[0]
    assert project(made, to, purpose).id == f"{reference}.onprem.{purpose}"


# The property. Columns are drawn with rules, values that keep them, and an obligation that fits.
VALUES = {
    "integer": st.integers(0, 100),
    "number": st.floats(0, 100, allow_nan=False),
    "string": st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=6),
    "boolean": st.booleans(),
    "date": st.dates(dt.date(2000, 1, 1), dt.date(2020, 12, 31)),
    "timestamp": st.datetimes(dt.datetime(2000, 1, 1), dt.datetime(2020, 12, 31)),  # noqa: DTZ001 - local
}
OPTIONS: dict[str, dict[str, Any]] = {
    "integer": {"minimum": 0, "maximum": 100},
    "number": {"minimum": 0, "exclusiveMaximum": 100.5},
    "string": {"minLength": 1, "maxLength": 6},
    "date": {"minimum": "2000-01-01"},
    "timestamp": {"maximum": "2020-12-31T00:00:00"},
}
TREATMENTS: dict[str, list[Any]] = {
    "integer": ["keep", "drop", {"pseudonymise": {}}, {"generalise": {"bands": [0, 7, 50]}}],
    "number": ["keep", "drop", {"generalise": {"bands": [-1.5, 7]}}],
    "string": ["keep", "drop", {"pseudonymise": {}}],
    "boolean": ["keep", "drop"],
    "date": ["keep", "drop", {"pseudonymise": {}}],
    "timestamp": ["keep", "drop"],
}


@st.composite
def lawful(draw: st.DrawFn) -> tuple[Contract, pa.Table]:
    """A contract with terms, and rows that keep it."""
    rows = draw(st.integers(0, 12))
    columns, crosses, data = [], {}, {}
    for index in range(draw(st.integers(1, 4))):
        name, kind = f"c{index}", draw(st.sampled_from(sorted(VALUES)))
        required, unique = draw(st.booleans()), draw(st.booleans())
        values = VALUES[kind] if required else st.none() | VALUES[kind]
        data[name] = draw(
            st.lists(
                values, min_size=rows, max_size=rows, unique_by=(lambda v: v) if unique and required else None
            )
            if kind != "boolean"
            else st.lists(values, min_size=rows, max_size=rows)
        )
        told = column(name, kind, required=required, unique=unique and required and kind != "boolean")
        told |= {
            "classification": draw(st.sampled_from(["public", "internal", "confidential", "restricted"]))
        }
        told |= {"logicalTypeOptions": OPTIONS[kind]} if kind in OPTIONS else {}
        columns.append(told)
        crosses[name] = draw(st.sampled_from(TREATMENTS[kind]))
    crosses["c0"] = "keep" if set(map(str, crosses.values())) == {"drop"} else crosses["c0"]
    quality = [{"name": "rows", "metric": "rowCount", "mustBe": rows}]
    made = contract(*columns, crossings=[crossing(crosses)], quality=quality)
    return made, pa.table(data, schema=arrow_schema(made))


@settings(max_examples=150)
@given(lawful())
def test_lawful_input_gives_output_that_keeps_the_arrival_contract(drawn: tuple[Contract, pa.Table]) -> None:
    made, table = drawn
    verdict = check_tables(compile_plan(made), [table])
    assert verdict.success, verdict.failed
    terms = select_terms(made, CLOUD, "study")
    assert terms is not None
    arrival = project(made, CLOUD, "study")
    output = apply(terms, made, table, pseudonym_key=KEY)
    assert output.schema.equals(arrow_schema(arrival), check_metadata=True)
    verdict = check_tables(compile_plan(arrival), [output])
    assert verdict.success, verdict.failed
    assert verdict.rows == table.num_rows
    proof = compile_proof(terms, made, key=KEY)
    assert proof.verdict(merge_proofs([proof.partial(table, output, pseudonym_key=KEY)])).success
    assert arrival.labels.classification <= made.labels.classification
