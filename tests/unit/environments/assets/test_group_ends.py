"""Row groups end where the content says: rows inserted in the middle leave those behind them alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from environments.assets.writing import MOST_ROWS, PartWriter

ROWS = 2_000_000


def table(rows: int, seed: int) -> pa.Table:
    random = np.random.default_rng(seed)
    return pa.table({"n": random.integers(0, 1 << 40, rows), "x": random.integers(0, 50, rows)})


def groups(folder: Path, rows: pa.Table, batch: int) -> list[pa.Table]:
    folder.mkdir()
    with PartWriter(folder, rows.schema) as writer:
        for start in range(0, rows.num_rows, batch):
            writer.write(rows.slice(start, batch))
    [path] = writer.paths
    file = pq.ParquetFile(path)
    return [file.read_row_group(number) for number in range(file.num_row_groups)]


def test_rows_in_the_middle_change_the_groups_around_them(tmp_path: Path) -> None:
    rows = table(ROWS, 1)
    grown = pa.concat_tables([rows.slice(0, ROWS // 2), table(1000, 2), rows.slice(ROWS // 2)])
    before, after = groups(tmp_path / "a", rows, ROWS), groups(tmp_path / "b", grown, ROWS)
    same = sum(1 for group in after if any(group.equals(other) for other in before))
    assert len(after) - same <= 5
    assert len(after) > 15
    assert max(group.num_rows for group in after) <= MOST_ROWS
    assert pa.concat_tables(after).equals(grown)


@pytest.mark.parametrize("batch", [400_000, 700_001])
def test_the_ends_do_not_depend_on_the_batches_behind_the_first(tmp_path: Path, batch: int) -> None:
    """The first batch says how large the first groups are; from then on only the rows count."""
    rows = table(ROWS // 2, 1)
    sizes = [group.num_rows for group in groups(tmp_path / "a", rows, batch)]
    assert sum(sizes) == ROWS // 2
    assert sizes == [group.num_rows for group in groups(tmp_path / "b", rows, batch)]


def test_rows_that_are_all_the_same_still_end(tmp_path: Path) -> None:
    rows = pa.table({"n": pa.array([1] * 1_500_000), "b": pa.array([True] * 1_500_000)})
    assert max(group.num_rows for group in groups(tmp_path / "a", rows, 1_500_000)) <= MOST_ROWS


def test_columns_that_cannot_be_hashed_end_at_their_size(tmp_path: Path) -> None:
    rows = pa.table({"b": pa.array([[True]] * 1_200_000)})
    found = groups(tmp_path / "a", rows, 1_200_000)
    assert {group.num_rows for group in found[:-1]} == {MOST_ROWS}
