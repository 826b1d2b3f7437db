"""Store and forward at the gate, with real stores, keys and ledgers, and a link that is down for weeks."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path

import pytest
from asking_world import KEYS
from boundary_world import TO_CLOUD, rows, visits
from killed_crossing import leftovers
from pumping_world import PumpingAskingWorld, PumpingWorld, tables

from data_contracts.errors import DeniedError, UsageError
from environments.approval import Approval
from environments.boundaries import BoundaryLimits
from environments.boundary import egress, ingress, record_approval, settle, waiting
from environments.boundary.looking import pinned
from environments.boundary.pump import anything_due
from environments.boundary.queueing import drop
from environments.ledger import find_entries, verify_ledger
from environments.outbox import OutboxLimits, open_outbox
from environments.timetable import parse_window
from environments.trust.approvals import new_approval, sign_approval
from environments.trust.requests import new_request, sign_request

DAY = dt.timedelta(days=1)


@pytest.fixture
def world(tmp_path: Path) -> PumpingWorld:
    return PumpingWorld(tmp_path)


def verified(world: PumpingWorld) -> None:
    for name in ("onprem", "cloud"):
        report = verify_ledger(world.folder(name).ledger, world.env(name).identity.public)
        assert report.success, report.problems


def test_a_link_that_is_down_for_weeks(world: PumpingWorld) -> None:
    """Everything arrives, in order, once; attempts are bounded; nothing is left."""
    records = [world.add(table) for table in tables(3)]
    world.cut()
    for number, record in enumerate(records):
        world.queue(record, f"week-{number}", lasts=60 * DAY)
    attempts = 0
    for _ in range(21):
        attempts += world.pump("onprem")["unreachable"]
        world.now += DAY
    assert attempts == 21
    assert world.states() == ["waiting"] * 3
    with open_outbox(world.folder("onprem")) as outbox:
        line = outbox.line("cloud", "send")
        assert "transit cannot be" in line.reason
        assert line.due is not None
        assert line.failures == 21
        assert 0 < (line.due - (world.now - DAY)).total_seconds() <= 300
    world.heal()
    did = world.until_quiet()
    assert (did["sent"], did["arrived"], did["received_permitted"]) == (3, 3, 3)
    assert world.arrived() == [table.num_rows for table in tables(3)]
    assert world.states() == ["arrived"] * 3
    for number in range(3):
        assert leftovers(world, world.entry(f"week-{number}").crossing) == []
    verified(world)


def test_a_destination_that_is_away_for_weeks(world: PumpingWorld) -> None:
    """The transit is there and nobody takes in: what was signed is signed anew when it counts no more."""
    world.queue(world.add(rows(50)), "slow", lasts=60 * DAY)
    for _ in range(24):
        world.pump("onprem")
        world.now += DAY
    assert world.states() == ["sent"]
    sent = [one for one in world.spoken() if one[0] == "egress"]
    assert len(sent) in {3, 4}
    assert world.pump("onprem") + world.pump("cloud")
    world.until_quiet(step=400.0)
    assert world.states() == ["arrived"]
    assert world.arrived() == [50]
    verified(world)


def test_no_version_overtakes_another(world: PumpingWorld) -> None:
    old, new = world.add(rows(41)), world.add(rows(42))
    world.queue(old, "request-old", priority=1)
    world.queue(new, "request-new", priority=9)
    assert world.entry("request-old").priority == 9  # who waits ahead of something urgent is as urgent
    assert world.entry("request-new").ahead == 1
    world.pump("onprem")
    assert world.states() == ["sent", "waiting"]
    # Asked for past the queue: refused by the gate itself, and recorded.
    direct = egress(world.env("onprem"), world.request(new, request_id="direct"))
    assert [rule.id for rule in direct.rules] == ["order"]
    world.until_quiet()
    assert world.arrived() == [41, 42]
    assert egress(world.env("onprem"), world.request(new, request_id="direct")).outcome == "permitted"


def test_superseding_is_asked_for(world: PumpingWorld) -> None:
    old, middle, new = (world.add(rows(40 + number)) for number in range(3))
    world.queue(old, "request-old")
    world.pump("onprem")
    world.queue(middle, "request-middle")
    world.queue(new, "request-new", supersede=True)
    assert world.states() == ["sent", "superseded", "waiting"]
    assert ("outbox", "superseded", []) in world.spoken()
    world.until_quiet()
    assert world.arrived() == [40, 42]


def test_the_more_urgent_goes_first(world: PumpingWorld) -> None:
    tests, alarms = world.add(rows(40)), world.add(rows(41), name="alarms")
    world.profiles["onprem"] = replace(
        world.profiles["onprem"],
        boundaries=(BoundaryLimits("cloud", assets={"alarms": 8}),),
        outbox=OutboxLimits(in_flight=1),
    )
    world.queue(tests, "request-tests")
    world.queue(alarms, "request-alarms")
    world.pump("onprem")
    assert world.states() == ["waiting", "sent"]


@pytest.mark.parametrize("what", ["contract", "policy", "trust"])
def test_when_its_basis_changes_it_is_decided_again(tmp_path: Path, what: str) -> None:
    """It was lawful when it was queued; by the time that the link is back it is not, and is denied."""
    world = PumpingAskingWorld(tmp_path)
    record = world.add(rows(60))
    signed = world.queued_sign("anna", world.request(record, request_id="request-1"))
    world.cut()
    world.queue(record, "request-1", signed=signed)
    assert world.pump("onprem") == {"unreachable": 1}
    world.now += 3 * DAY
    if what == "contract":
        world.documents["onprem"] = [visits({**TO_CLOUD, "purposes": ["reporting"]}, version="1.0.0")]
    elif what == "policy":
        world.profiles["onprem"] = replace(world.profiles["onprem"], egress=())
    else:
        world.revoke("anna")
    world.heal()
    assert world.pump("onprem") == {"denied": 1}
    entry = world.entry("request-1")
    assert (entry.state, entry.signed) == ("denied", None)
    assert entry.reason
    kind, outcome, rules = world.spoken()[-1]
    assert (kind, outcome) == ("egress", "denied")
    assert rules
    assert not list(world.transit().rglob("manifest"))


def test_what_is_signed_waits_with_its_name(tmp_path: Path) -> None:
    """The destination, that no control plane tells, finds beside the manifest who asks."""
    world = PumpingAskingWorld(tmp_path)
    record = world.add(rows(60))
    signed = world.queued_sign("anna", world.request(record, request_id="request-1"))
    world.cut()
    world.queue(record, "request-1", signed=signed, lasts=60 * DAY)
    world.pump("onprem")
    world.now += 40 * DAY
    world.heal()
    world.until_quiet()
    assert world.states() == ["arrived"]
    there = [entry.body for entry in world.env("cloud").ledger.entries() if entry.kind == "ingress"]
    assert [(body["requester"], body["attribution"]) for body in there] == [("anna", "verified")]


@pytest.mark.parametrize("who", ["anna", "nightly"])
def test_what_a_second_person_must_approve_waits_for_that(tmp_path: Path, who: str) -> None:
    """As it was queued by a person, or by a pipeline whose run a service key signed."""
    world = PumpingAskingWorld(tmp_path)
    asked = Approval(purposes=("model-training",), approvers=("bob",))
    world.profiles["onprem"] = replace(world.profiles["onprem"], approval=asked)
    record = world.add(rows(60))
    request = world.request(record, request_id="request-1")
    run = new_request("nightly", "run", "clinic", world.now, lasts=14 * DAY)
    by_run = sign_request(run, KEYS["nightly"])
    world.queue(
        record, "request-1", signed=by_run if who == "nightly" else world.queued_sign("anna", request)
    )
    assert world.pump("onprem") == {"held_back": 1}
    assert "approval" in world.entry("request-1").reason
    world.now += 2 * DAY
    env = world.env("onprem")
    entries = find_entries(world.folder("onprem").ledger, crossing=world.entry("request-1").crossing)
    [found] = waiting(entries, "onprem")
    record_approval(
        env, found.wish.crossing, sign_approval(new_approval("bob", found.wish, world.now), KEYS["bob"])
    )
    world.until_quiet()
    assert (world.states(), world.arrived()) == (["arrived"], [60])
    [sent] = find_entries(world.folder("onprem").ledger, kind="settle")
    assert sent.body["requester"] == who


def test_what_was_signed_for_a_shorter_time_is_nobodys_after_it(tmp_path: Path) -> None:
    world = PumpingAskingWorld(tmp_path)
    record = world.add(rows(60))
    request = world.request(record, request_id="request-1")
    world.queue(record, "request-1", signed=world.queued_sign("anna", request, lasts=DAY), lasts=9 * DAY)
    world.now += 2 * DAY
    world.pump("onprem")
    assert world.states() == ["denied"]


def test_expired_it_is_recorded_and_taken_back(world: PumpingWorld) -> None:
    unsent, sent = world.add(rows(40)), world.add(rows(41), name="alarms")
    world.queue(sent, "request-sent", lasts=2 * DAY)
    world.pump("onprem")
    assert list(world.transit().rglob("manifest"))
    world.cut()
    world.queue(unsent, "request-unsent", lasts=2 * DAY)
    world.now += 3 * DAY
    # What was sent cannot be taken back while the link is down: it stays, and says so.
    assert world.pump("onprem")["unreachable"] == 1
    assert world.states() == ["sent", "waiting"]
    world.heal()
    world.now += DAY
    assert world.pump("onprem") == {"expired": 2}
    assert world.states() == ["expired", "expired"]
    assert [one for one in world.spoken() if one[0] == "outbox"] == [("outbox", "expired", [])] * 2
    assert ("egress", "denied", ["expired"]) in world.spoken()
    assert not [path for path in world.transit().rglob("*") if path.is_file()]
    assert pinned(world.env("onprem")) == frozenset()
    assert world.pump("cloud") == {}


def test_an_answer_that_lies_there_is_not_taken_back(world: PumpingWorld) -> None:
    world.queue(world.add(rows(40)), "request-1", lasts=DAY)
    world.pump("onprem")
    world.pump("cloud")
    entry = world.entry("request-1")
    world.now += 2 * DAY
    assert not drop(world.env("onprem"), entry)
    assert world.pump("onprem") == {"arrived": 1}


def test_taken_out_it_never_crosses(world: PumpingWorld) -> None:
    record = world.add(rows(40))
    world.queue(record, "request-1")
    world.pump("onprem")
    assert drop(world.env("onprem"), world.entry("request-1"))
    assert world.states() == ["dropped"]
    assert ("outbox", "dropped", []) in world.spoken()
    assert world.pump("cloud") == {}
    again = egress(world.env("onprem"), world.request(record, request_id="request-1"))
    assert [rule.id for rule in again.rules] == ["order"]
    assert world.arrived() == []


def test_a_full_outbox_refuses_and_loses_nothing(world: PumpingWorld) -> None:
    first, second = world.add(rows(40)), world.add(rows(41), name="alarms")
    for limits, said in (
        (OutboxLimits(entries=1), "1 crossings wait"),
        (OutboxLimits(bytes=first.size + 10), "bytes wait"),
    ):
        world.profiles["onprem"] = replace(world.profiles["onprem"], outbox=limits)
        world.queue(first, "request-1")
        with pytest.raises(DeniedError, match=said) as refused:
            world.queue(second, "request-2")
        assert (refused.value.exit_code, bool(refused.value.remedy)) == (3, True)
        assert world.queue(first, "request-1").state == "waiting"  # the same again is no more
        assert world.states() == ["waiting"]


def test_one_dead_destination_holds_up_no_other(world: PumpingWorld) -> None:
    to_edge = {**TO_CLOUD, "to": "edge"}
    world.documents = {name: [visits(TO_CLOUD, to_edge)] for name in world.documents}
    record = world.add(rows(40))
    world.cut("cloud")
    world.queue(record, "request-cloud")
    world.queue(record, "request-edge", destination="edge")
    assert world.pump("onprem", lanes=4) == {"unreachable": 1, "sent": 1}
    world.pump("edge")
    world.now += dt.timedelta(minutes=6)
    assert world.pump("onprem", lanes=4) == {"unreachable": 1, "arrived": 1}


def test_an_environment_that_is_removed_while_crossings_wait_for_it(world: PumpingWorld) -> None:
    record = world.add(rows(40))
    world.queue(record, "request-1")
    cloud = world.profiles.pop("cloud")
    assert world.pump("onprem") == {}
    with open_outbox(world.folder("onprem")) as outbox:
        assert "not declared here any more" in outbox.line("cloud", "send").reason
    assert world.states() == ["waiting"]
    with pytest.raises(UsageError, match="no such environment"):
        world.queue(record, "request-2")
    world.profiles["cloud"] = cloud
    world.now += dt.timedelta(minutes=10)
    world.until_quiet()
    assert world.states() == ["arrived"]


def test_what_a_closed_boundary_holds_back_goes_when_it_opens(world: PumpingWorld) -> None:
    nights = (parse_window("22:00-06:00 UTC"),)  # it is noon
    world.profiles["onprem"] = replace(
        world.profiles["onprem"], boundaries=(BoundaryLimits("cloud", windows=nights),)
    )
    world.queue(world.add(rows(40)), "request-1")
    world.queue(world.add(rows(41), name="alarms"), "request-2")
    assert world.pump("onprem") == {"held_back": 1}  # the line rests: the second is not even asked about
    for _ in range(9):
        world.now += dt.timedelta(hours=1)
        assert world.pump("onprem") == {}
    world.now += dt.timedelta(hours=1)
    assert world.pump("onprem") == {"sent": 2}


def test_what_is_lost_in_the_transit_is_sent_anew(world: PumpingWorld) -> None:
    world.queue(world.add(rows(40)), "request-1")
    world.pump("onprem")
    for path in world.transit().rglob("*"):
        if path.is_file():
            path.unlink()
    world.until_quiet()
    assert world.arrived() == [40]


def test_an_answer_that_is_lost_is_given_again(world: PumpingWorld) -> None:
    world.queue(world.add(rows(40)), "request-1")
    world.pump("onprem")
    world.pump("cloud")
    next(world.transit().rglob("receipt")).unlink()
    world.until_quiet(step=400.0)
    assert (world.states(), world.arrived()) == (["arrived"], [40])


def test_a_clock_that_is_set_back_makes_nobody_wait(world: PumpingWorld) -> None:
    record = world.add(rows(40))
    world.now += 20 * DAY
    world.queue(record, "request-1", lasts=60 * DAY)
    world.cut()
    world.pump("onprem")
    world.heal()
    world.now -= 19 * DAY
    assert world.pump("onprem") == {"sent": 1}


def test_what_was_settled_by_another_way_has_arrived(world: PumpingWorld) -> None:
    world.queue(world.add(rows(40)), "request-1")
    world.pump("onprem")
    world.pump("cloud")
    crossing = world.entry("request-1").crossing
    settle(world.env("onprem"), "cloud", crossing)
    # As a kill between clearing and forgetting leaves it:
    kept = world.folder("onprem").outbox / crossing[7:] / "sealed"
    kept.write_bytes(b"{}")
    (world.transit() / crossing[7:]).mkdir(mode=0o700)
    (world.transit() / crossing[7:] / "contents").write_bytes(b"left")
    world.until_quiet()
    assert world.states() == ["arrived"]
    assert leftovers(world, crossing) == []


def test_what_waits_is_not_collected(world: PumpingWorld) -> None:
    record = world.add(rows(40))
    world.queue(record, "request-1")
    assert (record.name, record.version) in pinned(world.env("onprem"))


def test_what_was_not_queued_is_left_to_whoever_asked_for_it(world: PumpingWorld) -> None:
    """Its requester's statement is with them: taken in without it, it would be nobody's."""
    sent = egress(world.env("onprem"), world.request(world.add(rows(40))))
    for _ in range(5):
        assert world.pump("cloud") == {}
        world.now += dt.timedelta(minutes=1)
    assert ingress(world.env("cloud"), "onprem", sent.crossing).outcome == "permitted"


def test_looking_whether_something_is_due(world: PumpingWorld) -> None:
    def due(name: str) -> bool:
        peers = world.profiles.keys() - {name}
        return anything_due(world.folder(name), world.profiles[name], peers, world.now)

    assert (due("onprem"), due("cloud")) == (False, False)
    world.queue(world.add(rows(40)), "request-1")
    assert (due("onprem"), due("cloud")) == (True, False)
    world.pump("onprem")
    assert (due("onprem"), due("cloud")) == (False, True)
    world.pump("cloud")
    world.now += dt.timedelta(seconds=20)
    assert (due("onprem"), due("cloud")) == (True, False)
    world.until_quiet()
    assert (due("onprem"), due("cloud")) == (False, False)
