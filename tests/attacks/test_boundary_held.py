"""Chunks that are not sent because the destination holds them: lies and losses about that, on either side.

Each test shows that nothing is committed by a claim alone, that a source learns nothing of what came from
elsewhere, and that the source then sends everything.
"""

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "contract_suites"))
from boundary_forgery import GENUINE, arrived_rows, forge, parquet, refused
from boundary_world import World, rows

from data_contracts.digest import canonical, digest_bytes
from environments.boundary import EgressResult, egress, ingress, settle
from environments.boundary.contents import Contents
from environments.stores import LocalStore

pytestmark = pytest.mark.attack
NOT_HELD = ["chunks-not-held"]


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def send(world: World, count: int, request: str) -> EgressResult:
    """Send an asset of a hundred rows a part: equal parts come out equal."""
    record = world.add(rows(count), groups=count // 100)
    return egress(world.env("onprem"), world.request(record, request_id=request))


def finish(world: World, sent: EgressResult) -> str:
    arrived = ingress(world.env("cloud"), "onprem", sent.crossing)
    settle(world.env("onprem"), "cloud", sent.crossing)
    return arrived.outcome


def parts(world: World, sent: EgressResult) -> list[Path]:
    return sorted((world.transit() / sent.crossing[7:]).glob("chunks/*"))


@pytest.fixture
def second(world: World) -> EgressResult:
    """A version with one part more than the one that arrived before it."""
    assert finish(world, send(world, 300, "run-1")) == "permitted"
    return send(world, 400, "run-2")


def test_only_what_the_destination_lacks_is_sent(world: World, second: EgressResult) -> None:
    assert len(parts(world, second)) == 1
    assert finish(world, second) == "permitted"
    there = world.env("cloud").store.record("visits")
    assert (there.version, there.rows, len(there.files)) == (second.version, 400, 4)
    world.env("cloud").store.verify(there)


def test_what_did_not_change_sends_its_manifest_only(world: World) -> None:
    assert finish(world, send(world, 300, "run-1")) == "permitted"
    again = send(world, 300, "run-2")
    assert parts(world, again) == []
    assert finish(world, again) == "permitted"


def test_nothing_is_left_out_before_a_receipt_was_settled(world: World) -> None:
    first = send(world, 300, "run-1")
    ingress(world.env("cloud"), "onprem", first.crossing)
    assert len(parts(world, send(world, 400, "run-2"))) == 4


def _lost(world: World, second: EgressResult) -> None:
    """The destination refuses, keeps what it had, and gets everything with the next attempt."""
    before = world.files("cloud")
    arrived = ingress(world.env("cloud"), "onprem", second.crossing)
    assert (arrived.outcome, [rule.id for rule in arrived.rules]) == ("broken", NOT_HELD)
    kept = {path: digest for path, digest in before.items() if "/store/" in path}
    assert kept == {path: digest for path, digest in world.files("cloud").items() if "/store/" in path}
    settle(world.env("onprem"), "cloud", second.crossing)
    record = world.env("onprem").store.record("visits")
    again = egress(world.env("onprem"), world.request(record, request_id="run-2"))
    assert again.crossing == second.crossing
    assert len(parts(world, again)) == 4
    assert finish(world, again) == "permitted"


def test_a_destination_that_lost_what_it_acknowledged(world: World, second: EgressResult) -> None:
    shutil.rmtree(world.folder("cloud").store / "assets" / "visits")
    _lost(world, second)


def test_a_byte_of_the_destinations_own_copy_is_wrong(world: World, second: EgressResult) -> None:
    [path, *_] = sorted(world.folder("cloud").store.rglob("*.parquet"))
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1
    path.chmod(0o600)
    path.write_bytes(raw)
    path.chmod(0o400)
    _lost(world, second)


def _left_out(listed: Contents) -> bytes:
    return replace(listed, held=(0,)).to_bytes()


def _refused(world: World, crossing: str) -> None:
    before = {path: digest for path, digest in world.files("cloud", "edge").items() if "/store/" in path}
    arrived = ingress(world.env("cloud"), "onprem", crossing)
    assert (arrived.outcome, [rule.id for rule in arrived.rules]) == ("broken", NOT_HELD)
    after = {path: digest for path, digest in world.files("cloud", "edge").items() if "/store/" in path}
    assert after == before


def test_a_source_that_leaves_out_what_the_destination_never_had(world: World) -> None:
    _refused(world, forge(world, GENUINE, lambda m: replace(m, chunks=0), contents=_left_out))


@pytest.mark.parametrize("lineage", [None, {"inputs": [{"environment": "edge"}], "crossing": "x"}])
@pytest.mark.parametrize("name", ["visits", "others"])
def test_a_source_that_asks_what_came_from_elsewhere(world: World, lineage: object, name: str) -> None:
    """The very bytes stand in the store, made there or sent by another: the answer is the same."""
    contract = world.contract()
    with LocalStore(world.folder("cloud").store).begin(name) as draft:
        (draft.path / "part-00000.parquet").write_bytes(GENUINE["part-00000.parquet"])
        draft.commit(contract, contract.labels, lineage=lineage, rows=30)  # type: ignore[arg-type]
    _refused(world, forge(world, GENUINE, lambda m: replace(m, chunks=0), contents=_left_out))


def _sent_before(world: World) -> None:
    contract = world.contract()
    with LocalStore(world.folder("cloud").store).begin("visits") as draft:
        (draft.path / "part-00000.parquet").write_bytes(GENUINE["part-00000.parquet"])
        lineage = {"inputs": [{"environment": "onprem"}], "crossing": "x"}
        draft.commit(contract, contract.labels, lineage=lineage, rows=30)


def test_left_out_and_held_is_taken(world: World) -> None:
    """So what is refused above is refused for what it claims."""
    _sent_before(world)
    crossing = forge(world, GENUINE, lambda m: replace(m, chunks=0), contents=_left_out)
    assert ingress(world.env("cloud"), "onprem", crossing).outcome == "permitted"


def test_a_held_chunk_that_is_claimed_longer_than_it_is(world: World) -> None:
    """The digest of a chunk that is held, with the size of other bytes: the file it would make is not it."""
    _sent_before(world)
    size = len(GENUINE["part-00000.parquet"]) + 4
    digest = digest_bytes(GENUINE["part-00000.parquet"])
    entry = {"path": "part-00000.parquet", "size": size, "chunks": [digest]}
    lie = canonical({"files": [entry], "chunks": [[digest, size]], "held": [0]})
    version = digest_bytes(canonical([entry]))
    signed = {"chunks": 0, "size": size, "version": version}
    _refused(world, forge(world, GENUINE, lambda m: replace(m, **signed), contents=lambda _: lie))


@pytest.mark.parametrize("held", [[1], [-1], [0, 0], ["0"], [True], [0.5], "0", None])
def test_a_list_of_held_chunks_that_lies(world: World, held: object) -> None:
    def lie(listed: Contents) -> bytes:
        return canonical(json.loads(listed.to_bytes()) | {"held": held})

    refused(world, forge(world, GENUINE, contents=lie), "chunks")


def test_a_part_under_another_address(world: World) -> None:
    """Two parts of one crossing, each under the other's address: an address follows from what was listed."""
    other = parquet(arrived_rows().slice(0, 20))
    crossing = forge(world, {"a.parquet": GENUINE["part-00000.parquet"], "b.parquet": other})
    first, last = sorted((world.transit() / crossing[7:] / "chunks").iterdir())
    one, two = first.read_bytes(), last.read_bytes()
    first.write_bytes(two)
    last.write_bytes(one)
    refused(world, crossing, "chunks")
