"""`asset status` says what waits in the outbox: how many, since when, and why."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import pytest
from boundary_world import rows
from pumping_world import PumpingWorld

from environments.consistency import Row, Source, status_of
from environments.consistency.rows import Answer
from environments.outbox import open_outbox

DAY = dt.timedelta(days=1)


@pytest.fixture
def world(tmp_path: Path) -> PumpingWorld:
    return PumpingWorld(tmp_path)


def found(world: PumpingWorld, name: str = "visits", to: str = "cloud") -> Row:
    env = world.env("onprem")
    source = Source(env.folder, env.store, env.peers, lambda _peer, _id: Answer(lies=False), env.clock)
    [row] = [row for row in status_of(source) if (row.asset, row.destination) == (name, to)]
    return row


def test_what_waits_is_told_with_its_age_and_the_reason_of_its_line(world: PumpingWorld) -> None:
    first = world.add(rows(40))
    world.queue(first, "one", lasts=60 * DAY)
    row = found(world)
    assert (row.state, row.note, row.behind) == ("queued", "since 2026-11-23 12:00 UTC", 1)
    world.cut()
    world.pump("onprem")
    world.now += 3 * DAY
    second = world.add(rows(41))
    world.queue(second, "two", lasts=60 * DAY)
    row = found(world)
    assert row.queued is not None
    assert (row.queued.entries, row.queued.version, row.queued.state) == (2, first.version, "waiting")
    assert row.queued.since == world.now - 3 * DAY
    assert row.note.startswith("since 2026-11-23 12:00 UTC, and 1 behind it: the transit cannot be")
    assert row.why == "it waits in the outbox"
    told = json.loads(json.dumps(row.to_json()))["queued"]
    assert (told["entries"], told["since"], told["reason"]) == (2, "2026-11-23T12:00:00Z", row.queued.reason)
    assert found(world, to="edge").queued is None
    world.heal()
    world.until_quiet()
    row = found(world)
    assert (row.state, row.queued, row.there) == ("current", None, second.version)


def test_what_is_sent_is_in_flight_and_still_stands_in_the_outbox(world: PumpingWorld) -> None:
    record = world.add(rows(40))
    world.queue(record, "one")
    world.pump("onprem")
    row = found(world)
    assert row.queued is not None
    assert (row.state, row.queued.state, row.queued.attempts) == ("in-flight", "sent", 1)


def test_members_of_a_set_are_told_each_with_its_own_version(world: PumpingWorld) -> None:
    from environments.boundary.crossing import CrossingRequest, Member
    from environments.boundary.queueing import enqueue

    one, two = world.add(rows(40), name="alpha"), world.add(rows(41), name="beta")
    world.queue(world.add(rows(42), name="beta"), "earlier")
    members = [Member(each.name, each.version) for each in (one, two)]
    enqueue(world.env("onprem"), CrossingRequest.of(members, "cloud", "model-training", "set"))
    row = found(world, "alpha")
    assert row.queued is not None
    assert (row.queued.version, row.queued.entries) == (one.version, 1)
    assert "another asset's earlier version goes first" in row.note
    assert found(world, "beta").note.endswith(", and 1 behind it")


def test_the_lanes_of_a_full_outbox_are_told_in_one_look(world: PumpingWorld) -> None:
    for number in range(30):
        world.queue(world.add(rows(40 + number), name=f"asset{number % 3}"), f"request-{number}")
    with open_outbox(world.folder("onprem")) as outbox:
        lanes = outbox.lanes()
    assert {pair: lane.entries for pair, lane in lanes.items()} == {
        (f"asset{number}", "cloud"): 10 for number in range(3)
    }
