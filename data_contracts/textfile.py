"""Strict CSV (being filled in): every cell as text, or one clear refusal with a line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["read_csv"]


def read_csv(path: Path, *, batch_bytes: int = 16 * 1024 * 1024) -> Iterator[pa.Table]:
    """Yield tables of strings without nulls.

    Raises:
        DataBreaksContractError: no UTF-8, ragged rows, an unclosed quote, a header with an empty or
            repeated name; the text names the line and never a cell.
    """
    raise NotImplementedError
