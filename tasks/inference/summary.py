"""The small table that may return: expected positives by clinic, without small cells.

The partitions come as Arrow-backed pandas frames, because a group-by and a sum is what pandas says
best; the release itself is decided once, over all cells, in `tasks.inference.disclosure`.

Example, in a pipeline:
    ```python
    summary = aggregate.on("edge")(scores).summary
    ```
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tasks.inference.disclosure import Cell, Release, merge, release
from tasks.steps import AssetRef, StepRun, step
from tasks.training.running import OUTPUT

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

__all__ = ["GROUP", "Aggregated", "aggregate", "cells_of", "table_of"]

GROUP = "clinic_name"
MISSING = "(missing)"


class Aggregated(NamedTuple):
    """The summary, how many clinics are in it, and how many are withheld."""

    summary: AssetRef
    clinics: int
    clinics_withheld: int


def cells_of(frame: pd.DataFrame) -> dict[str, Cell]:
    """Return one partition's rows and sum of probabilities by clinic."""
    clinics = frame[GROUP].fillna(MISSING)
    grouped = frame[OUTPUT].groupby(clinics, sort=True).agg(["size", "sum"])
    return {
        str(group): Cell(int(rows), float(total))
        for group, rows, total in zip(grouped.index, grouped["size"], grouped["sum"], strict=True)
    }


def table_of(found: Release) -> pa.Table:
    """Return a release as the table that its contract describes."""
    import pyarrow as pa

    return pa.table(
        {
            GROUP: pa.array(list(found.cells), pa.string()),
            "tests": pa.array([cell.rows for cell in found.cells.values()], pa.int64()),
            "mean_probability": pa.array([cell.mean for cell in found.cells.values()], pa.float64()),
        }
    )


@step(purpose="reporting", outputs={"summary": "hospital.positivity-summary"})
def aggregate(run: StepRun, scores: AssetRef) -> Aggregated:
    """Sum the scores up by clinic, and withhold every cell of fewer than eleven tests."""
    data = run.open(scores, columns=(GROUP, OUTPUT))
    with run.phase("aggregate", rows=data.rows):
        found = release(merge(data.map(cells_of, as_="pandas")))
    with run.new("summary") as out:
        out.write(table_of(found))
        return Aggregated(out.commit(), len(found.cells), found.withheld)
