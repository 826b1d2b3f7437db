"""Several assets in one `sync`: one crossing in trace, plan and run, and all of them or none behind it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from environments.ref import AssetRef
from environments.site import Site
from flows.cli.plan_text import lines_of
from flows.factory.pipeline import factory
from flows.runtime import PlanError, latest, pipeline, sync, when
from flows.runtime.calls import Call, Finished
from flows.runtime.plan import Plan
from flows.runtime.planning import make_plan
from flows.runtime.program import SyncNode
from flows.runtime.runner import Known, Runner
from flows.runtime.server import RunView
from flows.runtime.symbols import Link
from tasks.inference.alarms import raise_alarms
from tasks.steps import CrossingDenied
from tasks.training.machine import train_failure

SITE = Site.load()
HISTORY = latest("machine_history", environment="onprem", contract="factory.machine-history")
SHIFT = latest("shift_readings", environment="edge", contract="factory.shift-readings")
MEMBERS = ("failure_model", "failure_reference")


def a_ref(name: str, environment: str) -> AssetRef:
    return AssetRef(name, environment, "sha256:" + "d" * 64, "factory.alarms@1.0.0")


class Answers:
    """Stands in for `Caller`: results as the environments' labels would give them."""

    def __init__(self, plan: Plan, *, refused: bool = False) -> None:
        self.plan, self.refused, self.calls = plan, refused, list[Call]()

    def call(self, call: Call) -> Finished:
        self.calls.append(call)
        labels: dict[str, Any] = {}
        word = call.flow.rpartition(".")[2]
        found = getattr(self, f"_{word}", self._step)(call, labels)
        return Finished(RunView(f"run-{call.key}", call.title, "COMPLETED", "", "", labels), found)

    def _step(self, call: Call, _: dict[str, Any]) -> dict[str, Any]:
        names = {"model": MEMBERS[0], "reference": MEMBERS[1], "alarms": "failure_alarms"}
        outputs = self.plan.outputs[call.key]
        return {name: a_ref(names[name], call.environment) if name in names else 1 for name in outputs}

    def _egress(self, call: Call, labels: dict[str, Any]) -> dict[str, Any]:
        request = call.parameters["request"]
        told = {"outcome": "permitted", "crossing": f"c:{request}", "request": request, "bytes": 7}
        if self.refused and "members" in call.parameters:
            rule = '{"id":"failure_reference:clearance","reason":"too high","unexpected_count":0}'
            labels["isthmus.rules"] = f"[{rule}]"
            return told | {"outcome": "denied"}
        return told

    def _ingress(self, call: Call, _: dict[str, Any]) -> dict[str, Any]:
        one = {"outcome": "permitted", "ref": a_ref("arrived", call.environment)}
        several = {f"ref.{name}": a_ref(name, call.environment) for name in MEMBERS}
        return one | several | {"version": "sha256:" + "e" * 64}

    def _settle(self, _call: Call, _: dict[str, Any]) -> dict[str, Any]:
        return {"outcome": "permitted"}

    def _queue(self, call: Call, _: dict[str, Any]) -> dict[str, Any]:
        return {"crossing": "c", "request": call.parameters["request"]}


def run(plan: Plan, answers: Answers) -> Runner:
    started = {start.parameter: Known(a_ref(start.name, start.environment)) for start in plan.starts}
    runner = Runner(plan, answers, run_id="r", started=started)  # type: ignore[arg-type]
    runner.run()
    return runner


def plan_of(body: Callable[..., object]) -> Plan:
    made: Any = pipeline(home="onprem", name="factory")(body)
    return make_plan(made, SITE, {})


def the_set(plan: Plan) -> SyncNode:
    [node] = [node for node in plan.nodes() if isinstance(node, SyncNode) and node.more]
    return node


def test_the_plan_shows_one_crossing_with_what_becomes_of_each_member() -> None:
    plan = make_plan(factory, SITE, {})
    node = the_set(plan)
    assert node.refs == (Link("train_failure", "model"), Link("train_failure", "reference"))
    crossing = plan.crossings[node.id]
    assert (crossing.source, crossing.destination, crossing.outcome) == ("cloud", "edge", "permit")
    told = crossing.to_json()
    assert [member["arrival"] for member in told["members"]] == [
        "factory.failure-model.edge.batch-inference@1.0.0",
        "factory.reference-bands.edge.batch-inference@1.0.0",
    ]
    text = [line.strip() for line in lines_of(plan)]
    assert "all of it arrives, or nothing:" in text
    assert "train_failure.model" in text


def test_the_run_asks_once_and_hands_each_member_on() -> None:
    plan = make_plan(factory, SITE, {})
    answers = Answers(plan)
    run(plan, answers)
    asked = [call for call in answers.calls if call.flow == "isthmus.egress" and "members" in call.parameters]
    digest = "sha256:" + "d" * 64
    assert [call.parameters["members"] for call in asked] == [[f"{name}@{digest}" for name in MEMBERS]]
    assert "asset" not in asked[0].parameters
    [scored] = [call for call in answers.calls if call.flow == "factory.raise_alarms"]
    given = {name: scored.parameters[name]["name"] for name in ("model", "reference")}
    assert given == dict(zip(("model", "reference"), MEMBERS, strict=True))
    assert {call.key for call in answers.calls if call.flow == "isthmus.settle"} >= {"sync-2.settle"}


def test_a_refused_set_hands_on_nothing() -> None:
    plan = make_plan(factory, SITE, {})
    answers = Answers(plan, refused=True)
    with pytest.raises(CrossingDenied, match="failure_reference:clearance"):
        run(plan, answers)
    assert not [call for call in answers.calls if call.flow == "factory.raise_alarms"]


def test_a_denied_member_denies_the_set_and_is_named() -> None:
    def body(history: AssetRef = HISTORY) -> None:
        made = train_failure.on("cloud")(sync(history, to="cloud", purpose="model-training").require())
        when(sync([made.model, made.reference], to="onprem", purpose="marketing"), denied=lambda: None)

    crossing = plan_of(body).crossings[the_set(plan_of(body)).id]
    assert crossing.outcome == "deny"
    assert {rule.partition(":")[0] for rule, _ in crossing.denials} == {
        "train_failure.model", "train_failure.reference",
    }  # fmt: skip


def test_members_of_two_environments_are_no_set() -> None:
    def body(history: AssetRef = HISTORY, shift: AssetRef = SHIFT) -> None:
        sync([history, shift], to="cloud", purpose="model-training").require()

    with pytest.raises(PlanError, match="different environments"):
        plan_of(body)


def test_a_set_of_one_is_a_crossing_of_one_that_gives_a_tuple() -> None:
    def body(history: AssetRef = HISTORY, shift: AssetRef = SHIFT) -> None:
        (lawful,) = sync([history], to="cloud", purpose="model-training").require()
        made = train_failure.on("cloud")(lawful)
        model, reference = sync([made.model, made.reference], to="edge", purpose="batch-inference").require()
        raise_alarms.on("edge")(model, reference, shift)

    plan = plan_of(body)
    answers = Answers(plan)
    run(plan, answers)
    first = next(call for call in answers.calls if call.flow == "isthmus.egress")
    assert first.parameters["asset"] == "machine_history"
    assert plan.crossings["sync"].members == ()


def test_when_gives_nothing_of_a_set_that_no_arm_gives() -> None:
    class Both(NamedTuple):
        found: object

    kept: list[Both] = []

    def body(history: AssetRef = HISTORY) -> None:
        made = train_failure.on("cloud")(sync(history, to="cloud", purpose="model-training").require())
        both = sync([made.model, made.reference], to="edge", purpose="batch-inference")
        kept.append(Both(when(both, denied=lambda: None)))

    plan_of(body)
    assert {both.found for both in kept} == {None}


def test_a_member_that_the_destination_does_not_tell_is_a_defect_and_hands_on_nothing() -> None:
    plan = make_plan(factory, SITE, {})

    class Silent(Answers):
        def _ingress(self, call: Call, labels: dict[str, Any]) -> dict[str, Any]:
            told = super()._ingress(call, labels)
            return {name: value for name, value in told.items() if name != f"ref.{MEMBERS[1]}"}

    silent = Silent(plan)
    with pytest.raises(TypeError, match=MEMBERS[1]):
        run(plan, silent)
    assert not [call for call in silent.calls if call.flow == "factory.raise_alarms"]
