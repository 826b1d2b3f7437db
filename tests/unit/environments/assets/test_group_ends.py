"""Row groups end where the content says: rows inserted in the middle leave those behind them alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from environments.assets.grouping import LEAST_ROWS, MOST_ROWS, USUAL_ROWS, first_size, size_after
from environments.assets.writing import PartWriter

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
    assert max(group.num_rows for group in after) <= USUAL_ROWS
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
    assert max(group.num_rows for group in groups(tmp_path / "a", rows, 1_500_000)) <= USUAL_ROWS


def test_columns_that_cannot_be_hashed_end_at_their_size(tmp_path: Path) -> None:
    rows = pa.table({"b": pa.array([[True]] * 1_200_000)})
    found = groups(tmp_path / "a", rows, 1_200_000)
    assert {group.num_rows for group in found[:-1]} == {USUAL_ROWS}


@pytest.mark.parametrize("count", [20_000, 150_000, 400_000])
def test_few_rows_have_such_ends_too(tmp_path: Path, count: int) -> None:
    rows = table(count, 1)
    grown = pa.concat_tables([rows.slice(0, count // 2), table(100, 2), rows.slice(count // 2)])
    before, after = groups(tmp_path / "a", rows, 10_000), groups(tmp_path / "b", grown, 10_000)
    same = sum(1 for group in after if any(group.equals(other) for other in before))
    assert len(after) - same <= 4
    assert len(after) >= 14


def test_appended_rows_change_the_last_group(tmp_path: Path) -> None:
    rows = table(300_000, 1)
    grown = pa.concat_tables([rows, table(3000, 2)])
    before, after = groups(tmp_path / "a", rows, 100_000), groups(tmp_path / "b", grown, 100_000)
    assert all(left.equals(right) for left, right in zip(before[:-1], after, strict=False))
    assert len(before) > 300_000 // USUAL_ROWS


def test_groups_grow_with_what_was_written() -> None:
    assert [first_size(rows) for rows in (1, 8191, 20_000, 10**7)] == [1024, 1024, 2048, USUAL_ROWS]
    sizes = [size_after(LEAST_ROWS, rows) for rows in range(0, 10**8, 10_007)]
    assert sizes == sorted(sizes)
    assert set(sizes) == {1024 << power for power in range(8)}
    assert size_after(LEAST_ROWS, 8_000_000) == USUAL_ROWS
    assert sizes[-1] == MOST_ROWS


def test_only_columns_that_repeat_have_a_dictionary(tmp_path: Path) -> None:
    groups(tmp_path / "a", table(50_000, 1), 50_000)
    [path] = (tmp_path / "a").iterdir()
    group = pq.ParquetFile(path).metadata.row_group(2)
    assert [group.column(at).has_dictionary_page for at in (0, 1)] == [False, True]
