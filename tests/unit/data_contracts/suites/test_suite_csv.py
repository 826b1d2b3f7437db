"""CSV without types: those that pandas finds, over the whole file, and the words that mean no value."""

from __future__ import annotations

import random
from pathlib import Path

import pandas as pd
import pytest

from data_contracts.formats import open_source
from data_contracts.suites.csvtypes import MISSING, typed_csv

CELLS = {
    "whole": ["1", "-2", "007", "+5", ""],
    "number": ["1.5", "-2e3", ".5", "1", "inf", "-Infinity", "NA"],
    "truth": ["true", "False", "TRUE"],
    "text": ["a", "1", "true", "NULL", "x y", "1,5"],
    "dates": ["2020-01-01", "2020-12-31"],
    "nothing": list(MISSING),
    "mixed": ["1", "true"],
}
NAMES = {"int64": "int64", "float64": "double", "bool": "bool", "str": "string", "object": "bool"}


def test_types_and_nulls_are_pandas(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    for seed in range(40):
        order = random.Random(seed)  # noqa: S311 - repeatable, not secret
        rows = order.randint(1, 8)
        frame = pd.DataFrame(
            {name: [order.choice(cells) for _ in range(rows)] for name, cells in CELLS.items()}
        )
        frame.to_csv(path, index=False)
        his = pd.read_csv(path)
        typed = typed_csv(open_source(path).read)
        ours = next(typed.read())
        for name in CELLS:
            dtype = str(his[name].dtype)
            found = str(ours.schema.field(name).type)
            # A whole number with gaps is a float to pandas; here it stays whole, and GX sees the same.
            assert found == NAMES[dtype] or (found, dtype) == ("int64", "float64"), (seed, name)
            assert ours[name].null_count == int(his[name].isna().sum()), (seed, name)


@pytest.mark.parametrize("cell", ["99999999999999999999", "1e5x", " 1", "1_000", "0x1A", "yes"])
def test_what_is_no_plain_number_is_text_and_stays_what_it_was(tmp_path: Path, cell: str) -> None:
    path = tmp_path / "t.csv"
    path.write_text(f"a\n1\n{cell}\n")
    typed = typed_csv(open_source(path).read)
    assert str(typed.schema.field("a").type) == "string"
    assert next(typed.read())["a"].to_pylist() == ["1", cell]


def test_the_last_row_counts(tmp_path: Path) -> None:
    """Never a sample: pandas, in pieces, would have made a column of numbers and texts."""
    path = tmp_path / "t.csv"
    path.write_text("a\n" + "1\n" * 120_000 + "x\n")
    typed = typed_csv(open_source(path).read)
    assert str(typed.schema.field("a").type) == "string"
