"""60 schedules with outboxes, sets, limits and recalls; and the simulation finds what it is there to find."""

from __future__ import annotations

import sys
from typing import Any
from unittest import mock

import pytest
from queued_schedule import QueuedSchedule
from queued_simulation import QueuedSimulation
from queued_world import QueuedWorld
from running import current
from schedule import FAULTS
from simworld import ViolationError, the_world
from soak import run_seed

from environments.boundary.economy.accounts import Accounts
from environments.outbox import Outbox
from environments.stores import history
from environments.stores.snapshot import LocalSnapshot

SEEDS, AT_ONCE = 60, 20
KIND = "queued"
pytestmark = pytest.mark.xdist_group("queued-simulation")  # what checks say is asked once in a process


@pytest.mark.parametrize("first", range(0, SEEDS, AT_ONCE))
def test_schedules(first: int) -> None:
    struck: dict[str, int] = {}
    for seed in range(first, first + AT_ONCE):
        violation, trace, happened = run_seed(seed, KIND)
        for kind, count in happened.items():
            struck[kind] = struck.get(kind, 0) + count
        if violation:
            pytest.fail(
                "\n".join([*trace[-60:], f"{violation}; all of it: make soak KIND={KIND} SEED={seed}"])
            )
    assert len(struck) > len(FAULTS) // 2


def test_a_seed_is_the_same_run_again() -> None:
    first, second = run_seed(3, KIND), run_seed(3, KIND)
    assert first == second
    assert len(first[1]) > 100


def test_what_is_queued_arrives_where_nothing_goes_wrong() -> None:
    for seed in range(4):
        simulation = QueuedSimulation(the_world(QueuedWorld), QueuedSchedule.from_seed(seed).plain())
        simulation.run()
        wanted = {"wrong": "broken", "denied": "denied"}
        ends = [wanted.get(act.what, "arrived") for act in simulation.schedule.acts]
        assert simulation.ended == {end: ends.count(end) for end in ends}
        assert not [line for line in simulation.trace if "Error" in line]


def _module(name: str) -> Any:
    return sys.modules[f"environments.{name}"]


def _live(snapshot: LocalSnapshot, name: str) -> Any:
    found, _ = snapshot._seen[name]
    return tuple(found.read(entry) for entry in found.entries())


def _careless(path: Any, *, durable: bool) -> Any:
    del durable
    return _CONNECT(path, durable=False)


_CONNECT = _module("outbox.database")._connect
DEFECTS: dict[str, tuple[Any, str, Any, str]] = {
    "who queues does not wait for the disk": (
        _module("outbox.database"),
        "_connect",
        _careless,
        "is lost",
    ),
    "a version overtakes another": (
        _module("outbox.queue"),
        "_READY",
        _module("outbox.queue")._READY.replace("ahead = 0 AND ", ""),
        " before run-",
    ),
    "who asks at once goes past what waits": (
        _module("boundary.egress"),
        "overtaking",
        lambda *_: None,
        "was overtaken",
    ),
    "what has expired is sent": (
        _module("boundary.pump.sending"),
        "_expired",
        lambda *_: False,
        "after it has expired",
    ),
    "what the ledger says has ended is sent": (
        _module("boundary.pump.recorded"),
        "_taken_out",
        lambda *_: False,
        "(commits, settlements, endings)",
    ),
    "more may wait than is declared": (Outbox, "_refuse_more", lambda *_: None, "more waits than may"),
    "a member is visible before its set": (
        history,
        "_set_folder",
        lambda assets, _: assets,
        "a part of a set",
    ),
    "a snapshot is what there is now": (LocalSnapshot, "versions", _live, "a snapshot changed"),
    "a boundary is always open": (
        _module("boundary.economy.carriage"),
        "window_hold",
        lambda *_: None,
        "keeps it closed",
    ),
    "what moved is forgotten": (
        Accounts,
        "moved",
        lambda _, limits, __: dict.fromkeys(limits.budget, 0),
        "bytes moved in an hour",
    ),
    "what is recalled may still come": (
        _module("boundary.recall.erasing"),
        "_bar",
        lambda *_: None,
        "after it was erased",
    ),
    "an answer is signed before anything is erased": (
        _module("boundary.recall.erasing"),
        "_remove",
        lambda *_: _module("boundary.recall.erasing")._Done((), (), 0),
        "after it was erased",
    ),
}


class _Dying(QueuedSimulation):
    """Whoever has recorded that something waits no more dies before the outbox hears of it, once."""

    def point(self, what: str, about: str = "") -> None:
        process = current()
        dies = what == "outbox.recorded" and not self._calm and not self.struck.get("recorded")
        if process is not None and dies:
            self.struck["recorded"] = 1
            self._kill([process], process.environment)
        super().point(what, about)


def _suspect(defect: str, seed: int) -> QueuedSimulation:
    """Return a run in which a defect would show: of most, any."""
    schedule, world = QueuedSchedule.from_seed(seed), the_world(QueuedWorld)
    if "wait for the disk" in defect:
        return QueuedSimulation(world, schedule.plagued("power", 12))
    if "the ledger says" in defect:
        return _Dying(world, schedule)
    return QueuedSimulation(world, schedule)


def _violation(simulation: QueuedSimulation) -> str:
    try:
        simulation.run()
    except ViolationError as violation:
        return str(violation)
    return ""


_RARE = {"a snapshot is what there is now": 700}
"""Where to begin to look for what few seeds find: a version must come between two looks of one reader."""


_ALSO = {
    "what the ledger says has ended is sent": (_module("boundary.egress"), "overtaking", lambda *_: None)
}
"""What else must be broken for a defect to show: two look."""


@pytest.mark.long
@pytest.mark.parametrize("defect", DEFECTS)
def test_a_defect_is_found(defect: str) -> None:
    where, name, broken, said = DEFECTS[defect]
    with mock.patch.object(where, name, broken), mock.patch.object(*_ALSO.get(defect, (where, name, broken))):
        first = _RARE.get(defect, 0)
        for seed in range(first, first + 200):
            found = _violation(_suspect(defect, seed))
            if found:
                assert said in found
                return
    pytest.fail("no seed finds it")
