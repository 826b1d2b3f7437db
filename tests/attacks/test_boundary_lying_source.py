"""A source that lies in what it signs, with its genuine keys.

Each test shows what the destination refuses, and that nothing of its own changed but the entry in its
ledger that says so.
"""

from __future__ import annotations

import datetime as dt
import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "contract_suites"))
from boundary_forgery import GENUINE, arrived_rows, changed, forge, parquet, refused
from boundary_world import World, rows

from data_contracts.digest import canonical, digest_bytes
from data_contracts.labels import Labels
from environments.boundary import CrossingFailedError, EgressResult, egress, ingress
from environments.boundary.contents import Contents
from environments.boundary.manifest import Manifest
from environments.boundary.sealing import Seal

pytestmark = pytest.mark.attack


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.fixture
def sent(world: World) -> EgressResult:
    return egress(world.env("onprem"), world.request(world.add(rows())))


def test_the_forger_can_also_be_honest(world: World) -> None:
    """Without a lie the forged crossing is taken: so what is refused below is refused for its lie."""
    assert ingress(world.env("cloud"), "onprem", forge(world, GENUINE)).outcome == "permitted"


def _with(name: str, values: Any) -> pa.Table:
    return arrived_rows().append_column(name, values)


@pytest.mark.parametrize(
    ("table", "rule"),
    [
        (_with("name", pa.array(["Wilhelmina"] * 30)), "output.file.columns"),
        (arrived_rows().replace_schema_metadata({"name": "Wilhelmina"}), "output.file.metadata"),
        (arrived_rows().set_column(1, "age", pa.array(["37"] * 30)), "age"),
        (arrived_rows().set_column(1, "age", pa.array(range(30))), "output.file.columns"),
        (arrived_rows().set_column(0, "patient", pa.array([None] * 30, pa.binary())), "patient"),
        (arrived_rows().set_column(0, "patient", pa.array([b"P0042"] * 30, pa.binary())), "patient"),
    ],
    ids=[
        "a dropped column",
        "a value in the metadata",
        "an exact age",
        "an age",
        "no pseudonym",
        "an original",
    ],
)
def test_data_that_breaks_what_was_promised(world: World, table: pa.Table, rule: str) -> None:
    crossing = forge(world, {"part-00000.parquet": parquet(table)})
    arrived = ingress(world.env("cloud"), "onprem", crossing)
    assert arrived.outcome == "broken"
    assert any(item.id.startswith(rule) for item in arrived.rules), arrived.rules
    assert world.env("cloud").store.names() == ()
    entry = list(world.env("cloud").ledger.entries())[-1]
    assert entry.body["outcome"] == "broken"
    assert "Wilhelmina" not in json.dumps(entry.to_json())


@pytest.mark.parametrize(
    "files",
    [{"part-00000.parquet": b"PAR1 no parquet PAR1"}, {"model.onnx": b"x"}, {"part-00000.parquet": b"\0"}],
)
def test_files_that_are_none(world: World, files: dict[str, bytes]) -> None:
    refused(world, forge(world, files), "files")


def test_fewer_rows_than_were_signed(world: World) -> None:
    refused(world, forge(world, {"part-00000.parquet": parquet(arrived_rows(29))}), "files")


def _files(contents: Contents, path: str) -> bytes:
    return canonical(json.loads(contents.to_bytes()) | {
        "files": [{"path": path, "size": e.size, "chunks": list(e.chunks)} for e in contents.files]
    })  # fmt: skip


@pytest.mark.parametrize(
    "path",
    ["../evil.parquet", "/etc/evil", "a/../../evil", ".hidden", "a//b", "", "a\0b", "a\\..\\b", "x" * 500],
)
def test_a_path_that_climbs(world: World, path: str) -> None:
    refused(world, forge(world, GENUINE, contents=lambda listed: _files(listed, path)), "chunks")
    assert not [p for p in world.root.rglob("*") if "evil" in p.name]


def _raw(change: dict[str, Any]) -> Callable[[Contents], bytes]:
    return lambda listed: canonical(json.loads(listed.to_bytes()) | change)


@pytest.mark.parametrize(
    "contents",
    [
        _raw({"files": []}),
        _raw({"chunks": []}),
        _raw({"chunks": [["sha256:" + "0" * 64, "0" * 64, 2**52]]}),
        _raw({"chunks": [["sha256:" + "0" * 64, "../" * 20, 5]]}),
        _raw({"files": [{"path": "a", "size": 2**52, "chunks": ["sha256:" + "0" * 64] * 1000}]}),
        _raw({"extra": 1}),
        lambda listed: listed.to_bytes()[:-1] + b',"files":[]}',
        lambda _: b"",
    ],
    ids=["no files", "no chunks", "huge chunk", "climbing address", "huge file", "extra", "twice", "empty"],
)
def test_a_list_of_contents_that_lies(world: World, contents: Callable[[Contents], bytes]) -> None:
    refused(world, forge(world, GENUINE, contents=contents), "chunks")


def test_a_chunk_that_unpacks_to_more_than_it_says(world: World) -> None:
    def bomb(seal: Seal, index: int, data: bytes) -> bytes:
        return seal.close("chunk", index, data + bytes(8_000_000))

    refused(world, forge(world, GENUINE, seal_chunk=bomb), "chunks")


def test_a_chunk_that_is_not_the_listed_one(world: World) -> None:
    """Sealed by the source itself, of the right size, in the right place: and of other bytes."""
    lie = parquet(arrived_rows().set_column(2, "score", pa.array([0.75] * 30, pa.float64())))
    assert len(lie) == len(GENUINE["part-00000.parquet"])
    refused(world, forge(world, GENUINE, seal_chunk=lambda seal, n, _: seal.close("chunk", n, lie)), "chunks")


def test_a_list_of_contents_that_is_not_the_signed_one(world: World) -> None:
    crossing = forge(world, GENUINE, signed=lambda m: replace(m, contents=digest_bytes(b"another list")))
    refused(world, crossing, "chunks")


def _request(**change: str) -> Callable[[Manifest], Manifest]:
    return lambda manifest: replace(manifest, request=replace(manifest.request, **change))


DAY = dt.timedelta(days=1)


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        (lambda m: replace(m, version=digest_bytes(b"another")), "chunks"),
        (lambda m: replace(m, size=m.size + 1), "chunks"),
        (lambda m: replace(m, chunks=2), "chunks"),
        (lambda m: replace(m, key=b"\0" * 1168), "chunks"),
        (lambda m: replace(m, arrival_digest=digest_bytes(b"weaker")), "arrival-contract"),
        (lambda m: replace(m, arrival="clinic.visits@1.0.0"), "arrival-contract"),
        (lambda m: replace(m, kind="model"), "arrival-contract"),
        (lambda m: replace(m, issued=m.issued - 9 * DAY, expires=m.expires - 9 * DAY), "freshness"),
        (lambda m: replace(m, issued=m.issued + DAY), "freshness"),
        (lambda m: replace(m, expires=m.expires + 365 * DAY), "freshness"),
        (_request(destination="edge"), "manifest"),
        (lambda m: replace(m, source="edge"), "manifest"),
    ],
    ids=["version", "size", "chunks", "key", "arrival digest", "arrival id", "kind", "expired", "future",
         "for ever", "destination", "source"],
)  # fmt: skip
def test_a_signed_lie(world: World, change: Callable[[Manifest], Manifest], rule: str) -> None:
    refused(world, forge(world, GENUINE, change), rule)


def _more_labels(manifest: Manifest) -> Manifest:
    return replace(manifest, labels=Labels(manifest.labels.classification, frozenset({"genetic"})))


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        (_request(purpose="marketing"), "purpose"),
        (lambda m: replace(m, contract_digest=digest_bytes(b"with better terms")), "no-contract"),
        (lambda m: replace(m, contract="clinic.unknown@1.0.0"), "no-contract"),
        (_more_labels, None),
    ],
    ids=["purpose", "contract digest", "contract", "labels"],
)  # fmt: skip
def test_the_destination_decides_by_its_own_rules(
    world: World, change: Callable[[Manifest], Manifest], rule: str | None
) -> None:
    arrived = ingress(world.env("cloud"), "onprem", forge(world, GENUINE, change))
    if rule is None:
        # What a source adds to its labels sticks to what arrives.
        [there] = world.env("cloud").store.versions("visits")
        assert "genetic" in there.labels.categories
        return
    assert (arrived.outcome, [item.id for item in arrived.rules]) == ("denied", [rule])
    assert world.env("cloud").store.names() == ()


@pytest.mark.usefixtures("sent")
def test_a_source_that_rewrote_its_history(world: World) -> None:
    ledger = world.folder("onprem").ledger
    shutil.copytree(ledger, world.root / "backup")
    record = world.env("onprem").store.record("visits")
    second = egress(world.env("onprem"), world.request(record, request_id="run-2"))
    ingress(world.env("cloud"), "onprem", second.crossing)
    shutil.rmtree(ledger)
    shutil.copytree(world.root / "backup", ledger)
    for _ in range(5):
        world.env("onprem").ledger.append("note", {"nothing": "happened"})
    third = egress(world.env("onprem"), world.request(record, request_id="run-3"))
    env = world.env("cloud")
    before = world.files("cloud")
    with pytest.raises(CrossingFailedError, match="does not agree") as caught:
        ingress(env, "onprem", third.crossing)
    assert caught.value.rule == "peer-ledger"
    assert changed(before, world.files("cloud")) <= {"ledger.db", "ledger.db-journal"}
