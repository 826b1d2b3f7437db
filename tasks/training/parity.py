"""Proof that the exported model computes what was fitted, and probes that travel with it.

The probes are synthetic: each column is drawn on its own from the model's own levels, a missing
value and a level never seen, and hours over six orders of magnitude. No row of theirs is a patient's,
and whoever receives the model can rerun them without any data (`parity.parquet`: the inputs by
name, and the `probability` that the fit gives).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from data_contracts.errors import DefectError
from tasks.training.encoding import Encoder
from tasks.training.export import OUTPUT
from tasks.training.logistic import probabilities

if TYPE_CHECKING:
    import polars as pl

__all__ = ["DISTINCT", "PROBES", "TOLERANCE", "UNSEEN", "check_parity", "probes"]

Matrix = NDArray[np.float64]

PROBES = 1000
DISTINCT = 500
"""Different probabilities that a comparison on real rows must rest on."""
SEED = 20_200_301
UNSEEN = "(unseen)"
TOLERANCE = 1e-9


def probes(encoder: Encoder, coefficients: Matrix) -> pl.DataFrame:
    """Return the probes with their probabilities: the same ones for the same model."""
    import polars as pl

    random = np.random.default_rng(SEED)
    columns: dict[str, list[str] | NDArray[np.generic]] = {}
    study, closed = encoder.study, dict(encoder.study.domains)
    for name in study.categorical:
        domain = closed.get(name) or (*encoder.levels[name], UNSEEN)
        choices = sorted({*domain, ""})
        columns[name] = [choices[index] for index in random.integers(0, len(choices), PROBES)]
    for name in study.indicators:
        columns[name] = random.integers(0, 2, PROBES, dtype=np.int64)
    if study.elapsed:
        columns[study.elapsed] = np.round(np.expm1(random.uniform(0.0, np.log1p(1e5), PROBES)), 1)
    frame = pl.DataFrame(columns).select(study.names)
    expected = probabilities(encoder.matrix(frame), coefficients)
    return frame.with_columns(pl.Series(OUTPUT, expected, dtype=pl.Float64))


def check_parity(expected: Matrix, got: Matrix, *, distinct: int = 1) -> float:
    """Return the largest difference of two sets of probabilities.

    Args:
        expected: what the fit gives.
        got: what the exported model gives.
        distinct: how many distinct values the comparison must rest on.

    Raises:
        DefectError: the export computes something else, or the rows could not have shown it.
    """
    if expected.shape != got.shape:
        raise DefectError("the exported model answers with another number of rows")
    found = len(np.unique(expected))
    if found < distinct:
        raise DefectError(f"parity rests on {found} distinct probabilities, and {distinct} are needed")
    worst = float(np.max(np.abs(expected - got), initial=0.0))
    if not worst <= TOLERANCE:
        raise DefectError("the exported model gives other probabilities than the fit")
    return worst
