"""The hospital's plan, and what changes when its contract or an environment's file does."""

from __future__ import annotations

import functools
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

import data_contracts
from data_contracts.errors import NotVerifiableError, UsageError
from data_contracts.labels import Labels
from data_contracts.projection import project
from environments.placement import PlacementRefused
from environments.ref import AssetRef
from environments.site import SHIPPED_PROFILES, Site
from flows.hospital.pipeline import hospital
from flows.runtime import PlanError, latest, pipeline, sync, when
from flows.runtime.plan import Plan
from flows.runtime.planning import AssetFacts, make_plan, resolve_contract
from flows.runtime.program import StepNode, SyncNode
from tasks.quality.quarantine import quarantine
from tasks.training.train import train

TESTS = latest("covid_tests", environment="onprem", contract="hospital.covid-tests")
CATALOG = Path(data_contracts.__file__).parent / "catalog"


@functools.cache
def shipped() -> Site:
    """Return what ships; its contracts are read once for all tests."""
    return Site.load()


@pytest.fixture
def make_site(tmp_path: Path) -> Callable[..., Site]:
    """Return a maker of sites that differ from what ships in one thing."""

    def make(
        *,
        environment: Callable[[dict[str, Any]], None] | None = None,
        name: str = "onprem",
        contract: Callable[[dict[str, Any]], None] | None = None,
    ) -> Site:
        shutil.copytree(SHIPPED_PROFILES, tmp_path / "environments")
        (tmp_path / "data_contracts").mkdir()
        if environment is not None:
            path = tmp_path / "environments" / f"{name}.yaml"
            document = yaml.safe_load(path.read_text(encoding="utf-8"))
            environment(document)
            path.write_text(yaml.safe_dump(document), encoding="utf-8")
        if contract is not None:
            [path] = CATALOG.glob("hospital.covid-tests.odcs.yaml")
            document = yaml.safe_load(path.read_text(encoding="utf-8"))
            document["version"] = "1.0.1"
            contract(document)
            target = tmp_path / "data_contracts" / path.name
            target.write_text(yaml.safe_dump(document), encoding="utf-8")
        return Site.load(tmp_path)

    return make


def without_terms(document: dict[str, Any]) -> None:
    document["customProperties"] = [
        item for item in document["customProperties"] if item["property"] != "isthmusBoundary"
    ]


def without_training(document: dict[str, Any]) -> None:
    document["steps"] = [step for step in document["steps"] if step != "hospital.train"]


def public(document: dict[str, Any]) -> None:
    document["clearance"] = "public"


def inserted(plan: Plan) -> list[str]:
    return [node.id for node in plan.nodes() if isinstance(node, SyncNode) and node.inserted]


def excluded(plan: Plan, step: str, environment: str) -> set[str]:
    return {reason.rule for reason in plan.places[step].excluded if reason.environment == environment}


def test_training_goes_to_the_cloud_with_the_crossing_that_this_brings() -> None:
    plan = make_plan(hospital, shipped(), {})
    assert plan.places["train"].environment == "cloud"
    assert inserted(plan) == ["train-tests"]
    crossing = plan.crossings["train-tests"]
    assert (crossing.source, crossing.destination, crossing.purpose) == ("onprem", "cloud", "model-training")
    assert crossing.columns["fake_first_name"] == "drop"
    assert crossing.columns["subject_id"] == "pseudonymise"
    assert crossing.columns["age"].startswith("generalise")
    assert crossing.arrival == "hospital.covid-tests.cloud.model-training@1.0.0"
    assert excluded(plan, "train", "onprem") == {"cost"}
    assert "step-not-listed" in excluded(plan, "train", "edge")


def test_the_step_takes_what_the_crossing_brought() -> None:
    plan = make_plan(hospital, shipped(), {})
    [train_node] = [node for node in plan.nodes() if isinstance(node, StepNode) and node.id == "train"]
    assert str(train_node.arguments["tests"]) == "train-tests.arrived"


def test_without_terms_for_the_cloud_training_stays_home_and_nothing_crosses_for_it(
    make_site: Callable[..., Site],
) -> None:
    plan = make_plan(hospital, make_site(contract=without_terms), {})
    assert plan.places["train"].environment == "onprem"
    assert inserted(plan) == []
    assert "no-terms" in excluded(plan, "train", "cloud")


def test_without_terms_and_without_a_place_at_home_training_is_refused(
    make_site: Callable[..., Site],
) -> None:
    site = make_site(contract=without_terms, environment=without_training)
    with pytest.raises(PlacementRefused) as caught:
        make_plan(hospital, site, {})
    assert caught.value.step == "train"
    assert {("cloud", "no-terms"), ("onprem", "step-not-listed")} <= {
        (reason.environment, reason.rule) for reason in caught.value.reasons
    }


def test_a_public_cloud_is_excluded_by_clearance(make_site: Callable[..., Site]) -> None:
    plan = make_plan(hospital, make_site(environment=public, name="cloud"), {})
    assert plan.crossings["sync"].outcome == "deny"
    assert [rule for rule, _ in plan.crossings["sync"].denials] == ["clearance"]
    assert "clearance" in excluded(plan, "train", "cloud")


def test_what_the_pipeline_asks_for_itself_is_never_moved_and_told_if_denied() -> None:
    plan = make_plan(hospital, shipped(), {})
    advert = plan.crossings["sync-4"]
    assert (advert.destination, advert.purpose, advert.outcome) == ("cloud", "marketing", "deny")
    assert "purpose" in {rule for rule, _ in advert.denials}
    assert advert.arrival is None


def test_every_environment_that_was_not_chosen_has_a_reason() -> None:
    plan = make_plan(hospital, shipped(), {})
    for step, place in plan.places.items():
        others = {"onprem", "cloud", "edge"} - {place.environment}
        assert {reason.environment for reason in place.excluded} == others, step
        assert all(reason.reason for reason in place.excluded)


def test_the_digest_covers_the_plan_and_no_place_of_this_machine(make_site: Callable[..., Site]) -> None:
    first, second = (make_plan(hospital, shipped(), {}) for _ in range(2))
    assert first.digest == second.digest
    assert str(Path.cwd()) not in json.dumps(first.to_json())
    assert make_plan(hospital, make_site(), {}).digest == first.digest
    assert first.to_json()["digest"] == first.digest


def test_another_version_of_the_data_is_another_plan() -> None:
    contract = shipped().contracts.get("hospital.covid-tests")

    def facts(letter: str) -> dict[str, AssetFacts]:
        ref = AssetRef("covid_tests", "onprem", "sha256:" + letter * 64, contract.reference)
        return {"tests": AssetFacts(ref, contract.digest, Labels(), 10, 3)}

    plans = [make_plan(hospital, shipped(), facts(letter)) for letter in "aab"]
    assert plans[0].digest == plans[1].digest != plans[2].digest


def test_sizes_of_the_store_decide_what_a_crossing_costs() -> None:
    contract = shipped().contracts.get("hospital.covid-tests")
    ref = AssetRef("covid_tests", "onprem", "sha256:" + "a" * 64, contract.reference)
    huge = {"tests": AssetFacts(ref, contract.digest, Labels(), 2000 * 1024**3, None)}
    plan = make_plan(hospital, shipped(), huge)
    assert plan.places["train"].environment == "onprem"
    assert excluded(plan, "train", "cloud") == {"cost"}


def body_with_unpinned_arm(tests: AssetRef = TESTS) -> None:
    clean = when(
        sync(tests, to="cloud", purpose="model-training"),
        permitted=lambda: tests,
        broken=lambda: quarantine(tests).accepted,
    )
    train(clean)


def body_with_two_places(tests: AssetRef = TESTS) -> None:
    attempt = sync(tests, to="cloud", purpose="model-training")
    train(when(attempt, broken=lambda: quarantine.on("onprem")(tests).accepted))


def body_with_local_sync(tests: AssetRef = TESTS) -> None:
    sync(tests, to="onprem", purpose="marketing").require()


def body_that_moves_on_what_arrived(tests: AssetRef = TESTS) -> None:
    arrived = sync(tests, to="cloud", purpose="model-training").require()
    sync(arrived, to="edge", purpose="model-training")


def body_nowhere(tests: AssetRef = TESTS) -> None:
    train.on("moon")(tests)


def plan_of(body: Callable[..., None]) -> Plan:
    return make_plan(pipeline(home="onprem", name="hospital")(body), shipped(), {})


def test_an_arm_whose_place_is_not_known_must_be_pinned() -> None:
    with pytest.raises(PlanError, match="whose place is not known"):
        plan_of(body_with_unpinned_arm)


def test_arms_must_end_in_one_place_under_one_contract() -> None:
    with pytest.raises(PlanError, match="different environments or under different contracts"):
        plan_of(body_with_two_places)


def test_what_is_there_already_crosses_nothing() -> None:
    assert plan_of(body_with_local_sync).crossings["sync"].outcome == "local"


def test_what_arrived_crosses_no_further() -> None:
    onward = plan_of(body_that_moves_on_what_arrived).crossings["sync-2"]
    assert (onward.source, onward.outcome) == ("cloud", "deny")
    assert "no-terms" in {rule for rule, _ in onward.denials}


def test_an_environment_that_is_not_declared_is_named() -> None:
    with pytest.raises(UsageError, match="moon"):
        plan_of(body_nowhere)


def test_an_asset_that_is_not_there_needs_a_contract_to_be_planned() -> None:
    def body(tests: AssetRef = latest("covid_tests", environment="onprem")) -> None:
        train(tests)

    with pytest.raises(UsageError, match="has no asset covid_tests"):
        make_plan(pipeline(home="onprem", name="hospital")(body), shipped(), {})


def test_a_home_must_list_its_pipeline() -> None:
    with pytest.raises(UsageError, match="does not list the pipeline other"):
        make_plan(pipeline(home="onprem", name="other")(body_with_local_sync), shipped(), {})


def test_an_arrival_contract_is_found_by_computing_it_and_must_be_the_same() -> None:
    site = shipped()
    source = site.contracts.get("hospital.covid-tests")
    arrival = project(source, site.profile("cloud").destination(), "model-training")
    assert resolve_contract(site, arrival.reference, arrival.digest).digest == arrival.digest
    with pytest.raises(NotVerifiableError, match="differ"):
        resolve_contract(site, arrival.reference, source.digest)
    with pytest.raises(UsageError, match="no contract"):
        resolve_contract(site, "nobody.knows@1.0.0", source.digest)
