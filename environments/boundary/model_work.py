"""The gate's look at a model as the work of a child, which imports all of it before it is locked in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import onnx  # noqa: F401 - imported before the child is locked in
import onnxruntime  # noqa: F401

from data_contracts.loading import contract_from_document
from environments.boundary.model_gate import check_model

__all__ = ["look"]


def look(arguments: dict[str, Any], stream: Any) -> bool:  # noqa: ANN401 - the arrow stream, unused
    """Run the gate on a model; whether it passes is for the gate itself to say again."""
    del stream
    contract = contract_from_document(arguments["contract"], file="the arrival contract")
    return not check_model(contract, {name: Path(path) for name, path in arguments["files"].items()})
