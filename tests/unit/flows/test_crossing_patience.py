"""A side that cannot reach the transit is asked again for the same crossing, as long as there is patience."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from data_contracts.errors import UnreachableError
from environments.ref import AssetRef
from flows.runtime.calls import Call, Finished
from flows.runtime.crossing import Crosser, CrossingAsk
from flows.runtime.endings import AwayError, error_of
from flows.runtime.server import RunView

REF = AssetRef("alarms", "edge", "sha256:" + "a" * 64, "factory.alarms@1.0.0")
ASK = CrossingAsk("sync", REF, "onprem", "reporting", "run/sync")


class Sides:
    """Answers calls; `away` says how often each side cannot reach the transit before it can."""

    def __init__(self, **away: int) -> None:
        self.away, self.calls = away, list[Call]()

    def call(self, call: Call) -> Finished:
        self.calls.append(call)
        word = call.flow.partition(".")[2]
        if self.away.get(word, 0) > 0:
            self.away[word] -= 1
            view = RunView("r", call.title, "FAILED", "Unreachable", "the SSH server cannot be reached")
            raise error_of(view, call.title)
        results: dict[str, Any] = {"outcome": "permitted", "crossing": "c", "request": "run/sync", "bytes": 7}
        if word == "ingress":
            results["ref"] = AssetRef("alarms", "onprem", REF.version, REF.contract)
        return Finished(RunView(f"run-{len(self.calls)}", call.title, "COMPLETED", "Completed", ""), results)


def crosser(sides: Sides, patience: float, **more: Any) -> Crosser:
    return Crosser(sides, patience=patience, first_pause=0.01, **more)  # type: ignore[arg-type]


def test_a_link_that_comes_back_costs_time_and_nothing_else() -> None:
    sides, said = Sides(egress=2, ingress=1, settle=1), list[str]()
    crossing = crosser(sides, 30, say=said.append)
    end = crossing.send(ASK, ())
    assert end.outcome == "permitted"
    assert crossing.settle(ASK, end) is not None
    assert [call.key for call in sides.calls] == [
        "sync.egress", "sync.egress.2", "sync.egress.3", "sync.ingress", "sync.ingress.2",
        "sync.settle", "sync.settle.2",
    ]  # fmt: skip
    # The same request each time: the gate takes it for the same crossing.
    assert {call.parameters["request"] for call in sides.calls[:3]} == {"run/sync"}
    assert len(said) == 4
    assert "the SSH server cannot be reached" in said[0]


def test_a_link_that_stays_away_ends_it_with_the_reason() -> None:
    sides = Sides(egress=1000)
    end = crosser(sides, 0.1).send(ASK, ())
    assert (end.outcome, end.request) == ("failed", "run/sync")
    assert isinstance(end.error, AwayError)
    assert end.error.exit_code == 5
    assert 2 <= len(sides.calls) <= 6


def test_whoever_asks_by_hand_is_told_at_once() -> None:
    sides = Sides(egress=1)
    assert Crosser(sides).send(ASK, ()).outcome == "failed"  # type: ignore[arg-type]
    assert len(sides.calls) == 1


def test_a_run_that_stops_waits_for_nothing() -> None:
    sides, stopping = Sides(egress=1), threading.Event()
    stopping.set()
    began = time.monotonic()
    waiting = Crosser(sides, patience=600, stopping=stopping, first_pause=60)  # type: ignore[arg-type]
    assert waiting.send(ASK, ()).outcome == "failed"
    assert time.monotonic() - began < 5


def test_a_server_that_does_not_answer_us_is_not_asked_for_a_second_run() -> None:
    class Silent(Sides):
        def call(self, call: Call) -> Finished:
            self.calls.append(call)
            raise UnreachableError("the Prefect server cannot be reached")

    sides = Silent()
    assert crosser(sides, 30).send(ASK, ()).outcome == "failed"
    assert len(sides.calls) == 1


@pytest.mark.parametrize(("state", "again"), [("Unreachable", True), ("Failed", False), ("Conflict", False)])
def test_only_what_could_not_be_reached_is_asked_again(state: str, again: bool) -> None:
    error = error_of(RunView("r", "egress@edge", "FAILED", state, "m"), "egress@edge")
    assert isinstance(error, AwayError) is again
