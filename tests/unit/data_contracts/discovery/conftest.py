from __future__ import annotations

import csv
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from data_contracts.discovery import ColumnReport, examine

# The ground truth is shared with benchmarks/discovery.py, so it is a plain module in this folder.
sys.path.insert(0, str(Path(__file__).parent))

Table = Mapping[str, Sequence[object]]


@pytest.fixture
def written(tmp_path: Path) -> Callable[[Table], Path]:
    def write(table: Table) -> Path:
        path = tmp_path / "data.csv"
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(table)
            writer.writerows(zip(*table.values(), strict=True))
        return path

    return write


@pytest.fixture
def told(written: Callable[[Table], Path]) -> Callable[[Table], dict[str, ColumnReport]]:
    def tell(table: Table) -> dict[str, ColumnReport]:
        return {column.path: column for column in examine(written(table)).columns}

    return tell
