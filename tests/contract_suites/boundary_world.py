"""A small world for tests of the gate: three environments in one home, one contract, real stores and keys.

`World.env(name)` opens an environment as its own process would; nothing is replaced by a double.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from data_contracts.destination import TransferRule
from data_contracts.labels import Classification
from data_contracts.loading import contract_from_document
from data_contracts.model import Contract
from data_contracts.registry import ContractRegistry
from environments.boundary import CrossingRequest, EnvironmentContext
from environments.home import EnvironmentFolder, Home
from environments.identity import create_identity, load_identity, pin_peer
from environments.profile import Profile
from environments.stores import AssetRecord, AssetStore, LocalStore
from environments.transits import TransitSpec

ANY = (TransferRule(("*",), ("*",), ("*",)),)
START = dt.datetime(2026, 11, 23, 12, tzinfo=dt.UTC)
SENTINEL = "Wilhelmina-Sentinel"
"""Stands in a column that is dropped: must be found nowhere but at home."""
NAMES = ("onprem", "cloud", "edge")
CLEARANCE = {"onprem": "restricted", "cloud": "confidential", "edge": "restricted"}


def boundary(*crossings: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"property": "isthmusBoundary", "value": {"version": 1, "crossings": list(crossings)}}]


COLUMNS: dict[str, Any] = {
    "patient": {"pseudonymise": {}},
    "name": "drop",
    "age": {"generalise": {"bands": [0, 18, 40, 65, 90]}},
    "score": "keep",
}
TO_CLOUD = {"to": "cloud", "purposes": ["model-training"], "columns": COLUMNS}


def visits(*crossings: dict[str, Any], version: str = "1.0.0") -> dict[str, Any]:
    def column(name: str, kind: str, secrecy: str, **more: Any) -> dict[str, Any]:
        return {"name": name, "logicalType": kind, "classification": secrecy, **more}

    age = {"minimum": 0, "maximum": 110}
    return {
        "apiVersion": "v3.1.0",
        "kind": "DataContract",
        "id": "clinic.visits",
        "version": version,
        "status": "active",
        "schema": [
            {
                "name": "visits",
                "logicalType": "object",
                "properties": [
                    column("patient", "string", "restricted", required=True),
                    column("name", "string", "restricted"),
                    column("age", "integer", "confidential", required=True, logicalTypeOptions=age),
                    column("score", "number", "internal"),
                ],
            }
        ],
        "customProperties": boundary(*(crossings or (TO_CLOUD,))),
    }


def rows(count: int = 300) -> pa.Table:
    return pa.table(
        {
            "patient": pa.array([f"P{number % 97:04d}" for number in range(count)], pa.string()),
            "name": pa.array([SENTINEL if number % 7 else None for number in range(count)], pa.string()),
            "age": pa.array([number % 100 for number in range(count)], pa.int64()),
            "score": pa.array([number / 8 for number in range(count)], pa.float64()),
        }
    )


@dataclass
class World:
    """One home with environments onprem, cloud and edge.

    Attributes:
        now: what every clock says; tests move it.
        documents: the contracts declared in each environment.
        profiles: each environment's declaration, as all see it.
        stores: opens the store of an environment that has another one than in its folder.
    """

    root: Path
    now: dt.datetime = START
    documents: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    profiles: dict[str, Profile] = field(default_factory=dict)
    stores: dict[str, Callable[[], AssetStore]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        home = self.home.create()
        for name in NAMES:
            create_identity(home.environment(name).create(), name)
            # A store is laid out by its first draft: done here, so that an attack shows what it changes.
            LocalStore(home.environment(name).store).begin("layout").abandon()
            self.documents.setdefault(name, [visits()])
            kind: Any = name
            profile = Profile(
                name, kind, "DE", Classification.parse(CLEARANCE[name]), egress=ANY, ingress=ANY
            )
            self.profiles.setdefault(name, profile)
        for name in NAMES:
            for peer in set(NAMES) - {name}:
                pin_peer(self.folder(name), load_identity(self.folder(peer)).public)

    @cached_property
    def home(self) -> Home:
        return Home(self.root / "home")

    def folder(self, name: str) -> EnvironmentFolder:
        return self.home.environment(name)

    def store(self, name: str) -> AssetStore:
        """Open the store of an environment, as a process of its own would."""
        return self.stores[name]() if name in self.stores else LocalStore(self.folder(name).store)

    def contract(self, name: str = "onprem") -> Contract:
        return contract_from_document(self.documents[name][0])

    def registry(self, name: str) -> ContractRegistry:
        text = json.dumps(self.documents[name])
        folder = self.root / "declared" / name / hashlib.sha256(text.encode()).hexdigest()[:16]
        folder.mkdir(parents=True, exist_ok=True)
        for document in self.documents[name]:
            path = folder / f"{document['id']}-{document['version']}.odcs.yaml"
            path.write_text(json.dumps(document), encoding="utf-8")
        return ContractRegistry([folder])

    def env(self, name: str, *, progress: Callable[[str], None] | None = None) -> EnvironmentContext:
        folder = self.folder(name)
        env = EnvironmentContext(
            profile=self.profiles[name],
            folder=folder,
            store=self.store(name),
            identity=load_identity(folder),
            peers={peer: profile for peer, profile in self.profiles.items() if peer != name},
            contracts=self.registry(name),
            transit_root=self.home.root / "transit",
            clock=lambda: self.now,
        )
        return replace(env, progress=progress) if progress else env

    def add(self, table: pa.Table, *, name: str = "visits", groups: int = 3) -> AssetRecord:
        contract = self.contract()
        with self.store("onprem").begin(name) as draft:
            size = max(1, -(-table.num_rows // groups))
            pq.write_table(table, draft.path / "part-00000.parquet", row_group_size=size)
            return draft.commit(contract, contract.labels, rows=table.num_rows)

    def request(self, record: AssetRecord, **changes: str) -> CrossingRequest:
        asked = {"destination": "cloud", "purpose": "model-training", "request_id": "run-1/sync-1", **changes}
        return CrossingRequest(record.name, record.version, **asked)

    def meet(self, spec: TransitSpec) -> None:
        """Let onprem and cloud meet in this transit, and no more in the home's folder."""
        for name, peer in (("onprem", "cloud"), ("cloud", "onprem")):
            self.profiles[name] = replace(self.profiles[name], transits=(replace(spec, peer=peer),))

    def transit(self, source: str = "onprem", destination: str = "cloud") -> Path:
        return self.home.root / "transit" / source / destination

    def files(self, *names: str) -> dict[str, str]:
        """Return path to SHA-256 of everything below the given environments' folders, locks left out."""
        found = {}
        for name in names:
            for path in sorted(self.folder(name).root.rglob("*")):
                if path.is_file() and not path.is_symlink() and not path.name.endswith("lock"):
                    found[str(path)] = hashlib.sha256(path.read_bytes()).hexdigest()
        return found
