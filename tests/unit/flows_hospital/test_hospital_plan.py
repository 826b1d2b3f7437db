"""The hospital's plan: where each step runs and what crosses, in the shipped site and in changed ones."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from data_contracts.registry import CATALOG
from environments.placement import PlacementRefused
from environments.site import SHIPPED_PROFILES, Site
from flows.cli.plan_text import lines_of
from flows.hospital.pipeline import hospital
from flows.runtime.plan import Crossing, Plan
from flows.runtime.planning import make_plan


def changed_site(folder: Path, **edits: tuple[str, str]) -> Site:
    """Copy the shipped environments, replacing one text by another in the named ones."""
    shutil.copytree(SHIPPED_PROFILES, folder / "environments")
    for name, (old, new) in edits.items():
        path = folder / "environments" / f"{name}.yaml"
        text = path.read_text("utf-8")
        assert old in text
        path.write_text(text.replace(old, new), "utf-8")
    return Site.load(folder)


def without_terms(folder: Path, site: Site) -> Site:
    """Give the hospital's tests a newer contract that has no terms for anywhere."""
    text = (CATALOG / "hospital.covid-tests.odcs.yaml").read_text("utf-8")
    head, mark, _ = text.partition("\ncustomProperties:\n")
    assert mark
    (folder / "data_contracts").mkdir()
    path = folder / "data_contracts" / "hospital.covid-tests.odcs.yaml"
    path.write_text(head.replace("version: 1.0.0", "version: 1.0.1") + "\n", "utf-8")
    return Site.load(site.root)


def crossing(plan: Plan, *, inserted: bool, purpose: str) -> list[Crossing]:
    return [c for c in plan.crossings.values() if c.inserted is inserted and c.purpose == purpose]


def where(plan: Plan, step: str) -> list[str]:
    return [place.environment for place in plan.places.values() if place.step == step]


def against(plan: Plan, step: str, environment: str) -> set[str]:
    (place,) = (place for place in plan.places.values() if place.step == step)
    return {reason.rule for reason in place.excluded if reason.environment == environment}


def test_training_is_placed_in_the_cloud_with_the_crossing_that_this_brings() -> None:
    plan = make_plan(hospital, Site.load(), {})
    assert where(plan, "hospital.train") == ["cloud"]
    (brought,) = crossing(plan, inserted=True, purpose="model-training")
    assert (brought.source, brought.destination, brought.outcome) == (
        "onprem",
        "cloud",
        "permit-with-obligations",
    )
    assert brought.columns["fake_first_name"] == brought.columns["fake_last_name"] == "drop"
    assert brought.columns["subject_id"] == "pseudonymise"
    assert brought.columns["age"].startswith("generalise")
    assert against(plan, "hospital.train", "onprem") == {"cost"}
    assert {"step-not-listed", "destination"} <= against(plan, "hospital.train", "edge")


def test_the_rest_runs_where_the_pipeline_pins_it_and_only_a_model_and_a_summary_cross() -> None:
    plan = make_plan(hospital, Site.load(), {})
    assert set(where(plan, "hospital.quarantine")) == {"onprem", "edge"}
    assert where(plan, "hospital.batch_infer") == where(plan, "hospital.aggregate") == ["edge"]
    permitted = {
        (c.contract.partition("@")[0], c.source, c.destination)
        for c in plan.crossings.values()
        if c.outcome != "deny" and not c.local
    }
    assert permitted == {
        ("hospital.covid-tests", "onprem", "cloud"),
        ("hospital.result-model", "cloud", "edge"),
        ("hospital.positivity-summary", "edge", "onprem"),
    }


def test_marketing_is_denied_by_purpose() -> None:
    plan = make_plan(hospital, Site.load(), {})
    (advert,) = crossing(plan, inserted=False, purpose="marketing")
    assert advert.outcome == "deny"
    assert "purpose" in {rule for rule, _ in advert.denials}


def test_without_terms_for_the_cloud_training_stays_at_home_and_brings_no_crossing(tmp_path: Path) -> None:
    site = without_terms(tmp_path, changed_site(tmp_path))
    plan = make_plan(hospital, site, {})
    assert where(plan, "hospital.train") == ["onprem"]
    assert crossing(plan, inserted=True, purpose="model-training") == []
    assert against(plan, "hospital.train", "cloud") >= {"no-terms"}


def test_refused_when_besides_home_does_not_list_the_step(tmp_path: Path) -> None:
    site = without_terms(tmp_path, changed_site(tmp_path, onprem=("  - hospital.train\n", "")))
    with pytest.raises(PlacementRefused) as refusal:
        make_plan(hospital, site, {})
    told = {(reason.environment, reason.rule) for reason in refusal.value.reasons}
    assert {("onprem", "step-not-listed"), ("cloud", "no-terms"), ("edge", "step-not-listed")} <= told


def test_with_a_public_clearance_of_the_cloud_the_rule_is_clearance(tmp_path: Path) -> None:
    site = changed_site(tmp_path, cloud=("clearance: confidential", "clearance: public"))
    plan = make_plan(hospital, site, {})
    assert against(plan, "hospital.train", "cloud") == {"clearance"}
    (attempt,) = crossing(plan, inserted=False, purpose="model-training")
    assert (attempt.outcome, [rule for rule, _ in attempt.denials]) == ("deny", ["clearance"])
    assert where(plan, "hospital.train") == ["onprem"]


def test_a_condition_on_rows_and_a_least_count_are_in_the_plan(tmp_path: Path) -> None:
    site = changed_site(tmp_path)
    (tmp_path / "data_contracts").mkdir()
    changes = {
        "hospital.covid-tests": ("purposes: [model-training]", "rows: \"age >= 18 and result != 'invalid'\""),
        "hospital.positivity-summary": (
            "purposes: [reporting]",
            "minimumCell: {columns: [tests], least: 11}",
        ),
    }
    for name, (after, more) in changes.items():
        text = (CATALOG / f"{name}.odcs.yaml").read_text("utf-8").replace("version: 1.0.0", "version: 1.0.1")
        assert after in text
        path = tmp_path / "data_contracts" / f"{name}.odcs.yaml"
        path.write_text(text.replace(after, f"{after}\n          {more}"), "utf-8")
    plan = make_plan(hospital, Site.load(site.root), {})
    asks = {c.contract.partition("@")[0]: c.to_json()["asks"] for c in plan.crossings.values() if c.asks}
    assert asks == {
        "hospital.covid-tests": {"rows": "age >= 18 and result != 'invalid'"},
        "hospital.positivity-summary": {"minimum_cell": {"columns": ["tests"], "least": 11}},
    }
    text = [line.strip() for line in lines_of(plan)]
    assert "only rows where: age >= 18 and result != 'invalid'" in text
    assert "no count below 11 in tests" in text
    # What is asked is part of what the run promises: another condition is another plan.
    assert plan.digest != make_plan(hospital, Site.load(), {}).digest
