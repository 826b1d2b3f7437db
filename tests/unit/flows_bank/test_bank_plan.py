"""The bank's plan: raw rows are denied, the model and rows of ten alike may cross, the rest is at home."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from data_contracts.registry import CATALOG
from environments.site import SHIPPED_PROFILES, Site
from flows.bank.pipeline import bank
from flows.cli.plan_text import lines_of
from flows.runtime.plan import Crossing, Plan
from flows.runtime.planning import make_plan


@pytest.fixture(scope="module")
def plan() -> Plan:
    return make_plan(bank, Site.load(), {})


def of(plan: Plan, asset: str) -> Crossing:
    (found,) = (crossing for crossing in plan.crossings.values() if crossing.asset == asset)
    return found


def test_the_raw_rows_are_denied_three_times_over(plan: Plan) -> None:
    raw = of(plan, "clients")
    assert raw.outcome == "deny"
    assert {rule for rule, _ in raw.denials} == {"no-terms", "source-egress", "destination-ingress"}


def test_the_model_and_the_anonymous_rows_are_permitted(plan: Plan) -> None:
    model, rows = of(plan, "train_default.model"), of(plan, "anonymise_new.anonymous")
    assert (model.source, model.destination, model.outcome) == ("onprem", "cloud", "permit")
    assert (rows.source, rows.destination, rows.outcome) == ("onprem", "cloud", "permit")
    assert rows.arrival == "bank.anonymous-new-clients.cloud.batch-inference@1.0.0"
    assert set(rows.columns.values()) == {"keep"}


def test_what_the_terms_ask_of_the_rows_as_a_whole_is_in_the_plan(plan: Plan) -> None:
    rows = of(plan, "anonymise_new.anonymous")
    told = rows.to_json()["asks"]
    assert told == {
        "anonymity": {
            "k": 10,
            "quasi_identifiers": ["LIMIT_BAL", "SEX", "EDUCATION", "MARRIAGE", "AGE"],
            "distinct": {"PAY_0": 2},
            "max_suppressed": 0.0,
        }
    }
    text = [line.strip() for line in lines_of(plan)]
    assert "at least 10 rows alike in LIMIT_BAL, SEX, EDUCATION, MARRIAGE, AGE" in text
    assert "among rows alike, at least 2 values of PAY_0" in text
    assert "at most 0.00% of the rows left out to reach it" in text
    # What is denied asks nothing, and a model has no rows.
    assert not of(plan, "clients").asks
    assert not of(plan, "train_default.model").asks


def test_everything_but_the_scoring_is_at_home(plan: Plan) -> None:
    places = {place.step: place.environment for place in plan.places.values()}
    assert places.pop("bank.score") == "cloud"
    assert set(places.values()) == {"onprem"}
    assert len(places) == 4


def test_a_contract_that_does_not_name_its_source_lowers_nothing(tmp_path: Path) -> None:
    shutil.copytree(SHIPPED_PROFILES, tmp_path / "environments")
    (tmp_path / "data_contracts").mkdir()
    text = (CATALOG / "bank.anonymous-new-clients.odcs.yaml").read_text("utf-8")
    other = text.replace("madeFrom: [bank.new-clients]", "madeFrom: [bank.other]").replace(
        "version: 1.0.0", "version: 1.0.1"
    )
    (tmp_path / "data_contracts" / "newer.odcs.yaml").write_text(other, "utf-8")
    rows = of(make_plan(bank, Site.load(tmp_path), {}), "anonymise_new.anonymous")
    assert rows.outcome == "deny"
    assert {rule for rule, _ in rows.denials} == {"clearance"}
