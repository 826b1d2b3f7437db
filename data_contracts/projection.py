"""The arrival contract (being filled in)."""

from __future__ import annotations

from data_contracts.destination import Destination
from data_contracts.model import Contract

__all__ = ["project"]


def project(contract: Contract, destination: Destination, purpose: str) -> Contract:
    """Return what must hold at the destination."""
    raise NotImplementedError
