"""Parts cover every row once, in order, whatever the files are cut into; all three kinds of table work."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.steps.partitions import apply_part, cut, read_part, split_rows, write_part


@given(st.integers(0, 500), st.integers(1, 20))
def test_ranges_are_even_and_complete(rows: int, pieces: int) -> None:
    ranges = split_rows(rows, pieces)
    assert sum(length for _, length in ranges) == rows
    position = 0
    for start, length in ranges:
        assert start == position
        position += length
    lengths = [length for _, length in ranges]
    assert max(lengths) - min(lengths) <= 1


def files(folder: Path, groups: list[int]) -> list[Path]:
    paths, first = [], 0
    for index, rows in enumerate(groups):
        table = pa.table({"n": range(first, first + rows), "word": ["x"] * rows})
        path = folder / f"part-{index:05d}.parquet"
        pq.write_table(table, path, row_group_size=max(1, (rows + 1) // 2))
        paths.append(path)
        first += rows
    return paths


@pytest.mark.parametrize("wanted", [1, 2, 7, 40])
def test_the_parts_hold_every_row_once_in_order(tmp_path: Path, wanted: int) -> None:
    paths = files(tmp_path, [10, 1, 23])
    parts = cut(paths, wanted)
    assert len(parts) >= min(wanted, 34)
    seen = [value for part in parts for value in read_part(part).column("n").to_pylist()]
    assert seen == list(range(34))


def test_an_empty_file_is_one_empty_part(tmp_path: Path) -> None:
    pq.write_table(pa.table({"n": pa.array([], pa.int64())}), tmp_path / "a.parquet")
    assert sum(part.rows for part in cut([tmp_path / "a.parquet"], 4)) == 0


def test_each_form_is_what_it_says(tmp_path: Path) -> None:
    import pandas as pd
    import polars as pl

    [part] = cut(files(tmp_path, [2]), 1, ("n",))[:1]
    assert isinstance(read_part(part, "arrow"), pa.Table)
    assert isinstance(read_part(part, "polars"), pl.DataFrame)
    frame = read_part(part, "pandas")
    assert isinstance(frame, pd.DataFrame)
    assert list(frame.columns) == ["n"]
    assert isinstance(frame["n"].dtype, pd.ArrowDtype)


def total(table: Any) -> int:
    return int(sum(table["n"].to_pylist()))


def test_a_function_sees_its_part(tmp_path: Path) -> None:
    parts = cut(files(tmp_path, [9]), 3)
    assert sum(apply_part(part, total, "arrow") for part in parts) == 36


def odd_even(table: pa.Table) -> tuple[pa.Table, pa.Table, int]:
    import pyarrow.compute as pc

    odd = pc.equal(pc.bit_wise_and(table["n"], 1), 1)
    return table.filter(pc.invert(odd)), table.filter(odd), table.num_rows


def test_several_tables_go_to_several_folders_and_the_rest_comes_back(tmp_path: Path) -> None:
    for name in ("even", "odd"):
        (tmp_path / name).mkdir()
    parts = cut(files(tmp_path, [9]), 2)
    folders = (str(tmp_path / "even"), str(tmp_path / "odd"))
    results = [write_part(part, odd_even, "arrow", folders) for part in parts]
    assert [sum(result.rows[index] for result in results) for index in (0, 1)] == [5, 4]
    assert sum(result.value for result in results) == 9
    even = pa.concat_tables(pq.read_table(path) for path in sorted((tmp_path / "even").glob("*.parquet")))
    assert even["n"].to_pylist() == [0, 2, 4, 6, 8]


def test_a_part_that_is_computed_twice_is_written_once(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    [part] = cut(files(tmp_path, [4]), 1)[:1]
    for _ in range(2):
        write_part(part, lambda table: table, "arrow", (str(tmp_path / "out"),))
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["part-00000.parquet"]


@pytest.mark.parametrize("form", ["arrow", "polars", "pandas"])
def test_what_a_function_returns_may_be_any_form(tmp_path: Path, form: Any) -> None:
    (tmp_path / "out").mkdir()
    [part] = cut(files(tmp_path, [1]), 1)
    write_part(part, lambda table: table, form, (str(tmp_path / "out"),))
    table = pq.read_table(tmp_path / "out" / "part-00000.parquet")
    assert table.column_names == ["n", "word"]
    assert b"pandas" not in (table.schema.metadata or {})
