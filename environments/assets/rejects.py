"""Rows that could not be read, kept as text under a contract that promises nothing.

The contract of the rejects is made from the asset's: the same columns with the same classification and
categories, every one text, no rule, and no boundary terms: what was rejected crosses nowhere.
"""

from __future__ import annotations

from typing import Any

from data_contracts.loading import contract_from_document
from data_contracts.model import Contract

__all__ = ["rejects_contract"]

_KEPT = ("name", "businessName", "description", "classification")
_OURS = "isthmusCategories"


def rejects_contract(contract: Contract) -> Contract:
    """Return the contract of the rows of `contract` that could not be read."""
    return contract_from_document(_document(contract), file=f"rejects of {contract.reference}")


def _document(contract: Contract) -> dict[str, Any]:
    source = contract.document
    wanted = contract.object.name
    item = next(entry for entry in source["schema"] if entry.get("name") == wanted)
    return {
        "apiVersion": source["apiVersion"],
        "kind": source["kind"],
        "id": f"{contract.id}.rejects",
        "name": f"Rejected rows of {contract.name}",
        "version": contract.version,
        "status": contract.status,
        "schema": [
            {
                "name": wanted,
                "logicalType": "object",
                "properties": [_as_text(column) for column in item["properties"]],
            }
        ],
    }


def _as_text(column: dict[str, Any]) -> dict[str, Any]:
    kept = {key: column[key] for key in _KEPT if key in column}
    ours = [entry for entry in column.get("customProperties", ()) if entry.get("property") == _OURS]
    return {**kept, "logicalType": "string"} | ({"customProperties": ours} if ours else {})
