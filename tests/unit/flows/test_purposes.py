"""A purpose that nothing permits is denied by the gate; one that nobody ever named is a typing error."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from data_contracts.errors import UsageError
from environments.ref import AssetRef
from environments.site import SHIPPED_PROFILES, Site
from flows.runtime import latest, pipeline, sync, when
from flows.runtime.catalogue import load_pipelines
from flows.runtime.errors import PlanError
from flows.runtime.pipeline import Pipeline
from flows.runtime.planning import make_plan
from flows.runtime.purposes import check_purpose

HERE = Path(__file__).name
TESTS = latest("covid_tests", environment="onprem", contract="hospital.covid-tests")


def never() -> Any:
    raise AssertionError("the pipelines were loaded for a purpose that a declaration names")


@pytest.mark.parametrize(
    "purpose",
    ["model-training", "batch-inference", "reporting", "marketing"],
    ids=["terms", "model", "rules", "list"],
)
def test_what_a_declaration_names_is_known_without_loading_a_pipeline(purpose: str) -> None:
    assert check_purpose(Site.load(), purpose, never) == purpose


def test_what_a_step_declares_is_known() -> None:
    assert check_purpose(Site.load(), "quality", load_pipelines(Site.load()).values) == "quality"


def test_a_typing_error_is_told_with_what_was_meant_and_what_is_known() -> None:
    with pytest.raises(UsageError, match="'modle-training'") as caught:
        check_purpose(Site.load(), "modle-training", load_pipelines(Site.load()).values)
    assert caught.value.exit_code == 2
    for word in ("did you mean model-training?", "batch-inference", "marketing", "site.toml"):
        assert word in caught.value.remedy


def test_any_is_a_rule_and_no_purpose() -> None:
    with pytest.raises(UsageError):
        check_purpose(Site.load(), "*", list)


def body_with_a_typing_error(tests: AssetRef = TESTS) -> None:
    when(sync(tests, to="cloud", purpose="modle-training"), denied=lambda: None)


def body_that_is_denied(tests: AssetRef = TESTS) -> None:
    when(sync(tests, to="cloud", purpose="marketing"), denied=lambda: None)


def named_hospital(body: Callable[..., object]) -> Pipeline:
    return pipeline(home="onprem", name="hospital")(body)


def test_a_pipelines_typing_error_is_told_with_file_and_line() -> None:
    with pytest.raises(PlanError, match=rf"{HERE}:\d+: nothing here is for the purpose"):
        make_plan(named_hospital(body_with_a_typing_error), Site.load(), {})


def test_a_pipeline_may_ask_for_what_is_denied() -> None:
    plan = make_plan(named_hospital(body_that_is_denied), Site.load(), {})
    [crossing] = plan.crossings.values()
    assert crossing.outcome == "deny"


def test_a_site_lists_purposes_of_its_own_and_that_permits_nothing(tmp_path: Path) -> None:
    (tmp_path / "environments").symlink_to(SHIPPED_PROFILES)
    (tmp_path / "site.toml").write_text('[purposes]\nmodle-training = "as if it were meant"\n')
    plan = make_plan(named_hospital(body_with_a_typing_error), Site.load(tmp_path), {})
    [crossing] = plan.crossings.values()
    assert crossing.outcome == "deny"
