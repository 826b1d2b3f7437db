"""A hostile transit and network: what lies between is changed, and nothing changes at the destination.

Each test makes a genuine crossing, attacks it, and shows that ingress refuses it, that the store, keys and
outbox of the destination are bit for bit what they were, and that its ledger gained the one entry that
says so.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "contract_suites"))
from boundary_world import World, rows

from data_contracts.digest import canonical
from environments.boundary import CrossingFailedError, EgressResult, egress, ingress, settle
from environments.ledger import verify_ledger

pytestmark = pytest.mark.attack


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.fixture
def sent(world: World) -> EgressResult:
    return egress(world.env("onprem"), world.request(world.add(rows())))


def lying(world: World, sent: EgressResult, what: str) -> Path:
    return world.transit() / sent.crossing[7:] / what


def chunks(world: World, sent: EgressResult) -> list[Path]:
    return sorted(lying(world, sent, "chunks").iterdir())


def changed(before: dict[str, str], after: dict[str, str]) -> set[str]:
    return {Path(path).name for path in before.keys() | after.keys() if before.get(path) != after.get(path)}


def refused(world: World, crossing: str, rule: str, *, name: str = "cloud", source: str = "onprem") -> None:
    env = world.env(name)
    before, entries = world.files("onprem", "cloud", "edge"), len(list(env.ledger.entries()))
    with pytest.raises(CrossingFailedError) as caught:
        ingress(env, source, crossing)
    assert caught.value.rule == rule
    assert changed(before, world.files("onprem", "cloud", "edge")) <= {"ledger.db", "ledger.db-journal"}
    assert env.store.names() == ()
    assert not list(world.folder(name).store.glob("staging/*/data/*"))
    told = list(env.ledger.entries())[entries:]
    assert [(entry.kind, entry.body["outcome"], entry.body["rules"][0]["id"]) for entry in told] == [
        ("ingress", "failed", rule)
    ]
    assert verify_ledger(world.folder(name).ledger, env.identity.public).success


def healed(world: World, sent: EgressResult) -> None:
    """The source's next attempt of the same crossing mends what was changed, whatever stands in its way."""
    record = world.env("onprem").store.record("visits")
    for path in world.transit().rglob("*"):
        # What no egress can put a file over, an operator removes.
        if path.is_dir() and path.parent.name in ("chunks", sent.crossing[7:]) and path.name != "chunks":
            path.rmdir()
    again = egress(world.env("onprem"), world.request(record))
    assert (again.crossing, again.outcome) == (sent.crossing, "permitted")
    arrived = ingress(world.env("cloud"), "onprem", sent.crossing)
    assert (arrived.outcome, arrived.version) == ("permitted", sent.version)
    assert settle(world.env("onprem"), "cloud", sent.crossing).outcome == "permitted"


def test_the_crossing_is_genuine_before_the_attack(world: World, sent: EgressResult) -> None:
    assert len(chunks(world, sent)) == 3
    assert ingress(world.env("cloud"), "onprem", sent.crossing).outcome == "permitted"


def flip(path: Path, position: int = 40) -> None:
    data = bytearray(path.read_bytes())
    data[position % len(data)] ^= 1
    path.write_bytes(data)


CHANGES: dict[str, Callable[[Path, Path], object]] = {
    "flipped": lambda path, _: flip(path),
    "flipped in the nonce": lambda path, _: flip(path, 0),
    "flipped in the tag": lambda path, _: flip(path, -1),
    "truncated": lambda path, _: path.write_bytes(path.read_bytes()[:-1]),
    "emptied": lambda path, _: path.write_bytes(b""),
    "lengthened": lambda path, _: path.write_bytes(path.read_bytes() + b"\0"),
    "missing": lambda path, _: path.unlink(),
    "another's": lambda path, other: shutil.copyfile(other, path),
    "a folder": lambda path, _: (path.unlink(), path.mkdir()),
    "a link": lambda path, other: (path.unlink(), path.symlink_to(other)),
    "a pipe": lambda path, _: (path.unlink(), os.mkfifo(path)),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_changed_chunk(world: World, sent: EgressResult, change: Callable[[Path, Path], object]) -> None:
    first, second, _ = chunks(world, sent)
    change(first, second)
    refused(world, sent.crossing, "chunks")
    healed(world, sent)


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_changed_list_of_contents(
    world: World, sent: EgressResult, change: Callable[[Path, Path], object]
) -> None:
    change(lying(world, sent, "contents"), chunks(world, sent)[0])
    refused(world, sent.crossing, "chunks")
    healed(world, sent)


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_changed_manifest(world: World, sent: EgressResult, change: Callable[[Path, Path], object]) -> None:
    change(lying(world, sent, "manifest"), lying(world, sent, "contents"))
    refused(world, sent.crossing, "manifest")


def test_two_chunks_swapped(world: World, sent: EgressResult) -> None:
    first, second, _ = chunks(world, sent)
    one, two = first.read_bytes(), second.read_bytes()
    first.write_bytes(two)
    second.write_bytes(one)
    refused(world, sent.crossing, "chunks")


def test_a_chunk_of_another_crossing_of_the_same_bytes(world: World, sent: EgressResult) -> None:
    record = world.env("onprem").store.record("visits")
    other = egress(world.env("onprem"), world.request(record, request_id="run-2"))
    mine, theirs = chunks(world, sent)[0], chunks(world, other)[0]
    assert mine.name == theirs.name
    shutil.copyfile(theirs, mine)
    refused(world, sent.crossing, "chunks")


def test_a_chunk_of_another_pair(world: World, sent: EgressResult, tmp_path: Path) -> None:
    """Two environments with other keys cross the same bytes: at another address, under another key."""
    others = World(tmp_path / "others")
    other = egress(others.env("onprem"), others.request(others.add(rows())))
    assert not {path.name for path in chunks(others, other)} & {path.name for path in chunks(world, sent)}
    shutil.copyfile(chunks(others, other)[0], chunks(world, sent)[0])
    refused(world, sent.crossing, "chunks")


def test_chunks_too_many_are_never_looked_at(world: World, sent: EgressResult) -> None:
    """What the signed list does not name has no effect: not on what is committed, and it is not read."""
    first = chunks(world, sent)[0]
    for name in ("0" * 64, "f" * 64, "evil"):
        os.mkfifo(first.with_name(name))  # whoever opened one to read it would wait for ever
    shutil.copyfile(first, first.with_name("1" * 64))
    arrived = ingress(world.env("cloud"), "onprem", sent.crossing)
    assert (arrived.outcome, arrived.version) == ("permitted", sent.version)
    store = world.env("cloud").store
    [record] = store.versions("visits")
    store.verify(record)


def test_everything_of_another_crossing(world: World, sent: EgressResult) -> None:
    record = world.env("onprem").store.record("visits")
    other = egress(world.env("onprem"), world.request(record, request_id="run-2"))
    shutil.rmtree(lying(world, sent, "."))
    shutil.copytree(lying(world, other, "."), lying(world, sent, "."))
    refused(world, sent.crossing, "manifest")


def test_a_mix_of_two_versions(world: World, sent: EgressResult) -> None:
    other = egress(world.env("onprem"), world.request(world.add(rows(200))))
    for name in ("contents", "chunks"):
        path = lying(world, sent, name)
        shutil.rmtree(path) if path.is_dir() else path.unlink()
        source = lying(world, other, name)
        shutil.copytree(source, path) if source.is_dir() else shutil.copyfile(source, path)
    refused(world, sent.crossing, "chunks")


def test_another_destinations_manifest(world: World, sent: EgressResult) -> None:
    shutil.copytree(world.transit(), world.transit("onprem", "edge"))
    refused(world, sent.crossing, "manifest", name="edge")


def test_a_manifest_under_another_sources_name(world: World, sent: EgressResult) -> None:
    shutil.copytree(world.transit(), world.transit("edge", "cloud"))
    refused(world, sent.crossing, "manifest", source="edge")


def test_a_folder_of_the_transit_that_is_a_link(world: World, sent: EgressResult) -> None:
    place = lying(world, sent, ".")
    place.rename(world.root / "elsewhere")
    place.symlink_to(world.root / "elsewhere")
    refused(world, sent.crossing, "manifest")


def test_an_endless_manifest(world: World, sent: EgressResult) -> None:
    with lying(world, sent, "manifest").open("wb") as file:
        file.truncate(1 << 40)
    refused(world, sent.crossing, "manifest")


def test_an_endless_chunk(world: World, sent: EgressResult) -> None:
    with chunks(world, sent)[0].open("r+b") as file:
        file.truncate(1 << 40)
    refused(world, sent.crossing, "chunks")


@pytest.mark.parametrize(
    "change",
    [
        lambda envelope: {**envelope, "signatures": []},
        lambda envelope: {**envelope, "signatures": envelope["signatures"] * 2},
        lambda envelope: {**envelope, "payloadType": "application/json"},
        lambda envelope: {**envelope, "extra": 1},
        lambda envelope: {key: envelope[key] for key in ("payload", "payloadType")},
        lambda envelope: {**envelope, "payload": envelope["payload"] + "\n"},
        lambda envelope: {
            **envelope,
            "signatures": [{"keyid": envelope["signatures"][0]["keyid"], "sig": ""}],
        },
        lambda _: [],
        lambda _: None,
        lambda envelope: {
            **envelope,
            "signatures": [{**envelope["signatures"][0], "keyid": "sha256:" + "0" * 64}],
        },
    ],
    ids=[
        "unsigned",
        "signed twice",
        "type",
        "extra",
        "no signatures",
        "newline",
        "empty",
        "list",
        "null",
        "keyid",
    ],
)
def test_an_envelope_of_another_shape(
    world: World, sent: EgressResult, change: Callable[[dict[str, object]], object]
) -> None:
    path = lying(world, sent, "manifest")
    path.write_bytes(canonical(change(json.loads(path.read_bytes()))))
    refused(world, sent.crossing, "manifest")


def test_duplicate_keys_in_the_envelope(world: World, sent: EgressResult) -> None:
    path = lying(world, sent, "manifest")
    path.write_bytes(path.read_bytes()[:-1] + b',"payloadType":"application/vnd.in-toto+json"}')
    refused(world, sent.crossing, "manifest")


def test_an_envelope_in_another_form(world: World, sent: EgressResult) -> None:
    path = lying(world, sent, "manifest")
    path.write_bytes(path.read_bytes() + b"\n")
    refused(world, sent.crossing, "manifest")


def test_deeply_nested_json(world: World, sent: EgressResult) -> None:
    lying(world, sent, "manifest").write_bytes(b"[" * 500_000)
    refused(world, sent.crossing, "manifest")


def test_random_changes_to_a_genuine_crossing(world: World, sent: EgressResult) -> None:
    seed = random.Random(20261123)  # noqa: S311 - repeatable, not secret
    files = [lying(world, sent, "manifest"), lying(world, sent, "contents"), *chunks(world, sent)]
    genuine = {path: path.read_bytes() for path in files}
    before = world.files("cloud")
    for _ in range(150):
        path = seed.choice(files)
        data = bytearray(genuine[path])
        where = seed.randrange(len(data))
        kind = seed.randrange(3)
        if kind == 0:
            data[where] ^= 1 << seed.randrange(8)
        elif kind == 1:
            del data[where : where + seed.randrange(1, 64)]
        else:
            data[where:where] = seed.randbytes(seed.randrange(1, 64))
        path.write_bytes(data)
        with pytest.raises(CrossingFailedError):
            ingress(world.env("cloud"), "onprem", sent.crossing)
        path.write_bytes(genuine[path])
    assert changed(before, world.files("cloud")) <= {"ledger.db", "ledger.db-journal"}
    assert ingress(world.env("cloud"), "onprem", sent.crossing).outcome == "permitted"


def test_a_replayed_crossing_commits_nothing_again(world: World, sent: EgressResult) -> None:
    kept = world.root / "kept"
    shutil.copytree(world.transit(), kept)
    arrived = ingress(world.env("cloud"), "onprem", sent.crossing)
    settle(world.env("onprem"), "cloud", sent.crossing)
    shutil.rmtree(world.transit())
    shutil.copytree(kept, world.transit())
    before = world.files("onprem", "cloud")
    assert ingress(world.env("cloud"), "onprem", sent.crossing) == arrived
    assert world.files("onprem", "cloud") == before
    assert len(world.env("cloud").store.versions("visits")) == 1


def test_the_transit_changes_between_check_and_commit(world: World, sent: EgressResult) -> None:
    def progress(point: str) -> None:
        if point in ("ingress.check", "ingress.commit"):
            for path in world.transit().rglob("*"):
                if path.is_file():
                    path.write_bytes(b"changed after it was verified")

    arrived = ingress(world.env("cloud", progress=progress), "onprem", sent.crossing)
    assert (arrived.outcome, arrived.version) == ("permitted", sent.version)
    store = world.env("cloud").store
    store.verify(store.record("visits"))


def test_a_withheld_receipt_settles_nothing(world: World, sent: EgressResult) -> None:
    ingress(world.env("cloud"), "onprem", sent.crossing)
    lying(world, sent, "receipt").unlink()
    before = world.files("onprem", "cloud")
    with pytest.raises(CrossingFailedError, match="no receipt"):
        settle(world.env("onprem"), "cloud", sent.crossing)
    assert changed(before, world.files("onprem", "cloud")) <= {"ledger.db", "ledger.db-journal"}
    # The destination sends the very same receipt again.
    ingress(world.env("cloud"), "onprem", sent.crossing)
    assert settle(world.env("onprem"), "cloud", sent.crossing).outcome == "permitted"
