"""`asset gc`: old versions go, and nothing that something still needs; every later crossing still works."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path

import pytest
from boundary_world import World, rows, visits
from gc_history import NEWEST, changed, collected, cross, nothing_is_lost, send

from data_contracts.errors import NotVerifiableError, UsageError
from environments.boundary import egress, ingress, settle
from environments.consistency.collecting import collect, plan
from environments.consistency.keeping import Decided, Needs, Wish, decide
from environments.consistency.reconciling import tell
from environments.holds import Hold
from environments.stores import LocalStore


class Killed(BaseException):
    """A process that ended here."""


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_what_goes_leaves_a_tombstone_and_an_entry_and_the_latest_stays(world: World) -> None:
    records = [world.add(rows(30 + number)) for number in range(3)]
    assert collected(world, "onprem") == {1: "", 2: "", 3: "latest"}
    store = LocalStore(world.folder("onprem").store)
    assert [record.sequence for record in store.versions("visits")] == [3]
    assert [stone.record for stone in store.tombstones("visits")] == records[:2]
    entry = world.env("onprem").ledger.find("removed", record=records[0].digest)
    assert entry is not None
    assert (entry.body["version"], entry.body["why"]) == (records[0].version, "garbage-collection")
    assert not [path for path in store.folder.rglob("*.parquet") if records[0].version[7:] in str(path)]
    assert collected(world, "onprem") == {3: "latest"}
    assert world.add(rows(50)).sequence == 4
    with pytest.raises(UsageError):
        store.record("visits", records[0].version)


def test_of_what_does_not_verify_nothing_goes_and_it_is_named(world: World) -> None:
    """By hand it said `0 leftovers went`, and nothing of the versions that it had not looked at."""
    record, _ = world.add(rows(30)), world.add(rows(31))
    world.add(rows(40), name="other"), world.add(rows(41), name="other")
    [path] = (world.folder("onprem").store / "assets" / "visits").glob(f"*{record.version[7:]}*/record.json")
    path.chmod(0o600)
    path.write_bytes(path.read_bytes().replace(b"visits", b"visitz"))
    unverified: list[str] = []
    decided = plan(world.env("onprem"), Wish(keep=1), {}, unverified.append)
    assert unverified == ["visits"]
    assert {(each.record.name, each.reason) for each in decided} == {("other", ""), ("other", "latest")}


def test_without_a_bound_nothing_goes(world: World) -> None:
    with pytest.raises(UsageError, match="which versions"):
        plan(world.env("onprem"), Wish(), {})


def test_how_many_and_how_old_are_both_asked_for(world: World) -> None:
    records = [world.add(rows(30 + number)) for number in range(4)]
    born = dt.datetime.fromisoformat(records[0].created)
    ages = [
        replace(each, created=(born + dt.timedelta(days=n)).isoformat()) for n, each in enumerate(records)
    ]
    wish = Wish(keep=2, older_than=dt.timedelta(days=2, hours=12))
    told = decide(ages, wish, Needs(), born + dt.timedelta(days=3))
    assert [each.reason for each in told] == ["", "young", "newest", "latest"]


@pytest.mark.parametrize("step", ["egress.seal", "egress.record", "egress.done"])
def test_what_an_unfinished_crossing_sends_stays_until_it_has_ended(world: World, step: str) -> None:
    record = world.add(rows(60))

    def progress(phase: str) -> None:
        if phase == step:
            raise Killed

    with pytest.raises(Killed):
        egress(world.env("onprem", progress=progress), world.request(record))
    world.add(rows(61))
    assert collected(world, "onprem")[1] == "crossing"
    cross(world, record, "run-1/sync-1")
    assert collected(world, "onprem")[1] == ""


def test_what_the_next_crossing_refers_to_stays(world: World) -> None:
    cross(world, world.add(changed(300)), "a")
    assert collected(world, "cloud") == {1: "latest"}
    second = world.add(changed(301))
    crossing = send(world, second, "b")
    ingress(world.env("cloud"), "onprem", crossing)  # not settled: the source still refers to the first
    assert collected(world, "cloud") == {1: "peer", 2: "latest"}
    settle(world.env("onprem"), "cloud", crossing)
    assert collected(world, "cloud") == {1: "", 2: "latest"}
    cross(world, world.add(changed(302)), "c")


def test_a_source_whose_account_is_not_known_may_refer_to_everything(world: World) -> None:
    for number in range(3):
        cross(world, world.add(rows(60 + number)), f"run-{number}")
    told = plan(world.env("cloud"), NEWEST, {})
    assert [each.reason for each in told] == ["unknown-peer", "unknown-peer", "latest"]
    with pytest.raises(NotVerifiableError, match="for another"):
        plan(world.env("cloud"), NEWEST, {"onprem": tell(world.env("onprem"), ["edge"])["edge"]})


def test_a_settled_crossing_that_is_settled_again_does_not_refer_to_what_went(world: World) -> None:
    first = cross(world, world.add(changed(300)), "a")
    cross(world, world.add(changed(301)), "b")
    assert collected(world, "cloud") == {1: "", 2: "latest"}
    settle(world.env("onprem"), "cloud", first)
    cross(world, world.add(changed(302)), "c")


def test_what_somebody_reads_stays_until_it_is_read(world: World) -> None:
    record = world.add(rows(60))
    world.add(rows(61))
    reader = LocalStore(world.folder("onprem").store)
    paths = reader.open(record)
    assert collected(world, "onprem")[1] == "read"
    assert all(path.read_bytes() for path in paths)
    del reader
    assert collected(world, "onprem")[1] == ""


def test_a_contracts_retention_is_kept(world: World) -> None:
    document = visits()
    document["slaProperties"] = [{"property": "retention", "value": 2, "unit": "d"}]
    world.documents["onprem"] = [document]
    record = world.add(rows(60))
    world.add(rows(61))
    world.now = dt.datetime.fromisoformat(record.created) + dt.timedelta(days=1)
    assert collected(world, "onprem")[1] == "retention"
    world.now += dt.timedelta(days=2)
    assert collected(world, "onprem")[1] == ""


def under(world: World, *holds: Hold) -> None:
    """Let the environment's file name these holds from now on."""
    world.profiles["onprem"] = replace(world.profiles["onprem"], holds=holds)


def recorded(world: World) -> dict[str, str]:
    """Return everything of the source but its index, which may be removed and is made again."""
    return {path: digest for path, digest in world.files("onprem").items() if "/index/" not in path}


def test_what_is_under_a_legal_hold_stays_and_the_hold_is_named(world: World) -> None:
    for number in range(3):
        world.add(rows(60 + number))
    under(world, Hold("visits", "court order 12 O 3/26", (world.now + dt.timedelta(days=2)).date()))
    env = world.env("onprem")
    before = recorded(world)
    told = [(each.reason, each.why) for each in collect(env, plan(env, NEWEST, {}))]
    words = "legal hold until 2026-11-25: court order 12 O 3/26"
    assert told == [("hold", words), ("hold", words), ("latest", "it is the latest version")]
    assert recorded(world) == before, "nothing went, and the ledger says of nothing that it did"
    under(world, Hold("others", "court order 12 O 3/26"))
    assert collected(world, "onprem") == {1: "", 2: "", 3: "latest"}


def test_a_hold_that_begins_between_plan_and_removal_is_kept(world: World) -> None:
    world.add(rows(60))
    world.add(rows(61))
    decided = plan(world.env("onprem"), NEWEST, {})
    assert [each.reason for each in decided] == ["", "latest"]
    under(world, Hold("*", "audit"))
    assert [each.reason for each in collect(world.env("onprem"), decided)] == ["hold", "latest"]
    assert len(LocalStore(world.folder("onprem").store).versions("visits")) == 2


def test_a_regulatory_duty_of_the_contract_under_which_it_came_is_kept_at_the_destination(
    world: World,
) -> None:
    document = visits()
    document["slaProperties"] = [
        {"property": "retention", "value": 5, "unit": "d", "driver": "regulatory"},
    ]
    for name in ("onprem", "cloud"):
        world.documents[name] = [document]
    for number in range(2):
        cross(world, world.add(changed(300 + number)), f"run-{number}")
    assert collected(world, "cloud")[1] == "hold"
    [first, _] = LocalStore(world.folder("cloud").store).versions("visits")
    world.now = dt.datetime.fromisoformat(first.created) + dt.timedelta(days=6)
    assert collected(world, "cloud")[1] == ""


@pytest.mark.parametrize("step", ["gc.record", "gc.erase"])
def test_killed_between_entry_and_erasing_the_next_call_ends_it(world: World, step: str) -> None:
    world.add(rows(60))
    world.add(rows(61))

    def progress(phase: str) -> None:
        if phase == step:
            raise Killed

    env = world.env("onprem", progress=progress)
    with pytest.raises(Killed):
        collect(env, plan(env, NEWEST, {}))
    assert len(LocalStore(env.folder.store).versions("visits")) == 2
    del env
    assert collected(world, "onprem")[1] == ""
    entries = [entry.kind for entry in world.env("onprem").ledger.entries()]
    assert entries.count("removed") == 1


@pytest.mark.parametrize("seed", [9, 10])
def test_random_histories_lose_nothing_that_is_needed(world: World, seed: int) -> None:
    nothing_is_lost(world, seed)


def test_what_is_decided_is_a_reason_or_none() -> None:
    assert decide([], NEWEST, Needs(), dt.datetime.now(dt.UTC)) == list[Decided]()
