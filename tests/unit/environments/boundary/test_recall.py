"""A recall over the world of the gate: source, destination, further on; killed, late, refused, again."""

from __future__ import annotations

import datetime as dt
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[3] / "contract_suites"))
from asking_world import KEYS
from boundary_world import rows, visits
from recall_world import RecallWorld

from data_contracts.errors import UsageError
from environments.approval import Approval
from environments.boundary import (
    CrossingFailedError,
    CrossingRequest,
    egress,
    ingress,
    record_approval,
    settle,
    waiting,
)
from environments.boundary.recall import erase, preview, recall, report, settle_recall
from environments.consistency.account import read_accounts
from environments.consistency.examining import examine
from environments.holds import Hold
from environments.ledger import find_entries, verify_ledger
from environments.stores import LocalStore
from environments.trust.approvals import new_approval, sign_approval


@pytest.fixture
def world(tmp_path: Path) -> RecallWorld:
    return RecallWorld(tmp_path)


def told(world: RecallWorld, record: Any) -> dict[str, Any]:
    return report(world.env("onprem"), record.name, record.version)


def regulated(driver: str) -> dict[str, Any]:
    kept = {"property": "retention", "value": 2, "unit": "y", "driver": driver, "element": "visits"}
    stands = {
        "rule": "sla.retention",
        "by": "Dr. A. Owner",
        "date": "2026-11-02",
        "reason": "the archive does it",
    }
    document = visits() | {"slaProperties": [kept]}
    own = {"property": "isthmusAcknowledged", "value": [stands]}
    return document | {"customProperties": [*document["customProperties"], own]}


def test_the_copy_what_was_derived_and_what_went_on_are_erased(world: RecallWorld) -> None:
    record = world.fill()
    assert world.names("cloud") == ("of_summary", "summary", "visits")
    asked = world.recall(record)
    [(destination, request)] = asked.requests
    assert world.pursue("onprem", destination, request) == "erased"
    assert (world.names("cloud"), world.names("edge")) == ((), ())
    assert world.names("onprem") == ("visits",), "the source's own stays"
    [cloud] = told(world, record)["destinations"]
    assert (cloud["environment"], cloud["outcome"], cloud["remaining"]) == ("cloud", "erased", [])
    assert [name.partition("@")[0] for name in cloud["erased"]] == ["of_summary", "summary", "visits"]
    assert cloud["reason"] is None
    for name in ("onprem", "cloud", "edge"):
        assert verify_ledger(world.folder(name).ledger, world.env(name).identity.public).success
    assert not any(path.is_file() for path in world.transit().rglob("*"))
    stones = LocalStore(world.folder("cloud").store).tombstones("summary")
    assert [stone.record.name for stone in stones] == ["summary"], "lineage and audit still know of it"


def test_until_the_last_has_answered_it_waits(world: RecallWorld) -> None:
    record = world.fill()
    [(_, request)] = world.recall(record).requests
    assert told(world, record)["destinations"][0]["outcome"] == "waiting"
    assert settle_recall(world.env("onprem"), "cloud", request).outcome == "waiting"
    erase(world.env("cloud"), "onprem", request)
    settled = settle_recall(world.env("onprem"), "cloud", request)
    assert (settled.outcome, settled.erased, settled.remaining) == ("waiting", 3, 1)
    [cloud] = told(world, record)["destinations"]
    assert cloud["reason"] == "edge: not answered yet"
    assert world.names("edge") == ("summary",)
    for name in ("onprem", "cloud", "edge"):
        env = world.env(name)
        found = list(examine(env, read_accounts(env.ledger.entries())))
        assert found == [], "a recall under way, and what was erased, are nothing that does not agree"


def test_again_asks_only_those_that_have_not_answered(world: RecallWorld) -> None:
    record = world.fill()
    [(_, request)] = world.recall(record).requests
    world.pursue("onprem", "cloud", request)
    asked = len(find_entries(world.folder("onprem").ledger, kind="recall", crossing=request))
    again = world.recall(record)
    assert again.requests == (("cloud", request),)
    assert len(find_entries(world.folder("onprem").ledger, kind="recall", crossing=request)) == asked
    assert not any(path.is_file() for path in world.transit().rglob("*"))
    world.recall(record, again=True)
    assert world.pursue("onprem", "cloud", request) == "erased"


def test_asked_under_a_clock_that_was_ahead_it_is_asked_again_under_the_right_one(world: RecallWorld) -> None:
    """Queued seeds 951 and 1186: it was sent again as it stood, and refused until that time had come."""
    record = world.fill()
    world.now += dt.timedelta(hours=1)
    [(destination, request)] = world.recall(record).requests
    world.now -= dt.timedelta(hours=1)
    with pytest.raises(CrossingFailedError, match="signed in the future"):
        erase(world.env("cloud"), "onprem", request)
    assert world.names("cloud") == ("of_summary", "summary", "visits")
    assert world.recall(record).requests == ((destination, request),)
    assert world.pursue("onprem", destination, request) == "erased"


def test_a_hold_and_a_duty_to_keep_refuse_with_their_reasons(world: RecallWorld) -> None:
    for name in ("onprem", "cloud", "edge"):
        world.documents[name][0] = regulated("regulatory")
    hold = Hold("of_summary", "court order 12 O 3/26", dt.date(2027, 1, 31))
    world.profiles["cloud"] = replace(world.profiles["cloud"], holds=(hold,))
    record = world.fill()
    [(_, request)] = world.recall(record).requests
    assert world.pursue("onprem", "cloud", request) == "refused"
    assert world.names("cloud") == ("of_summary", "visits"), "what nothing keeps is erased all the same"
    [cloud] = told(world, record)["destinations"]
    assert cloud["outcome"] == "refused"
    assert "legal hold until 2027-01-31: court order 12 O 3/26" in cloud["reason"]
    assert "retention duty of clinic.visits@1.0.0 until 20" in cloud["reason"]
    world.profiles["cloud"] = replace(world.profiles["cloud"], holds=())
    world.recall(record, again=True)
    assert world.pursue("onprem", "cloud", request) == "refused"
    assert world.names("cloud") == ("visits",), "what was held is erased when it is asked for again"


def test_a_retention_that_no_law_demands_keeps_nothing(world: RecallWorld) -> None:
    for name in ("onprem", "cloud", "edge"):
        world.documents[name][0] = regulated("operational")
    [(_, request)] = world.recall(world.fill()).requests
    assert world.pursue("onprem", "cloud", request) == "erased"


def test_what_was_never_sent_is_no_recall(world: RecallWorld) -> None:
    record = world.add(rows())
    before = world.files("onprem", "cloud", "edge")
    with pytest.raises(UsageError, match="ever sent") as caught:
        recall(world.env("onprem"), record.name, record.version, world.wish(record))
    assert caught.value.exit_code == 2
    assert world.files("onprem", "cloud", "edge") == before


def test_what_is_under_way_does_not_arrive_any_more(world: RecallWorld) -> None:
    record = world.add(rows())
    sent = egress(
        world.env("onprem"), CrossingRequest("visits", record.version, "cloud", "model-training", "r")
    )
    transit = {path: path.read_bytes() for path in world.transit().rglob("*") if path.is_file()}
    [(_, request)] = world.recall(record).requests
    assert not any("chunks" in str(path) for path in world.transit().rglob("*") if path.is_file())
    answer = erase(world.env("cloud"), "onprem", request)
    assert (answer.outcome, answer.erased) == ("erased", ())
    for path, body in transit.items():  # a transit that keeps what was removed from it
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
    arrived = ingress(world.env("cloud"), "onprem", sent.crossing)
    assert (arrived.outcome, [rule.id for rule in arrived.rules]) == ("denied", ["recalled"])
    assert world.names("cloud") == ()
    assert settle(world.env("onprem"), "cloud", sent.crossing).outcome == "denied"


def test_what_comes_back_is_found_by_the_next_recall(world: RecallWorld) -> None:
    record = world.add(rows())
    there = world.cross("onprem", record, "cloud", "model-training")
    [(_, request)] = world.recall(record).requests
    world.pursue("onprem", "cloud", request)
    world.derive("cloud", "late", there)  # a step that was running, or a backup
    world.recall(record, again=True)
    assert world.pursue("onprem", "cloud", request) == "erased"
    assert world.names("cloud") == ()
    assert [name.partition("@")[0] for name in told(world, record)["destinations"][0]["erased"]] == [
        "late",
        "visits",
    ]


def test_the_same_bytes_of_another_version_stay_and_the_answer_says_so(world: RecallWorld) -> None:
    record = world.fill()
    other = world.derive("cloud", "others_own", body=0.5)
    [(_, request)] = world.recall(record).requests
    answer = erase(world.env("cloud"), "onprem", request)
    assert answer.shared == 1
    assert world.names("cloud") == ("others_own",)
    world.env("cloud").store.verify(other)


@pytest.mark.parametrize(
    "step", ["erase.verify", "erase.remove", "erase.forward", "erase.record", "erase.send"]
)
def test_killed_at_any_step_and_run_again(world: RecallWorld, step: str) -> None:
    record = world.fill()
    [(_, request)] = world.recall(record).requests

    def stop(phase: str) -> None:
        if phase == step:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        erase(world.env("cloud", progress=stop), "onprem", request)
    assert world.pursue("onprem", "cloud", request) == "erased"
    assert (world.names("cloud"), world.names("edge")) == ((), ())


def test_a_recall_waits_for_a_second_person_where_the_file_says_so(world: RecallWorld) -> None:
    rule = Approval(purposes=("recall",), approvers=("bob",))
    world.profiles["onprem"] = replace(world.profiles["onprem"], approval=rule)
    record = world.fill()
    first = world.recall(record)
    assert (first.outcome, [rule.id for rule in first.rules], first.requests) == ("denied", ["approval"], ())
    [one] = waiting(find_entries(world.folder("onprem").ledger, kind="recall"), "onprem")
    raw = sign_approval(new_approval("bob", one.wish, world.now), KEYS["bob"])
    assert record_approval(world.env("onprem"), one.wish.crossing, raw).approver == "bob"
    assert world.recall(record).outcome == "permitted"
    assert waiting(find_entries(world.folder("onprem").ledger, kind="recall"), "onprem") == []


def test_what_a_dry_run_shows_changes_nothing(world: RecallWorld) -> None:
    record = world.fill()
    before = world.files("onprem", "cloud", "edge")
    [sent] = preview(world.env("onprem"), record.name, record.version)
    assert (sent.destination, [name for name, _ in sent.arrived], sent.open) == ("cloud", ["visits"], ())
    assert world.files("onprem", "cloud", "edge") == before
