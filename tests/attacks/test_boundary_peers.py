"""Hostile peers: a source that lies in what it signs, a destination that lies in its receipts, and strangers.

`forge` is a hostile source with its genuine keys: it seals whatever files it likes and signs whatever it
says of them. Each test shows what the honest side refuses, and that nothing of its own changed but the
entry in its ledger that says so.
"""

from __future__ import annotations

import datetime as dt
import io
import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "contract_suites"))
from boundary_world import World, rows

from data_contracts.digest import canonical, digest_bytes
from data_contracts.errors import NotVerifiableError
from data_contracts.labels import Labels
from data_contracts.projection import project
from environments.boundary import CrossingFailedError, EgressResult, egress, ingress, settle
from environments.boundary import manifest as manifests
from environments.boundary.contents import Chunk, Contents
from environments.boundary.envelope import MANIFEST, make_statement, seal_statement
from environments.boundary.manifest import Manifest, open_manifest, seal_manifest
from environments.boundary.receipt import Receipt, open_receipt, seal_receipt
from environments.boundary.sealing import Seal, chunk_address, key_info, new_key
from environments.home import EnvironmentFolder
from environments.identity import Identity, create_identity, load_identity
from environments.ledger import verify_ledger
from environments.stores import FileEntry, version_of

pytestmark = pytest.mark.attack


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.fixture
def sent(world: World) -> EgressResult:
    return egress(world.env("onprem"), world.request(world.add(rows())))


def lying(world: World, crossing: str, what: str) -> Path:
    return world.transit() / crossing[7:] / what


def arrived_rows(count: int = 30) -> pa.Table:
    return pa.table(
        {
            "patient": pa.array([bytes([n]) * 16 for n in range(count)], pa.binary()),
            "age": pa.array(["[18,40)"] * count, pa.string()),
            "score": pa.array([0.5] * count, pa.float64()),
        }
    )


def parquet(table: pa.Table) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(table, buffer)
    return buffer.getvalue()


def genuine_manifest(manifest: Manifest) -> Manifest:
    return manifest


def genuine_chunk(seal: Seal, index: int, data: bytes) -> bytes:
    return seal.close("chunk", index, data)


def forge(
    world: World,
    files: dict[str, bytes],
    change: Callable[[Manifest], Manifest] = genuine_manifest,
    *,
    contents: Callable[[Contents], bytes] = Contents.to_bytes,
    seal_chunk: Callable[[Seal, int, bytes], bytes] = genuine_chunk,
    signed: Callable[[Manifest], Manifest] = genuine_manifest,
) -> str:
    """Seal and sign as a hostile source; returns the crossing's id."""
    env = world.env("onprem")
    peer, contract = env.peer_identity("cloud"), world.contract()
    request = world.request(world.add(rows(10)))
    arrival = project(contract, world.profiles["cloud"].destination(), request.purpose)
    entries = tuple(FileEntry(name, len(data), (digest_bytes(data),)) for name, data in sorted(files.items()))
    pair = env.identity.pair_key(peer, source="onprem", destination="cloud")
    listed = Contents(
        entries,
        tuple(Chunk(digest_bytes(d), chunk_address(pair, d), len(d)) for _, d in sorted(files.items())),
    )
    key = new_key()
    manifest = Manifest(
        source="onprem", request=request, contract=contract.reference, contract_digest=contract.digest,
        arrival=arrival.reference, arrival_digest=arrival.digest, decision=digest_bytes(b"a lie"),
        labels=contract.labels, kind="data", version=version_of(entries), rows=30,
        size=sum(map(len, files.values())), chunks=len(files), contents="", contents_size=0, key=b"",
        issued=world.now, expires=world.now + manifests.LIFETIME, ledger=env.ledger.show("cloud"),
        witnessed=0,
    )  # fmt: skip
    manifest = change(manifest)
    seal = Seal(key, manifest.crossing, manifest.chunks)
    wrapped = peer.wrap(key, info=key_info("onprem", "cloud", manifest.crossing))
    transit = env.outgoing("cloud")
    for index, (chunk, data) in enumerate(zip(listed.chunks, (files[e.path] for e in entries), strict=True)):
        transit.put(f"{manifest.crossing[7:]}/chunks/{chunk.address}", seal_chunk(seal, index, data))
    sealed = seal.close("contents", 0, contents(listed))
    transit.put(f"{manifest.crossing[7:]}/contents", sealed)
    manifest = replace(
        manifest, key=manifest.key or wrapped, contents=digest_bytes(sealed), contents_size=len(sealed)
    )
    transit.put(f"{manifest.crossing[7:]}/manifest", seal_manifest(signed(manifest), env.identity))
    return manifest.crossing


def changed(before: dict[str, str], after: dict[str, str]) -> set[str]:
    return {Path(path).name for path in before.keys() | after.keys() if before.get(path) != after.get(path)}


def refused(world: World, crossing: str, rule: str) -> None:
    env = world.env("cloud")
    before = world.files("cloud", "edge")
    with pytest.raises(CrossingFailedError) as caught:
        ingress(env, "onprem", crossing)
    assert caught.value.rule == rule, str(caught.value)
    assert changed(before, world.files("cloud", "edge")) <= {"entries.log", "head.json"}
    assert env.store.names() == ()
    assert verify_ledger(world.folder("cloud").ledger, env.identity.public).success


GENUINE = {"part-00000.parquet": parquet(arrived_rows())}


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


def _resigned(world: World, crossing: str, change: Callable[[dict[str, Any]], object], by: Identity) -> None:
    path = lying(world, crossing, "manifest")
    manifest, _ = open_manifest(path.read_bytes(), world.env("onprem").identity.public)
    predicate = manifest.to_json()
    change(predicate)
    statement = make_statement(MANIFEST, "visits", manifest.version, predicate)
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
    return canonical(make_statement(MANIFEST, "visits", manifest.version, manifest.to_json()))


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
    from environments.identity.public import encode

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
    assert changed(before, world.files("cloud")) <= {"entries.log", "head.json"}


# A destination that lies in its receipts.


def answered(world: World, sent: EgressResult) -> Receipt:
    ingress(world.env("cloud"), "onprem", sent.crossing)
    raw = lying(world, sent.crossing, "receipt").read_bytes()
    return open_receipt(raw, world.env("cloud").identity.public)[0]


def unsettled(world: World, sent: EgressResult) -> None:
    env = world.env("onprem")
    before, lies = world.files("onprem"), sorted(world.transit().rglob("*"))
    with pytest.raises(CrossingFailedError) as caught:
        settle(env, "cloud", sent.crossing)
    assert caught.value.rule == "receipt"
    assert changed(before, world.files("onprem")) <= {"entries.log", "head.json"}
    assert sorted(world.transit().rglob("*")) == lies
    assert list(env.ledger.entries())[-1].body["outcome"] == "failed"


@pytest.mark.parametrize(
    "change",
    [
        {"manifest": digest_bytes(b"never sent")},
        {"crossing": digest_bytes(b"another")},
        {"version": digest_bytes(b"another")},
        {"contract": digest_bytes(b"weaker")},
        {"contract": ""},
        {"name": "others"},
        {"source": "edge"},
        {"destination": "edge"},
        {"witnessed": 999},
        {"outcome": "denied"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_receipt_that_lies(world: World, sent: EgressResult, change: dict[str, Any]) -> None:
    receipt = replace(answered(world, sent), **change)
    lying(world, sent.crossing, "receipt").write_bytes(seal_receipt(receipt, world.env("cloud").identity))
    unsettled(world, sent)


def test_a_receipt_forged_by_another_environment(world: World, sent: EgressResult) -> None:
    receipt = answered(world, sent)
    lying(world, sent.crossing, "receipt").write_bytes(seal_receipt(receipt, world.env("edge").identity))
    unsettled(world, sent)


def test_a_receipt_of_another_crossing(world: World, sent: EgressResult) -> None:
    record = world.env("onprem").store.record("visits")
    other = egress(world.env("onprem"), world.request(record, request_id="run-2"))
    answered(world, other)
    shutil.copyfile(lying(world, other.crossing, "receipt"), lying(world, sent.crossing, "receipt"))
    unsettled(world, sent)


def test_an_altered_receipt(world: World, sent: EgressResult) -> None:
    answered(world, sent)
    path = lying(world, sent.crossing, "receipt")
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    unsettled(world, sent)


def test_a_destination_that_rewrote_its_history(world: World, sent: EgressResult) -> None:
    record = world.env("onprem").store.record("visits")
    answered(world, sent)
    settle(world.env("onprem"), "cloud", sent.crossing)
    second = egress(world.env("onprem"), world.request(record, request_id="run-2"))
    for path in (world.folder("cloud").ledger / "entries.log", world.folder("cloud").ledger / "head.json"):
        path.unlink()
    answered(world, second)
    unsettled(world, second)
