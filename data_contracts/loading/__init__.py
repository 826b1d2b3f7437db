"""Loading (being filled in): strict reading of ODCS files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from data_contracts.model import Contract

__all__ = ["contract_from_document", "dump_contract", "load_contract", "parse_contract"]


def parse_contract(raw: bytes, *, file: str) -> Contract:
    """Read one contract."""
    raise NotImplementedError


def load_contract(path: Path) -> Contract:
    """Read one contract from a file."""
    raise NotImplementedError


def contract_from_document(document: dict[str, Any], *, file: str = "(document)") -> Contract:
    """Read one contract from a JSON value."""
    raise NotImplementedError


def dump_contract(contract: Contract) -> bytes:
    """Return the canonical bytes of the contract's document."""
    raise NotImplementedError
