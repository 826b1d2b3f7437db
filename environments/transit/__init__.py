"""The transit: the only code that opens what lies between two environments.

Invariants:
1. Nothing that is read here is believed: the boundary verifies every byte.
2. Nothing readable lies here but signed statements (manifest, receipt, recall, erasure); the rest is
   encrypted to the destination.

Example:
    >>> transit = open_transit(home / "transit", "onprem", "cloud")
    >>> transit.put(manifest_name(crossing), envelope)
"""

from __future__ import annotations

from environments.transit.directory import DirectoryTransit
from environments.transit.names import (
    chunk_name,
    contents_name,
    crossing_prefix,
    erasure_name,
    manifest_name,
    recall_name,
    receipt_name,
    request_name,
)
from environments.transit.opening import open_transit
from environments.transit.port import BytesOfItsOwn, Capabilities, Data, Put, Transit

__all__ = [
    "BytesOfItsOwn",
    "Capabilities",
    "Data",
    "DirectoryTransit",
    "Put",
    "Transit",
    "chunk_name",
    "contents_name",
    "crossing_prefix",
    "erasure_name",
    "manifest_name",
    "open_transit",
    "recall_name",
    "receipt_name",
    "request_name",
]
