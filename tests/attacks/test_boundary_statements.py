"""Statements that were tampered with, and signatures of others than the source.

Each test shows what the destination refuses, and that nothing of its own changed but the entry in its
ledger that says so.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "contract_suites"))
from boundary_forgery import lying, refused
from boundary_world import World, rows

from data_contracts.digest import canonical
from data_contracts.errors import NotVerifiableError
from environments.boundary import CrossingFailedError, EgressResult, egress, ingress
from environments.boundary.envelope import MANIFEST, make_statement, seal_statement
from environments.boundary.manifest import open_manifest
from environments.home import EnvironmentFolder
from environments.identity import Identity, create_identity, load_identity

pytestmark = pytest.mark.attack


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.fixture
def sent(world: World) -> EgressResult:
    return egress(world.env("onprem"), world.request(world.add(rows())))


def _resigned(world: World, crossing: str, change: Callable[[dict[str, Any]], object], by: Identity) -> None:
    path = lying(world, crossing, "manifest")
    manifest, _ = open_manifest(path.read_bytes(), world.env("onprem").identity.public)
    predicate = manifest.to_json()
    change(predicate)
    statement = make_statement(MANIFEST, [("visits", manifest.version)], predicate)
    path.write_bytes(seal_statement(statement, by))


@pytest.mark.parametrize(
    "change",
    [
        {"suite": "NULL"},
        {"suite": "HPKE-X25519-HKDFSHA256-AES128GCM/AES128GCM/1"},
        {"format": 2},
        {"crossing": "sha256:" + "0" * 64},
        {"unknown": 1},
        {"rows": -1},
        {"rows": True},
        {"chunks": 10**9},
        {"contents_size": 10**12},
        {"labels": {"classification": "harmless", "categories": []}},
        {"labels": None},
        {"ledger": None},
        {"trace": "00-ab"},
        {"request": "x" * 600},
        {"request": "\u202e"},
        {"issued": "2026-11-23 12:00:00"},
        {"name": "../visits"},
    ],
    ids=lambda change: ",".join(f"{key}={str(value)[:12]}" for key, value in change.items()),
)
def test_a_field_that_is_not_of_its_one_form(
    world: World, sent: EgressResult, change: dict[str, Any]
) -> None:
    _resigned(world, sent.crossing, lambda predicate: predicate.update(change), world.env("onprem").identity)
    refused(world, sent.crossing, "manifest")


def test_a_missing_field(world: World, sent: EgressResult) -> None:
    _resigned(world, sent.crossing, lambda predicate: predicate.pop("expires"), world.env("onprem").identity)
    refused(world, sent.crossing, "manifest")


def _payload(world: World, sent: EgressResult) -> bytes:
    raw = lying(world, sent.crossing, "manifest").read_bytes()
    manifest, _ = open_manifest(raw, world.env("onprem").identity.public)
    return canonical(make_statement(MANIFEST, [("visits", manifest.version)], manifest.to_json()))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"purpose":"model-training"', b'"purpose":"marketing","purpose":"model-training"'),
        (b'"rows":300', b'"rows":1152921504606846976'),
        (b'"rows":300', b'"rows":300.0'),
        (b'"rows":300', b'"rows":NaN'),
        (b'"rows":300', b'"rows": 300'),
        (b'"rows":300', b'"rows":' + b"9" * 10_000),
        (b'"request":"', b'"request":"\\ud800'),
        (b'"trace":null', b'"trace":' + b"[" * 5000 + b"]" * 5000),
    ],
    ids=["twice", "beyond 2**53", "a float", "NaN", "a space", "10,000 digits", "half a pair", "nested"],
)
def test_odd_json_under_a_genuine_signature(world: World, sent: EgressResult, old: bytes, new: bytes) -> None:
    payload = _payload(world, sent)
    assert old in payload
    raw = _sign_raw(world.env("onprem").identity, payload.replace(old, new))
    lying(world, sent.crossing, "manifest").write_bytes(raw)
    refused(world, sent.crossing, "manifest")


def _sign_raw(identity: Identity, payload: bytes) -> bytes:
    from environments.encoding import encode

    kind = b"application/vnd.in-toto+json"
    encoded = b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)
    signature = {"keyid": identity.public.key_id, "sig": encode(identity.sign(encoded))}
    return canonical({"payloadType": kind.decode(), "payload": encode(payload), "signatures": [signature]})


@pytest.mark.parametrize("who", ["cloud", "edge"])
def test_signed_by_another_environment(world: World, sent: EgressResult, who: str) -> None:
    _resigned(world, sent.crossing, lambda _: None, world.env(who).identity)
    refused(world, sent.crossing, "manifest")


def test_signed_by_a_stranger_under_the_sources_key_id(world: World, sent: EgressResult) -> None:
    _resigned(world, sent.crossing, lambda _: None, world.env("edge").identity)
    path, genuine = lying(world, sent.crossing, "manifest"), world.env("onprem").identity.public.key_id
    stranger = world.env("edge").identity.public.key_id
    path.write_bytes(path.read_bytes().replace(stranger.encode(), genuine.encode()))
    refused(world, sent.crossing, "manifest")


def test_signed_by_an_impostor_of_the_same_name(world: World, sent: EgressResult) -> None:
    folder = EnvironmentFolder(world.root / "impostor" / "onprem").create()
    create_identity(folder, "onprem")
    _resigned(world, sent.crossing, lambda _: None, load_identity(folder))
    refused(world, sent.crossing, "manifest")


def test_an_unknown_source(world: World, sent: EgressResult) -> None:
    (world.folder("cloud").peers / "onprem.identity.json").unlink()
    refused(world, sent.crossing, "manifest")


def test_an_unknown_destination(world: World) -> None:
    record = world.add(rows())
    (world.folder("onprem").peers / "cloud.identity.json").unlink()
    with pytest.raises(NotVerifiableError, match="no key"):
        egress(world.env("onprem"), world.request(record))
    assert not world.transit().exists()


def test_a_receipt_in_place_of_a_manifest(world: World, sent: EgressResult) -> None:
    """What one environment signed for one use is of no other use."""
    ingress(world.env("cloud"), "onprem", sent.crossing)
    shutil.rmtree(world.folder("cloud").outbox / sent.crossing[7:])
    shutil.copyfile(lying(world, sent.crossing, "receipt"), lying(world, sent.crossing, "manifest"))
    with pytest.raises(CrossingFailedError):
        ingress(world.env("cloud"), "onprem", sent.crossing)
