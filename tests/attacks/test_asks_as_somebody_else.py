"""Attacks on who asks: whoever holds the control plane's credential, or another environment, borrows a name.

The gates here are for whoever signs. Each attack ends in a denial by rule `requester`, with nothing in the
transit and nothing in the destination's store.
"""

from __future__ import annotations

import base64
import datetime as dt
import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "contract_suites"))
from asking_world import KEYS, AskingWorld
from boundary_forgery import GENUINE, forge
from boundary_world import rows

from data_contracts.digest import canonical
from environments.boundary import CrossingRequest, egress, ingress
from environments.stores import AssetRecord
from environments.trust import Permission
from environments.trust.requests import new_request, sign_request, sync_asks

DAY = dt.timedelta(days=1)


@pytest.fixture
def world(tmp_path: Path) -> AskingWorld:
    return AskingWorld(tmp_path)


@pytest.fixture
def record(world: AskingWorld) -> AssetRecord:
    return world.add(rows(60))


def refused(world: AskingWorld, request: CrossingRequest, signed: bytes | None, why: str) -> None:
    """Assert that the source sends nothing, and says by which rule and why."""
    before = world.files("cloud", "edge")
    sent = egress(world.env("onprem"), request, signed)
    assert (sent.outcome, [rule.id for rule in sent.rules]) == ("denied", ["requester"])
    assert f"unattributed ({why})" in sent.rules[0].reason
    assert not any(path.is_file() for path in world.transit().rglob("*"))
    assert world.files("cloud", "edge") == before
    entry = world.env("onprem").ledger.find("egress", crossing=sent.crossing)
    assert entry is not None
    assert (entry.body["requester"], entry.body["attribution"]) == ("unattributed", why)


def refused_there(world: AskingWorld, crossing: str, signed: bytes | None, why: str) -> None:
    """Assert that the destination takes nothing of what the source sent."""
    arrived = ingress(world.env("cloud"), "onprem", crossing, signed)
    assert (arrived.outcome, [rule.id for rule in arrived.rules]) == ("denied", ["requester"])
    assert f"unattributed ({why})" in arrived.rules[0].reason
    assert world.env("cloud").store.names() == ()


def test_a_name_without_a_signature(world: AskingWorld, record: AssetRecord) -> None:
    """The request says that it is anna's, as a field that anybody writes."""
    refused(world, replace(world.request(record), requester="anna"), None, "unsigned")


def test_a_stranger_signs_in_annas_name(world: AskingWorld, record: AssetRecord) -> None:
    request = world.request(record)
    refused(world, request, world.sync("anna", request, key="mallory"), "unknown")
    forged = json.loads(world.sync("anna", request, key="mallory"))
    genuine = json.loads(world.sync("anna", request))
    forged["signatures"][0]["keyid"] = genuine["signatures"][0]["keyid"]
    refused(world, request, canonical(forged), "signature")


def test_a_listed_key_signs_in_anothers_name(world: AskingWorld, record: AssetRecord) -> None:
    request = world.request(record)
    refused(world, request, world.sync("anna", request, key="carol"), "unknown")


def test_who_may_approve_asks(world: AskingWorld, record: AssetRecord) -> None:
    """Carol may approve everywhere, and ask for nothing."""
    request = world.request(record)
    refused(world, request, world.sync("carol", request), "may-not")


@pytest.mark.parametrize(
    ("change", "value"),
    [
        ("asset", "other"),
        ("version", f"sha256:{'0' * 64}"),
        ("destination", "edge"),
        ("purpose", "reporting"),
    ],
)
def test_a_signature_over_another_crossing(
    world: AskingWorld, record: AssetRecord, change: str, value: str
) -> None:
    request = world.request(record)
    refused(world, request, world.sync("anna", request, **{change: value}), "other")


def test_a_rehearsals_signature_sends_nothing(world: AskingWorld, record: AssetRecord) -> None:
    asks = sync_asks("onprem", "visits", record.version, "cloud", "model-training", rehearsal=True)
    refused(world, world.request(record), world.sign("anna", "sync", "visits", asks), "other")


def test_a_signature_is_replayed_for_another_crossing(world: AskingWorld, record: AssetRecord) -> None:
    request = world.request(record)
    signed = world.sync("anna", request)
    sent = egress(world.env("onprem"), request, signed)
    assert sent.outcome == "permitted"
    world.env("onprem").outgoing("cloud").clear(sent.crossing.removeprefix("sha256:"))
    refused(world, world.request(record, request_id="run-2/sync-1"), signed, "replayed")


def test_a_runs_signature_is_taken_to_another_run(world: AskingWorld, record: AssetRecord) -> None:
    """It is refused in another process, too: that it was taken is on disk."""
    signed = world.sign("anna", "run")
    sent = egress(world.env("onprem"), world.request(record), signed)
    assert sent.outcome == "permitted"
    world.env("onprem").outgoing("cloud").clear(sent.crossing.removeprefix("sha256:"))
    refused(world, world.request(record, request_id="run-2/sync-1"), signed, "replayed")


@pytest.mark.parametrize(
    ("key", "value"), [("purposes", "reporting"), ("assets", "other"), ("environments", "edge")]
)
def test_a_run_asks_for_more_than_its_requester_may(
    world: AskingWorld, record: AssetRecord, key: str, value: str
) -> None:
    """A run in the UI acts under a service key, with what that key may ask, whatever the pipeline wants."""
    document = world.authority.need().document
    service = document.requesters["nightly"]
    less = replace(service, may=replace(Permission(*[("*",)] * 4), **{key: (value,)}))
    requesters = {**document.requesters, "nightly": less}
    world.share(replace(document, version=document.version + 1, requesters=requesters))
    refused(world, world.request(record), world.sign("nightly", "deploy"), "may-not")


def test_an_old_signature_and_one_from_the_future(world: AskingWorld, record: AssetRecord) -> None:
    request = world.request(record)
    signed = world.sync("anna", request)
    world.now += DAY
    refused(world, request, signed, "expired")
    early = new_request("anna", "run", "clinic", world.now + dt.timedelta(hours=1))
    refused(world, request, sign_request(early, KEYS["anna"]), "early")


def test_a_stolen_key_after_its_revocation(world: AskingWorld, record: AssetRecord) -> None:
    """Also for what was sent before, and has not arrived: from the document on, nothing is anna's."""
    request = world.request(record)
    signed = world.sync("anna", request)
    crossing = egress(world.env("onprem"), request, signed).crossing
    world.revoke("anna")
    refused_there(world, crossing, signed, "unknown")
    world.env("onprem").outgoing("cloud").clear(crossing.removeprefix("sha256:"))
    refused(world, world.request(record, request_id="run-2/sync-1"), world.sync("anna", request), "unknown")


@pytest.mark.parametrize("garbage", [b"", b"{}", b"\x00" * 900, base64.b64encode(b"anna" * 100)])
def test_garbage_for_a_signature(world: AskingWorld, record: AssetRecord, garbage: bytes) -> None:
    refused(world, world.request(record), garbage, "shape")


def test_the_control_plane_strips_the_signature_on_the_way(world: AskingWorld, record: AssetRecord) -> None:
    request = world.request(record)
    crossing = egress(world.env("onprem"), request, world.sync("anna", request)).crossing
    refused_there(world, crossing, None, "unsigned")


def test_the_control_plane_hands_over_anothers_signature(world: AskingWorld, record: AssetRecord) -> None:
    """Both are genuine, and over this crossing: but the source says that anna asked, not bob."""
    request = world.request(record)
    crossing = egress(world.env("onprem"), request, world.sync("anna", request)).crossing
    refused_there(world, crossing, world.sync("bob", request), "mismatch")


def test_a_source_lies_about_who_asked(world: AskingWorld) -> None:
    """It signs a manifest in anna's name, and has no statement of hers."""
    crossing = forge(
        world, GENUINE, lambda made: replace(made, request=replace(made.request, requester="anna"))
    )
    refused_there(world, crossing, None, "unsigned")


def test_a_source_replays_a_statement_for_what_it_likes_to_send(
    world: AskingWorld, record: AssetRecord
) -> None:
    request = world.request(record)
    signed = world.sync("anna", request)
    crossing = forge(
        world, GENUINE, lambda made: replace(made, request=replace(made.request, requester="anna"))
    )
    refused_there(world, crossing, signed, "other")
