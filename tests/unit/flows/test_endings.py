"""Nothing of an error leaves but names, rule ids, counts and an incident id."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_contracts.errors import (
    ConflictError,
    DefectError,
    IsthmusError,
    NotVerifiableError,
    StepFailedError,
    UnreachableError,
    UsageError,
)
from environments.ref import AssetRef
from flows.runtime.endings import INCIDENT, RULES, ending_of, error_of, exit_code_of, rules_in
from flows.runtime.labels import read_results, write_results
from flows.runtime.progress import line_of
from flows.runtime.server import RunView
from tasks.steps import BrokenRule, ContractBroken, CrossingDenied

SECRET = "Jane Doe is 47"
FAMILIES = [
    (UsageError, "Refused", 2),
    (NotVerifiableError, "NotVerifiable", 4),
    (UnreachableError, "Unreachable", 5),
    (StepFailedError, "Failed", 6),
    (ConflictError, "Conflict", 7),
    (DefectError, "Defect", 70),
]


def everything(ending: object) -> str:
    return repr(ending)


@given(st.text(min_size=3).filter(lambda text: text not in "StepFailed: incident"))
def test_a_foreign_error_says_nothing_of_itself(text: str) -> None:
    for error in (ValueError(text), SystemExit(text), KeyError(text), UsageError(text), DefectError(text)):
        ending = ending_of(error, "0123456789ab", trusted=False)
        assert ending.message == "StepFailed: incident 0123456789ab"
        assert dict(ending.labels) == {INCIDENT: "0123456789ab"}


@pytest.mark.parametrize(("family", "name", "code"), FAMILIES)
def test_the_family_of_an_error_names_the_state_and_gives_the_exit_code(
    family: type[IsthmusError], name: str, code: int
) -> None:
    ending = ending_of(family(SECRET), "0123456789ab", trusted=False)
    assert (ending.type, ending.name) == ("FAILED", name)
    assert SECRET not in everything(ending)
    assert exit_code_of(RunView("i", "n", "FAILED", name, "")) == code


def test_rules_that_a_steps_own_code_made_up_are_reduced_to_what_may_be_said() -> None:
    error = ContractBroken(
        SECRET, [BrokenRule(SECRET, SECRET, 3), BrokenRule("age.maximum", "unexpected_values", 2)]
    )
    ending = ending_of(error, "0123456789ab", trusted=False)
    assert SECRET not in everything(ending)
    assert ending.name == "ContractBroken"
    assert [(rule.id, rule.reason, rule.unexpected_count) for rule in rules_in(ending.labels)] == [
        ("rule", "refused", 3),
        ("age.maximum", "unexpected_values", 2),
    ]


def test_what_our_own_code_says_is_said() -> None:
    ending = ending_of(
        CrossingDenied("tests to cloud", [BrokenRule("purpose", "not for this")]), None, trusted=True
    )
    assert ending.name == "Denied"
    assert ending.message == "tests to cloud: denied: purpose (not for this)"
    assert INCIDENT not in ending.labels
    assert ending_of(UsageError("no such asset"), "0123456789ab", trusted=True).message.startswith(
        "no such asset"
    )
    assert SECRET not in everything(ending_of(ValueError(SECRET), "0123456789ab", trusted=True))
    # A defect is what nobody expected: its text is not known to be clean, whoever wrote it.
    assert SECRET not in everything(ending_of(DefectError(SECRET), "0123456789ab", trusted=True))


@pytest.mark.parametrize(
    ("state", "kind", "code"),
    [
        ("ContractBroken", ContractBroken, 1),
        ("Denied", CrossingDenied, 3),
        ("Refused", UsageError, 2),
        ("NotVerifiable", NotVerifiableError, 4),
        ("Failed", StepFailedError, 6),
        ("SomethingNew", StepFailedError, 6),
    ],
)
def test_whoever_waited_gets_the_error_of_the_state(state: str, kind: type[IsthmusError], code: int) -> None:
    labels = {RULES: '[{"id":"a","reason":"b","unexpected_count":1}]', INCIDENT: "0123456789ab"}
    view = RunView("i", "train@cloud", "FAILED", state, "m", labels)
    error = error_of(view, "train@cloud")
    assert isinstance(error, kind)
    assert error.exit_code == code == exit_code_of(view)


@pytest.mark.parametrize("kind", ["CRASHED", "CANCELLED"])
def test_a_run_that_crashed_or_was_cancelled_is_a_failed_step_whatever_its_state_is_called(kind: str) -> None:
    view = RunView("i", "train@cloud", kind, "Denied", "")
    assert type(error_of(view, "train@cloud")) is StepFailedError
    assert exit_code_of(view) == 6


@pytest.mark.parametrize(
    "label", ["", "{", "[1]", "[{}]", '[{"id":1,"reason":"x","unexpected_count":0}]', "null"]
)
def test_labels_that_are_no_rules_are_none(label: str) -> None:
    assert rules_in({RULES: label}) == ()


def test_results_are_references_and_numbers() -> None:
    ref = AssetRef("a", "cloud", "sha256:" + "e" * 64, "a@1.0.0", {"classification": "internal"})
    results = {"model": ref, "rows": 3, "share": 0.5, "done": True}
    labels = write_results(results)
    assert all(isinstance(value, str | int | float | bool) for value in labels.values())
    assert read_results(json.loads(json.dumps(labels)) | {"prefect.flow.id": "x"}) == results
    with pytest.raises(UsageError):
        write_results({"rows": [1, 2]})


@pytest.mark.parametrize("forged", ["ref:", "ref:{}", "ref:[", 'ref:{"name":"../x"}'])
def test_a_forged_reference_is_refused(forged: str) -> None:
    with pytest.raises(UsageError):
        read_results({"out.model": forged})


def test_a_line_of_progress_is_phase_rows_and_seconds() -> None:
    assert line_of("fit", None, None) == "fit"
    assert line_of("fit", 14276, 0.5) == "fit: 14,276 rows, 0.50 s"
