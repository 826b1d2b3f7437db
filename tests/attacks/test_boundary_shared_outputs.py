"""An output is used again only where it must be the same; one that was altered never is.

Counts are of the work itself: the partitions that the terms were applied to.
"""

from __future__ import annotations

import copy
import json
import shutil
import sys
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "contract_suites"))
from boundary_world import COLUMNS, World, rows, visits

from environments.boundary import EgressResult, egress, ingress
from environments.boundary.economy import shared
from environments.boundary.partitions import TransformPart
from environments.stores import AssetRecord

pytestmark = pytest.mark.attack
Crossing = dict[str, Any]


def terms(to: str, *purposes: str, **columns: Any) -> Crossing:
    joined = {"patient": {"pseudonymise": {"joinable": "patients"}}}
    told = {"to": to, "purposes": list(purposes or ("model-training",))}
    return {**told, "columns": {**COLUMNS, **joined, **columns}}


def declare(world: World, *crossings: Crossing, version: str = "1.0.0") -> None:
    for name in world.documents:
        world.documents[name] = [copy.deepcopy(visits(*crossings, version=version))]


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path)
    declare(made, terms("cloud"), terms("edge"))
    return made


def crossed(
    world: World, record: AssetRecord, ask: str, destination: str = "cloud", **more: Any
) -> tuple[EgressResult, int]:
    """Send, and return how many parts the terms were applied to for it."""
    done = []

    def over(function: Callable[[Any], Any], items: Iterable[Any], /) -> list[Any]:
        parts = list(items)
        if isinstance(function, TransformPart):
            done.extend(parts)
        return [function(item) for item in parts]

    env = replace(world.env("onprem"), partition_map=over, **more.pop("env", {}))
    result = egress(env, world.request(record, request_id=ask, destination=destination, **more))
    assert result.outcome == "permitted", result
    return result, len(done)


def kept(world: World) -> list[Path]:
    return sorted((world.folder("onprem").economy / "shared").glob("*/entry.json"))


def test_a_second_destination_shares_the_transform(world: World) -> None:
    record = world.add(rows())
    first, done = crossed(world, record, "one")
    assert done == 3
    second, done = crossed(world, record, "two", "edge")
    assert done == 0, "nothing was transformed again"
    assert second.version == first.version
    assert second.arrival != first.arrival, "each destination has an arrival contract of its own"
    for name, found in (("cloud", first), ("edge", second)):
        assert ingress(world.env(name), "onprem", found.crossing).outcome == "permitted"
    [entry] = kept(world)
    assert entry.parent.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o077 for path in entry.parent.iterdir()} == {0}
    assert not any(
        (world.folder("onprem").outbox / r.crossing[7:] / "work").exists() for r in (first, second)
    )


def _flip(folder: Path) -> None:
    path = folder / "part-00001.parquet"
    path.chmod(0o600)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def _cut(folder: Path) -> None:
    path = folder / "part-00002.parquet"
    path.chmod(0o600)
    path.write_bytes(path.read_bytes()[:-1])


def _gone(folder: Path) -> None:
    (folder / "part-00000.parquet").unlink()


def _swapped(folder: Path) -> None:
    shutil.copy(folder / "part-00000.parquet", folder / "other")
    (folder / "part-00000.parquet").unlink()
    (folder / "part-00001.parquet").rename(folder / "part-00000.parquet")
    (folder / "other").rename(folder / "part-00001.parquet")


def _linked(folder: Path) -> None:
    path = folder / "part-00000.parquet"
    path.rename(folder.parent / "elsewhere")
    path.symlink_to(folder.parent / "elsewhere")


def _entry(change: Callable[[dict[str, Any]], None]) -> Callable[[Path], None]:
    def done(folder: Path) -> None:
        told = json.loads((folder / "entry.json").read_bytes())
        change(told)
        (folder / "entry.json").write_text(json.dumps(told))

    return done


def _fewer(told: dict[str, Any]) -> None:
    told["files"] = told["files"][:2]


ALTERED: dict[str, Callable[[Path], None]] = {
    "flipped": _flip,
    "cut": _cut,
    "gone": _gone,
    "swapped": _swapped,
    "linked": _linked,
    "rows": _entry(lambda told: told.update(rows=1)),
    "fewer files": _entry(_fewer),
    "unsigned": _entry(lambda told: told.pop("signature")),
    "other signature": _entry(lambda told: told.update(signature="A" * 86 + "==")),
    "no entry": lambda folder: (folder / "entry.json").unlink(),
    "no JSON": lambda folder: (folder / "entry.json").write_text("["),
}


@pytest.mark.parametrize("change", ALTERED.values(), ids=ALTERED.keys())
def test_an_output_that_was_altered_is_made_again(world: World, change: Callable[[Path], None]) -> None:
    record = world.add(rows())
    first, _ = crossed(world, record, "one")
    [entry] = kept(world)
    change(entry.parent)
    second, done = crossed(world, record, "two", "edge")
    assert done == 3
    assert second.version == first.version, "what was altered is in nothing that crosses"
    assert ingress(world.env("edge"), "onprem", second.crossing).outcome == "permitted"
    assert crossed(world, record, "three", "edge")[1] == 0, "a genuine one stands there again"


def test_an_entry_put_in_place_of_another_is_made_again(world: World) -> None:
    """Signed by this environment, and for another version: it does not say what it is named for."""
    crossed(world, world.add(rows(120)), "small")
    [small] = kept(world)
    record = world.add(rows())
    first, _ = crossed(world, record, "one")
    [genuine] = [entry for entry in kept(world) if entry != small]
    shutil.rmtree(genuine.parent)
    shutil.copytree(small.parent, genuine.parent)
    second, done = crossed(world, record, "two", "edge")
    assert (done, second.version) == (3, first.version)


@pytest.mark.parametrize(
    "second",
    [
        terms("edge", patient={"pseudonymise": {}}),
        terms("edge", patient={"pseudonymise": {"joinable": "others"}}),
        terms("edge", age={"generalise": {"bands": [0, 50]}}),
        terms("edge", score="drop"),
        {**terms("edge"), "rows": "age >= 18"},
        {**terms("edge"), "reidentify": {"purposes": ["care"]}},
        terms("edge", "batch-inference"),
    ],
    ids=["no group", "another group", "bands", "fewer columns", "rows", "reidentify", "purpose"],
)
def test_other_terms_never_share(world: World, second: Crossing) -> None:
    declare(world, terms("cloud"), second)
    record = world.add(rows())
    crossed(world, record, "one")
    [purpose] = second["purposes"]
    assert crossed(world, record, "two", "edge", purpose=purpose)[1] == 3
    assert kept(world) == [], "and nothing is kept that nobody can use"


@pytest.mark.parametrize("word", ["pseudonymise", "code"])
def test_identifiers_that_are_each_destinations_own_never_share(world: World, word: str) -> None:
    declare(world, *(terms(to, patient={word: {}}) for to in ("cloud", "edge")))
    record = world.add(rows())
    first, second = crossed(world, record, "one"), crossed(world, record, "two", "edge")
    assert (first[1], second[1]) == (3, 3)
    assert first[0].version != second[0].version
    assert kept(world) == []


def test_another_version_contract_key_or_engine_never_shares(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = world.add(rows())
    crossed(world, record, "one")
    assert crossed(world, world.add(rows(301)), "another version", "edge")[1] == 3
    rotated = replace(world.env("onprem").identity, _pseudonym=b"k" * 32)
    assert crossed(world, record, "another key", "edge", env={"identity": rotated})[1] == 3
    with monkeypatch.context() as patched:
        patched.setattr(shared, "_gate", lambda: "sha256:" + "0" * 64)
        assert crossed(world, record, "another gate", "edge")[1] == 3
    with monkeypatch.context() as patched:
        patched.setattr(shared, "engine", lambda: "sha256:" + "0" * 64)
        assert crossed(world, record, "another engine", "edge")[1] == 3
    declare(world, terms("cloud"), terms("edge"), version="1.0.1")
    assert crossed(world, world.add(rows()), "another contract", "edge")[1] == 3
    assert crossed(world, record, "the first", "edge")[1] == 0


def test_nothing_is_kept_for_one_destination_alone(world: World) -> None:
    declare(world, terms("cloud"))
    crossed(world, world.add(rows()), "one")
    assert kept(world) == []


def test_what_is_kept_is_bounded(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared, "_MOST", 2)
    for count in (30, 60, 90):
        crossed(world, world.add(rows(count)), f"ask-{count}")
    assert len(kept(world)) == 2
    monkeypatch.setattr(shared, "_MOST_BYTES", 1)
    crossed(world, world.add(rows(120)), "no room")
    assert kept(world) == []
    monkeypatch.setattr(shared, "_LARGEST", 1)
    crossed(world, world.add(rows(150)), "too large")
    assert kept(world) == []
    assert not list((world.folder("onprem").economy / "shared").glob("draft-*"))
