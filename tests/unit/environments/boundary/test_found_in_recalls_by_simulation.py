"""What simulated schedules found in recalls, one test for each fault, without them."""

from __future__ import annotations

import datetime as dt
import os
from pathlib import Path

from boundary_world import rows
from recall_world import RecallWorld

from environments.boundary import CrossingRequest, egress, ingress, settle
from environments.boundary.recall import erase, settle_recall
from environments.consistency.collecting import leftovers
from environments.ledger.lookup import find_entries
from environments.trust.nonces import Nonces

DAY = dt.timedelta(days=1)


def test_what_was_recalled_meanwhile_is_not_taken_to_be_held(tmp_path: Path) -> None:
    """The receipt came home after the erasure (queued seed 2463): the next version was refused for it."""
    world = RecallWorld(tmp_path)
    first = world.add(rows(300))
    sent = egress(
        world.env("onprem"), CrossingRequest("visits", first.version, "cloud", "model-training", "1")
    )
    assert ingress(world.env("cloud"), "onprem", sent.crossing).outcome == "permitted"
    with world.receipt_away(sent.crossing):
        [(_, request)] = world.recall(first).requests
        assert erase(world.env("cloud"), "onprem", request).outcome == "erased"
    assert settle(world.env("onprem"), "cloud", sent.crossing).outcome == "permitted"
    assert world.cross("onprem", world.add(rows(400), groups=4), "cloud", "model-training", "2").rows == 400


def refused_as_recalled(world: RecallWorld) -> tuple[object, str]:
    """Recall what is under way, have it sent once more, and refused because it is recalled."""
    record = world.add(rows())
    asked = CrossingRequest("visits", record.version, "cloud", "model-training", "r")
    sent = egress(world.env("onprem"), asked)
    [(_, request)] = world.recall(record).requests
    assert erase(world.env("cloud"), "onprem", request).outcome == "erased"
    egress(world.env("onprem"), asked)
    assert ingress(world.env("cloud"), "onprem", sent.crossing).outcome == "denied"
    assert settle(world.env("onprem"), "cloud", sent.crossing).outcome == "denied"
    return record, request


def test_a_recall_whose_crossing_was_then_refused_is_ended(tmp_path: Path) -> None:
    """Nothing of it counted as sent any more, and so the answer could never be read."""
    world = RecallWorld(tmp_path)
    record, request = refused_as_recalled(world)
    assert world.recall(record).requests == (("cloud", request),)  # type: ignore[arg-type]
    assert settle_recall(world.env("onprem"), "cloud", request).outcome == "erased"
    assert not any(path.is_file() for path in world.transit().rglob("*"))


def test_what_says_that_it_was_committed_stays_where_it_was_recalled_since(tmp_path: Path) -> None:
    """Whoever asked for it once more had the receipt of the commit replaced (queued seed 25867)."""
    world = RecallWorld(tmp_path)
    record = world.fill()
    [(_, request)] = world.recall(record).requests
    assert world.pursue("onprem", "cloud", request) == "erased"
    [barred] = find_entries(world.folder("cloud").ledger, kind="recalled")
    crossing = str(barred.body["crossing"])
    kept = [world.folder(name).outbox / crossing[7:] / "receipt" for name in ("onprem", "cloud")]
    assert kept[0].read_bytes() == kept[1].read_bytes()
    again = ingress(world.env("cloud"), "onprem", crossing)
    assert (again.outcome, [rule.id for rule in again.rules]) == ("denied", ["recalled"])
    assert kept[0].read_bytes() == kept[1].read_bytes()
    assert settle(world.env("onprem"), "cloud", crossing).outcome == "permitted", "it was, before"


def test_a_letter_of_a_recall_that_comes_after_its_last_word_is_cleared(tmp_path: Path) -> None:
    """It lay in the transit for ever, and looked as if it had not been answered."""
    world = RecallWorld(tmp_path)
    record = world.fill()
    [(_, request)] = world.recall(record).requests
    letter = world.transit() / request[7:] / "recall"
    raw = letter.read_bytes()
    assert world.pursue("onprem", "cloud", request) == "erased"
    letter.parent.mkdir(mode=0o700, exist_ok=True)
    letter.write_bytes(raw)
    assert settle_recall(world.env("onprem"), "cloud", request).outcome == "erased"
    assert not letter.exists()
    world.recall(record, again=True)
    assert settle_recall(world.env("onprem"), "cloud", request).outcome == "erased"
    assert letter.exists(), "asked once more, it waits for another answer"


def test_what_is_left_of_a_recall_that_is_over_goes_with_other_leftovers(tmp_path: Path) -> None:
    """Its answer was recorded, and the process killed before the transit was emptied: nobody came again."""
    world = RecallWorld(tmp_path)
    _, request = refused_as_recalled(world)
    letter = world.transit() / request[7:] / "recall"
    raw = letter.read_bytes()
    assert leftovers(world.env("onprem"), dry_run=False) == [], "not answered yet"
    assert settle_recall(world.env("onprem"), "cloud", request).outcome == "erased"
    letter.parent.mkdir(mode=0o700, exist_ok=True)
    letter.write_bytes(raw)
    assert len(leftovers(world.env("onprem"), dry_run=False)) == 1
    assert not letter.exists()


def test_the_half_written_record_of_a_request_goes_after_a_day(tmp_path: Path) -> None:
    """One that was being written when its writer was killed stayed for ever."""
    nonces, now = Nonces(tmp_path / "requests"), dt.datetime(2026, 11, 23, 12, tzinfo=dt.UTC)
    nonces.bind("00" * 16, "run-1", now)
    draft = tmp_path / "requests" / f".{'11' * 16}.4711.0123abcd"
    draft.write_bytes(b"half")
    for after, there in ((dt.timedelta(hours=1), True), (3 * DAY, False)):
        os.utime(draft, (now.timestamp(), now.timestamp()))
        nonces.bind("00" * 16, "run-1", now + after)
        assert draft.exists() is there

    assert nonces.bind("00" * 16, "run-2", now + 3 * DAY) is False
