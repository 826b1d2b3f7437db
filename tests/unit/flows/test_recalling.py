"""A recall as step runs: the built-in steps at real gates, and what the command line makes of them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "contract_suites"))
from boundary_world import rows
from recall_world import RecallWorld

from data_contracts.errors import IsthmusError, UnreachableError
from environments.boundary.recall import report
from environments.stores import AssetRecord
from environments.trust.tokens import write_token
from flows.runtime.calls import Call, Caller, Finished
from flows.runtime.endings import RULES, dump_rules
from flows.runtime.labels import read_results, write_results
from flows.runtime.recalling import RecallAsk, RecallEnd, Recaller
from flows.runtime.server import RunView
from tasks.sync import BUILT_IN


class _Side:
    """One side of the world, as a step has it."""

    def __init__(self, world: RecallWorld, name: str) -> None:
        self._world, self._name = world, name

    def gate(self) -> Any:
        return self._world.env(self._name)


class _Steps:
    """Runs the built-in steps here, and passes on no more than a run's labels hold; some sites are away."""

    def __init__(self, world: RecallWorld, away: tuple[str, ...] = (), broken: tuple[str, ...] = ()) -> None:
        self._world, self._away, self._broken = world, away, broken
        self.called: list[str] = []

    def call(self, call: Call) -> Finished:
        name = call.flow.removeprefix("isthmus.")
        self.called.append(call.title)
        step = BUILT_IN[name]
        given = {key: step.parameters[key].parse(value, key, None) for key, value in call.parameters.items()}
        answer = step.run(cast("Any", _Side(self._world, call.environment)), given)
        labels: Mapping[str, Any] = write_results({**answer.results, "outcome": answer.outcome})
        view = RunView(name, name, "COMPLETED", "Completed", "", {**labels, RULES: dump_rules(answer.rules)})
        return Finished(view, read_results(labels))

    def begin(self, call: Call) -> str:
        return call.key

    def finish(self, call: Call, _run: str, *, until: float | None = None) -> Finished | None:
        assert until is not None, "nobody waits for a site without an end"
        if call.environment in self._broken:
            raise UnreachableError("its disk is full")
        return None if call.environment in self._away else self.call(call)


@pytest.fixture
def world(tmp_path: Path) -> RecallWorld:
    return RecallWorld(tmp_path)


def recalled(world: RecallWorld, steps: _Steps, record: AssetRecord, *, signed: bool = True) -> RecallEnd:
    token = write_token(world.wish(record)) if signed else None
    ask = RecallAsk("onprem", record.name, record.version, signed=token)
    return Recaller(cast("Caller", steps), patience=5.0).run(ask)


def test_the_request_is_followed_wherever_it_goes(world: RecallWorld) -> None:
    record, steps = world.fill(), _Steps(world)
    assert recalled(world, steps, record).outcome == "permitted"
    assert steps.called == [
        "recall@onprem",
        "erase@cloud",
        "recall-settle@onprem",
        "erase@edge",
        "recall-settle@cloud",
        "erase@cloud",
        "recall-settle@onprem",
    ]
    [cloud] = report(world.env("onprem"), record.name, record.version)["destinations"]
    assert (cloud["outcome"], len(cloud["erased"])) == ("erased", 3)


def test_who_is_away_answers_later(world: RecallWorld) -> None:
    record = world.fill()
    recalled(world, _Steps(world, away=("edge",)), record)
    [cloud] = report(world.env("onprem"), record.name, record.version)["destinations"]
    assert (cloud["outcome"], cloud["reason"]) == ("waiting", "edge: not answered yet")
    recalled(world, _Steps(world), record)
    [cloud] = report(world.env("onprem"), record.name, record.version)["destinations"]
    assert cloud["outcome"] == "erased"
    assert world.names("edge") == ()


def test_what_fails_at_one_site_is_told_and_waits(world: RecallWorld) -> None:
    record = world.fill()
    end = recalled(world, _Steps(world, broken=("cloud",)), record)
    failed = end.failed or {}
    assert isinstance(failed["cloud"], IsthmusError)
    [cloud] = report(world.env("onprem"), record.name, record.version)["destinations"]
    assert cloud["outcome"] == "waiting"


def test_a_denial_asks_nobody(world: RecallWorld) -> None:
    record, steps = world.fill(), _Steps(world)
    end = recalled(world, steps, record, signed=False)
    assert (end.outcome, [rule.id for rule in end.rules]) == ("denied", ["requester"])
    assert steps.called == ["recall@onprem"]


def told(world: RecallWorld, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from flows.cli.main import main; main()", "recall", *words]
    found = {"ISTHMUS_HOME": str(world.home.root), "PATH": os.environ["PATH"], "HOME": str(world.root)}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=found, timeout=120)


def test_a_dry_run_asks_nobody_and_what_was_never_sent_is_exit_2(world: RecallWorld) -> None:
    record = world.fill()
    done = told(world, f"visits@{record.version}", "--env", "onprem", "--dry-run", "--json")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert [(one["environment"], one["crossings"]) for one in document["destinations"]] == [("cloud", 1)]
    never = world.add(rows(20))
    done = told(world, f"visits@{never.version}", "--env", "onprem", "--dry-run")
    assert done.returncode == 2
    assert "nothing of it was ever sent from onprem" in done.stderr
