"""What an environment's file says of people: whose requests a line takes, what a second person approves."""

from __future__ import annotations

from pathlib import Path

import pytest

from data_contracts.destination import ANYBODY
from data_contracts.errors import DeclarationError
from environments.approval import Approval
from environments.loading import load_profiles
from environments.organisation import load_organisation
from environments.profile import Profile

FILE = """\
name: lab
kind: cloud
jurisdiction: DE
clearance: internal
steps: []
egress:
  - to: [cloud]
    purposes: ["*"]
    contracts: ["*"]
"""


def load(folder: Path, more: str) -> Profile:
    (folder / "lab.yaml").write_text(FILE + more)
    return load_profiles(folder)["lab"]


@pytest.mark.parametrize(
    ("line", "requesters"),
    [
        ("", ANYBODY),
        ("    requesters: [anna, nightly]\n", ("anna", "nightly")),
        ('    requesters: ["*"]\n', ("*",)),
        ("    requesters: [unattributed]\n", ("unattributed",)),
        ("    requesters: []\n", ()),
        ("    requesters:\n", ()),
    ],
)
def test_without_the_key_a_line_is_for_everybody_and_empty_is_nobody(
    tmp_path: Path, line: str, requesters: tuple[str, ...]
) -> None:
    assert load(tmp_path, line).egress[0].requesters == requesters


@pytest.mark.parametrize(
    "line", ["requesters: anna", "requesters: [Anna]", "requesters: [1]", "requestors: [anna]"]
)
def test_what_is_no_list_of_requesters_is_a_problem(tmp_path: Path, line: str) -> None:
    with pytest.raises(DeclarationError, match="request"):
        load(tmp_path, f"    {line}\n")


def test_the_organisations_lines_say_it_too(tmp_path: Path) -> None:
    line = '{from: ["*"], to: ["*"], purposes: ["*"], contracts: ["*"], requesters: [anna]}'
    (tmp_path / "a.yaml").write_text(f"version: 1\ntransfers:\n  - {line}\n")
    [rule] = load_organisation(tmp_path)
    assert rule.transfer.requesters == ("anna",)


def test_an_approval_is_read_and_absent_is_none(tmp_path: Path) -> None:
    assert load(tmp_path, "").approval is None
    said = "approval: {first: true, purposes: [marketing], approvers: [bob, carol], count: 2}\n"
    assert load(tmp_path, said).approval == Approval(
        first=True, purposes=("marketing",), approvers=("bob", "carol"), count=2
    )
    nobody = load(tmp_path, "approval: {first: true, approvers: []}\n").approval
    assert nobody == Approval(first=True)


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        ("approval:\n", "no mapping"),
        ("approval: yes\n", "no mapping"),
        ("approval: {first: true}\n", "'approvers' is missing"),
        ("approval: {approvers: [bob]}\n", "nothing needs approval"),
        ("approval: {first: false, approvers: [bob]}\n", "nothing needs approval"),
        ("approval: {first: maybe, purposes: [a], approvers: [bob]}\n", "not true or false"),
        ("approval: {first: true, approvers: [bob], count: 2}\n", "more than there are approvers"),
        ("approval: {first: true, approvers: [bob], count: 0}\n", "out of bounds"),
        ("approval: {first: true, approvers: [bob], aprovers: [bob]}\n", "unknown key"),
    ],
)
def test_what_is_no_approval_is_a_problem(tmp_path: Path, said: str, problem: str) -> None:
    with pytest.raises(DeclarationError, match=problem):
        load(tmp_path, said)


def test_what_needs_approval_and_what_does_not() -> None:
    rule = Approval(first=True, purposes=("marketing",), approvers=("bob",))
    assert rule.why("marketing", first=lambda: False)
    assert rule.why("care", first=lambda: True)
    assert rule.why("care", first=lambda: False) is None
    assert rule.words("marketing") == "what is for marketing needs the approval of 1: bob"
    assert Approval(purposes=("marketing",)).words("marketing").endswith("nobody may")
    assert not Approval(purposes=("marketing",), approvers=("*",)).words("care")
