"""A model as a step sees it: verified bytes of an ONNX file, its contract, its parity rows.

Example, in a step:
    ```python
    model = run.open_model(ref)
    scored = tests.map(score_part, model.onnx)      # bytes travel to the workers; they hold no data
    ```
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from data_contracts.errors import UsageError
from data_contracts.model import Contract

__all__ = ["MODEL_FILE", "PARITY_FILE", "ModelAsset"]

MODEL_FILE = "model.onnx"
PARITY_FILE = "parity.parquet"


@dataclass(frozen=True)
class ModelAsset:
    """One version of one model.

    Attributes:
        name: the asset's name.
        contract: the model contract that it was committed under.
        paths: its files by their path inside the asset.
    """

    name: str
    contract: Contract
    paths: Mapping[str, Path]

    @property
    def path(self) -> Path:
        """The ONNX file."""
        return self._file(MODEL_FILE)

    @property
    def parity(self) -> Path:
        """The rows and answers by which any place can compare the model with the trained one."""
        return self._file(PARITY_FILE)

    @cached_property
    def onnx(self) -> bytes:
        """The ONNX file's bytes."""
        return self.path.read_bytes()

    def _file(self, name: str) -> Path:
        try:
            return self.paths[name]
        except KeyError:
            raise UsageError(f"{self.name}: this model has no {name}") from None
