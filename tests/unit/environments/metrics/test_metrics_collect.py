"""What one look at an environment says, against what really crossed."""

from __future__ import annotations

import datetime as dt
import json
import shutil
import sqlite3
from pathlib import Path

import pytest
from boundary_world import SENTINEL, World, rows

from environments.boundary import egress, ingress, settle
from environments.boundary.queueing import enqueue
from environments.identity.dask_certificates import write_dask_certificates
from environments.metrics.catalogue import BOUNDS
from environments.metrics.collect import Collector
from environments.metrics.samples import Samples
from environments.metrics.tally import tally
from environments.metrics.text import exposition
from environments.private import write_private


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def look(world: World, name: str = "onprem") -> Samples:
    return Collector(
        world.folder(name), world.profiles[name], world.profiles, clock=lambda: world.now
    ).collect()


def readable(samples: Samples) -> dict[str, float]:
    return {source: value for (source,), value in samples.series("isthmus_source_readable").items()}


def send(
    world: World, count: int = 30, request: str = "run-1/sync-1", purpose: str = "model-training"
) -> str:
    record = world.add(rows(count))
    return egress(world.env("onprem"), world.request(record, request_id=request, purpose=purpose)).crossing


def test_crossings_bytes_and_the_outbox_follow_what_happens(world: World) -> None:
    crossing = send(world)
    world.now += dt.timedelta(seconds=90)
    found = look(world)
    assert found.series("isthmus_crossings") == {("egress", "cloud", "permitted"): 1.0}
    assert found.series("isthmus_outbox_crossings")["waiting", "cloud"] == 1
    assert found.series("isthmus_outbox_oldest_seconds")["waiting", "cloud"] == 90
    assert found.series("isthmus_outbox_crossings")["waiting", "edge"] == 0
    [entry] = [entry for entry in world.env("onprem").ledger.entries() if entry.kind == "egress"]
    assert found.series("isthmus_sent_bytes") == {("cloud",): float(entry.body["bytes"])}
    ingress(world.env("cloud"), "onprem", crossing)
    settle(world.env("onprem"), "cloud", crossing)
    found = look(world)
    assert found.series("isthmus_crossings")["settle", "cloud", "permitted"] == 1
    assert found.series("isthmus_outbox_crossings")["waiting", "cloud"] == 0
    assert look(world, "cloud").series("isthmus_crossings") == {("ingress", "onprem", "permitted"): 1.0}
    head = world.env("onprem").ledger.head()
    assert head is not None
    assert found.series("isthmus_ledger_entries") == {(): float(head.sequence)}


def test_a_refusal_counts_under_its_rules(world: World) -> None:
    send(world, purpose="marketing")
    found = look(world)
    assert found.series("isthmus_crossings") == {("egress", "cloud", "denied"): 1.0}
    [(labels, count)] = found.series("isthmus_crossing_rules").items()
    assert (labels[:3], count) == (("egress", "cloud", "denied"), 1.0)
    assert labels[3] != "other"


def test_a_destination_falls_behind(world: World) -> None:
    crossing = send(world)
    ingress(world.env("cloud"), "onprem", crossing)
    settle(world.env("onprem"), "cloud", crossing)
    assert look(world).series("isthmus_asset_behind_versions") == {("visits", "cloud"): 0.0}
    second = world.add(rows(31))
    world.now += dt.timedelta(days=2000)
    found = look(world)
    assert found.series("isthmus_asset_behind_versions") == {("visits", "cloud"): 1.0}
    seconds = (world.now - dt.datetime.fromisoformat(second.created)).total_seconds()
    assert found.series("isthmus_asset_behind_seconds")["visits", "cloud"] == seconds


def test_no_value_of_the_data_is_in_the_text(world: World) -> None:
    send(world)
    send(world, 40, "run-2/sync-1", "marketing")
    folder = world.folder("onprem")
    text = exposition(look(world), "").body + (folder.root / "index" / "tally.db").read_bytes()
    assert b"isthmus_crossing_rules_total" in text
    for value in (SENTINEL, "P0001", "run-1/sync-1", "marketing"):
        assert value.encode() not in text


def test_the_tally_is_the_same_all_at_once_and_by_and_by(world: World) -> None:
    folder = world.folder("onprem")
    for number in range(4):
        send(world, 30 + number, f"run-{number}/sync-1", "marketing" if number % 2 else "model-training")
        by_and_by = tally(folder)
    (folder.root / "index" / "tally.db").unlink()
    assert tally(folder) == by_and_by
    assert sum(by_and_by.crossings.values()) == 4


def test_a_later_look_reads_no_entry_again(world: World) -> None:
    folder = world.folder("onprem")
    send(world)
    send(world, 31, "run-2/sync-1")
    before = tally(folder)
    with sqlite3.connect(folder.ledger / "ledger.db") as database:  # read again, they would be refused
        database.execute(
            "UPDATE entries SET payload = '{}' WHERE sequence < (SELECT max(sequence) FROM entries)"
        )
    send(world, 32, "run-3/sync-1")
    assert before.crossings == {("egress", "cloud", "permitted"): 2}
    assert tally(folder).crossings == {("egress", "cloud", "permitted"): 3}


@pytest.mark.parametrize("damage", ["text", "version"])
def test_a_damaged_tally_is_counted_again(world: World, damage: str) -> None:
    folder = world.folder("onprem")
    send(world)
    before, path = tally(folder), folder.root / "index" / "tally.db"
    if damage == "text":
        path.write_bytes(b"no database at all" * 100)
    else:
        with sqlite3.connect(path) as database:
            database.execute("PRAGMA user_version=9")
    assert tally(folder) == before


def test_a_restored_ledger_is_counted_from_its_beginning(world: World) -> None:
    folder = world.folder("onprem")
    send(world)
    shutil.copytree(folder.ledger, world.root / "backup")
    send(world, 31, "run-2/sync-1", "marketing")
    assert sum(tally(folder).crossings.values()) == 2
    shutil.rmtree(folder.ledger)
    shutil.copytree(world.root / "backup", folder.ledger)
    send(world, 32, "run-3/sync-1")
    assert tally(folder).crossings == {("egress", "cloud", "permitted"): 2}


def test_what_cannot_be_read_is_told_and_its_numbers_are_absent(world: World) -> None:
    send(world)
    (world.folder("onprem").ledger / "ledger.db").write_bytes(b"not a ledger" * 1000)
    found = look(world)
    told = readable(found)
    assert (told["ledger"], told["store"]) == (0, 0)
    assert (told["worker"], told["gate"], told["certificates"]) == (0, 0, 0)
    assert told["trust"] == 1
    assert found.series("isthmus_crossings") == found.series("isthmus_ledger_entries") == {}


def test_certificates_and_parts_say_what_they_wrote(world: World) -> None:
    folder = world.folder("onprem")
    write_dask_certificates(folder, "onprem")
    worker = {
        "reachable": True,
        "spares": 2,
        "running": {"steps": 1, "pipelines": 0},
        "counts": {"completed": 3},
    }
    worker |= {"last_poll": 1.0, "took": {"unlisted.step": [[1, *[0] * len(BOUNDS)], 0.05]}}
    write_private(folder.run / "worker.json", json.dumps(worker).encode())
    write_private(folder.run / "gate.json", json.dumps({"withheld": 4, "counts": {"asked": 9}}).encode())
    world.now = dt.datetime.now(dt.UTC)
    found = look(world)
    left = found.series("isthmus_certificate_remaining_seconds")
    assert {role for (role,) in left} == {"ca", "scheduler", "worker", "client"}
    assert all(300 * 86400 < seconds < 400 * 86400 for seconds in left.values())
    assert found.series("isthmus_worker_spares") == {(): 2.0}
    assert found.series("isthmus_worker_runs_running") == {("steps",): 1.0, ("pipelines",): 0.0}
    assert found.series("isthmus_worker_runs") == {("completed",): 3.0}
    assert found.series("isthmus_gate_withheld") == {(): 4.0}
    assert set(found.histograms("isthmus_step_seconds")) == {("other",)}
    assert (readable(found)["worker"], readable(found)["gate"]) == (1, 1)


def test_what_is_queued_counts_from_when_it_was_queued(world: World) -> None:
    enqueue(world.env("onprem"), world.request(world.add(rows(10))))
    world.now += dt.timedelta(seconds=70)
    found = look(world)
    assert found.series("isthmus_outbox_crossings")["queued", "cloud"] == 1
    assert found.series("isthmus_outbox_oldest_seconds")["queued", "cloud"] == 70
    assert found.series("isthmus_outbox_crossings")["queued", "edge"] == 0
    queue = world.folder("onprem").outbox / "queue.db"
    queue.write_bytes(b"no database at all" * 99)
    damaged = look(world)
    assert readable(damaged)["outbox"] == 0
    assert ("queued", "cloud") not in damaged.series("isthmus_outbox_crossings")
    assert readable(damaged)["ledger"] == 1
