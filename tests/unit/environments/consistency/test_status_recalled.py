"""`asset status` of what was recalled: nothing that its destination erased is said to be there."""

from __future__ import annotations

from pathlib import Path

import pytest
from boundary_world import rows
from recall_world import RecallWorld

from environments.boundary import CrossingRequest, egress, ingress, settle
from environments.boundary.crossing import Member
from environments.boundary.recall import erase, settle_recall
from environments.consistency import Row, Source, status_of
from environments.consistency.rows import Answer
from environments.stores import AssetRecord


@pytest.fixture
def world(tmp_path: Path) -> RecallWorld:
    return RecallWorld(tmp_path)


def status(world: RecallWorld, where: str = "onprem") -> dict[tuple[str, str], Row]:
    env = world.env(where)
    source = Source(env.folder, env.store, env.peers, lambda *_: Answer(lies=False), env.clock)
    return {(row.asset, row.destination): row for row in status_of(source)}


def recalled(world: RecallWorld, record: AssetRecord) -> None:
    [(_, request)] = world.recall(record).requests
    assert world.pursue("onprem", "cloud", request) == "erased"


def test_what_was_recalled_is_there_no_more_also_what_was_made_of_it(world: RecallWorld) -> None:
    record = world.fill()
    before = status(world)["visits", "cloud"]
    assert (before.state, before.there) == ("current", record.version)
    assert status(world, "cloud")["summary", "edge"].state == "current"
    recalled(world, record)
    for row in (status(world)["visits", "cloud"], status(world, "cloud")["summary", "edge"]):
        assert (row.state, row.there, row.arrived, row.behind) == ("recalled", "", "", 0)


def test_what_is_sent_anew_after_a_recall_is_there(world: RecallWorld) -> None:
    record = world.fill()
    recalled(world, record)
    world.cross("onprem", record, "cloud", "model-training", "once more")
    assert status(world)["visits", "cloud"].state == "current"


def test_a_newer_version_stays_where_an_older_one_was_recalled(world: RecallWorld) -> None:
    older, newer = world.add(rows(40)), world.add(rows(41))
    for record, request in ((older, "1"), (newer, "2")):
        world.cross("onprem", record, "cloud", "model-training", request)
    recalled(world, older)
    row = status(world)["visits", "cloud"]
    assert (row.state, row.there) == ("current", newer.version)


def test_where_only_what_was_recalled_is_there_a_newer_version_waits(world: RecallWorld) -> None:
    older = world.add(rows(40))
    world.cross("onprem", older, "cloud", "model-training", "1")
    world.add(rows(41))
    recalled(world, older)
    row = status(world)["visits", "cloud"]
    assert (row.state, row.there, row.behind, row.note) == ("waiting", "", 2, "the last answer was recalled")


@pytest.mark.parametrize("together", [False, True])
def test_a_receipt_that_comes_home_after_the_erasure_changes_nothing(
    world: RecallWorld, together: bool
) -> None:
    record = world.add(rows(40))
    members = [Member("visits", record.version)]
    if together:
        members.append(Member("others", world.add(rows(41), name="others").version))
    asked = CrossingRequest.of(members, "cloud", "model-training", "1")
    sent = egress(world.env("onprem"), asked)
    assert ingress(world.env("cloud"), "onprem", sent.crossing).outcome == "permitted"
    with world.receipt_away(sent.crossing):
        [(_, request)] = world.recall(record).requests
        assert erase(world.env("cloud"), "onprem", request).outcome == "erased"
        assert settle_recall(world.env("onprem"), "cloud", request).outcome == "erased"
    assert settle(world.env("onprem"), "cloud", sent.crossing).outcome == "permitted"
    found = status(world)
    assert (found["visits", "cloud"].state, found["visits", "cloud"].there) == ("recalled", "")
    if together:
        assert (found["others", "cloud"].state, found["others", "cloud"].arrived) == ("current", "")
