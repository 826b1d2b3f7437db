"""Columns whose names differ in case only, or are words of SQL: taken exactly, or the rule is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from contract_builder import CLOUD, column, contract, crossing, document

from data_contracts.checks import check_tables, compile_plan
from data_contracts.errors import DeclarationError
from data_contracts.loading import contract_from_document, lint_contract
from data_contracts.obligations import apply, compile_proof, merge_proofs
from data_contracts.policy import select_terms
from data_contracts.projection import project

KEY = bytes(range(32))
NAMES = ("Age", "age", "select", "order", "AND", "null", "other")
TABLE = pa.table({name: [10 * at + 1, 10 * at + 2] for at, name in enumerate(NAMES)})


def asked(**queries: tuple[str, int]) -> dict[str, tuple[bool, str | None]]:
    """Return, by name, whether the query's number is the expected one, and why not."""
    rules = [
        {"name": name, "type": "sql", "query": query, "mustBe": number}
        for name, (query, number) in queries.items()
    ]
    told = document(*(column(name) for name in NAMES), quality=rules)
    told["schema"][0]["name"] = "table"
    verdict = check_tables(compile_plan(contract_from_document(told)), [TABLE])
    return {rule.id: (rule.success, rule.reason) for rule in verdict.rules if rule.rule == "sql"}


def test_a_query_never_reads_the_column_of_another_case() -> None:
    refused = (False, "not_evaluated")
    found = asked(
        lower=('SELECT sum("age") FROM ${table}', 23),
        upper=('SELECT sum("Age") FROM ${table}', 3),
        renamed=("SELECT sum(age_1) FROM ${table}", 23),
        star=("SELECT count(*) FROM (SELECT * FROM ${table})", 2),
        row=('SELECT count(t) FROM "table" t', 2),
        rows=("SELECT count(*) FROM ${table}", 2),
        single=("SELECT sum(OTHER) FROM ${table}", 123),
    )
    assert {name for name, answer in found.items() if answer == refused} == {
        "lower", "upper", "renamed", "star", "row"
    }  # fmt: skip
    assert found["rows"] == found["single"] == (True, None)


def test_words_of_sql_are_names_where_they_are_quoted() -> None:
    found = asked(
        quoted=('SELECT sum("select") + sum("order") FROM "table"', 106),
        null=('SELECT sum("null") FROM ${table}', 103),
        bare=("SELECT sum(select) FROM ${table}", 43),
    )
    assert found["quoted"] == found["null"] == (True, None)
    assert found["bare"] == (False, "not_evaluated")


def test_the_columns_own_query_is_about_that_column() -> None:
    quality = [{"type": "sql", "query": "SELECT max(${column}) FROM ${table}", "mustBe": 32}]
    made = contract(column("order", quality=quality), column("null"))
    table = pa.table({"order": [31, 32], "null": [None, 1]})
    rule = next(rule for rule in check_tables(compile_plan(made), [table]).rules if rule.rule == "sql")
    assert (rule.success, rule.reason) == (True, None)


def terms(condition: str, **columns: Any) -> dict[str, Any]:
    treated = {name: columns.get(name, "keep") for name in NAMES}
    return {**crossing(treated), "rows": condition}


@pytest.mark.parametrize(
    ("condition", "kept"),
    [
        ("age = 11", [1]),
        ("Age = 11", []),
        ("Age = 1 and age = 11", [1]),
        ("select >= 22 and order >= 31", [2]),
        ('"AND" = 41 AND "null" is not null', [1]),
    ],
)
def test_conditions_look_at_the_column_that_they_name(condition: str, kept: list[int]) -> None:
    made = contract(*(column(name) for name in NAMES), crossings=[terms(condition, age="drop")])
    found = select_terms(made, CLOUD, "study")
    assert found is not None
    output = apply(found, made, TABLE, pseudonym_key=KEY)
    assert output.column_names == [name for name in NAMES if name != "age"]
    assert output["Age"].to_pylist() == kept
    proof = compile_proof(found, made, key=KEY)
    assert proof.verdict(merge_proofs([proof.partial(TABLE, output, pseudonym_key=KEY)])).success
    # The column of the other case in its place is seen: dropped is `age`, and not `Age`.
    swapped = output.rename_columns(["age", *output.column_names[1:]])
    assert not proof.verdict(merge_proofs([proof.partial(TABLE, swapped, pseudonym_key=KEY)])).success


@pytest.mark.parametrize("condition", ["AGE = 11", "AND = 41", "null = 51", '"And" = 41', '"SELECT" = 21'])
def test_a_name_of_no_column_is_a_mistake_of_the_contract(condition: str) -> None:
    with pytest.raises(DeclarationError, match="rows"):
        contract(*(column(name) for name in NAMES), crossings=[terms(condition)])


def test_terms_and_arrival_tell_them_apart() -> None:
    columns = {"Age": "keep", "age": {"pseudonymise": {}}, "select": "drop", "order": "keep"}
    made = contract(*(column(name, required=True) for name in NAMES), crossings=[crossing(columns)])
    arrival = project(made, CLOUD, "study")
    assert arrival.object.names == ("Age", "age", "order")
    assert [item.physical_type for item in arrival.object.columns] == ["", "binary(16)", ""]
    with pytest.raises(DeclarationError):
        contract(column("age"), crossings=[crossing({"Age": "keep"})])


def test_a_file_whose_column_is_of_another_case_lacks_the_column() -> None:
    verdict = check_tables(compile_plan(contract(column("age"))), [pa.table({"Age": [1]})])
    assert {(rule.id, rule.reason) for rule in verdict.failed} == {
        ("schema.columns", "column_undeclared"),
        ("age.type", "column_missing"),
    }


def test_lint_warns_of_queries_over_such_names(tmp_path: Path) -> None:
    rules = [{"name": "some", "type": "sql", "query": "SELECT count(*) FROM ${table}", "mustBe": 2}]
    path = tmp_path / "c.odcs.yaml"

    def warned(*names: str) -> list[str]:
        path.write_text(json.dumps(document(*map(column, names), quality=rules)))
        return [problem.message for problem in lint_contract(path)[1] if "not_evaluated" in problem.message]

    assert warned("age", "other") == []
    assert warned("Age", "other", "age") == [
        "rule some will fail as not_evaluated if it reads Age, age: one name in SQL"
    ]
