"""HIPAA Safe Harbor as a rule of columns: what each identifier may become, and what is not proved."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from contract_builder import column, contract, crossing, document

from data_contracts.errors import DeclarationError
from data_contracts.obligations.profiles import CAVEATS, EXPERT, IDENTIFIERS, SAFE_HARBOR
from flows.cli.contract_lint import command

EXPERT_SAID = {"by": "Dr. A. Expert", "date": "2026-10-01", "report": "sha256:" + "0" * 64}
KINDS = {"date": "date", "birth-date": "date", "age": "integer"}


def told(kind: str | None, logical: str = "string", **more: Any) -> dict[str, Any]:
    """A column that says which identifier it holds."""
    own = [] if kind is None else [{"property": "isthmusIdentifier", "value": kind}]
    return column("x", logical, classification="restricted", customProperties=own, **more)


def problems(declared: dict[str, Any], treatment: Any, **terms: Any) -> list[str]:
    """What is wrong with one column that is treated so under Safe Harbor, or under `profile`."""
    said = crossing({"x": treatment, "y": "keep"}) | {"profile": SAFE_HARBOR} | terms
    other = column("y", required=True, customProperties=[{"property": "isthmusIdentifier", "value": "none"}])
    try:
        contract(declared, other, crossings=[said])
    except DeclarationError as error:
        return [problem.message for problem in error.problems]
    return []


def test_all_eighteen_identifiers_are_there() -> None:
    letters = {item.letter for item in IDENTIFIERS.values() if item.kind != "free-text"}
    assert letters == set("ABCDEFGHIJKLMNOPQR")
    assert all("drop" in item.allowed for item in IDENTIFIERS.values())
    assert all("pseudonymise" not in item.allowed for item in IDENTIFIERS.values())


@pytest.mark.parametrize("kind", sorted(IDENTIFIERS))
def test_every_identifier_may_be_dropped_and_none_may_be_kept_or_pseudonymised(kind: str) -> None:
    declared = told(kind, KINDS.get(kind, "string"))
    assert problems(declared, "drop") == []
    for treatment in ("keep", {"pseudonymise": {}}):
        found = problems(declared, treatment)
        assert found
        assert "45 CFR 164.514" in found[0]


@pytest.mark.parametrize("kind", sorted(set(IDENTIFIERS) - {"free-text", "photo"}))
def test_a_random_code_is_a_means_of_record_identification(kind: str) -> None:
    assert problems(told(kind, KINDS.get(kind, "string")), {"code": {}}) == []


@pytest.mark.parametrize("treatment", [{"code": {}}, {"mask": {}}, "keep", {"pseudonymise": {}}])
@pytest.mark.parametrize("profile", [SAFE_HARBOR, EXPERT])
def test_free_text_may_only_be_dropped(treatment: Any, profile: str) -> None:
    said = {"profile": profile, "expertDetermination": EXPERT_SAID}
    assert problems(told("free-text"), treatment, **said)
    assert problems(told("free-text"), "drop", **said) == []


@pytest.mark.parametrize(
    ("kind", "logical", "treatment", "sound"),
    [
        ("zip", "string", {"generalise": {"zip": 3}}, True),
        ("zip", "string", {"mask": {"first": 3}}, False),
        ("age", "integer", {"topCode": {"at": 90}}, True),
        ("age", "integer", {"topCode": {"at": 89}}, True),
        ("age", "integer", {"topCode": {"at": 91}}, False),
        ("age", "integer", {"clamp": {"bottom": 18, "top": 90}}, True),
        ("age", "integer", {"clamp": {"bottom": 18, "top": 95}}, False),
        ("age", "integer", {"generalise": {"bands": [0, 40, 90]}}, True),
        ("age", "integer", {"generalise": {"bands": [0, 40, 95]}}, False),
        ("age", "integer", {"bottomCode": {"at": 18}}, False),
        ("date", "date", {"generalise": {"date": "year"}}, True),
        ("date", "date", {"generalise": {"date": "decade"}}, True),
        ("date", "date", {"generalise": {"date": "month"}}, False),
        ("birth-date", "date", {"generalise": {"date": "year"}}, False),
        ("birth-date", "date", {"generalise": {"date": "year", "earliest": 1936}}, True),
        ("none", "string", "keep", True),
        ("none", "string", {"pseudonymise": {}}, False),
    ],
)
def test_what_each_kind_may_become(kind: str, logical: str, treatment: Any, *, sound: bool) -> None:
    declared = told(kind, logical, logicalTypeOptions={"minLength": 6} if logical == "string" else {})
    assert (problems(declared, treatment) == []) is sound


def test_a_shifted_date_is_no_year() -> None:
    declared = told("date", "date")
    treatment = {"shift": {"subject": "y", "days": 30}}
    found = [message for message in problems(declared, treatment) if "(C)" in message]
    assert found


def test_a_column_that_says_nothing_is_not_taken_for_none() -> None:
    assert problems(told(None), "keep") == ["the column does not say which identifier it holds"]


def test_an_expert_stands_for_pseudonyms_and_is_named() -> None:
    declared = told("record-number")
    with_expert = {"profile": EXPERT, "expertDetermination": EXPERT_SAID}
    assert problems(declared, {"pseudonymise": {}}, **with_expert) == []
    assert problems(declared, {"pseudonymise": {}}, profile=EXPERT) == [
        "no expert is named (45 CFR 164.514(b)(1))"
    ]
    assert problems(declared, "keep", **with_expert)
    assert problems(told(None), {"pseudonymise": {}}, **with_expert)


@pytest.mark.parametrize("wrong", [{"report": "sha256:1"}, {"date": "soon"}, {"by": ""}])
def test_an_expert_without_name_day_or_report_is_none(wrong: dict[str, str]) -> None:
    assert problems(told("none"), "keep", profile=EXPERT, expertDetermination=EXPERT_SAID | wrong)


def test_a_word_that_is_no_identifier_is_refused() -> None:
    assert problems(told("passport"), "drop") == ["not one of the values that may stand here"]


def linted(tmp_path: Path, declared: dict[str, Any], treatment: Any, *words: str) -> tuple[int, str]:
    file = tmp_path / "t.odcs.yaml"
    made = document(declared, column("y"), crossings=[crossing({"x": treatment})])
    file.write_text(yaml.safe_dump(made, sort_keys=False))
    result = CliRunner().invoke(command, [*words, str(file)])
    return result.exit_code, result.output


def test_lint_holds_a_contract_that_says_nothing_against_the_profile(tmp_path: Path) -> None:
    words = ("--profile", SAFE_HARBOR)
    assert linted(tmp_path, told("name"), {"pseudonymise": {}})[0] == 0
    status, output = linted(tmp_path, told("name"), {"pseudonymise": {}}, *words)
    assert status == 2
    assert "164.514(c)(1)" in output
    assert f"{tmp_path}/t.odcs.yaml:" in output
    status, output = linted(tmp_path, told("name"), {"code": {}}, *words)
    assert status == 0
    assert all(caveat in output for caveat in CAVEATS)


def test_lint_knows_its_profiles(tmp_path: Path) -> None:
    file = tmp_path / "t.odcs.yaml"
    file.write_text("{}")
    result = CliRunner().invoke(command, ["--profile", "gdpr", str(file)])
    assert SAFE_HARBOR in getattr(result.exception, "remedy", "")
