"""Strict reading: what is wrong is said with its line, all of it, and nothing unknown is skipped."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from contract_builder import column, contract, crossing, document

from data_contracts.errors import DeclarationError, Problem
from data_contracts.labels import Classification
from data_contracts.loading import (
    contract_from_document,
    dump_contract,
    lint_contract,
    load_contract,
    parse_contract,
)

EXAMPLES = Path(__file__).with_name("odcs_examples")
SOUND = b"""apiVersion: v3.1.0
kind: DataContract
id: test.t
version: 1.2.3
status: active
schema:
  - name: t
    properties:
      - name: id
        logicalType: string
        classification: restricted
        required: true
      - name: age
        logicalType: number
        classification: confidential
        logicalTypeOptions: {minimum: 0}
customProperties:
  - property: isthmusBoundary
    value:
      version: 1
      crossings:
        - to: cloud
          purposes: [study]
          columns:
            id: {pseudonymise: {}}
            age: {generalise: {bands: [0, 18]}}
"""


def problems(raw: bytes) -> list[Problem]:
    with pytest.raises(DeclarationError) as caught:
        parse_contract(raw, file="f.yaml")
    return list(caught.value.problems)


def changed(old: str, new: str) -> bytes:
    text = SOUND.decode()
    assert old in text
    return text.replace(old, new, 1).encode()


def line(needle: str, raw: bytes) -> int:
    return next(number for number, text in enumerate(raw.decode().splitlines(), 1) if needle in text)


def test_a_sound_contract_and_its_way_out_and_back() -> None:
    made = parse_contract(SOUND, file="f.yaml")
    assert (made.reference, made.object.names) == ("test.t@1.2.3", ("id", "age"))
    assert made.labels.classification is Classification.RESTRICTED
    again = parse_contract(dump_contract(made), file="copy.yaml")
    assert (again, again.digest) == (made, made.digest)
    assert contract_from_document(made.document).digest == made.digest


@pytest.mark.parametrize(
    ("old", "new", "needle", "message"),
    [
        ("required: true", "requierd: true", "requierd", "unknown key"),
        ("required: true", "required: yes please", "yes please", "wrong type"),
        ("kind: DataContract", "kind: Recipe", "Recipe", "not one of the values"),
        ("id: test.t", "id: Test T", "Test T", "not an id"),
        ("version: 1.2.3", "version: 1.2", "version: 1.2", "wrong type"),
        ("version: 1.2.3", "version: v1.2", "v1.2", "not a version"),
        ("{minimum: 0}", "{minimum: zero}", "zero", "wrong type"),
        ("{minimum: 0}", "{minimun: 0}", "minimun", "unknown key"),
        ("isthmusBoundary", "isthmusBoundery", "isthmusBoundery", "unknown property"),
        ("version: 1\n", "version: 2\n", "version: 2", "not the value"),
        ("purposes: [study]", "purposes: []", "purposes: []", "minItems"),
        ("purposes: [study]", "purposes: [study]\n          row: age > 1", "row:", "unknown key"),
        ("to: cloud", "to: {}", "to: {}", "minProperties"),
        ("to: cloud", "to: {kind: moon}", "moon", "not one of the values"),
        ("to: cloud", "to: {planet: moon}", "planet", "unknown key"),
        ("id: {pseudonymise: {}}", "name: drop", "name: drop", "no such column"),
        ("id: {pseudonymise: {}}", "id: {scramble: {}}", "scramble", "unknown obligation"),
        ("id: {pseudonymise: {}}", "id: pseudonymise", "id: pseudonymise", "not one of the values"),
        ("id: {pseudonymise: {}}", "id: {pseudonymise: {key: x}}", "key: x", "and nothing else"),
        ("[0, 18]", "[18, 0]", "[18, 0]", "ascending"),
        ("{bands: [0, 18]}", "{steps: [0, 18]}", "steps", "`generalise` takes"),
        ("{pseudonymise: {}}", "{generalise: {bands: [0]}}", "bands: [0]}", "no numbers"),
    ],
)
def test_one_mistake_is_said_at_its_line(old: str, new: str, needle: str, message: str) -> None:
    raw = changed(old, new)
    found = problems(raw)
    assert len(found) == 1, found
    assert message in found[0].message
    assert found[0].line == line(needle, raw)


def test_all_problems_are_said_at_once() -> None:
    raw = (
        SOUND.replace(b"id: test.t", b"id: TEST")
        .replace(b"[0, 18]", b"[]")
        .replace(b"version: 1.2.3", b"version: x")
    )
    assert {problem.path for problem in problems(raw)} == {
        "id",
        "version",
        "customProperties.0.value.crossings.0.columns.age",
    }


@pytest.mark.parametrize("version", ["v2.2.2", "v3.2.0", "v3.1", "3.1.0", "v3.1.1"])
def test_another_version_of_the_standard_is_refused_by_name(version: str) -> None:
    found = problems(changed("v3.1.0", version))
    assert [problem.path for problem in found] == ["apiVersion"]
    assert version in found[0].message


@pytest.mark.parametrize("version", ["v3.0.0", "v3.0.1", "v3.0.2", "v3.1.0"])
def test_the_supported_versions(version: str) -> None:
    assert parse_contract(changed("v3.1.0", version), file="f").id == "test.t"


@pytest.mark.parametrize("raw", [b"", b"- 1", b"text", b"apiVersion: v3.1.0"])
def test_what_is_no_contract_is_refused(raw: bytes) -> None:
    assert problems(raw)


def test_a_failing_branch_does_not_hide_or_invent_unknown_keys() -> None:
    """A library rule with a wrong metric: the schema's `unevaluatedProperties` would name all its keys."""
    told = document(column("a", quality=[{"type": "library", "metric": "nope", "mustBe": 0, "typo": 1}]))
    with pytest.raises(DeclarationError) as caught:
        contract_from_document(told)
    assert [(p.path.split(".")[-1], p.message.split(" ")[0]) for p in caught.value.problems] == [
        ("metric", "not"),
        ("typo", "unknown"),
    ]


def test_a_rule_without_or_with_two_operators() -> None:
    for item in ({"metric": "nullValues"}, {"metric": "nullValues", "mustBe": 0, "mustNotBe": 1}):
        with pytest.raises(DeclarationError, match="exactly one of mustBe"):
            contract(column("a", quality=[item]))


@pytest.mark.parametrize(
    ("item", "message"),
    [
        ({"metric": "rowCount", "mustBe": 1}, "whole object"),
        ({"metric": "nullValues", "mustBe": "x"}, "compared with something else"),
        ({"metric": "nullValues", "mustBe": 1, "unit": "pounds"}, "unit"),
        ({"metric": "nullValues", "mustBeBetween": [2, 1]}, "greater number"),
        ({"metric": "invalidValues", "mustBe": 0}, "which values are valid"),
        ({"metric": "invalidValues", "mustBe": 0, "arguments": {"valid": []}}, "unknown arguments"),
        ({"metric": "duplicateValues", "mustBe": 0, "arguments": {"properties": ["z"]}}, "no such column"),
    ],
)
def test_quality_beyond_the_standards_schema(item: dict[str, Any], message: str) -> None:
    with pytest.raises(DeclarationError, match=message):
        contract(column("a", quality=[item]))


def test_rule_ids_are_unique_and_the_nameless_are_numbered() -> None:
    nameless = {"metric": "nullValues", "mustBe": 0}
    made = contract(column("a", quality=[nameless, nameless]))
    assert [rule.id for rule in made.object.columns[0].rules] == ["a.nullValues", "a.nullValues-2"]
    for name in ("a.minimum", "a.type", "mine"):
        rules = [{**nameless, "name": name}, {**nameless, "name": "mine"}]
        with pytest.raises(DeclarationError, match="a second rule"):
            contract(column("a", options={"minimum": 1}, quality=rules))


def test_columns_once_bounds_readable_and_no_classification_is_restricted() -> None:
    with pytest.raises(DeclarationError, match="second column"):
        contract(column("a"), column("a"))
    with pytest.raises(DeclarationError, match="not a date"):
        contract(column("a", "date", options={"minimum": "yesterday"}))
    with pytest.raises(DeclarationError, match="time zone"):
        contract(column("a", "timestamp", options={"minimum": "2020-01-01T00:00:00+01:00"}))
    for word in ("secret", "Public", ""):
        made = contract(column("a", classification=word))
        assert made.labels.classification is Classification.RESTRICTED
    bare = {"name": "a", "logicalType": "integer"}
    assert contract(bare).labels.classification is Classification.RESTRICTED


def test_two_declarations_that_could_both_match_are_refused() -> None:
    def crossings(left: Any, right: Any, purposes: tuple[str, ...] = ("study",)) -> list[dict[str, Any]]:
        return [crossing({"a": "keep"}, to=left), crossing({"a": "keep"}, to=right, purposes=purposes)]

    for pair in (("cloud", "cloud"), ({"kind": "edge"}, {"jurisdiction": "DE"})):
        with pytest.raises(DeclarationError, match="match this and crossing 0"):
            contract(column("a"), crossings=crossings(*pair))
    for pair in (("cloud", "edge"), ("cloud", {"kind": "cloud"}), ({"kind": "edge"}, {"kind": "cloud"})):
        assert contract(column("a"), crossings=crossings(*pair)).terms is not None
    assert contract(column("a"), crossings=crossings("cloud", "cloud", ("care",))).terms is not None


def test_dropping_everything_or_terms_for_two_tables_is_refused() -> None:
    with pytest.raises(DeclarationError, match="every column is dropped"):
        contract(column("a"), crossings=[crossing({"a": "drop"})])
    told = document(column("a"), crossings=[crossing({"a": "keep"})])
    told["schema"].append({"name": "u", "properties": [column("b")]})
    with pytest.raises(DeclarationError, match="2 schema objects"):
        contract_from_document(told)


MODEL = {
    "format": "onnx",
    "opset": 18,
    "maxBytes": 10,
    "trainedOn": ["t"],
    "parity": {"rows": 1, "tolerance": 1e-6},
}


def model(
    value: dict[str, Any], sides: tuple[str, ...] = ("inputs", "outputs"), **terms: Any
) -> dict[str, Any]:
    told = document(column("a"))
    told["schema"] = [{"name": side, "properties": [column("a")]} for side in sides]
    told["customProperties"] = [{"property": "isthmusModel", "value": value}]
    if terms:
        told["customProperties"].append(
            {"property": "isthmusBoundary", "value": {"version": 1, "crossings": [terms]}}
        )
    return told


def test_a_model_contract_has_two_sides_and_crosses_whole() -> None:
    made = contract_from_document(model(MODEL, to={"kind": "edge"}, purposes=["batch"]))
    assert made.model is not None
    assert (made.model.max_bytes, made.outputs.names, made.object.name) == (10, ("a",), "inputs")
    with pytest.raises(DeclarationError, match="two sides"):
        contract_from_document(model(MODEL, ("inputs",)))
    with pytest.raises(DeclarationError, match="crosses whole"):
        contract_from_document(model(MODEL, to="edge", purposes=["batch"], columns={"a": "keep"}))
    for key, value in (("format", "pickle"), ("opset", 0), ("maxBytes", -1), ("trainedOn", []), ("more", 1)):
        with pytest.raises(DeclarationError):
            contract_from_document(model({**MODEL, key: value}))


def test_our_namespace_is_closed_and_others_are_left_alone() -> None:
    for place in ("isthmusBoundry", "IsthmusBoundary", "isthmusMissing"):
        told = document(column("a"), customProperties=[{"property": place, "value": 1}])
        with pytest.raises(DeclarationError, match=f"unknown property {place}"):
            contract_from_document(told)
    own = [{"property": "isthmusMissing", "value": {"tokens": ["NA"]}}]
    assert contract(column("a", customProperties=own)).object.columns[0].missing_tokens == ("NA",)
    with pytest.raises(DeclarationError, match="second time"):
        contract(column("a", customProperties=own * 2))
    with pytest.raises(DeclarationError, match="unknown key"):
        contract(
            column("a", customProperties=[{"property": "isthmusMissing", "value": {"tokens": ["x"], "y": 1}}])
        )
    contract(column("a", customProperties=[{"property": "other", "value": {"anything": [1]}}]))


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.yaml")), ids=lambda path: path.name)
def test_every_official_example_loads_or_says_why_not(path: Path) -> None:
    made, found = lint_contract(path)
    assert made is not None
    assert all(problem.severity in {"warning", "note"} and problem.line > 0 for problem in found)
    assert load_contract(path) == made


def test_all_official_examples_are_here() -> None:
    assert len(list(EXAMPLES.glob("*.odcs.yaml"))) == 18


def test_lint_names_rules_that_nothing_evaluates(tmp_path: Path) -> None:
    path = tmp_path / "c.odcs.yaml"
    rules = [
        {"type": "text", "description": "d", "name": "prose"},
        {"type": "sql", "query": "q", "mustBe": 1},
    ]
    server = {"server": "s", "type": "postgres", "host": "h", "port": 1, "database": "d", "schema": "s"}
    path.write_text(json.dumps(document(column("a", quality=rules), servers=[server])))
    made, found = lint_contract(path)
    assert made is not None
    warnings = [problem for problem in found if problem.severity == "warning"]
    assert [problem.message.split(" will ")[0] for problem in warnings] == ["rule prose", "rule a.sql"]


def test_a_contract_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(DeclarationError, match="cannot be read"):
        load_contract(tmp_path / "absent.odcs.yaml")
