"""Every problem in one go: the standard's and ours, each at its own line, and none that only follows."""

from __future__ import annotations

import time
from typing import Any

import pytest
from contract_builder import column, contract, document

from data_contracts.errors import DeclarationError, Problem
from data_contracts.loading import contract_from_document, parse_contract
from data_contracts.standard.shapes import MAX_SHAPES

WRONG = """apiVersion: v3.1.0
kind: DataContract
id: TEST T
version: 1.2.3
status: active
statu: typo
schema:
  - name: t
    properties:
      - name: a
        logicalType: integer
        classification: internal
        requierd: true
        logicalTypeOptions: {minimum: 9, maximum: 1}
      - name: b
        logicalType: string
        classification: internal
        quality:
          - {metric: nullValues, mustBe: 0, mustNotBe: 1}
          - {metric: nullValues, mustBe: none, name: second}
customProperties:
  - property: isthmusBoundary
    value:
      version: 1
      crossings:
        - {to: cloud, purposes: [study], columns: {a: {generalise: {bands: []}}, z: keep}}
  - {property: isthmusBondary, value: 1}
"""


def problems(text: str) -> list[Problem]:
    with pytest.raises(DeclarationError) as caught:
        parse_contract(text.encode(), file="f.yaml")
    return list(caught.value.problems)


def lines(text: str) -> dict[int, str]:
    return {problem.line: problem.message for problem in problems(text)}


def test_ten_mistakes_of_both_kinds_are_told_at_once_with_their_lines() -> None:
    found = problems(WRONG)
    at = {(problem.line, problem.path.rsplit(".", 1)[-1]) for problem in found}
    assert at >= {
        (3, "id"),
        (6, "statu"),
        (13, "requierd"),
        (14, "minimum"),
        (19, "0"),
        (20, "mustBe"),
        (26, "a"),
        (26, "z"),
        (27, "1"),
    }
    assert all(problem.column > 0 for problem in found)
    assert len(found) == len(at)


def test_what_only_follows_from_a_cut_is_not_told() -> None:
    # With its type unknown, nobody can say that a column has no bands.
    text = WRONG.replace("logicalType: integer", "logicalType: integr").replace("bands: []", "bands: [0]")
    found = lines(text)
    assert "not one of the values" in found[11]
    assert 26 not in found or "no such column" in found[26]


def test_a_document_without_its_frame_is_told_by_the_standard_alone() -> None:
    found = problems("apiVersion: v3.1.0\nschema: 5\n")
    assert {problem.path for problem in found} == {"", "schema"}


@pytest.mark.parametrize("missing", ["kind", "id", "version", "status"])
def test_a_missing_key_hides_nothing(missing: str) -> None:
    text = "\n".join(line for line in WRONG.splitlines() if not line.startswith(missing + ":"))
    messages = " ".join(problem.message for problem in problems(text))
    assert f"the key {missing} is missing" in messages
    assert "unknown property isthmusBondary" in messages


def test_a_list_with_a_broken_item_keeps_the_places_of_the_others() -> None:
    text = WRONG.replace("mustBe: none", "mustBe: 0, arguments: {wrong: 1}")
    assert "unknown arguments: wrong" in lines(text)[20]


def test_a_wide_table_is_judged_whole_and_soon() -> None:
    many = [column(f"c{number}") for number in range(3000)]
    begin = time.process_time()
    assert len(contract(*many).object.columns) == 3000
    for number in (1000, 2999):
        many[number] = {**many[number], "requierd": True}
    with pytest.raises(DeclarationError) as caught:
        contract(*many)
    assert {problem.path for problem in caught.value.problems} == {
        "schema.0.properties.1000.requierd",
        "schema.0.properties.2999.requierd",
    }
    assert time.process_time() - begin < 10


def test_a_table_of_too_many_different_columns_is_refused() -> None:
    many = [column(f"c{number}", tags=[f"t{number}"]) for number in range(MAX_SHAPES + 1)]
    with pytest.raises(DeclarationError, match="columns of too many shapes"):
        contract(*many)


def test_names_and_descriptions_of_any_type_are_still_judged() -> None:
    many: list[dict[str, Any]] = [column(f"c{number}") for number in range(200)]
    many[7]["description"] = 5
    with pytest.raises(DeclarationError) as caught:
        contract_from_document(document(*many))
    assert [problem.path for problem in caught.value.problems] == ["schema.0.properties.7.description"]
