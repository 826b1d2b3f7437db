"""`reconcile`: what does not agree is found on the side where it is, and only what is lawful is repaired."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from boundary_world import World, rows

from environments.boundary import CrossingRequest, egress, ingress, settle
from environments.boundary.crossing import Member
from environments.boundary.looking import stale_work
from environments.consistency.account import Account, Came, Sent
from environments.consistency.comparing import compare
from environments.consistency.findings import Finding
from environments.consistency.index import follow
from environments.consistency.reconciling import find, repair, tell
from environments.locking import held
from environments.stores import AssetRecord


class Killed(BaseException):
    """A process that ended here."""


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.fixture
def record(world: World) -> AssetRecord:
    return world.add(rows(60))


def send(world: World, record: AssetRecord) -> str:
    return egress(world.env("onprem"), world.request(record)).crossing


def cross(world: World, record: AssetRecord) -> str:
    crossing = send(world, record)
    ingress(world.env("cloud"), "onprem", crossing)
    settle(world.env("onprem"), "cloud", crossing)
    return crossing


def found(world: World, *, every_byte: bool = False) -> list[Finding]:
    """Ask both sides, as the command does."""
    sides = {"onprem": "cloud", "cloud": "onprem"}
    told = {name: tell(world.env(name), [peer]) for name, peer in sides.items()}
    answers = []
    for name, peer in sides.items():
        answers += find(world.env(name), {peer: told[peer][name]}, every_byte=every_byte)
    return answers


def repaired(world: World) -> list[Finding]:
    done = []
    for actions in (("sweep", "work", "ingress", "clear"), ("settle",)):
        for each in found(world):
            done += [one for one in repair(world.env(each.environment), [each], actions) if one.done]
    return done


def words(findings: list[Finding]) -> list[tuple[str, str, str]]:
    return [(each.environment, each.kind, each.action) for each in findings]


def killed_at(world: World, name: str, step: str) -> object:
    def progress(phase: str) -> None:
        if phase == step:
            raise Killed

    return world.env(name, progress=progress)


def test_two_sides_that_agree_say_so(world: World, record: AssetRecord) -> None:
    assert found(world) == []
    cross(world, record)
    assert found(world) == []


def test_a_crossing_on_its_way_is_no_finding(world: World, record: AssetRecord) -> None:
    send(world, record)
    assert found(world) == []


def test_an_answer_that_lies_there_is_read(world: World, record: AssetRecord) -> None:
    crossing = send(world, record)
    ingress(world.env("cloud"), "onprem", crossing)
    assert ("onprem", "half-done", "settle") in words(found(world))
    assert not any(each.grave for each in found(world))
    repaired(world)
    assert found(world) == []
    last = world.env("onprem").ledger.find("settle", crossing=crossing)
    assert last is not None
    assert last.body["outcome"] == "permitted"


def test_a_receipt_that_was_lost_on_the_way_is_sent_again_and_read(world: World, record: AssetRecord) -> None:
    crossing = send(world, record)
    ingress(world.env("cloud"), "onprem", crossing)
    shutil.rmtree(world.transit())
    assert words(found(world)) == [("onprem", "half-done", "settle"), ("cloud", "half-done", "ingress")]
    repaired(world)
    assert found(world) == []


@pytest.mark.parametrize("step", ["ingress.record", "ingress.witness", "ingress.receipt", "ingress.send"])
def test_a_commit_that_nobody_recorded_or_answered_is_ended(
    world: World, record: AssetRecord, step: str
) -> None:
    crossing = send(world, record)
    with pytest.raises(Killed):
        ingress(killed_at(world, "cloud", step), "onprem", crossing)  # type: ignore[arg-type]
    assert ("cloud", "half-done", "ingress") in words(found(world))
    repaired(world)
    assert found(world) == []
    assert len(world.env("cloud").store.versions(record.name)) == 1


def test_leftovers_of_a_settled_crossing_go(world: World, record: AssetRecord) -> None:
    crossing = send(world, record)
    kept = world.root / "kept"
    shutil.copytree(world.transit(), kept)
    ingress(world.env("cloud"), "onprem", crossing)
    settle(world.env("onprem"), "cloud", crossing)
    shutil.copytree(kept, world.transit(), dirs_exist_ok=True)
    assert words(found(world)) == [("onprem", "orphaned", "clear")]
    repaired(world)
    assert found(world) == []
    assert list(world.transit().iterdir()) == []


def test_what_arrived_and_is_not_permitted_any_more_was_not_taken_back(
    world: World, record: AssetRecord
) -> None:
    """The same request again is denied by now: nothing of what arrived is said to be too much there."""
    cross(world, record)
    world.profiles["onprem"] = replace(world.profiles["onprem"], egress=())
    assert egress(world.env("onprem"), world.request(record)).outcome == "denied"
    assert found(world) == []


def test_drafts_and_output_of_dead_writers_go(world: World, record: AssetRecord) -> None:
    with pytest.raises(Killed):
        egress(killed_at(world, "onprem", "egress.seal"), world.request(record))  # type: ignore[arg-type]
    staged = world.folder("onprem").store / "staging" / ("a" * 16)
    (staged / "data").mkdir(parents=True)
    kinds = {(each.kind, each.action) for each in found(world)}
    assert kinds == {("orphaned", "work"), ("orphaned", "sweep")}
    repaired(world)
    assert found(world) == []
    assert not staged.exists()
    assert not list(world.folder("onprem").outbox.glob("*/work"))


def test_a_half_written_file_of_a_crossing_that_nobody_comes_back_to_goes(
    world: World, record: AssetRecord
) -> None:
    """Killed over the receipt, and the source took the crossing back meanwhile (queued seed 505)."""
    crossing = cross(world, record)
    place = world.folder("cloud").outbox / crossing.removeprefix("sha256:")
    draft = place / ".receipt.4649.7f0001cc"
    draft.write_bytes(b"half")
    draft.with_name(".manifest.4649.7f0001cd").write_bytes(b"half")
    assert stale_work(world.env("cloud")) == (crossing,)
    with held(place / "lock", "another process"):
        assert found(world) == []
    assert {(each.kind, each.action) for each in found(world)} == {("orphaned", "work")}
    repaired(world)
    assert found(world) == []
    assert not draft.exists()
    assert (place / "receipt").exists()


def test_a_draft_whose_writer_lives_is_left_alone(world: World) -> None:
    with world.env("onprem").store.begin("other") as draft:
        assert found(world) == []
        assert draft.path.is_dir()


def test_what_nobody_here_sent_is_told_and_not_touched(world: World, record: AssetRecord) -> None:
    cross(world, record)
    stranger = world.transit() / ("e" * 64)
    stranger.mkdir(parents=True)
    (stranger / "manifest").write_bytes(b"?")
    [told] = found(world)
    assert (told.kind, told.grave, told.repair) == ("orphaned", True, "")
    assert repaired(world) == []
    assert (stranger / "manifest").read_bytes() == b"?"


@pytest.mark.parametrize("every_byte", [False, True])
def test_an_altered_version_is_told_and_never_replaced(
    world: World, record: AssetRecord, every_byte: bool
) -> None:
    cross(world, record)
    path = min(world.folder("cloud").store.rglob("*.parquet"))
    path.chmod(0o600)
    altered = bytearray(path.read_bytes())
    altered[100] ^= 1
    path.write_bytes(bytes(altered) if every_byte else bytes(altered[:-1]))
    before = path.read_bytes()
    [told] = found(world, every_byte=every_byte)
    assert (told.environment, told.kind, told.grave) == ("cloud", "altered", True)
    assert repaired(world) == []
    assert path.read_bytes() == before


def test_a_version_that_is_gone_is_missing(world: World, record: AssetRecord) -> None:
    cross(world, record)
    shutil.rmtree(world.folder("cloud").store / "assets" / record.name)
    [told] = found(world)
    assert (told.environment, told.kind, told.grave) == ("cloud", "missing", True)


def test_a_ledger_of_before_is_not_taken_for_an_account_and_nothing_is_made_good(
    world: World, record: AssetRecord
) -> None:
    cross(world, record)
    shutil.rmtree(world.folder("cloud").ledger)  # cut, with all that says which heads were shown
    told = {(each.environment, each.kind, each.about): each for each in found(world)}
    account = told["onprem", "altered", "the account of cloud"]
    assert account.grave
    assert "does not agree" in account.what
    assert repaired(world) == []
    assert world.env("cloud").ledger.find("ingress") is None


def test_an_account_for_another_or_changed_on_the_way_is_refused(world: World, record: AssetRecord) -> None:
    cross(world, record)
    told = tell(world.env("cloud"), ["onprem", "edge"])
    [other] = find(world.env("onprem"), {"cloud": told["edge"]})
    assert (other.kind, "for another" in other.what) == ("altered", True)
    changed = {**told["onprem"], "lists": {**told["onprem"]["lists"], "came": []}}
    [other] = find(world.env("onprem"), {"cloud": changed})
    assert (other.kind, "not the ones that were signed" in other.what) == ("altered", True)


def test_what_two_signed_ledgers_contradict_each_other_about_is_left_alone() -> None:
    sent = {"a": Sent("visits", "v", ("m",), "permitted"), "b": Sent("visits", "v", ("m",), "permitted")}
    sent |= {"c": Sent("visits", "v", ("m",), "denied"), "d": Sent("visits", "v", ("m",), "withdrawn")}
    came = {"b": Came("visits", "w", "m"), "c": Came("visits", "v", "m"), "d": Came("visits", "v", "m")}
    came["e"] = Came("visits", "v", "m")
    told = compare("onprem", "cloud", Account(sent=sent), Account(came=came))
    assert {each.about: each.kind for each in told} == {
        "a": "missing", "b": "altered", "c": "altered", "d": "extra", "e": "extra"
    }  # fmt: skip
    assert all(each.grave and not each.action for each in told)


def test_a_set_is_one_crossing_and_each_of_its_members_must_stand(world: World, record: AssetRecord) -> None:
    other = world.add(rows(61), name="other")
    members = [Member(each.name, each.version) for each in (record, other)]
    asked = CrossingRequest.of(members, "cloud", "model-training", "run-1/set")
    crossing = egress(world.env("onprem"), asked).crossing
    ingress(world.env("cloud"), "onprem", crossing)
    assert ("onprem", "half-done", "settle") in words(found(world))
    repaired(world)
    assert found(world) == []
    followed = follow(world.folder("onprem"), world.env("onprem").store)
    outcomes = {
        name: {to: one.outcome for to, one in mine.items()} for name, mine in followed.standings.items()
    }
    assert outcomes == {"visits": {"cloud": "permitted"}, "other": {"cloud": "permitted"}}
    shutil.rmtree(world.folder("cloud").store / "assets" / "other")
    told = found(world)
    assert [(each.environment, each.kind) for each in told] == [("cloud", "missing")]
    assert "other@" in told[0].what
