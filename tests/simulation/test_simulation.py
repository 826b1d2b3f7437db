"""300 of the 10,000 schedules that `make soak` runs; and the simulation finds what it is there to find."""

from __future__ import annotations

import os
import random
import sys
from pathlib import Path
from typing import Any, ClassVar
from unittest import mock

import pytest
from disk import Disk
from medium import MemoryTransit
from schedule import FAULTS, Schedule
from simulation import Simulation
from simworld import the_world
from soak import run_seed
from transit_suite import TransitSuite

from environments.boundary import answering
from environments.boundary.outbox import Outbox
from environments.stores.history import History
from environments.transit import Transit

SEEDS, AT_ONCE = 300, 25


@pytest.mark.parametrize("first", range(0, SEEDS, AT_ONCE))
def test_schedules(first: int) -> None:
    struck: dict[str, int] = {}
    for seed in range(first, first + AT_ONCE):
        violation, trace, happened = run_seed(seed)
        for kind, count in happened.items():
            struck[kind] = struck.get(kind, 0) + count
        if violation:
            pytest.fail("\n".join([*trace[-60:], f"{violation}; all of it: make soak SEED={seed}"]))
    assert len(struck) > len(FAULTS) // 2


def test_a_seed_is_the_same_run_again() -> None:
    # Where chunks lie is a matter of keys, which are made anew in each test process, and not within one.
    first, second = run_seed(17), run_seed(17)
    assert first == second
    assert len(first[1]) > 100


def test_a_schedule_without_faults_is_one_round() -> None:
    schedule = Schedule.from_seed(5)
    while schedule.faults:
        schedule = schedule.without(0)
    simulation = Simulation(the_world(), schedule)
    simulation.run()
    assert not [line for line in simulation.trace if "Error" in line]


def _never(*_given: Any, **_named: Any) -> None:
    return None


DEFECTS: dict[str, tuple[Any, str, Any, str]] = {
    "a retry commits once more": (History, "find_same", _never, "versions of crossing"),
    "what was killed is not cleared": (Outbox, "clear_killed", _never, "left over"),
    "the check on arrival is left out": (
        sys.modules["environments.boundary.ingress"],
        "_check",
        lambda *_: (),
        "no check passed",
    ),
    "an answer is not recorded": (
        answering,
        "_about",
        lambda _: {"crossing": "sha256:" + "0" * 64},
        "no ledger",
    ),
}


@pytest.mark.parametrize("defect", DEFECTS)
def test_a_defect_is_found(defect: str) -> None:
    where, name, broken, said = DEFECTS[defect]
    with mock.patch.object(where, name, broken):
        for seed in range(100):
            violation, _, _ = run_seed(seed)
            if violation:
                assert said in violation
                return
    pytest.fail("no seed finds it")


class TestMemoryTransit(TransitSuite):
    kept: ClassVar[dict[Path, MemoryTransit]] = {}

    def open_transit(self, place: Path) -> Transit:
        return self.kept.setdefault(place, MemoryTransit())


def test_a_loss_of_power_keeps_what_was_flushed(tmp_path: Path) -> None:
    root = tmp_path / "machine"
    root.mkdir()
    disk = Disk(root)

    def flush(path: Path) -> None:
        descriptor = os.open(path, os.O_RDONLY)
        disk.flushed(descriptor)
        os.close(descriptor)

    (root / "safe").write_bytes(b"safe")
    (root / "name-only").write_bytes(b"never flushed")
    flush(root / "safe")
    flush(root)
    (root / "later").write_bytes(b"its name was not flushed")
    (root / "safe").write_bytes(b"changed after")
    left = [disk.after_power_loss(disk.look(), random.Random(seed)) for seed in range(40)]  # noqa: S311
    assert {tree["safe"].data for tree in left} == {b"safe", b"changed after"}
    assert {len(tree["name-only"].data or b"") for tree in left} == {0, 6, 13}
    assert {"later" in tree for tree in left} == {True, False}
    disk.put_back(left[0])
    assert {path: node.data for path, node in disk.look().items()} == {
        path: node.data for path, node in left[0].items()
    }
