"""What attacks on the gate share: a hostile peer's forgeries, and how an honest side looks after them.

`forge` is a hostile source with its genuine keys: it seals whatever files it likes and signs whatever it
says of them.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from boundary_world import World, rows

from data_contracts.digest import digest_bytes
from data_contracts.projection import project
from environments.boundary import CrossingFailedError, ingress
from environments.boundary import manifest as manifests
from environments.boundary.contents import Chunk, Contents
from environments.boundary.manifest import Manifest, seal_manifest
from environments.boundary.sealing import Seal, chunk_address, key_info, new_key
from environments.ledger import verify_ledger
from environments.stores import FileEntry, version_of


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
        tuple(Chunk(digest_bytes(d), len(d)) for _, d in sorted(files.items())),
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
        address = chunk_address(pair, bytes.fromhex(chunk.digest[7:]))
        transit.put(f"{manifest.crossing[7:]}/chunks/{address}", seal_chunk(seal, index, data))
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
    assert changed(before, world.files("cloud", "edge")) <= {"ledger.db", "ledger.db-journal"}
    assert env.store.names() == ()
    assert verify_ledger(world.folder("cloud").ledger, env.identity.public).success


GENUINE = {"part-00000.parquet": parquet(arrived_rows())}
