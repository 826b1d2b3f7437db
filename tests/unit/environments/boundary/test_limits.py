"""A boundary's limits at the gate: what is held back waits, nothing is lost, and what moved stays counted."""

from __future__ import annotations

import datetime as dt
import multiprocessing
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import pyarrow as pa
import pytest
from boundary_world import COLUMNS, TO_CLOUD, World, rows, visits

from data_contracts.errors import NotVerifiableError
from environments.boundaries import BoundaryLimits, Budget
from environments.boundary import EgressResult, IngressResult, egress, ingress, rehearse, settle
from environments.boundary.economy.accounts import open_accounts
from environments.boundary.looking import pinned
from environments.consistency.collecting import leftovers
from environments.home import EnvironmentFolder
from environments.stores import AssetRecord
from environments.timetable import parse_window

NIGHTS = (parse_window("mon-fri 22:00-06:00 UTC"),)
MIB = 1024 * 1024


def limited(world: World, name: str, peer: str, **limits: Any) -> None:
    world.profiles[name] = replace(world.profiles[name], boundaries=(BoundaryLimits(peer, **limits),))


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def large(world: World, mib: int = 24) -> AssetRecord:
    """An asset of about so many MiB that does not compress: few rows, of which each has a long note."""
    document = visits({**TO_CLOUD, "columns": {**COLUMNS, "note": "keep"}})
    note = {"name": "note", "logicalType": "string", "classification": "internal"}
    document["schema"][0]["properties"].append(note)
    for name in world.documents:
        world.documents[name] = [document]
    count, random = mib * 1024, Random(5)  # noqa: S311 - repeatable, not secret
    table = rows(count).append_column("note", pa.array([random.randbytes(1024).hex() for _ in range(count)]))
    return world.add(table, groups=2)


def send(world: World, record: AssetRecord) -> EgressResult:
    return egress(world.env("onprem"), world.request(record))


def last(world: World, name: str, kind: str) -> dict[str, Any]:
    [*_, entry] = [entry for entry in world.env(name).ledger.entries() if entry.kind == kind]
    return dict(entry.body)


def moved(world: World, name: str, peer: str, direction: str) -> int:
    with open_accounts(world.folder(name)) as accounts:
        return accounts.total(peer, direction, dt.datetime(2026, 1, 1, tzinfo=dt.UTC))


def test_outside_its_window_it_waits_with_the_moment_and_then_crosses(world: World) -> None:
    limited(world, "onprem", "cloud", windows=NIGHTS)
    record = world.add(rows())
    opens = dt.datetime(2026, 11, 23, 22, tzinfo=dt.UTC)
    held = send(world, record)
    assert (held.outcome, held.rules[0].id, held.not_before) == ("denied", "window", opens)
    assert "2026-11-23 22:00 UTC" in held.rules[0].reason
    assert not list(world.transit().rglob("*")) if world.transit().exists() else True
    told = last(world, "onprem", "egress")
    assert (told["outcome"], told["rules"][0]["id"], told["not_before"]) == (
        "denied",
        "window",
        "2026-11-23T22:00:00Z",
    )
    assert rehearse(world.env("onprem"), world.request(record)).not_before == opens
    world.now = opens
    sent = send(world, record)
    assert (sent.outcome, sent.crossing) == ("permitted", held.crossing)


def test_what_waits_for_its_window_has_not_ended_whatever_lies_there(world: World) -> None:
    limited(world, "onprem", "cloud", windows=NIGHTS)
    record = world.add(rows())
    held = send(world, record)
    late = world.transit() / held.crossing[7:] / "chunks" / ("c" * 64)
    late.parent.mkdir(mode=0o700, parents=True)
    late.write_bytes(b"late")
    env = world.env("onprem")
    assert leftovers(env, dry_run=False) == []
    assert (late.exists(), pinned(env)) == (True, {("visits", record.version)})


def test_a_window_of_the_destination_leaves_the_crossing_in_the_transit_unanswered(world: World) -> None:
    limited(world, "cloud", "onprem", windows=NIGHTS)
    sent = send(world, world.add(rows()))
    lying = {path: path.read_bytes() for path in world.transit().rglob("*") if path.is_file()}
    held = ingress(world.env("cloud"), "onprem", sent.crossing)
    assert (held.outcome, held.rules[0].id, held.receipt) == ("denied", "window", "")
    assert held.not_before == dt.datetime(2026, 11, 23, 22, tzinfo=dt.UTC)
    assert {path: path.read_bytes() for path in world.transit().rglob("*") if path.is_file()} == lying
    assert last(world, "cloud", "ingress")["not_before"] == "2026-11-23T22:00:00Z"
    world.now = world.now.replace(hour=23)
    arrived = ingress(world.env("cloud"), "onprem", sent.crossing)
    assert (arrived.outcome, arrived.version) == ("permitted", sent.version)
    assert settle(world.env("onprem"), "cloud", sent.crossing).outcome == "permitted"


def test_a_window_that_closes_stops_between_two_objects_and_the_rest_goes_later(world: World) -> None:
    limited(world, "onprem", "cloud", windows=(parse_window("mon 11:00-13:00 UTC"),), parallel=1)
    record = large(world, 16)
    env = world.env("onprem")

    def moving(phase: str, done: int, _total: int) -> None:
        if phase == "egress.seal" and done > 5 * MIB:
            world.now = world.now.replace(hour=13)

    held = egress(replace(env, moved=moving), world.request(record))
    assert (held.outcome, held.rules[0].id) == ("denied", "window")
    before = {path.name: path.stat().st_mtime_ns for path in world.transit().rglob("chunks/*")}
    assert 1 <= len(before) < 5
    assert not list(world.folder("onprem").outbox.rglob("work"))
    world.now = dt.datetime(2026, 11, 30, 11, tzinfo=dt.UTC)
    sent = send(world, record)
    assert (sent.outcome, sent.crossing) == ("permitted", held.crossing)
    after = {path.name: path.stat().st_mtime_ns for path in world.transit().rglob("chunks/*")}
    assert before.items() <= after.items(), "a part that lay there was sealed again"
    arrived = ingress(world.env("cloud"), "onprem", sent.crossing)
    assert (arrived.outcome, arrived.version) == ("permitted", sent.version)


def test_a_crossing_of_more_than_a_days_budget_takes_days(world: World) -> None:
    budget = 6 * MIB
    limited(world, "onprem", "cloud", budget=(Budget(budget, "day"),))
    record, days, sums = large(world, 12), 0, [0]
    outcome = send(world, record)
    while outcome.outcome != "permitted":
        assert outcome.rules[0].id == "budget"
        assert outcome.not_before == dt.datetime(2026, 11, 24 + days, tzinfo=dt.UTC)
        # Asking again on the same day moves at most what a smaller object leaves room for.
        assert send(world, record).outcome == "denied"
        sums.append(moved(world, "onprem", "cloud", "send"))
        world.now, days = outcome.not_before, days + 1
        outcome = send(world, record)
    assert days >= 2
    lying = [path for path in world.transit().rglob("*") if path.is_file() and path.name != "manifest"]
    sizes = [path.stat().st_size for path in lying]
    assert moved(world, "onprem", "cloud", "send") == sum(sizes)
    # Where an object is cut is secret, and another each time: a day leaves at most the room of the largest.
    for before, after in pairwise(sums):
        assert budget - max(sizes) < after - before <= budget
    assert moved(world, "onprem", "cloud", "again") > 0, "what was read back is counted apart"
    assert ingress(world.env("cloud"), "onprem", outcome.crossing).outcome == "permitted"


def test_what_does_not_fit_is_not_begun_to_be_fetched(world: World) -> None:
    sent = send(world, large(world))
    limited(world, "cloud", "onprem", budget=(Budget(20 * MIB, "day"),))
    held = ingress(world.env("cloud"), "onprem", sent.crossing)
    assert (held.outcome, held.rules[0].id, held.not_before) == ("denied", "budget", None)
    assert "more than the whole budget of a day" in held.rules[0].reason
    listed = moved(world, "cloud", "onprem", "fetch")
    assert 0 < listed < MIB, "the list alone was fetched"
    limited(world, "cloud", "onprem", budget=(Budget(40 * MIB, "day"),))
    with open_accounts(world.folder("cloud")) as accounts:
        limits = world.profiles["cloud"].limits_with("onprem", "fetch")
        assert limits is not None
        assert accounts.count("fetch", 20 * MIB, limits, world.now) is None
    held = ingress(world.env("cloud"), "onprem", sent.crossing)
    assert (held.rules[0].id, held.not_before) == ("budget", dt.datetime(2026, 11, 24, tzinfo=dt.UTC))
    assert world.env("cloud").store.names() == ()
    world.now += dt.timedelta(days=1)
    assert ingress(world.env("cloud"), "onprem", sent.crossing).outcome == "permitted"


def test_a_clock_that_is_set_back_finds_no_new_budget(world: World) -> None:
    limits = BoundaryLimits("cloud", budget=(Budget(100, "day"),))
    with open_accounts(world.folder("onprem")) as accounts:
        assert accounts.count("send", 100, limits, world.now) is None
        held = accounts.count("send", 1, limits, world.now - dt.timedelta(days=3))
        assert held is not None
        assert accounts.count("send", 100, limits, world.now + dt.timedelta(days=1)) is None


def test_both_directions_share_a_budget_where_one_entry_is_about_both(world: World) -> None:
    both = BoundaryLimits("cloud", budget=(Budget(100, "day"),))
    alone = replace(both, direction="send")
    with open_accounts(world.folder("onprem")) as accounts:
        assert accounts.count("fetch", 60, both, world.now) is None
        assert accounts.count("send", 60, both, world.now) is not None
        assert accounts.count("send", 60, alone, world.now) is None
        accounts.forget_old(world.now + dt.timedelta(days=800))
        assert accounts.total("cloud", "send", world.now - dt.timedelta(days=1)) == 0


def _count(folder: EnvironmentFolder, times: int) -> None:
    limits = BoundaryLimits("cloud", budget=(Budget(1000, "day"),))
    with open_accounts(folder) as accounts:
        for _ in range(times):
            accounts.count("send", 10, limits, dt.datetime(2026, 11, 23, 12, tzinfo=dt.UTC))


def test_processes_that_count_at_once_count_every_byte_and_stop_at_the_budget(world: World) -> None:
    context = multiprocessing.get_context("spawn")
    others = [context.Process(target=_count, args=(world.folder("onprem"), 60)) for _ in range(2)]
    for other in others:
        other.start()
    for other in others:
        other.join(60)
        assert other.exitcode == 0
    assert moved(world, "onprem", "cloud", "send") == 1000


def test_damaged_counts_stop_the_boundary_and_say_what_to_do(world: World) -> None:
    limited(world, "onprem", "cloud", budget=(Budget(100 * MIB, "day"),))
    record = world.add(rows())
    path = world.folder("onprem").create().economy / "moved.db"
    path.write_bytes(b"not a database, though as long as one" * 100)
    path.chmod(0o600)
    with pytest.raises(NotVerifiableError, match="damaged"):
        send(world, record)
    assert not world.transit().exists()


def test_a_rate_is_kept_over_all_objects(world: World) -> None:
    slept: list[float] = []
    limited(world, "onprem", "cloud", limit=10 * MIB, parallel=2)
    record = large(world, 12)
    sent = egress(replace(world.env("onprem"), sleep=slept.append), world.request(record))
    assert sent.outcome == "permitted"
    # The last object's moment comes when all before it have had their time, less what passed by itself.
    assert max(slept) > 0.05
    assert len(slept) >= 2


def test_the_more_urgent_crossing_goes_first_and_one_that_vanished_is_not_waited_for(world: World) -> None:
    limits = BoundaryLimits("cloud", limit=100)
    with open_accounts(world.folder("onprem")) as accounts:
        assert accounts.pause(limits, "cloud", "usual", 5, 50, 1000.0) == 0.0
        assert accounts.pause(limits, "cloud", "alarm", 9, 50, 1000.1) == pytest.approx(0.4)
        assert accounts.pause(limits, "cloud", "usual", 5, 50, 1000.2) is None
        assert accounts.pause(limits, "edge", "usual", 5, 50, 1000.2) == 0.0
        accounts.over("cloud", "alarm")
        assert accounts.pause(limits, "cloud", "usual", 5, 50, 1000.3) == pytest.approx(0.7)
        accounts.pause(limits, "cloud", "alarm", 9, 50, 1001.0)
        assert accounts.pause(limits, "cloud", "usual", 5, 50, 1005.0) is None
        assert accounts.pause(limits, "cloud", "usual", 5, 50, 1020.0) == 0.0


def test_what_is_denied_is_denied_before_any_limit_is_looked_at(world: World) -> None:
    limited(world, "onprem", "cloud", windows=NIGHTS)
    denied = egress(world.env("onprem"), world.request(world.add(rows()), purpose="marketing"))
    assert denied.not_before is None
    assert all(rule.id not in {"window", "budget"} for rule in denied.rules)


def test_a_settled_crossing_is_answered_whatever_the_boundary_says(world: World) -> None:
    record = world.add(rows())
    sent = send(world, record)
    arrived: IngressResult = ingress(world.env("cloud"), "onprem", sent.crossing)
    settle(world.env("onprem"), "cloud", sent.crossing)
    limited(world, "onprem", "cloud", windows=NIGHTS)
    limited(world, "cloud", "onprem", windows=NIGHTS)
    assert send(world, record).outcome == "permitted"
    assert ingress(world.env("cloud"), "onprem", sent.crossing) == arrived
