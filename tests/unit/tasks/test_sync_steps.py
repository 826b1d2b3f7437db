"""The built-in steps at a real gate: what they say of what is denied, held back, and gone on with."""

from __future__ import annotations

import datetime as dt
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "contract_suites"))
from asking_world import KEYS
from boundary_world import World, rows
from pumping_world import PumpingAskingWorld

from data_contracts.errors import DeniedError
from environments.boundaries import BoundaryLimits, Budget
from environments.timetable import parse_window
from environments.trust.requests import new_request, sign_request
from environments.trust.tokens import write_token
from flows.runtime.calls import Call, Finished
from flows.runtime.crossing import Crosser, CrossingAsk
from flows.runtime.endings import RULES, dump_rules
from flows.runtime.labels import read_results, write_results
from flows.runtime.server import RunView
from tasks.sync import BUILT_IN

OPENS = dt.datetime(2026, 11, 23, 22, tzinfo=dt.UTC)


class _Side:
    """One side of the world, as a step has it."""

    def __init__(self, world: World, name: str) -> None:
        self._world, self._name = world, name

    def gate(self) -> Any:
        return self._world.env(self._name)


class _Caller:
    """Runs the built-in steps here, and passes on no more than a run's labels hold."""

    def __init__(self, world: World) -> None:
        self._world, self.called = world, list[str]()

    def call(self, call: Call) -> Finished:
        name = call.flow.removeprefix("isthmus.")
        self.called.append(name)
        answer = BUILT_IN[name].run(_Side(self._world, call.environment), call.parameters)  # type: ignore[arg-type]
        labels: Mapping[str, Any] = write_results({**answer.results, "outcome": answer.outcome})
        view = RunView(name, name, "COMPLETED", "Completed", "", {**labels, RULES: dump_rules(answer.rules)})
        return Finished(view, read_results(labels))


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def limited(world: World, name: str, peer: str, **limits: Any) -> None:
    world.profiles[name] = replace(world.profiles[name], boundaries=(BoundaryLimits(peer, **limits),))


def ask(world: World, *, purpose: str = "model-training", request: str = "sync-1") -> CrossingAsk:
    env = world.env("onprem")
    record = env.store.record("visits") if env.store.names() else world.add(rows())
    return CrossingAsk("sync", record.ref("onprem"), "cloud", purpose, request, resume=True)


def test_a_denial_has_no_moment(world: World) -> None:
    end = Crosser(_Caller(world)).send(ask(world, purpose="marketing"), ())  # type: ignore[arg-type]
    assert (end.outcome, end.not_before, end.to_json()["not_before"]) == ("denied", None, None)


@pytest.mark.parametrize(("name", "peer"), [("onprem", "cloud"), ("cloud", "onprem")])
def test_what_is_held_back_is_not_settled_and_goes_on_under_its_own_request(
    world: World, name: str, peer: str
) -> None:
    limited(world, name, peer, windows=(parse_window("22:00-06:00 UTC"),))
    caller = _Caller(world)
    crosser = Crosser(caller)  # type: ignore[arg-type]
    first = ask(world)
    held = crosser.send(first, ())
    assert (held.outcome, held.rules[0].id) == ("denied", "window")
    assert held.to_json()["not_before"] == "2026-11-23T22:00:00Z"
    assert crosser.settle(first, held) is None
    world.now = OPENS
    again = crosser.send(ask(world, request="sync-2"), ())
    assert (again.outcome, again.crossing, again.request) == ("permitted", held.crossing, "sync-1")
    assert again.to_json()["not_before"] is None
    done = crosser.settle(ask(world), again)
    assert done is not None
    assert done.results["outcome"] == "permitted"


@pytest.mark.parametrize(("days", "outcome"), [(13, "arrived"), (14, "expired")])
def test_what_a_run_queues_waits_with_the_name_of_who_asked(tmp_path: Path, days: int, outcome: str) -> None:
    """Whoever asked for the run signed for as long as it may wait; the link comes back days later."""
    world = PumpingAskingWorld(tmp_path)
    wish = new_request("nightly", "run", "clinic", world.now, lasts=dt.timedelta(days=14))
    token = write_token(sign_request(wish, KEYS["nightly"]))
    asked = replace(ask(world, request="run-1/queue"), resume=False, signed=token)
    queued = Crosser(_Caller(world)).queue(asked, ())  # type: ignore[arg-type]
    assert queued.results["request"] == "run-1/queue"
    assert world.states() == ["waiting"]
    world.now += dt.timedelta(days=days)
    world.until_quiet()
    assert world.states() == [outcome]
    said = [entry.body for entry in world.env("cloud").ledger.entries() if entry.kind == "ingress"]
    assert [body["requester"] for body in said] == ["nightly"] * (outcome == "arrived")


def test_a_full_outbox_ends_the_run_as_denied(world: World) -> None:
    profile = world.profiles["onprem"]
    world.profiles["onprem"] = replace(profile, outbox=replace(profile.outbox, entries=0))
    with pytest.raises(DeniedError, match="the outbox for cloud is full"):
        Crosser(_Caller(world)).queue(replace(ask(world), resume=False), ())  # type: ignore[arg-type]


def test_what_no_waiting_helps_says_so(world: World) -> None:
    limited(world, "onprem", "cloud", budget=(Budget(10, "day"),))
    end = Crosser(_Caller(world)).send(ask(world), ())  # type: ignore[arg-type]
    assert (end.outcome, end.rules[0].id) == ("denied", "budget")
    assert end.not_before == 0
    assert end.to_json()["not_before"] is None
