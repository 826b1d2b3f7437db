"""The environment that `benchmarks/consistency.py` measures: a store, a ledger and a site, from one seed.

They are in the form that a system writes, and made faster than one could: records without waiting for the
disk, and a signature for each thousandth head only.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import random
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT)]

from data_contracts.digest import canonical, digest_bytes, digest_json  # noqa: E402 - after the path
from data_contracts.registry import ContractRegistry  # noqa: E402 - after the path
from environments.home import Home  # noqa: E402 - after the path
from environments.identity import create_identity, load_identity  # noqa: E402 - after the path
from environments.ledger import Entry, Head  # noqa: E402 - after the path
from environments.ledger.database import Row, add, writing  # noqa: E402 - after the path
from environments.ledger.entry import GENESIS, HEAD_EVERY, head_payload  # noqa: E402 - after the path
from environments.stores import AssetRecord, FileEntry, LocalStore, version_of  # noqa: E402 - after the path
from environments.stores.record import canonical_list  # noqa: E402 - after the path

SOURCE = "plant"
FATES = {"current": 75, "waiting": 15, "denied": 4, "in-flight": 1, "never-sent": 5}
"""How often a pair has each state, in percent."""
START = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
ENVIRONMENT = """name: {name}
kind: {kind}
jurisdiction: DE
clearance: restricted
dask: embedded
store: local
steps: []
egress: [{{purposes: [model-training], to: ["*"], contracts: ["*"]}}]
ingress: [{{purposes: [model-training], from: ["*"], contracts: ["*"]}}]
"""
CONTRACT = {
    "apiVersion": "v3.1.0",
    "kind": "DataContract",
    "id": "plant.readings",
    "version": "1.0.0",
    "status": "active",
    "schema": [
        {
            "name": "readings",
            "logicalType": "object",
            "properties": [{"name": "value", "logicalType": "integer", "classification": "internal"}],
        }
    ],
    "customProperties": [
        {
            "property": "isthmusBoundary",
            "value": {
                "version": 1,
                "crossings": [
                    {"to": {"kind": "edge"}, "purposes": ["model-training"], "columns": {"value": "keep"}}
                ],
            },
        }
    ],
}
RUN = "from flows.cli.main import main; main()"


def stamp(hours: float) -> str:
    """A time so many hours after the start."""
    return (START + dt.timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M:%SZ")


def digest(*parts: object) -> str:
    """Some digest, the same for the same parts."""
    return digest_bytes(repr(parts).encode())


class Plant:
    """A source with its store and ledger, and a site that declares its destinations."""

    def __init__(self, place: Path, given: argparse.Namespace) -> None:
        self.home, self.site, self.given = Home(place / "home").create(), place / "site", given
        self.random = random.Random(given.seed)  # noqa: S311 - a reproducible choice
        self.destinations = [f"site-{number:03d}" for number in range(given.destinations)]
        self.assets = [f"readings_{number:05d}" for number in range(given.assets)]
        (self.site / "environments").mkdir(parents=True)
        (self.site / "data_contracts").mkdir()
        for name in (SOURCE, *self.destinations):
            text = ENVIRONMENT.format(name=name, kind="onprem" if name == SOURCE else "edge")
            (self.site / "environments" / f"{name}.yaml").write_text(text, encoding="utf-8")
        contracts = self.site / "data_contracts"
        (contracts / "plant.readings.odcs.yaml").write_text(json.dumps(CONTRACT), encoding="utf-8")
        self.contract = ContractRegistry([contracts]).get("plant.readings")
        self.folder = self.home.environment(SOURCE).create()
        create_identity(self.folder, SOURCE)
        self.versions: dict[str, list[str]] = {}

    def fill_store(self) -> None:
        """Write every version's record as a commit does, without waiting for the disk."""
        LocalStore(self.folder.store).begin("layout").abandon()
        contract = canonical(self.contract.document)
        for name in self.assets:
            history = self.folder.store / "assets" / name
            history.mkdir(mode=0o700)
            self.versions[name] = []
            for sequence in range(1, self.given.versions + 1):
                record = self._record(name, sequence)
                self.versions[name].append(record.version)
                folder = history / f"{sequence:08d}-{record.version.removeprefix('sha256:')}"
                folder.mkdir(mode=0o700)
                body = record.to_json()
                document = canonical({"record": body, "digest": digest_json(body)})
                (folder / "record.json").write_bytes(document)
                (folder / "contract.json").write_bytes(contract)

    def fill_chunks(self, chunks: int, versions: int = 100) -> None:
        """Write versions of one asset with so many chunks together, whose files have holes for bytes."""
        LocalStore(self.folder.store).begin("layout").abandon()
        history = self.folder.store / "assets" / "large"
        history.mkdir(mode=0o700)
        each = chunks // versions
        for sequence in range(1, versions + 1):
            digests = tuple(digest_bytes(b"%d/%d" % (sequence, number)) for number in range(each))
            files = (FileEntry("part-00000.parquet", each, digests, (1,) * each),)
            record = replace(self._record("large", sequence), files=files, version=version_of(files))
            folder = history / f"{sequence:08d}-{record.version.removeprefix('sha256:')}"
            (folder / "data").mkdir(parents=True, mode=0o700)
            body = record.to_json()
            document = canonical_list({"record": body, "digest": digest_bytes(canonical_list(body))})
            (folder / "record.json").write_bytes(document)
            (folder / "contract.json").write_bytes(canonical(self.contract.document))
            with (folder / "data" / "part-00000.parquet").open("wb") as file:
                file.truncate(each)

    def _record(self, name: str, sequence: int) -> AssetRecord:
        files = (FileEntry("part-00000.parquet", 1, (digest(name, sequence),), (1,)),)
        contract = self.contract
        return AssetRecord(
            name, version_of(files), sequence, contract.reference, contract.digest, contract.labels, files, 1,
            stamp(sequence), {"inputs": [], "crossing": None, "origin": "file"},
        )  # fmt: skip

    def fill_ledger(self) -> int:
        """Write what was asked and answered: most pairs current, some behind, refused, or on the way."""
        identity = load_identity(self.folder)
        sequence, previous = 0, GENESIS
        with writing(self.folder.ledger) as database:
            for kind, body in self._happened():
                sequence += 1
                entry = Entry(sequence, SOURCE, kind, "2026-11-23T20:02:49.707+00:00", previous, body)
                payload = entry.payload()
                previous = digest_bytes(payload)
                real = sequence % HEAD_EVERY == 0
                signature = identity.sign(head_payload(SOURCE, sequence, previous)) if real else bytes(64)
                head = Head(SOURCE, sequence, previous, signature)
                add(database, Row(sequence, payload), head, identity.public.key_id)
        return sequence

    def _happened(self) -> Iterator[tuple[str, dict[str, Any]]]:
        for name in self.assets:
            for destination in self.destinations:
                fate = self.random.choices(list(FATES), list(FATES.values()))[0]
                if fate == "never-sent":
                    continue
                late = self.random.randrange(1, self.given.versions) if fate == "waiting" else 0
                version = self.versions[name][-1 - late]
                outcome = "denied" if fate == "denied" else "permitted"
                crossing = digest(name, destination, version)
                rule = {"id": "clearance", "reason": "above the clearance", "unexpected_count": 0}
                yield "egress", {
                    "crossing": crossing, "name": name, "source_version": version, "destination": destination,
                    "purpose": "model-training", "request": "sync-1", "requester": "unattributed",
                    "contract_ref": self.contract.reference, "outcome": outcome, "bytes": 1000,
                    "rules": [rule] if outcome == "denied" else [], "manifest": digest(crossing, "m"),
                }  # fmt: skip
                if fate in {"current", "waiting"}:
                    yield "settle", {
                        "crossing": crossing, "manifest": digest(crossing, "m"), "name": name,
                        "receipt": digest(crossing, "r"), "destination": destination, "outcome": "permitted",
                        "rules": [], "version": digest(version, "there"), "received": stamp(200),
                        "peer_head": [self.random.randrange(1, 10**6), digest("head")], "witnessed": 1,
                    }  # fmt: skip

    def command(self, *arguments: str) -> list[str]:
        """The command line of one `isthmus` of this system."""
        return [
            sys.executable, "-P", "-c", RUN, *arguments,
            "--home", str(self.home.root), "--site", str(self.site),
        ]  # fmt: skip
