"""Who recalls what is not theirs erases nothing; who lies about what was erased is refused at the source."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "contract_suites"))
from boundary_forgery import changed
from boundary_world import rows
from recall_world import RecallWorld

from data_contracts.digest import digest_bytes
from data_contracts.errors import NotVerifiableError
from environments.boundary import CrossingFailedError, EnvironmentContext
from environments.boundary.recall import erase, recall, report, settle_recall
from environments.boundary.recall.statement import (
    EraseRequest,
    open_erasure,
    open_request,
    seal_erasure,
    seal_request,
)
from environments.consistency.account import read_accounts
from environments.consistency.examining import examine
from environments.transit import erasure_name, recall_name
from environments.trust.requests import recall_asks, sync_asks

pytestmark = pytest.mark.attack
LEDGER = {"ledger.db", "ledger.db-journal"}


@pytest.fixture
def world(tmp_path: Path) -> RecallWorld:
    return RecallWorld(tmp_path)


def nothing_erased(world: RecallWorld, env: EnvironmentContext, source: str, request: str) -> None:
    before = world.files("onprem", "cloud", "edge")
    with pytest.raises(CrossingFailedError, match="nothing was erased"):
        erase(env, source, request)
    kept = {path for path in before if "/store/" in path}
    after = world.files("onprem", "cloud", "edge")
    assert {path: after.get(path) for path in kept} == {path: before[path] for path in kept}
    assert changed(before, after) <= LEDGER
    assert list(env.ledger.entries())[-1].body["outcome"] == "failed"


def genuine(world: RecallWorld) -> EraseRequest:
    """Return the request that onprem signed for the cloud; it lies in the transit."""
    [(_, request)] = world.recall(world.fill()).requests
    raw = world.env("onprem").outgoing("cloud").get(recall_name(request), limit=10**6)
    assert raw is not None
    return open_request(raw, world.env("onprem").identity.public)[0]


def put(world: RecallWorld, signer: str, source: str, request: EraseRequest, name: str | None = None) -> str:
    """Lay a request into a transit to the cloud, signed by somebody; return its id."""
    raw, _ = seal_request(request, world.env(signer).identity)
    world.env(source).outgoing("cloud").put(recall_name(name or request.request), raw)
    return name or request.request


def test_a_recall_signed_by_another_environment_in_the_sources_name(world: RecallWorld) -> None:
    request = put(world, "edge", "onprem", genuine(world))
    nothing_erased(world, world.env("cloud"), "onprem", request)


def test_another_environment_recalls_what_the_source_sent(world: RecallWorld) -> None:
    request = put(world, "edge", "edge", replace(genuine(world), source="edge"))
    nothing_erased(world, world.env("cloud"), "edge", request)


def test_an_environment_recalls_by_crossings_that_never_arrived_and_bars_nobody_elses(
    world: RecallWorld,
) -> None:
    wanted = replace(genuine(world), source="edge", crossings=(digest_bytes(b"onprem's next"),))
    answer = erase(world.env("cloud"), "edge", put(world, "edge", "edge", wanted))
    assert answer.erased == ()
    assert world.names("cloud") == ("of_summary", "summary", "visits")
    barred = world.env("cloud").ledger.find("recalled", crossing=wanted.crossings[0])
    assert barred is not None
    assert barred.body["source"] == "edge", "a crossing of onprem by that id is not barred"


@pytest.mark.parametrize(
    "change",
    [
        {"destination": "edge"},
        {"crossings": ("sha256:" + "0" * 64,)},
        {"recall": digest_bytes(b"another")},
        {"issued": "2099-01-01T00:00:00Z"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_recall_for_something_else_under_the_same_id(world: RecallWorld, change: dict[str, Any]) -> None:
    request = genuine(world)
    nothing_erased(
        world,
        world.env("cloud"),
        "onprem",
        put(world, "onprem", "onprem", replace(request, **change), request.request),
    )


@pytest.mark.parametrize(
    "change",
    [
        {"request": digest_bytes(b"another")},
        {"crossings": []},
        {"crossings": ["sha256:" + "1" * 64, "sha256:" + "0" * 64]},
        {"assets": [["../visits", "sha256:" + "0" * 64]]},
        {"because": "nothing"},
        {"format": 2},
        {"more": 1},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_signed_recall_that_is_none(change: dict[str, Any]) -> None:
    crossings = ("sha256:" + "0" * 64, "sha256:" + "1" * 64)
    digest = digest_bytes(b"v")
    request = EraseRequest(
        "onprem",
        "cloud",
        "visits",
        digest,
        (("visits", digest),),
        crossings,
        "",
        "2026-11-29T00:00:00Z",
        digest,
    )
    assert EraseRequest.from_json(json.loads(json.dumps(request.to_json()))) == request
    with pytest.raises(NotVerifiableError):
        EraseRequest.from_json(json.loads(json.dumps(request.to_json() | change)))


def test_a_recall_with_one_bit_changed(world: RecallWorld) -> None:
    request = genuine(world)
    place = world.transit() / request.request[7:] / "recall"
    raw = bytearray(place.read_bytes())
    raw[len(raw) // 2] ^= 1
    place.write_bytes(raw)
    nothing_erased(world, world.env("cloud"), "onprem", request.request)


def test_a_replayed_recall_erases_nothing_that_came_later(world: RecallWorld) -> None:
    record = world.add(rows())
    world.cross("onprem", record, "cloud", "model-training")
    [(_, request)] = world.recall(record).requests
    place = world.transit() / request[7:] / "recall"
    raw = place.read_bytes()
    assert world.pursue("onprem", "cloud", request) == "erased"
    world.cross("onprem", record, "cloud", "model-training", "later")  # lawful again, and asked for anew
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(raw)
    erase(world.env("cloud"), "onprem", request)
    assert world.names("cloud") == ("visits",)


def test_a_recall_that_names_a_set_or_more_takes_only_what_it_is_about(world: RecallWorld) -> None:
    request = genuine(world)
    narrowed = replace(request, assets=(("visits", digest_bytes(b"another version")),))
    answer = erase(world.env("cloud"), "onprem", put(world, "onprem", "onprem", narrowed))
    assert (answer.erased, world.names("cloud")) == ((), ("of_summary", "summary", "visits"))


WISHES: dict[str, Callable[[RecallWorld, Any], bytes | None]] = {
    "unsigned": lambda _world, _record: None,
    "by a key that is not the name's": lambda world, record: world.wish(record, "anna", key="mallory"),
    "by who may not": lambda world, record: world.wish(record, "bob"),
    "for another version": lambda world, _record: world.sign(
        "anna", "recall", "visits", recall_asks("onprem", "visits", digest_bytes(b"another"))
    ),
    "signed as a crossing": lambda world, record: world.sign(
        "anna", "sync", "visits", sync_asks("onprem", "visits", record.version, "cloud", "recall")
    ),
}


@pytest.mark.parametrize("wish", WISHES)
def test_a_control_plane_alone_recalls_nothing(world: RecallWorld, wish: str) -> None:
    record = world.fill()
    lies = sorted(world.transit().rglob("*"))
    asked = recall(world.env("onprem"), record.name, record.version, WISHES[wish](world, record))
    assert (asked.outcome, [rule.id for rule in asked.rules], asked.requests) == ("denied", ["requester"], ())
    assert sorted(world.transit().rglob("*")) == lies


def test_a_wish_for_a_recall_is_no_wish_for_a_crossing(world: RecallWorld) -> None:
    from environments.boundary import CrossingRequest
    from environments.boundary.asker import who_asks

    record = world.add(rows())
    request = CrossingRequest("visits", record.version, "cloud", "model-training", "r")
    asker = who_asks(
        world.env("onprem"), world.wish(record), source="onprem", request=request,
        crossing=digest_bytes(b"c"), signed_at=world.now,
    )  # fmt: skip
    assert (asker.name, asker.reason) == ("unattributed", "other")


@pytest.mark.parametrize(
    "change",
    [
        {"request": digest_bytes(b"another")},
        {"asked": digest_bytes(b"never made")},
        {"source": "edge"},
        {"destination": "edge"},
        {"version": digest_bytes(b"another")},
        {"outcome": "erased"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_an_answer_that_lies(world: RecallWorld, change: dict[str, Any]) -> None:
    request = genuine(world).request
    erase(world.env("cloud"), "onprem", request)
    place = world.transit() / request[7:] / "erasure"
    cloud = world.env("cloud")
    answer = replace(open_erasure(place.read_bytes(), cloud.identity.public)[0], **change)
    place.write_bytes(seal_erasure(answer, cloud.identity))
    unsettled(world, request)


def test_an_answer_signed_by_another_environment_and_one_with_a_bit_changed(world: RecallWorld) -> None:
    request = genuine(world).request
    erase(world.env("cloud"), "onprem", request)
    place = world.transit() / request[7:] / "erasure"
    raw = place.read_bytes()
    answer = open_erasure(raw, world.env("cloud").identity.public)[0]
    place.write_bytes(seal_erasure(answer, world.env("edge").identity))
    unsettled(world, request)
    altered = bytearray(raw)
    altered[len(raw) // 2] ^= 1
    place.write_bytes(altered)
    unsettled(world, request)


def unsettled(world: RecallWorld, request: str) -> None:
    env = world.env("onprem")
    before, lies = world.files("onprem"), sorted(world.transit().rglob("*"))
    with pytest.raises(CrossingFailedError) as caught:
        settle_recall(env, "cloud", request)
    assert caught.value.rule == "answer"
    assert changed(before, world.files("onprem")) <= LEDGER
    assert sorted(world.transit().rglob("*")) == lies
    name, version = next(
        (e.body["name"], e.body["source_version"]) for e in env.ledger.entries() if e.kind == "recall"
    )
    assert report(env, name, version)["destinations"][0]["outcome"] == "waiting"


def test_a_destination_that_says_erased_and_has_it_still(world: RecallWorld) -> None:
    """What its operator put back, the next look finds; what it hides from its own store, nobody can know."""
    record = world.add(rows())
    world.cross("onprem", record, "cloud", "model-training")
    [(_, request)] = world.recall(record).requests
    stones = world.folder("cloud").store / "assets" / "visits"
    saved = {path: path.read_bytes() for path in world.folder("cloud").store.rglob("*") if path.is_file()}
    assert world.pursue("onprem", "cloud", request) == "erased"
    for stone in stones.glob("*.erased"):
        stone.unlink()
    for path, body in saved.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        path.write_bytes(body)
    assert world.names("cloud") == ("visits",), "restored from a backup"
    found = list(examine(world.env("cloud"), read_accounts(world.env("cloud").ledger.entries())))
    assert [(one.kind, one.peer) for one in found] == [("extra", "onprem")]
    assert "was erased when onprem recalled it" in found[0].what
    world.recall(record, again=True)
    assert world.pursue("onprem", "cloud", request) == "erased"
    assert world.names("cloud") == ()


def test_a_transit_is_asked_for_the_answer_of_the_right_name(world: RecallWorld) -> None:
    request = genuine(world).request
    erase(world.env("cloud"), "onprem", request)
    raw = world.env("cloud").incoming("onprem").get(erasure_name(request), limit=10**6)
    world.env("cloud").incoming("onprem").put(recall_name(request), raw or b"")
    nothing_erased(world, world.env("cloud"), "onprem", request)
