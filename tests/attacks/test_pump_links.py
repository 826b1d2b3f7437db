"""Whoever can write to a transit that is a folder puts links where a pump looks: nobody else waits for it."""

from __future__ import annotations

import datetime as dt
import shutil
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "contract_suites"))
pytest.register_assert_rewrite("pumping_world")

from pumping_world import PumpingWorld, rows  # noqa: E402 - after the path

pytestmark = pytest.mark.attack


@pytest.fixture
def world(tmp_path: Path) -> PumpingWorld:
    return PumpingWorld(tmp_path)


def linked(place: Path, where: Path) -> None:
    """Put a link to an empty folder of somebody else in the place of a folder."""
    shutil.rmtree(place, ignore_errors=True)
    place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    where.mkdir(mode=0o700)
    place.symlink_to(where)


@pytest.mark.parametrize("state", ["waiting", "sent", "expired"])
def test_a_link_in_the_place_of_a_crossing_holds_up_no_other(
    world: PumpingWorld, tmp_path: Path, state: str
) -> None:
    crossing = world.queue(world.add(rows(40)), "request-1", lasts=dt.timedelta(hours=1)).crossing
    if state != "waiting":
        world.pump("onprem")
    place = world.transit() / crossing[7:]
    linked(place, tmp_path / "elsewhere")
    world.queue(world.add(rows(41), name="others"), "request-2")
    world.now += dt.timedelta(hours=2 if state == "expired" else 0, minutes=5)
    for _ in range(30):
        world.pump("onprem")
        world.pump("cloud")
        world.now += dt.timedelta(minutes=1)
    assert world.states()[1] == "arrived"
    assert world.states()[0] in {"waiting", "sent"}
    assert list((tmp_path / "elsewhere").iterdir()) == []
    place.unlink()
    for _ in range(100):
        world.pump("onprem")
        world.pump("cloud")
        world.now += dt.timedelta(minutes=2)
    # What waited for too long meanwhile is over; whatever the state was, it has ended.
    assert world.states()[0] in {"arrived", "expired"}


def test_links_among_what_arrives_hold_up_nothing(world: PumpingWorld, tmp_path: Path) -> None:
    linked(world.transit() / ("0" * 64), tmp_path / "elsewhere")
    world.queue(world.add(rows(40)), "request-1")
    for _ in range(30):
        world.pump("onprem")
        world.pump("cloud")
        world.now += dt.timedelta(minutes=1)
    assert (world.states(), world.arrived()) == (["arrived"], [40])
    assert list((tmp_path / "elsewhere").iterdir()) == []
