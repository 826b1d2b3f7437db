"""A run executes exactly its plan: against a control plane in memory that answers as environments would."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import pytest

from data_contracts.errors import DefectError, IsthmusError, StepFailedError
from environments.ref import AssetRef
from environments.site import Site
from flows.hospital.pipeline import hospital
from flows.runtime import latest, pipeline, sync, when
from flows.runtime.calls import Call, Finished
from flows.runtime.plan import Plan
from flows.runtime.planning import make_plan
from flows.runtime.program import ChoiceNode
from flows.runtime.runner import Known, Runner
from flows.runtime.server import RunView
from tasks.quality.quarantine import quarantine
from tasks.steps import ContractBroken, CrossingDenied
from tasks.training.train import train

TESTS = latest("covid_tests", environment="onprem", contract="hospital.covid-tests")
CONTRACT = "hospital.covid-tests@1.0.0"


@functools.cache
def shipped() -> Site:
    """Return what ships; its contracts are read once for all tests."""
    return Site.load()


class Refusal(NamedTuple):
    outcome: str
    rules: str


BROKEN = Refusal("broken", '[{"id":"age.maximum","reason":"unexpected_values","unexpected_count":3}]')
DENIED = Refusal("denied", '[{"id":"purpose","reason":"not for this","unexpected_count":0}]')


def a_ref(name: str, environment: str) -> AssetRef:
    return AssetRef(name, environment, "sha256:" + "d" * 64, CONTRACT)


class Environments:
    """Stands in for `Caller`: takes calls, answers with results, as the real ones' labels would."""

    def __init__(self, plan: Plan, refusals: Mapping[tuple[str, str], Refusal] | None = None) -> None:
        self.plan = plan
        self.refusals = dict(refusals or {})
        self.failing: dict[str, IsthmusError] = {}
        self.forgotten: set[str] = set()
        self.calls: list[Call] = []
        self.gate: Callable[[Call], None] = lambda _: None
        self._lock = threading.Lock()

    def call(self, call: Call) -> Finished:
        with self._lock:
            self.calls.append(call)
            number = len(self.calls)
        self.gate(call)
        if call.title in self.failing:
            raise self.failing[call.title]
        labels: dict[str, Any] = {}
        results = self._results(call, labels)
        view = RunView(f"run-{number}-{call.key}", call.title, "COMPLETED", "Completed", "", labels)
        return Finished(view, results)

    def _results(self, call: Call, labels: dict[str, Any]) -> dict[str, Any]:
        word = call.flow.partition(".")[2]
        if call.flow == "isthmus.egress":
            refusal = self.refusals.get((call.parameters["asset"], call.parameters["purpose"]))
            if refusal is not None:
                labels["isthmus.rules"] = refusal.rules
            outcome = refusal.outcome if refusal is not None else "permitted"
            request = call.parameters["request"]
            return {"outcome": outcome, "crossing": f"c:{request}", "request": request, "bytes": 7}
        if call.flow == "isthmus.ingress":
            return {"outcome": "permitted", "ref": a_ref("arrived", call.environment)}
        if call.flow == "isthmus.settle":
            return {"outcome": "permitted"}
        outputs = self.plan.outputs[call.key]
        refs = {"accepted", "rejected", "model", "scores", "summary"}
        return {
            name: a_ref(f"{word.replace('.', '_')}_{name}", call.environment) if name in refs else 1
            for name in outputs
            if name not in self.forgotten
        }

    def titles(self) -> list[str]:
        return [call.title for call in self.calls]

    def one(self, key: str) -> Call:
        [call] = [call for call in self.calls if call.key == key]
        return call


def run(plan: Plan, environments: Environments) -> Runner:
    started = {
        start.parameter: Known(a_ref(start.name, start.environment), (f"pin-{start.parameter}",))
        for start in plan.starts
    }
    runner = Runner(plan, environments, run_id="r", started=started)  # type: ignore[arg-type]
    runner.run()
    return runner


def plan_of(body: Callable[..., None]) -> Plan:
    return make_plan(pipeline(home="onprem", name="hospital")(body), shipped(), {})


@pytest.fixture
def story() -> Environments:
    plan = make_plan(hospital, shipped(), {})
    return Environments(
        plan,
        {("covid_tests", "model-training"): BROKEN, ("covid_tests", "marketing"): DENIED},
    )


def test_the_run_makes_the_calls_of_the_plan_where_the_plan_says(story: Environments) -> None:
    run(story.plan, story)
    [denied] = [
        node.id
        for choice in story.plan.program.nodes
        if isinstance(choice, ChoiceNode) and "broken" in choice.arms
        for node in choice.arms["denied"].nodes
    ]
    assert denied not in [call.key for call in story.calls]
    places = {node: place for node, place in story.plan.places.items() if node != denied}
    for node, place in places.items():
        assert story.one(node).environment == place.environment
        assert story.one(node).flow == place.step
    for node, crossing in story.plan.crossings.items():
        egress = story.one(f"{node}.egress")
        assert (egress.environment, egress.parameters["to"]) == (crossing.source, crossing.destination)
        if node not in ("sync", "sync-4"):
            assert story.one(f"{node}.ingress").environment == crossing.destination
            assert story.one(f"{node}.settle").environment == crossing.source
    assert len(story.calls) == len(places) + 2 + 3 * (len(story.plan.crossings) - 2)


def test_the_graph_has_the_edges_of_the_data(story: Environments) -> None:
    run(story.plan, story)

    def origins(key: str) -> set[str]:
        return {
            origin.split("-", 2)[2]
            for value in story.one(key).inputs.values()
            for origin in value
            if origin.startswith("run-")
        }

    [at_home] = origins("train-tests.egress")
    assert story.one(at_home).title == "quarantine@onprem"
    assert origins("train-tests.ingress") == {"train-tests.egress"}
    assert origins("train") == {"train-tests.ingress"}
    assert origins("sync-2.egress") == {"train"}
    [at_edge] = origins("batch_infer") - {"sync-2.ingress"}
    assert story.one(at_edge).title == "quarantine@edge"
    # What an arm does has the outcome for an origin, besides its data.
    assert origins(at_home) == {"sync.egress"}
    assert story.one(at_home).inputs["tests"] == ("pin-tests",)


def test_a_request_id_is_the_run_and_the_call_site(story: Environments) -> None:
    run(story.plan, story)
    assert story.one("train-tests.egress").parameters["request"] == "r/train-tests"


def test_only_the_arm_of_the_outcome_runs(story: Environments) -> None:
    del story.refusals["covid_tests", "model-training"]
    run(story.plan, story)
    assert "quarantine@onprem" not in story.titles()
    assert story.one("train-tests.egress").parameters["asset"] == "covid_tests"


def required(tests: AssetRef = TESTS) -> None:
    arrived = sync(tests, to="cloud", purpose="model-training").require()
    train.on("cloud")(arrived)


def ignored(tests: AssetRef = TESTS) -> None:
    sync(tests, to="cloud", purpose="model-training")
    quarantine.on("onprem")(tests)


def half_handled(tests: AssetRef = TESTS) -> None:
    when(sync(tests, to="cloud", purpose="model-training"), denied=lambda: None)


def handled_failure(tests: AssetRef = TESTS) -> None:
    when(sync(tests, to="cloud", purpose="model-training"), failed=lambda: None)


@pytest.mark.parametrize("body", [required, ignored, half_handled])
def test_a_refusal_that_nobody_handles_ends_the_run(body: Callable[..., None]) -> None:
    plan = plan_of(body)
    environments = Environments(plan, {("covid_tests", "model-training"): BROKEN})
    with pytest.raises(ContractBroken) as caught:
        run(plan, environments)
    assert [(rule.id, rule.unexpected_count) for rule in caught.value.rules] == [("age.maximum", 3)]
    assert "train@cloud" not in environments.titles()


def test_a_denial_is_a_denial() -> None:
    plan = plan_of(required)
    with pytest.raises(CrossingDenied):
        run(plan, Environments(plan, {("covid_tests", "model-training"): DENIED}))


def test_a_permitted_outcome_needs_no_arm() -> None:
    plan = plan_of(half_handled)
    run(plan, Environments(plan))


def test_a_crossing_that_fails_may_be_handled_too() -> None:
    plan = plan_of(handled_failure)
    environments = Environments(plan)
    environments.failing["ingress@cloud"] = StepFailedError("ingress@cloud failed")
    run(plan, environments)


def test_a_failed_step_ends_the_run_with_its_own_error(story: Environments) -> None:
    story.failing["train@cloud"] = StepFailedError("train@cloud failed: StepFailed: incident 1")
    with pytest.raises(StepFailedError, match="train@cloud failed"):
        run(story.plan, story)
    assert "batch_infer@edge" not in story.titles()


def test_a_receipt_that_does_not_verify_fails_the_run(story: Environments) -> None:
    story.failing["settle@cloud"] = StepFailedError("settle@cloud failed")
    with pytest.raises(StepFailedError, match="settle@cloud"):
        run(story.plan, story)


def two_at_once(tests: AssetRef = TESTS) -> None:
    quarantine.on("onprem")(tests)
    quarantine.on("onprem")(tests)


def test_what_does_not_depend_on_each_other_runs_at_the_same_time() -> None:
    plan = plan_of(two_at_once)
    environments = Environments(plan)
    both = threading.Barrier(2, timeout=20)

    def meet(_call: Call) -> None:
        both.wait()

    environments.gate = meet
    run(plan, environments)
    assert len(environments.calls) == 2


def test_what_was_stopped_does_not_begin() -> None:
    def body(tests: AssetRef = TESTS) -> None:
        first = quarantine.on("onprem")(tests).accepted
        quarantine.on("onprem")(first)
        quarantine.on("onprem")(first)

    plan = plan_of(body)
    environments = Environments(plan)
    environments.failing["quarantine@onprem"] = StepFailedError("quarantine@onprem failed")
    with pytest.raises(StepFailedError):
        run(plan, environments)
    assert len(environments.calls) == 1


def test_once_something_failed_nothing_new_begins_elsewhere() -> None:
    def body(tests: AssetRef = TESTS) -> None:
        quarantine.on("onprem")(tests)
        train.on("onprem")(quarantine.on("onprem")(tests).accepted)

    plan = plan_of(body)
    environments = Environments(plan)
    both = threading.Barrier(2, timeout=20)

    def one_fails_then_the_other_answers(call: Call) -> None:
        both.wait()
        if call.key == "quarantine":
            raise StepFailedError("quarantine@onprem failed")
        for thread in threading.enumerate():
            if thread.name == "quarantine":
                thread.join(20)

    environments.gate = one_fails_then_the_other_answers
    with pytest.raises(StepFailedError):
        run(plan, environments)
    assert "train@onprem" not in environments.titles()


def test_an_asset_that_is_not_where_the_plan_says_is_not_sent() -> None:
    def body(tests: AssetRef = TESTS) -> None:
        sync(tests, to="cloud", purpose="model-training")

    plan = plan_of(body)
    environments = Environments(plan)
    started = {"tests": Known(a_ref("covid_tests", "edge"))}
    runner = Runner(plan, environments, run_id="r", started=started)  # type: ignore[arg-type]
    with pytest.raises(DefectError, match="not where the plan says"):
        runner.run()
    assert environments.calls == []


def test_a_step_that_does_not_say_all_its_results_has_failed() -> None:
    def body(tests: AssetRef = TESTS) -> None:
        quarantine.on("onprem")(tests)

    plan = plan_of(body)
    environments = Environments(plan)
    environments.forgotten = {"rejected"}
    with pytest.raises(DefectError, match="did not say its result rejected"):
        run(plan, environments)
