"""`queue(…)` in a pipeline: planned as a crossing, asked of its source alone, and waited for by nobody."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import pytest

from data_contracts.errors import DeniedError
from environments.ref import AssetRef
from environments.site import Site
from flows.cli.plan_text import lines_of
from flows.cli.run import _lasts
from flows.factory.pipeline import factory
from flows.hospital.pipeline import hospital
from flows.runtime import PlanError, latest, pipeline, queue, sync
from flows.runtime.calls import Call, Finished
from flows.runtime.plan import Plan
from flows.runtime.planning import make_plan
from flows.runtime.program import SyncNode
from flows.runtime.runner import Known, Runner
from flows.runtime.server import RunView
from flows.runtime.summary import summarise

HISTORY = latest("machine_history", environment="onprem", contract="factory.machine-history")
SHIFT = latest("shift_readings", environment="edge", contract="factory.shift-readings")


@functools.cache
def shipped() -> Site:
    """Return what ships; its contracts are read once for all tests."""
    return Site.load()


def a_ref(name: str, environment: str) -> AssetRef:
    return AssetRef(name, environment, "sha256:" + "d" * 64, "factory.machine-history@1.0.0")


class Sources:
    """Stands in for `Caller`: takes calls, and answers as an outbox would."""

    def __init__(self, *, full: bool = False) -> None:
        self.full, self.calls = full, list[Call]()

    def call(self, call: Call) -> Finished:
        self.calls.append(call)
        if self.full:
            raise DeniedError("the outbox for cloud is full")
        told = {"crossing": "c", "request": call.parameters["request"], "bytes": 7}
        return Finished(RunView("run-1", call.title, "COMPLETED", "", "", {}), told)


def plan_of(body: Callable[..., object]) -> Plan:
    made: Any = pipeline(home="onprem", name="factory")(body)
    return make_plan(made, shipped(), {})


def run(plan: Plan, sources: Sources) -> None:
    started = {
        start.parameter: Known(a_ref(start.name, start.environment), ("pin",)) for start in plan.starts
    }
    Runner(plan, sources, run_id="r", started=started, signed="token").run()  # type: ignore[arg-type]


def one(history: AssetRef = HISTORY) -> None:
    queue(history, to="cloud", purpose="model-training")


def test_the_plan_judges_it_as_any_crossing() -> None:
    plan = plan_of(one)
    [node] = [node for node in plan.nodes() if isinstance(node, SyncNode)]
    assert (node.id, node.queued, node.arrived) == ("queue", True, ())
    assert plan.crossings["queue"].outcome == "permit-with-obligations"
    [told] = plan.to_json()["calls"]
    assert (told["call"], told["to"], "handled" in told) == ("queue", "cloud", False)
    text = "\n".join(lines_of(plan))
    assert "queue: queue@onprem, and its pump to cloud when the link is there" in text


def test_what_no_term_lets_cross_is_shown_as_denied() -> None:
    def body(shift: AssetRef = SHIFT) -> None:
        queue(shift, to="onprem", purpose="reporting")

    assert plan_of(body).crossings["queue"].outcome == "deny"


def test_the_run_asks_the_source_and_no_other() -> None:
    sources = Sources()
    run(plan_of(one), sources)
    [call] = sources.calls
    assert (call.flow, call.environment, call.key) == ("isthmus.queue", "onprem", "queue.queue")
    digest = "sha256:" + "d" * 64
    assert call.parameters == {
        "to": "cloud",
        "purpose": "model-training",
        "request": "r/queue",
        "asset": "machine_history",
        "version": digest,
        "isthmus_request": "token",
    }
    assert call.inputs["asset"] == ("pin",)


def test_an_outbox_that_takes_nothing_more_ends_the_run() -> None:
    with pytest.raises(DeniedError, match="is full"):
        run(plan_of(one), Sources(full=True))


def test_what_is_there_already_is_not_queued() -> None:
    def body(history: AssetRef = HISTORY) -> None:
        queue(history, to="onprem", purpose="reporting")

    sources = Sources()
    run(plan_of(body), sources)
    assert sources.calls == []


def test_a_set_is_queued_as_one_crossing() -> None:
    def body(history: AssetRef = HISTORY, other: AssetRef = latest("more", environment="onprem",
             contract="factory.machine-history")) -> None:  # fmt: skip
        queue([history, other], to="cloud", purpose="model-training")

    sources = Sources()
    run(plan_of(body), sources)
    [call] = sources.calls
    assert [member.partition("@")[0] for member in call.parameters["members"]] == ["machine_history", "more"]
    assert "asset" not in call.parameters


def test_its_result_is_nothing_that_a_step_could_take() -> None:
    def body(history: AssetRef = HISTORY) -> None:
        sync(queue(history, to="cloud", purpose="model-training"), to="edge", purpose="x")  # type: ignore[func-returns-value, arg-type]

    with pytest.raises(PlanError, match="no asset"):
        plan_of(body)


def test_members_of_two_environments_are_no_set() -> None:
    def body(history: AssetRef = HISTORY, shift: AssetRef = SHIFT) -> None:
        queue([history, shift], to="cloud", purpose="model-training")

    with pytest.raises(PlanError, match=r"queue\(\) of a set"):
        plan_of(body)


def test_a_run_is_signed_for_as_long_as_what_it_queues_may_wait() -> None:
    assert _lasts(shipped(), hospital, {}) is None
    longest = max(profile.outbox.lifetime for profile in shipped().profiles.values())
    assert _lasts(shipped(), factory, {}) == longest


def test_the_summary_tells_what_was_queued_apart_from_what_crossed() -> None:
    asked = {"asset": "alarms", "to": "onprem", "purpose": "reporting"}
    labels = {"out.crossing": "c", "out.request": "r/queue", "out.bytes": 7}
    view = RunView("1", "queue@edge", "COMPLETED", "Completed", "", labels, parameters=asked)
    summary = summarise([view])
    assert (summary.permitted, summary.refused) == ((), ())
    [queued] = summary.queued
    assert (queued.asset, queued.source, queued.destination, queued.size) == ("alarms", "edge", "onprem", 7)
