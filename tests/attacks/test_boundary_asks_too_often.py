"""A control plane that asks, again and again, for what is permitted: the boundary's budget ends it.

Every request id is a crossing of its own, and each would send everything. What moves is counted on disk
before: no new request, no kill and no other process finds a fresh budget.
"""

from __future__ import annotations

import datetime as dt
import os
import signal
import sys
from dataclasses import replace
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "contract_suites"))
from boundary_world import World, rows

from environments.boundaries import BoundaryLimits, Budget
from environments.boundary import egress, settle
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


def test_a_thousand_requests_for_what_is_permitted(world: World) -> None:
    record = world.add(rows())
    ends = [egress(world.env("onprem"), world.request(record, request_id=f"ask-{n}")) for n in range(40)]
    outcomes = [end.outcome for end in ends]
    permitted = outcomes.count("permitted")
    assert 0 < permitted < 40
    assert set(outcomes[permitted:]) == {"denied"}, "once it is spent, it is spent"
    assert {rule.id for end in ends for rule in end.rules} == {"budget"}
    assert lying(world) <= BUDGET
    assert counted(world) <= BUDGET
    told = [entry.body for entry in world.env("onprem").ledger.entries() if entry.kind == "egress"]
    assert [body["outcome"] for body in told] == outcomes, "every ask is in the ledger"


def test_what_was_counted_outlives_a_kill(world: World) -> None:
    record = world.add(rows())
    asked = 0
    while counted(world) < BUDGET - 20_000 and asked < 20:
        asked += 1
        child = os.fork()
        if child == 0:

            def dying(phase: str, done: int, _total: int) -> None:
                if phase == "egress.seal" and done:
                    os.kill(os.getpid(), signal.SIGKILL)

            env = replace(world.env("onprem"), moved=dying)
            egress(env, world.request(record, request_id=f"ask-{asked}"))
            os._exit(0)
        _, status = os.waitpid(child, 0)
        assert os.WTERMSIG(status) == signal.SIGKILL
        assert counted(world) >= lying(world), "what lies there was counted before it lay there"
    assert asked < 20
    ends = [egress(world.env("onprem"), world.request(record, request_id=f"more-{n}")) for n in range(8)]
    assert ends[-1].outcome == "denied"
    assert counted(world) <= BUDGET


def test_an_answered_crossing_may_be_asked_for_without_end_and_moves_nothing(world: World) -> None:
    record = world.add(rows())
    sent = egress(world.env("onprem"), world.request(record))
    enter(world.env("cloud"), "onprem", sent.crossing)
    settle(world.env("onprem"), "cloud", sent.crossing)
    before = counted(world)
    for _ in range(20):
        assert egress(world.env("onprem"), world.request(record)).outcome == "permitted"
    assert counted(world) == before
    assert lying(world) == 0
