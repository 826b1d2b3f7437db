"""Disclosure: no small cell is released, and none is found by subtraction."""

from __future__ import annotations

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.inference.disclosure import DECIMALS, LEAST, Cell, merge, release
from tasks.inference.summary import MISSING, cells_of, table_of

CELLS = st.dictionaries(
    st.text("abcdefgh", min_size=1, max_size=3), st.integers(1, 60).map(lambda rows: Cell(rows, rows * 0.1))
)


@given(CELLS)
def test_released_cells_are_large_and_the_withheld_total_hides_each(cells: dict[str, Cell]) -> None:
    found = release(cells)
    assert all(cell.rows >= LEAST for cell in found.cells.values())
    hidden = {group: cell for group, cell in cells.items() if group not in found.cells}
    assert len(hidden) == found.withheld
    if hidden and found.cells:
        assert len(hidden) >= 2
        assert sum(cell.rows for cell in hidden.values()) >= LEAST


@given(CELLS)
def test_nothing_is_withheld_where_no_cell_is_small(cells: dict[str, Cell]) -> None:
    if all(cell.rows >= LEAST for cell in cells.values()):
        assert release(cells).cells == dict(sorted(cells.items()))


@given(CELLS)
def test_no_more_is_withheld_than_needed(cells: dict[str, Cell]) -> None:
    found = release(cells)
    hidden = sorted((cell.rows, group) for group, cell in cells.items() if group not in found.cells)
    extra = [entry for entry in hidden if entry[0] >= LEAST]
    if extra:
        without = hidden[:-1]
        assert len(without) < 2 or sum(rows for rows, _ in without) < LEAST


def test_a_lone_small_cell_takes_the_next_smallest_with_it() -> None:
    found = release({"a": Cell(40, 4.0), "b": Cell(12, 1.2), "c": Cell(3, 0.3)})
    assert list(found.cells) == ["a"]
    assert found.withheld == 2


@given(st.integers(LEAST, 500), st.floats(0, 1), st.floats(0, 1))
def test_one_row_more_moves_the_sum_less_than_rounding_hides(rows: int, mean: float, score: float) -> None:
    """Two releases that differ in one row: the sums' uncertainty is at least a tenth of the score's range."""
    before, after = Cell(rows, rows * mean), Cell(rows + 1, rows * mean + score)
    guess = after.mean * (rows + 1) - before.mean * rows
    slack = 0.5 * 10**-DECIMALS * (2 * rows + 1)
    assert abs(guess - score) <= slack + 1e-9
    assert slack >= 0.1


def test_partitions_merge_to_the_whole() -> None:
    table = pa.table({"clinic_name": ["a", "b", None, "a"], "probability": [0.1, 0.2, 0.3, 0.4]})
    whole = cells_of(table.to_pandas(types_mapper=pd.ArrowDtype))
    parts = [table.slice(0, 1), table.slice(1, 0), table.slice(1, 3)]
    merged = merge(cells_of(part.to_pandas(types_mapper=pd.ArrowDtype)) for part in parts)
    assert {group: cell.rows for group, cell in whole.items()} == {"a": 2, "b": 1, MISSING: 1}
    assert merged.keys() == whole.keys()
    for group, cell in whole.items():
        assert merged[group].rows == cell.rows
        assert merged[group].total == pytest.approx(cell.total)


def test_partitions_come_as_arrow_backed_pandas() -> None:
    frame = pa.table({"clinic_name": ["a"], "probability": [0.5]}).to_pandas(types_mapper=pd.ArrowDtype)
    assert all(isinstance(kind, pd.ArrowDtype) for kind in frame.dtypes)
    assert cells_of(frame) == {"a": Cell(1, 0.5)}


def test_an_empty_release_is_an_empty_table() -> None:
    table = table_of(release({"a": Cell(3, 0.1)}))
    assert pl.from_arrow(table).is_empty()
    assert table.column_names == ["clinic_name", "tests", "mean_probability"]
