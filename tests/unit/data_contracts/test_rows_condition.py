"""`rows:` from the terms to the proof: what does not meet the condition stays, and every cheat shows."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest
from contract_builder import CLOUD, column, contract, crossing

from data_contracts.errors import DataBreaksContractError, DeclarationError
from data_contracts.model import Contract
from data_contracts.obligations import apply, compile_proof, merge_proofs
from data_contracts.policy import select_terms
from data_contracts.terms import CrossingTerms

KEY = bytes(range(32))
CONDITION = "consent = true and country in ('DE', 'FR')"
COLUMNS: dict[str, Any] = {
    "id": {"pseudonymise": {}},
    "age": {"generalise": {"bands": [0, 18]}},
    "kept": "keep",
}


def made(rows: str | None = CONDITION, **more: Any) -> tuple[Contract, CrossingTerms]:
    said: dict[str, Any] = crossing({**COLUMNS, **more})
    if rows is not None:
        said["rows"] = rows
    built = contract(
        column("id", "string"),
        column("age", "number"),
        column("kept"),
        column("consent", "boolean"),
        column("country", "string"),
        crossings=[said],
    )
    terms = select_terms(built, CLOUD, "study")
    assert terms is not None
    return built, terms


SOURCE = pa.table(
    {
        "id": [f"patient-{number}" for number in range(8)],
        "age": [float(number * 5) for number in range(8)],
        "kept": list(range(8)),
        "consent": [True, False, None, True, True, True, False, True],
        "country": ["DE", "DE", "DE", "US", None, "FR", "FR", "DE"],
    }
)
MEET = [0, 5, 7]


def failed(source: pa.Table, output: pa.Table, *, parts: int = 1) -> dict[str, int]:
    built, terms = made()
    proof = compile_proof(terms, built, key=bytes(32))
    pairs = [(source, output)] if parts == 1 else [(source, output), (source.slice(0, 0), output.slice(0, 0))]
    verdict = proof.verdict(merge_proofs([proof.partial(*pair, pseudonym_key=KEY) for pair in pairs]))
    assert {"output.rows"} <= {rule.id for rule in verdict.rules}
    return {rule.id: rule.unexpected_count for rule in verdict.failed}


def applied(source: pa.Table = SOURCE, rows: str | None = CONDITION) -> pa.Table:
    built, terms = made(rows)
    return apply(terms, built, source, pseudonym_key=KEY)


def test_only_rows_that_meet_the_condition_cross_in_their_order() -> None:
    output = applied()
    assert output.column("kept").to_pylist() == MEET
    assert output.column_names == ["id", "age", "kept"]
    assert failed(SOURCE, output) == {}
    assert failed(SOURCE, output, parts=2) == {}


def test_the_columns_of_the_condition_need_not_cross() -> None:
    assert "consent" not in applied().column_names
    _, terms = made()
    assert terms.rows is not None
    assert terms.rows.columns == ("consent", "country")


def test_without_a_condition_every_row_crosses() -> None:
    assert applied(rows=None).num_rows == SOURCE.num_rows


def test_a_part_where_no_row_meets_it_is_empty_and_proved() -> None:
    part = SOURCE.slice(1, 4)
    output = applied(part)
    assert (output.num_rows, output.column_names) == (0, ["id", "age", "kept"])
    assert failed(part, output) == {}


def test_an_obligation_is_not_asked_of_rows_that_stay() -> None:
    # A band that does not take a value would refuse the crossing, were the row to cross.
    ages = [1.0, -1.0, -1.0, -1.0, -1.0, 20.0, -1.0, 30.0]
    source = SOURCE.set_column(1, "age", pa.array(ages))
    assert applied(source).column("age").to_pylist() == ["[0,18)", "[18,)", "[18,)"]
    with pytest.raises(DataBreaksContractError):
        applied(source, rows=None)


def all_rows() -> pa.Table:
    return applied(rows=None)


@pytest.mark.attack
def test_a_row_too_many_is_found() -> None:
    output = all_rows().take(pa.array([0, 1, 5, 7]))
    assert failed(SOURCE, output)["output.rows"] == 1


@pytest.mark.attack
def test_a_row_too_few_is_found() -> None:
    output = all_rows().take(pa.array([0, 5]))
    assert failed(SOURCE, output)["output.rows"] == 1


@pytest.mark.attack
def test_nothing_left_out_is_found() -> None:
    assert failed(SOURCE, all_rows())["output.rows"] == 5


@pytest.mark.attack
def test_a_row_that_may_not_cross_in_the_place_of_one_that_may_is_found() -> None:
    output = all_rows().take(pa.array([0, 1, 7]))
    assert failed(SOURCE, output)["kept.keep"] == 1


@pytest.mark.attack
def test_an_original_of_a_row_that_stays_cannot_pose_as_a_pseudonym() -> None:
    output = applied()
    posing = output.column("id").to_pylist()
    posing[0] = b"patient-1".ljust(16, b"\x00")
    output = output.set_column(0, "id", pa.array(posing, pa.binary()))
    assert "id.pseudonymise" in failed(SOURCE, output)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("consent =", "character 10 of the condition"),
        ("wage > 1", "no column wage"),
        ("age > 'x'", "no constant of age's type"),
        ("(" * 60 + "age > 1" + ")" * 60, "nested too deep"),
    ],
)
def test_a_condition_that_is_none_is_a_problem_of_the_contract(rows: str, message: str) -> None:
    with pytest.raises(DeclarationError) as caught:
        made(rows)
    assert message in str(caught.value)
    assert "crossings.0.rows" in str(caught.value)
