"""A world in which a recall has something to do.

Visits went to the cloud, were made into two assets there, and one of these went on to the edge. anna may
recall.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from asking_world import ASKS, AskingWorld
from boundary_world import TO_CLOUD, boundary, rows, visits

from data_contracts.loading import contract_from_document
from environments.boundary import CrossingRequest, egress, ingress, settle
from environments.boundary.recall import Recalled, erase, recall, settle_recall
from environments.stores import AssetRecord, LocalStore
from environments.trust.changing import with_requester
from environments.trust.requests import recall_asks

SUMMARY: dict[str, Any] = {
    "apiVersion": "v3.1.0",
    "kind": "DataContract",
    "id": "clinic.summary",
    "version": "1.0.0",
    "status": "active",
    "schema": [
        {
            "name": "summary",
            "logicalType": "object",
            "properties": [{"name": "score", "logicalType": "number", "classification": "internal"}],
        }
    ],
    "customProperties": boundary({"to": "edge", "purposes": ["monitoring"], "columns": {"score": "keep"}}),
}


class RecallWorld(AskingWorld):
    """See the module."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.demand("onprem", "cloud", "edge", requesters=("unattributed",))
        for name in ("onprem", "cloud", "edge"):
            self.documents[name] = [visits(TO_CLOUD), SUMMARY]
        document = self.authority.need().document
        may = replace(ASKS, destinations=("*",), purposes=("model-training", "recall"))
        document = with_requester(document, replace(document.requesters["anna"], may=may), self.now)
        self.share(replace(document, version=3))

    def derive(self, where: str, name: str, *inputs: AssetRecord, body: float = 0.5) -> AssetRecord:
        """Commit what a step would, made from these."""
        contract = contract_from_document(SUMMARY)
        lineage = {"inputs": [record.ref(where).to_json() for record in inputs], "crossing": None}
        with LocalStore(self.folder(where).store).begin(name) as draft:
            pq.write_table(pa.table({"score": [body] * 5}), draft.path / "part-00000.parquet")
            return draft.commit(contract, contract.labels, lineage=lineage, rows=5)

    def cross(
        self, source: str, record: AssetRecord, to: str, purpose: str, request: str = "r"
    ) -> AssetRecord:
        """Send, take in and settle."""
        asked = CrossingRequest(record.name, record.version, to, purpose, request)
        sent = egress(self.env(source), asked)
        assert sent.outcome == "permitted", sent.rules
        arrived = ingress(self.env(to), source, sent.crossing)
        assert arrived.outcome == "permitted", arrived.rules
        assert settle(self.env(source), to, sent.crossing).outcome == "permitted"
        return self.env(to).store.record(record.name, arrived.version)

    def fill(self) -> AssetRecord:
        """Return the version at its source, after everything was sent and made."""
        record = self.add(rows())
        there = self.cross("onprem", record, "cloud", "model-training")
        summary = self.derive("cloud", "summary", there)
        self.derive("cloud", "of_summary", summary, body=0.25)
        self.cross("cloud", summary, "edge", "monitoring")
        return record

    def wish(self, record: AssetRecord, who: str = "anna", *, key: str | None = None) -> bytes:
        """Sign for a recall."""
        asks = recall_asks("onprem", record.name, record.version)
        return self.sign(who, "recall", record.name, asks, key=key)

    def recall(self, record: AssetRecord, *, again: bool = False) -> Recalled:
        return recall(self.env("onprem"), record.name, record.version, self.wish(record), again=again)

    def pursue(self, source: str, destination: str, request: str) -> str:
        """Have one destination erase, and those it passed the request on to; return how it stands."""
        erase(self.env(destination), source, request)
        settled = settle_recall(self.env(source), destination, request)
        for further, forwarded in settled.forwarded:
            self.pursue(destination, further, forwarded)
        if settled.forwarded:
            erase(self.env(destination), source, request)
            settled = settle_recall(self.env(source), destination, request)
        return settled.outcome

    @contextmanager
    def receipt_away(self, crossing: str) -> Iterator[None]:
        """Keep the answer to a crossing from its source during the block: it comes home late."""
        receipt = self.transit() / crossing[7:] / "receipt"
        raw = receipt.read_bytes()
        receipt.unlink()
        yield
        receipt.parent.mkdir(parents=True, exist_ok=True)
        receipt.write_bytes(raw)

    def names(self, where: str) -> tuple[str, ...]:
        return self.env(where).store.names()
