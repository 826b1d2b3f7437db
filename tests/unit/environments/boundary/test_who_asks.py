"""Who asks, at both gates: by what was signed, and by each side's own trust document."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from asking_world import AskingWorld
from boundary_world import rows

from environments.boundary import CrossingRequest, egress, ingress, rehearse, settle
from environments.ledger import find_entries
from environments.ledger.explain import explain
from environments.stores import AssetRecord
from environments.trust.nonces import KEPT, Nonces
from environments.trust.requests import sync_asks

DAY = dt.timedelta(days=1)


@pytest.fixture
def world(tmp_path: Path) -> AskingWorld:
    return AskingWorld(tmp_path)


@pytest.fixture
def record(world: AskingWorld) -> AssetRecord:
    return world.add(rows(60))


def cross(world: AskingWorld, request: CrossingRequest, signed: bytes | None) -> list[str]:
    """Return how each side ended."""
    sent = egress(world.env("onprem"), request, signed)
    if sent.outcome != "permitted":
        return [sent.outcome]
    arrived = ingress(world.env("cloud"), "onprem", sent.crossing, signed)
    return [sent.outcome, arrived.outcome, settle(world.env("onprem"), "cloud", sent.crossing).outcome]


def told(world: AskingWorld, name: str) -> list[tuple[object, object]]:
    """Return requester and attribution of every entry of one side's ledger that has them."""
    bodies = [entry.body for entry in world.env(name).ledger.entries()]
    return [(body["requester"], body.get("attribution")) for body in bodies if "requester" in body]


def test_a_name_is_in_both_ledgers_and_in_the_receipt_of_neither_alone(
    world: AskingWorld, record: AssetRecord
) -> None:
    request = world.request(record)
    assert cross(world, request, world.sync("anna", request)) == ["permitted"] * 3
    assert told(world, "onprem") == [("anna", "verified"), ("anna", None)]
    assert told(world, "cloud") == [("anna", "verified")]
    for name in ("onprem", "cloud"):
        assert explain(find_entries(world.folder(name).ledger))["who"]["requester"] == "anna"


def test_who_does_not_sign_is_unattributed_and_lines_for_everybody_take_it(
    world: AskingWorld, record: AssetRecord
) -> None:
    request = world.request(record)
    assert cross(world, request, None) == ["denied"]
    world.demand("onprem", "cloud", requesters=("unattributed",))
    assert cross(world, request, None) == ["permitted"] * 3
    assert told(world, "cloud") == [("unattributed", "unsigned")]


def test_one_run_makes_several_crossings_under_one_signature(world: AskingWorld, record: AssetRecord) -> None:
    signed = world.sign("nightly", "run")
    for site in ("sync-1", "train-tests"):
        request = world.request(record, request_id=f"run-1/{site}")
        assert cross(world, request, signed) == ["permitted"] * 3
    # A retry of the run, days later in its link's time, is the same run.
    assert cross(world, world.request(record, request_id="run-1/sync-1"), signed) == ["permitted"] * 3


def test_a_deploy_stands_behind_every_run_of_its_schedule(world: AskingWorld, record: AssetRecord) -> None:
    signed = world.sign("nightly", "deploy")
    for day in range(3):
        world.now += day * DAY
        assert (
            cross(world, world.request(record, request_id=f"run-{day}/sync-1"), signed) == ["permitted"] * 3
        )


def test_a_crossing_that_waits_for_its_link_keeps_its_requester(
    world: AskingWorld, record: AssetRecord
) -> None:
    """The statement counts for a day, the manifest for a week: the destination goes by when it was sent."""
    request = world.request(record)
    signed = world.sync("anna", request)
    crossing = egress(world.env("onprem"), request, signed).crossing
    world.now += 5 * DAY
    assert ingress(world.env("cloud"), "onprem", crossing, signed).outcome == "permitted"
    assert told(world, "cloud") == [("anna", "verified")]


def test_who_goes_on_with_a_crossing_signs_anew_and_later_than_the_manifest(
    world: AskingWorld, record: AssetRecord
) -> None:
    request = world.request(record)
    first = egress(world.env("onprem"), request, world.sync("anna", request))
    world.now += 2 * DAY
    again = world.sync("anna", request)
    assert egress(world.env("onprem"), request, again).manifest == first.manifest
    assert ingress(world.env("cloud"), "onprem", first.crossing, again).outcome == "permitted"


def test_another_requester_goes_on_under_a_manifest_of_their_own(
    world: AskingWorld, record: AssetRecord
) -> None:
    request = world.request(record)
    first = egress(world.env("onprem"), request, world.sync("anna", request))
    signed = world.sync("bob", request)
    second = egress(world.env("onprem"), request, signed)
    assert (second.crossing, second.manifest != first.manifest) == (first.crossing, True)
    assert ingress(world.env("cloud"), "onprem", first.crossing, signed).outcome == "permitted"
    assert told(world, "cloud") == [("bob", "verified")]


def test_a_rehearsal_asks_the_same_and_takes_nothing(world: AskingWorld, record: AssetRecord) -> None:
    request = world.request(record)
    asks = sync_asks("onprem", "visits", record.version, "cloud", "model-training", rehearsal=True)
    signed = world.sign("anna", "sync", "visits", asks)
    before = world.files("onprem")
    assert rehearse(world.env("onprem"), request, signed).outcome == "permitted"
    [denial] = rehearse(world.env("onprem"), request).rules
    assert denial.id == "requester"
    # What stays is what the environment remembers of its own work, as of every rehearsal.
    after = {path: digest for path, digest in world.files("onprem").items() if "/economy/" not in path}
    assert after == before


def test_a_nonce_is_of_one_thing_until_no_statement_could_count(tmp_path: Path) -> None:
    now = dt.datetime(2026, 11, 24, tzinfo=dt.UTC)

    def bind(thing: str, after: dt.timedelta = DAY * 0) -> bool:
        return Nonces(tmp_path / "taken").bind("a" * 32, thing, now + after)

    assert [bind("run 1"), bind("run 1"), bind("run 2"), bind("run 2", KEPT - DAY)] == [
        True,
        True,
        False,
        False,
    ]
    assert bind("run 2", KEPT + 2 * DAY)
    assert not bind("run 1", KEPT + 3 * DAY)


def test_a_damaged_nonce_is_of_something_else(tmp_path: Path) -> None:
    now = dt.datetime(2026, 11, 24, tzinfo=dt.UTC)
    taken = Nonces(tmp_path / "taken")
    assert taken.bind("b" * 32, "run 1", now)
    (tmp_path / "taken" / ("b" * 32)).write_bytes(b"")
    assert not taken.bind("b" * 32, "run 1", now)
