"""The transit: the only code that opens what lies between two environments.

Invariants:
1. Nothing that is read here is believed: the boundary verifies every byte.
2. Nothing readable lies here but the manifest and the receipt; the rest is encrypted to the destination.

Example:
    >>> transit = open_transit(home / "transit", "onprem", "cloud")
    >>> transit.put(manifest_name(crossing), envelope)
"""

from __future__ import annotations

from pathlib import Path

from data_contracts.errors import UsageError
from environments.boundary.transit.directory import DirectoryTransit
from environments.boundary.transit.names import (
    chunk_name,
    contents_name,
    crossing_prefix,
    manifest_name,
    receipt_name,
)
from environments.boundary.transit.port import Transit
from environments.ref import check_name

__all__ = [
    "DirectoryTransit",
    "Transit",
    "chunk_name",
    "contents_name",
    "crossing_prefix",
    "manifest_name",
    "open_transit",
    "receipt_name",
]


def open_transit(root: Path, source: str, destination: str) -> Transit:
    """Return the transit from one environment to another.

    Raises:
        UsageError: one of them is no name, or both are one.
    """
    check_name(source, "the source")
    check_name(destination, "the destination")
    if source == destination:
        raise UsageError(f"{source}: source and destination are one environment")
    return DirectoryTransit(root / source / destination)
