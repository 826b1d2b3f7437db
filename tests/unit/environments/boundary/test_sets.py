"""Several assets as one crossing: all of them arrive at once, whatever is killed on the way, or none."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest
from boundary_world import World, rows

from data_contracts.digest import digest_bytes, digest_json
from data_contracts.errors import UsageError
from data_contracts.labels import Classification, Labels
from data_contracts.sandbox.probing import probe_files
from environments.boundary import CrossingRequest, Member, egress, ingress, rehearse, settle
from environments.boundary.checking import decoded_together
from environments.boundary.contents import Contents, list_contents
from environments.boundary.crossing import MAX_MEMBERS, SET
from environments.boundary.manifest import MAX_SUBJECTS, named_members, open_manifest
from environments.boundary.members import MemberTerms
from environments.ledger import verify_ledger
from environments.stores import FileEntry, version_of

NAMES = ("bands", "machines")
LABELS = Labels(Classification.INTERNAL)
POINTS = [
    "egress.seal",
    "egress.publish",
    "ingress.open",
    "ingress.commit",
    "ingress.record",
    "settle.record",
]


class PowerCutError(BaseException):
    """Stands for the end of the process: nothing of ours may catch it."""


def ask(world: World, count: int = 20) -> CrossingRequest:
    records = [world.add(rows(count + number), name=name) for number, name in enumerate(NAMES)]
    members = [Member(record.name, record.version) for record in records]
    return CrossingRequest.of(members, "cloud", "model-training", "run-1/sync-1")


def cross(world: World, request: CrossingRequest, stop: str = "") -> None:
    def progress(point: str) -> None:
        if point == stop:
            raise PowerCutError

    sent = egress(world.env("onprem", progress=progress), request)
    ingress(world.env("cloud", progress=progress), "onprem", sent.crossing)
    settle(world.env("onprem", progress=progress), "cloud", sent.crossing)


def arrived(world: World) -> dict[str, int]:
    view = world.env("cloud").store.snapshot()
    return {name: len(view.versions(name)) for name in view.names()}


def test_a_set_is_one_crossing_one_manifest_one_receipt_and_one_entry_on_each_side(tmp_path: Path) -> None:
    world = World(tmp_path)
    request = ask(world)
    assert (request.name, request.version) == (SET, digest_json(sorted(map(str, request.members))))
    sent = egress(world.env("onprem"), request)
    place = world.transit() / sent.crossing[7:]
    manifest, _ = open_manifest((place / "manifest").read_bytes(), world.env("onprem").identity.public)
    assert len(list((place / "chunks").iterdir())) == 1, "small files of several assets share a part"
    assert [member.name for member in manifest.members] == list(NAMES)
    assert not any(name.encode() in path.read_bytes() for name in NAMES for path in place.rglob("contents"))
    taken = ingress(world.env("cloud"), "onprem", sent.crossing)
    assert (taken.outcome, taken.members, taken.version) == ("permitted", manifest.members, sent.version)
    assert ingress(world.env("cloud"), "onprem", sent.crossing) == taken
    closed = settle(world.env("onprem"), "cloud", sent.crossing)
    assert (closed.outcome, closed.version) == ("permitted", sent.version)
    store = world.env("cloud").store
    for member, asked in zip(taken.members, request.members, strict=True):
        record = store.record(member.name)
        store.verify(record)
        assert record.version == member.version
        assert record.lineage["crossing"] == sent.crossing
        assert record.lineage["inputs"][0]["version"] == asked.version
        assert record.contract_ref == "clinic.visits.cloud.model-training@1.0.0"
    for name, kinds in (("onprem", {"egress", "settle"}), ("cloud", {"ingress"})):
        entries = [entry for entry in world.env(name).ledger.entries() if entry.kind in kinds]
        assert [(entry.body["name"], entry.body["outcome"]) for entry in entries] == [
            (SET, "permitted")
        ] * len(kinds)
        assert all(entry.body["count"] == 2 for entry in entries if entry.kind != "settle")
        assert verify_ledger(world.folder(name).ledger, world.env(name).identity.public).success


@pytest.mark.parametrize("point", POINTS)
def test_stopped_at_any_point_all_members_arrive_at_once(tmp_path: Path, point: str) -> None:
    world = World(tmp_path)
    request = ask(world)
    with pytest.raises(PowerCutError):
        cross(world, request, point)
    assert arrived(world) in ({}, dict.fromkeys(NAMES, 1))
    cross(world, request)
    assert arrived(world) == dict.fromkeys(NAMES, 1)


def test_what_the_destination_holds_of_the_members_is_not_sent_again(tmp_path: Path) -> None:
    world = World(tmp_path)
    request = ask(world)
    cross(world, request)
    more = world.add(rows(77), name="more")
    wider = CrossingRequest.of(
        [*request.members, Member(more.name, more.version)], "cloud", "model-training", "run-2/sync-1"
    )
    rehearsed = rehearse(world.env("onprem"), wider)
    alone = CrossingRequest(more.name, more.version, "cloud", "model-training", "run-3/sync-1")
    assert rehearsed.size == rehearse(world.env("onprem"), alone).size > 0
    assert rehearsed.rows > 77
    cross(world, wider)
    assert arrived(world) == {"bands": 2, "machines": 2, "more": 1}
    one = CrossingRequest("bands", request.members[0].version, "cloud", "model-training", "run-4/sync-1")
    assert rehearse(world.env("onprem"), one).size == 0


def test_requests_that_are_no_set() -> None:
    version = digest_bytes(b"v")
    one = CrossingRequest.of([Member("bands", version)], "cloud", "model-training", "r")
    assert one == CrossingRequest("bands", version, "cloud", "model-training", "r")
    twice = [Member("bands", version), Member("bands", digest_bytes(b"w"))]
    many = [Member(f"asset-{number}", version) for number in range(MAX_MEMBERS + 1)]
    for members in ([], twice, many):
        with pytest.raises(UsageError):
            CrossingRequest.of(members, "cloud", "model-training", "r")
    with pytest.raises(UsageError, match="not that of its members"):
        CrossingRequest(SET, version, "cloud", "model-training", "r", members=tuple(many[:2]))


def test_a_manifest_names_as_many_members_as_fit_into_it() -> None:
    members = [Member(f"asset-{number}", digest_bytes(b"v")) for number in range(MAX_SUBJECTS + 1)]
    assert named_members(members) == ()
    assert named_members(members[1:]) == tuple(members[1:])


def test_ten_thousand_small_files_are_a_few_dozen_parts() -> None:
    entries = tuple(
        FileEntry("data.bin", 10_000, (digest_bytes(b"%d" % n),), (10_000,)) for n in range(10_000)
    )
    world_of = digest_bytes(b"x")
    terms = tuple(
        MemberTerms(
            f"asset-{number:05d}", world_of, "a@1.0.0", world_of, "a@1.0.0", world_of, world_of,
            LABELS, "data", version_of([entry]), 0, 1,
        )
        for number, entry in enumerate(entries)
    )  # fmt: skip
    listed = list_contents(entries, members=terms)
    assert len(listed.parts()) == 24
    assert Contents.from_bytes(listed.to_bytes()) == listed


def test_files_of_many_members_are_decoded_in_one_child(tmp_path: Path) -> None:
    """What one child did not decode to its end is left for others, with all that was beside it."""
    good, other, bad = (tmp_path / f"{name}.parquet" for name in ("good", "other", "bad"))
    for path in (good, other):
        pq.write_table(rows(20), path)
    bad.write_bytes(good.read_bytes()[:-9])
    assert decoded_together([[good], [other]]) == {good, other}
    assert decoded_together([[good], [bad], [other]]) == frozenset()
    assert decoded_together([]) == frozenset()
    assert probe_files([good, other])
    assert not probe_files([good, bad])
