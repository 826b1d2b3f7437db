"""Contracts and destinations for tests, in as few words as a test needs."""

from __future__ import annotations

from typing import Any

from data_contracts.destination import Destination, TransferRule
from data_contracts.labels import Classification
from data_contracts.loading import contract_from_document
from data_contracts.model import Contract

ANY = (TransferRule(("*",), ("*",), ("*",)),)
CLOUD = Destination("cloud", "cloud", "DE", Classification.CONFIDENTIAL, egress=ANY, ingress=ANY)
HOME = Destination("onprem", "onprem", "DE", Classification.RESTRICTED, egress=ANY, ingress=ANY)


def column(name: str, logical: str = "integer", **more: Any) -> dict[str, Any]:
    """One ODCS property; `options` stands for logicalTypeOptions."""
    options = more.pop("options", None)
    result = {"name": name, "logicalType": logical, "classification": "internal", **more}
    return result if options is None else {**result, "logicalTypeOptions": options}


def crossing(
    columns: dict[str, Any], *, to: Any = "cloud", purposes: tuple[str, ...] = ("study",)
) -> dict[str, Any]:
    return {"to": to, "purposes": list(purposes), "columns": columns}


def document(
    *columns: dict[str, Any], crossings: Any = None, quality: Any = None, **more: Any
) -> dict[str, Any]:
    """A contract as a JSON value."""
    table: dict[str, Any] = {"name": "t", "properties": list(columns)}
    if quality is not None:
        table["quality"] = quality
    made: dict[str, Any] = {
        "apiVersion": "v3.1.0",
        "kind": "DataContract",
        "id": "test.t",
        "version": "1.0.0",
        "status": "active",
        "schema": [table],
        **more,
    }
    if crossings is not None:
        value = {"version": 1, "crossings": crossings}
        made["customProperties"] = [{"property": "isthmusBoundary", "value": value}]
    return made


def contract(*columns: dict[str, Any], **more: Any) -> Contract:
    return contract_from_document(document(*columns, **more))
