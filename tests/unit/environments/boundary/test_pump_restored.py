"""A queue that was put back from a backup knows less than the ledger: nothing that has ended goes again."""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from boundary_world import TO_CLOUD, rows, visits
from pumping_world import PumpingWorld

from environments.boundary import egress
from environments.boundary.queueing import drop
from environments.outbox.database import FILE

DAY = dt.timedelta(days=1)


@pytest.fixture
def world(tmp_path: Path) -> PumpingWorld:
    return PumpingWorld(tmp_path)


def files(world: PumpingWorld) -> Iterator[Path]:
    yield from world.folder("onprem").outbox.glob(f"{FILE}*")


def backup(world: PumpingWorld) -> Path:
    """Copy the queue as it is, with its log."""
    place = world.root / "backup"
    place.mkdir()
    for path in files(world):
        shutil.copy2(path, place)
    return place


def put_back(world: PumpingWorld, place: Path, *, alone: bool) -> None:
    """Put the old queue back; `alone`: nothing else of the outbox's folder is there any more."""
    outbox = world.folder("onprem").outbox
    for path in list(files(world)):
        path.unlink()
    if alone:
        shutil.rmtree(outbox)
        outbox.mkdir(mode=0o700)
    for path in place.iterdir():
        shutil.copy2(path, outbox)


@pytest.mark.parametrize("alone", [False, True], ids=["the queue", "the queue, and the rest is lost"])
def test_what_has_ended_since_the_backup_ends_again_and_nothing_is_sent(
    world: PumpingWorld, alone: bool
) -> None:
    for name in ("arrives", "dropped", "replaced", "expires"):
        world.queue(world.add(rows(40), name=name), name, lasts=2 * DAY if name == "expires" else 60 * DAY)
    world.queue(world.add(rows(41)), "denied", purpose="nothing-of-ours")
    place = backup(world)
    assert drop(world.env("onprem"), world.entry("dropped"))
    world.queue(world.add(rows(50), name="replaced"), "newer", lasts=60 * DAY, supersede=True)
    world.cut()
    world.now += 3 * DAY
    world.pump("onprem")
    world.heal()
    world.now += DAY
    world.until_quiet()
    ended = {name: world.entry(name) for name in ("arrives", "dropped", "replaced", "expires", "denied")}
    states = {name: entry.state for name, entry in ended.items()}
    assert states == {
        "arrives": "arrived",
        "dropped": "dropped",
        "replaced": "superseded",
        "expires": "expired",
        "denied": "denied",
    }
    entries = list(world.env("onprem").ledger.entries())
    put_back(world, place, alone=alone)
    assert world.states() == ["waiting"] * 5
    world.now += DAY
    did = world.pump("onprem")
    assert did["sent"] == did["retried"] == 0
    assert {name: world.entry(name).state for name in states} == states
    assert list(world.env("onprem").ledger.entries()) == entries, "nothing happened, and nothing is recorded"
    assert not [path for path in world.transit().rglob("*") if path.is_file()]
    assert world.until_quiet() == {}


def test_what_still_waits_is_sent(world: PumpingWorld) -> None:
    first, second = world.add(rows(40)), world.add(rows(41), name="alarms")
    world.queue(first, "one")
    world.queue(second, "two")
    place = backup(world)
    assert drop(world.env("onprem"), world.entry("one"))
    put_back(world, place, alone=True)
    assert world.until_quiet() == {"dropped": 1, "sent": 1, "received_permitted": 1, "arrived": 1}


def test_a_refusal_of_before_it_was_queued_is_none_of_it(world: PumpingWorld) -> None:
    record = world.add(rows(40))
    world.documents["onprem"] = [visits({**TO_CLOUD, "purposes": ["nothing"]})]
    assert egress(world.env("onprem"), world.request(record, request_id="one")).outcome == "denied"
    world.documents["onprem"] = [visits()]
    world.now += DAY
    world.queue(record, "one")
    assert world.pump("onprem") == {"sent": 1}
