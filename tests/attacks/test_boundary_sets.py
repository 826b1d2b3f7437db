"""Attacks on a set: a hostile source, with its genuine keys, signs one thing and lists another.

Whatever is refused: nothing of the set is there, and the destination's store is as it was.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "contract_suites"))
from boundary_forgery import changed, refused
from boundary_world import World, rows, visits

from data_contracts.digest import digest_bytes
from data_contracts.errors import UsageError
from data_contracts.labels import Classification, Labels
from environments.boundary import CrossingRequest, Member, egress, ingress, preparing, settle
from environments.boundary.contents import Contents
from environments.boundary.crossing import SET
from environments.boundary.manifest import Manifest, open_manifest, seal_manifest
from environments.boundary.members import MemberTerms
from environments.boundary.outbox import Outbox
from environments.boundary.sealing import MAX_CONTENTS, Seal
from environments.stores import FileEntry

pytestmark = pytest.mark.attack
NAMES = ("bands", "machines", "model_inputs")
gate = sys.modules["environments.boundary.egress"]


def asked(world: World, names: tuple[str, ...] = NAMES, request_id: str = "run-1/sync-1") -> CrossingRequest:
    """Add the assets and return the request for all of them."""
    records = [world.add(rows(30 + number), name=name) for number, name in enumerate(names)]
    members = [Member(record.name, record.version) for record in records]
    return CrossingRequest.of(members, "cloud", "model-training", request_id)


@dataclass(frozen=True)
class Sent:
    """A set that lies in the transit, as its source sealed and signed it."""

    world: World
    crossing: str

    def place(self, what: str) -> Path:
        return self.world.transit() / self.crossing[7:] / what

    def resign(self, change: Callable[[Manifest], Manifest]) -> None:
        """Replace the manifest by another that the source signs."""
        identity = self.world.env("onprem").identity
        manifest, _ = open_manifest(self.place("manifest").read_bytes(), identity.public)
        self.place("manifest").write_bytes(seal_manifest(change(manifest), identity))

    def relist(self, change: Callable[[tuple[MemberTerms, ...]], tuple[MemberTerms, ...]]) -> None:
        """List other members, under the crossing's own key, and sign the digest of that list."""
        outbox = Outbox(self.world.folder("onprem").outbox / self.crossing[7:])
        attempt = outbox.read_attempt()
        assert attempt is not None
        seal = Seal(attempt.key, self.crossing, len(attempt.parts))
        raw = seal.open("contents", 0, self.place("contents").read_bytes(), limit=MAX_CONTENTS)
        contents = Contents.from_bytes(raw)
        sealed = seal.close("contents", 0, replace(contents, members=change(contents.members)).to_bytes())
        self.place("contents").write_bytes(sealed)
        self.resign(lambda m: replace(m, contents=digest_bytes(sealed), contents_size=len(sealed)))


@pytest.fixture(scope="module")
def genuine(tmp_path_factory: pytest.TempPathFactory) -> Sent:
    world = World(tmp_path_factory.mktemp("set"))
    sent = egress(world.env("onprem"), asked(world))
    assert sent.outcome == "permitted"
    return Sent(world, sent.crossing)


@pytest.fixture
def sent(genuine: Sent) -> Iterator[Sent]:
    """The same set for each lie: what is refused changes nothing, and the transit is put back."""
    before = {what: genuine.place(what).read_bytes() for what in ("manifest", "contents")}
    yield genuine
    for what, raw in before.items():
        genuine.place(what).write_bytes(raw)


def left_out(members: tuple[MemberTerms, ...]) -> tuple[MemberTerms, ...]:
    first, *rest = members
    return (replace(first, files=first.files + rest[0].files), *rest[1:])


def doubled(members: tuple[MemberTerms, ...]) -> tuple[MemberTerms, ...]:
    return (*members, replace(members[-1], name="zzz"))


def reordered(members: tuple[MemberTerms, ...]) -> tuple[MemberTerms, ...]:
    return members[::-1]


def renamed(members: tuple[MemberTerms, ...]) -> tuple[MemberTerms, ...]:
    return (replace(members[0], name="aaa"), *members[1:])


def other_source_version(members: tuple[MemberTerms, ...]) -> tuple[MemberTerms, ...]:
    return (replace(members[0], source_version=digest_bytes(b"another")), *members[1:])


def other_version(members: tuple[MemberTerms, ...]) -> tuple[MemberTerms, ...]:
    return (replace(members[0], version=members[1].version), *members[1:])


def other_contract(members: tuple[MemberTerms, ...]) -> tuple[MemberTerms, ...]:
    return (replace(members[0], contract_digest=digest_bytes(b"another")), *members[1:])


def other_arrival(members: tuple[MemberTerms, ...]) -> tuple[MemberTerms, ...]:
    return (replace(members[0], arrival_digest=digest_bytes(b"another")), *members[1:])


def other_decision(members: tuple[MemberTerms, ...]) -> tuple[MemberTerms, ...]:
    return (replace(members[0], decision=digest_bytes(b"another")), *members[1:])


def more_rows(members: tuple[MemberTerms, ...]) -> tuple[MemberTerms, ...]:
    return (replace(members[0], rows=members[0].rows + 1), *members[1:])


def swapped_rows(members: tuple[MemberTerms, ...]) -> tuple[MemberTerms, ...]:
    """The sum is the one that was signed; the check of each member's rows is what finds it."""
    first, second, *rest = members
    return (replace(first, rows=second.rows), replace(second, rows=first.rows), *rest)


LIES = [left_out, doubled, reordered, renamed, other_source_version, other_version, other_contract,
        other_arrival, other_decision, more_rows]  # fmt: skip


@pytest.mark.parametrize("lie", LIES)
def test_members_other_than_those_that_were_signed(
    sent: Sent, lie: Callable[[tuple[MemberTerms, ...]], tuple[MemberTerms, ...]]
) -> None:
    sent.relist(lie)
    refused(sent.world, sent.crossing, "members")


def test_rows_that_two_members_swapped(sent: Sent) -> None:
    sent.relist(swapped_rows)
    refused(sent.world, sent.crossing, "files")


MANIFESTS: dict[str, tuple[Callable[[Manifest], Manifest], str]] = {
    "a member fewer is counted": (lambda m: replace(m, count=2, members=m.members[:2]), "manifest"),
    "a subject is left out": (lambda m: replace(m, members=m.members[1:]), "manifest"),
    "a subject is swapped": (
        lambda m: replace(m, members=(replace(m.members[0], version=digest_bytes(b"x")), *m.members[1:])),
        "manifest",
    ),
    "subjects in another order": (lambda m: replace(m, members=m.members[::-1]), "manifest"),
    "an extra subject": (
        lambda m: replace(m, members=(*m.members, Member("zzz", digest_bytes(b"x")))),
        "manifest",
    ),
    "labels that are lower": (
        lambda m: replace(m, labels=Labels(Classification.PUBLIC)),
        "members",
    ),
    "rows of another set": (lambda m: replace(m, rows=m.rows + 1), "members"),
    "contracts of another set": (lambda m: replace(m, arrival_digest=digest_bytes(b"x")), "members"),
}  # fmt: skip


@pytest.mark.parametrize("lie", MANIFESTS)
def test_a_manifest_that_says_something_else_of_its_set(sent: Sent, lie: str) -> None:
    change, rule = MANIFESTS[lie]
    sent.resign(change)
    refused(sent.world, sent.crossing, rule)


def test_a_set_that_is_called_one_asset(sent: Sent) -> None:
    sent.resign(
        lambda m: replace(
            m,
            kind="data",
            count=1,
            members=(),
            contract=sent.world.contract().reference,
            arrival="clinic.visits.cloud.model-training@1.0.0",
        )
    )
    env = sent.world.env("cloud")
    assert ingress(env, "onprem", sent.crossing).outcome == "denied"  # no contract has a list's digest
    assert env.store.names() == ()


def test_the_contents_of_another_set(sent: Sent) -> None:
    """A mix of two sets: the manifest of one beside the list of contents of the other."""
    world = sent.world
    other = egress(world.env("onprem"), asked(world, ("bands", "other"), "run-1/sync-2"))
    sent.place("contents").write_bytes((world.transit() / other.crossing[7:] / "contents").read_bytes())
    refused(world, sent.crossing, "members")


def test_the_order_in_which_members_are_named_is_no_other_set(tmp_path: Path) -> None:
    world = World(tmp_path)
    request = asked(world)
    again = CrossingRequest.of(reversed(request.members), "cloud", "model-training", "run-1/sync-1")
    assert again == request


def add_under(world: World, name: str, crossings: list[dict[str, Any]]) -> Member:
    """Add an asset under a contract of its own."""
    document = {**visits(*crossings, version="1.0.0"), "id": f"clinic.{name}"}
    world.documents["onprem"] = [document, visits()]
    world.documents["cloud"] = [visits(), document]
    record = world.add(rows(20), name=name)
    return Member(record.name, record.version)


ELSEWHERE = {"to": "edge", "purposes": ["model-training"], "columns": {"score": "keep"}}


def test_one_member_that_its_terms_deny_keeps_all_at_home(tmp_path: Path) -> None:
    world = World(tmp_path)
    request = asked(world)
    secret = add_under(world, "secret", [ELSEWHERE])
    wanted = CrossingRequest.of([*request.members, secret], "cloud", "model-training", "run-1/sync-1")
    sent = egress(world.env("onprem"), wanted)
    assert sent.outcome == "denied"
    assert {rule.id.partition(":")[0] for rule in sent.rules} == {"secret"}
    assert not [path for path in world.transit().rglob("*") if path.is_file()]


def test_one_member_that_the_destination_denies_keeps_all_out(tmp_path: Path) -> None:
    world = World(tmp_path)
    request = asked(world)
    other = add_under(world, "other", [])
    wanted = CrossingRequest.of([*request.members, other], "cloud", "model-training", "run-1/sync-1")
    sent = egress(world.env("onprem"), wanted)
    assert sent.outcome == "permitted"
    world.documents["cloud"] = [visits()]  # the destination does not know the contract of one of them
    arrived = ingress(world.env("cloud"), "onprem", sent.crossing)
    assert arrived.outcome == "denied"
    assert {rule.id.partition(":")[0] for rule in arrived.rules} == {"other"}
    assert world.env("cloud").store.names() == ()
    assert settle(world.env("onprem"), "cloud", sent.crossing).outcome == "denied"


def test_one_member_whose_bytes_were_changed_keeps_all_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hostile source seals other bytes for one member than its output was checked to be."""
    world = World(tmp_path)
    request = asked(world)
    prepare = preparing.prepare

    def lie(*given: Any) -> Any:
        found = prepare(*given)
        path = next(iter(found[1].files.values()))
        path.write_bytes(b"PAR1 no such thing PAR1")
        entry = FileEntry(path.name, 23, (digest_bytes(path.read_bytes()),), (23,))
        return (found[0], replace(found[1], entries=(entry,), files={path.name: path}), *found[2:])

    monkeypatch.setattr(gate, "prepare", lie)
    crossing = egress(world.env("onprem"), request).crossing
    monkeypatch.undo()
    refused(world, crossing, "files")


def test_a_set_with_a_missing_member_sends_nothing(tmp_path: Path) -> None:
    world = World(tmp_path)
    request = asked(world)
    missing = CrossingRequest.of(
        [*request.members, Member("gone", digest_bytes(b"gone"))], "cloud", "model-training", "run-1/sync-1"
    )
    before = world.files("onprem")
    with pytest.raises(UsageError, match="lacks a member, and nothing was sent: no asset is named gone"):
        egress(world.env("onprem"), missing)
    assert changed(before, world.files("onprem")) == set()
    assert not world.transit().exists()
    assert missing.name == SET
