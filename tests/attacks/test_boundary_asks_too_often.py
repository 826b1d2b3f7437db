"""A control plane that asks, again and again, for what is permitted: the boundary's budget ends it.

Every request id is a crossing of its own, and each would send everything. What moves is counted on disk
before: no new request, no kill and no other process finds a fresh budget.
"""

from __future__ import annotations

import datetime as dt
import multiprocessing
import os
import signal
import sys
from dataclasses import replace
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "contract_suites"))
from boundary_world import World, rows

from environments.boundaries import BoundaryLimits, Budget
from environments.boundary import CrossingRequest, egress, settle
from environments.boundary import ingress as enter
from environments.boundary.economy.accounts import open_accounts

pytestmark = pytest.mark.attack
BUDGET = 60_000


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path)
    limits = (BoundaryLimits("cloud", budget=(Budget(BUDGET, "day"),)),)
    made.profiles["onprem"] = replace(made.profiles["onprem"], boundaries=limits)
    return made


def lying(world: World) -> int:
    return sum(
        path.stat().st_size
        for path in world.transit().rglob("*")
        if path.is_file() and path.name not in {"manifest", "receipt"}
    )


def counted(world: World) -> int:
    with open_accounts(world.folder("onprem")) as accounts:
        return accounts.total("cloud", "send", world.now - dt.timedelta(days=1))


def test_new_requests_for_what_is_permitted(world: World) -> None:
    record = world.add(rows())
    ends = [egress(world.env("onprem"), world.request(record, request_id=f"ask-{n}")) for n in range(10)]
    outcomes = [end.outcome for end in ends]
    permitted = outcomes.count("permitted")
    assert 0 < permitted < 10
    assert set(outcomes[permitted:]) == {"denied"}, "once it is spent, it is spent"
    assert {rule.id for end in ends for rule in end.rules} == {"budget"}
    assert lying(world) <= BUDGET
    assert counted(world) <= BUDGET
    told = [entry.body for entry in world.env("onprem").ledger.entries() if entry.kind == "egress"]
    assert [body["outcome"] for body in told] == outcomes, "every ask is in the ledger"


def _killed(world: World, version: str, ask: str) -> None:
    """Ask as a process of its own would, and die as soon as something lies in the transit."""

    def dying(phase: str, done: int, _total: int) -> None:
        if phase == "egress.seal" and done:
            os.kill(os.getpid(), signal.SIGKILL)

    env = replace(world.env("onprem"), moved=dying)
    egress(env, CrossingRequest("visits", version, "cloud", "model-training", ask))


def test_what_was_counted_outlives_a_kill(world: World) -> None:
    record, spent = world.add(rows()), 0
    # No fork: a child of a process that used Polars would hang.
    context = multiprocessing.get_context("spawn")
    for ask in ("ask-1", "ask-2"):
        child = context.Process(target=_killed, args=(world, record.version, ask))
        child.start()
        child.join(120)
        assert child.exitcode == -signal.SIGKILL
        assert counted(world) > spent, "what lies there was counted before it lay there"
        spent = counted(world)
        assert spent >= lying(world) > 0
    limits = BoundaryLimits("cloud", budget=(Budget(spent + 10, "day"),))
    world.profiles["onprem"] = replace(world.profiles["onprem"], boundaries=(limits,))
    end = egress(world.env("onprem"), world.request(record, request_id="ask-3"))
    assert (end.outcome, end.rules[0].id) == ("denied", "budget")
    assert counted(world) <= spent + 10


def test_an_answered_crossing_may_be_asked_for_without_end_and_moves_nothing(world: World) -> None:
    record = world.add(rows())
    sent = egress(world.env("onprem"), world.request(record))
    enter(world.env("cloud"), "onprem", sent.crossing)
    settle(world.env("onprem"), "cloud", sent.crossing)
    before = counted(world)
    for _ in range(5):
        assert egress(world.env("onprem"), world.request(record)).outcome == "permitted"
    assert counted(world) == before
    assert lying(world) == 0
