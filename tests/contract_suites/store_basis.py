"""What the store's suites share: a contract, a store in a folder of its own, and a version put into it."""

from __future__ import annotations

from pathlib import Path

import pytest

from data_contracts.labels import Classification, Labels
from data_contracts.loading import contract_from_document
from data_contracts.model import Contract
from environments.stores import AssetRecord, AssetStore

CONTRACT = {
    "apiVersion": "v3.1.0",
    "kind": "DataContract",
    "id": "suite.readings",
    "version": "1.0.0",
    "status": "active",
    "schema": [
        {
            "name": "readings",
            "logicalType": "object",
            "properties": [
                {"name": "value", "logicalType": "integer", "classification": "internal"},
                # A bound that is no whole number: a contract is no document of ours, which have none.
                {"name": "level", "logicalType": "number", "logicalTypeOptions": {"maximum": 41.5}},
            ],
        }
    ],
}
LABELS = Labels(Classification.CONFIDENTIAL, frozenset({"health"}))


def contract(version: str = "1.0.0") -> Contract:
    return contract_from_document({**CONTRACT, "version": version})


class StoreBasis:
    """The duties of `environments.stores.protocol`, each with the test that would see it broken."""

    def open_store(self, folder: Path) -> AssetStore:
        raise NotImplementedError

    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        return tmp_path / "store"

    @pytest.fixture
    def store(self, folder: Path) -> AssetStore:
        return self.open_store(folder)

    def put(
        self, store: AssetStore, name: str = "readings", *, body: bytes = b"one", **more: object
    ) -> AssetRecord:
        with store.begin(name) as draft:
            (draft.path / "part-00000.parquet").write_bytes(body)
            return draft.commit(contract(), LABELS, rows=1, **more)  # type: ignore[arg-type]

    def files(self, folder: Path) -> dict[str, bytes]:
        return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}

    def ended(self, folder: Path) -> None:
        """Let go of what this process was given, as if it had ended."""

    def stored(self, folder: Path, record: AssetRecord) -> dict[str, bytes]:
        """Return what the store keeps of a version, by name."""
        return {name: body for name, body in self.files(folder).items() if record.version[7:] in name}

    def tamper(self, folder: Path, name: str, body: bytes | None) -> None:
        """Put other bytes where `stored` found some; None removes them."""
        path = folder / name
        if path.exists():
            path.chmod(0o600)
        if body is None:
            path.unlink()
        else:
            path.write_bytes(body)

    COMMITS = "no such"
    """What the name of a commit begins with, where a version without that object is none at all."""
