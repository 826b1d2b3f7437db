"""Twenty lines of an engine, for tests of measures alone: any partitioning, any order of merging."""

from __future__ import annotations

import random
from typing import Any

import polars as pl
import pyarrow as pa

from data_contracts.measure import Asset, Finding, KeyCounts, KeyMeasure, Measure, PartView, WholeMeasure


def cut(table: pa.Table, pieces: random.Random, most: int = 5) -> list[pa.Table]:
    """Cut a table into parts, some of them empty."""
    edges = sorted(pieces.randint(0, table.num_rows) for _ in range(pieces.randint(0, most - 1)))
    return [
        table.slice(start, stop - start)
        for start, stop in zip([0, *edges], [*edges, table.num_rows], strict=True)
    ]


def find(measure: Any, parts: list[pa.Table], order: random.Random) -> Finding:
    """Return what a measure finds in the parts."""
    rows = sum(part.num_rows for part in parts)
    if isinstance(measure, WholeMeasure):
        return measure.evaluate(
            Asset(lambda names: iter([p if names is None else p.select(names) for p in parts]), rows)
        )
    frames = [pl.from_arrow(part) for part in parts]
    if isinstance(measure, KeyMeasure):
        return measure.judge_keys(_counts(measure, pl.concat(frames)), rows)
    passing: Measure | None = measure
    while passing is not None:
        states = []
        for position, frame in enumerate(frames):
            view = frame.select(passing.columns) if passing.columns else frame
            part = PartView(view, parts[position].num_rows, position)
            wanted = [expression.alias(str(i)) for i, expression in enumerate(passing.expressions())]
            states.append(passing.state(view.select(wanted).row(0) if wanted else (), part))
        order.shuffle(states)
        while len(states) > 1:
            states.append(states.pop(0).merge(states.pop(0)))
        measure, passing = passing, passing.second(states[0])
    return measure.judge(states[0], rows)


def _counts(measure: KeyMeasure, frame: pl.DataFrame) -> KeyCounts:
    spec = measure.key()
    admitted = frame if spec.where is None else frame.filter(spec.where.fill_null(value=False))
    keys = admitted.select(value.alias(str(index)) for index, value in enumerate(spec.values))
    keyed = keys if spec.null_is_value else keys.drop_nulls()
    groups = keyed.group_by(keyed.columns).len()
    repeated = groups.filter(pl.col("len") > 1)["len"].sum()
    return KeyCounts(admitted.height, keyed.height, groups.height, int(repeated))
