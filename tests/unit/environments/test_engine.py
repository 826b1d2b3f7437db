"""The policy engine that `site.toml` names stands beside the shipped rules, or nothing is decided."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from data_contracts.engine import SHIPPED_RULES, Narrowing
from data_contracts.errors import DeclarationError, UsageError
from environments.engine import load_engine
from environments.site import Site

OURS = """
from data_contracts.policy import Decision, DecisionRule

class Never:
    def decide(self, request):
        return Decision("deny", (DecisionRule("never", "deny", "not on a Sunday"),))

engine, number = Never(), 7
"""


def site(folder: Path, settings: str) -> Site:
    (folder / "environments").mkdir(exist_ok=True)
    (folder / "site.toml").write_text(settings, encoding="utf-8")
    return Site.load(folder)


@pytest.fixture
def law(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "ourlaw.py").write_text(OURS, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "ourlaw", raising=False)
    return tmp_path


def test_without_the_table_the_shipped_rules_decide(tmp_path: Path) -> None:
    assert load_engine(Site.load()) is SHIPPED_RULES
    assert load_engine(site(tmp_path, "")) is SHIPPED_RULES


def test_an_engine_of_the_sites_own_only_narrows(law: Path) -> None:
    engine = load_engine(site(law, '[policy]\nengine = "ourlaw:engine"\n'))
    assert isinstance(engine, Narrowing)


@pytest.mark.parametrize(
    "table",
    [
        "[policy]",
        "[policy]\nengine = 3",
        '[policy]\nengine = "ourlaw"',
        '[policy]\nengine = "ourlaw:engine"\nother = 1',
        '[policy]\nengine = "ourlaw:missing"',
        '[policy]\nengine = "ourlaw:number"',
        '[policy]\nengine = "nowhere.law:engine"',
        "policy = 1",
    ],
)
def test_what_is_no_engine_decides_nothing(law: Path, table: str) -> None:
    with pytest.raises(UsageError, match=r"site\.toml"):
        load_engine(site(law, table))


def test_a_table_that_nobody_knows_is_still_an_error(tmp_path: Path) -> None:
    with pytest.raises(DeclarationError, match="polic"):
        site(tmp_path, "[polcy]\n")
