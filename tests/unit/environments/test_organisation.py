"""The organisation's rule: what it does not list is denied, at both gates; no file is passed over."""

from __future__ import annotations

from pathlib import Path

import pytest

from data_contracts.destination import OrganisationRule, TransferRule
from data_contracts.errors import DeclarationError
from data_contracts.policy import NO_ORGANISATION_RULES
from environments.organisation import load_organisation

RULES = """
version: 1
transfers:
  - {from: [onprem], to: [cloud], purposes: [model-training], contracts: ["*"]}
"""


def test_without_a_file_it_adds_nothing(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("none yet")
    (tmp_path / ".gitkeep").touch()
    assert load_organisation(None) == load_organisation(tmp_path) == NO_ORGANISATION_RULES


def test_lines_of_all_files_together(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(RULES)
    (tmp_path / "b.yml").write_text(RULES.replace("onprem", "edge"))
    transfer = TransferRule(("cloud",), ("model-training",), ("*",))
    assert load_organisation(tmp_path) == (
        OrganisationRule(("onprem",), transfer),
        OrganisationRule(("edge",), transfer),
    )


def test_a_file_that_lists_nothing_permits_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("version: 1\ntransfers: []\n")
    assert load_organisation(tmp_path) == ()


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("version: 1", "version: 2", "version"),
        ("from:", "form:", "form"),
        (', contracts: ["*"]', "", "contracts"),
        ("[cloud]", "cloud", "no list"),
        ("[onprem]", "[On Prem]", "form"),
        ("transfers:", "transfer:", "transfer"),
    ],
)
def test_a_mistake_is_a_problem_with_its_line(tmp_path: Path, old: str, new: str, says: str) -> None:
    (tmp_path / "a.yaml").write_text(RULES.replace(old, new))
    with pytest.raises(DeclarationError, match=says) as caught:
        load_organisation(tmp_path)
    assert all(problem.line > 0 for problem in caught.value.problems)


def test_what_is_no_file_of_rules_is_not_passed_over_and_all_is_said_at_once(tmp_path: Path) -> None:
    (tmp_path / "rules.json").write_text("{}")
    (tmp_path / "more").mkdir()
    (tmp_path / "a.yaml").write_text("version: 9\ntransfers: []\n")
    with pytest.raises(DeclarationError) as caught:
        load_organisation(tmp_path)
    assert [Path(problem.file).name for problem in caught.value.problems] == ["a.yaml", "more", "rules.json"]
