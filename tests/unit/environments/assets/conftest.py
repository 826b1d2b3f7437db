"""A contract with every type, a store, and a way to write files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from data_contracts.loading import contract_from_document
from data_contracts.model import Contract
from environments.stores import LocalStore


def column(name: str, kind: str, *, tokens: list[str] | None = None, **more: Any) -> dict[str, Any]:
    missing = [{"property": "isthmusMissing", "value": {"tokens": tokens}}] if tokens else []
    own = [{"property": "isthmusCategories", "value": ["health"]}, *missing]
    return {"name": name, "logicalType": kind, "customProperties": own, **more}


@pytest.fixture
def contract() -> Contract:
    return contract_from_document(
        {
            "apiVersion": "v3.1.0",
            "kind": "DataContract",
            "id": "test.patients",
            "version": "1.2.3",
            "status": "active",
            "schema": [
                {
                    "name": "patients",
                    "logicalType": "object",
                    "properties": [
                        column("id", "integer", required=True, classification="restricted"),
                        column("name", "string", tokens=["nan"], classification="restricted"),
                        column("age", "number", tokens=["NA"], logicalTypeOptions={"maximum": 110}),
                        column("day", "date", classification="internal"),
                    ],
                }
            ],
        }
    )


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "store")


@pytest.fixture
def csv(tmp_path: Path) -> Callable[..., Path]:
    def write(*lines: str, header: str = "id,name,age,day", raw: bytes | None = None) -> Path:
        path = tmp_path / "patients.csv"
        path.write_bytes("\n".join([header, *lines, ""]).encode() if raw is None else raw)
        return path

    return write
