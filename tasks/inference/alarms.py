"""Score a shift beside the machine, and keep only the parts at which somebody should look.

A part is an alarm where a look is worth it: at `LOOKS` looks for a failure that is found, that is at a
probability of 1 in `LOOKS` + 1. Beside the alarms the step says how far the shift's readings drifted from
what the model was trained on: the largest population stability index of a feature. By custom, below 0.1 is
the same population and above 0.25 another (Siddiqi, Credit Risk Scorecards, 2006).

Example, in a pipeline:
    ```python
    found = raise_alarms.on("edge")(model, reference, shift)
    ```
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from tasks.steps import AssetRef, StepRun, made_under, step
from tasks.training.machine import FEATURES, MACHINE, count_bands
from tasks.training.running import OUTPUT, run_model

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa

__all__ = ["LOOKS", "Alarmed", "alarms_of", "raise_alarms", "stability"]

LOOKS = 10
ALARM = 1 / (LOOKS + 1)
KEPT = ("uid", "product_id")
_LEAST = 1e-4
"""A share that is 0 is taken as this, as is usual: the index has no value at 0."""


class Alarmed(NamedTuple):
    """The alarms, how many parts were scored, how many of them are alarms, and the largest drift."""

    alarms: AssetRef
    rows: int
    rows_alarmed: int
    drift: float


def alarms_of(frame: pl.DataFrame, model: bytes) -> pl.DataFrame:
    """Return the parts whose probability reaches `ALARM`, with it, in their order."""
    import polars as pl

    found = pl.Series(OUTPUT, run_model(model, MACHINE.features(frame), MACHINE), dtype=pl.Float64)
    return frame.select(KEPT).with_columns(found).filter(pl.col(OUTPUT) >= ALARM)


def bands_of(table: pa.Table) -> Counter[tuple[str, str]]:
    """Return a part of the reference as counts."""
    rows = zip(*(table[name].to_pylist() for name in ("feature", "band", "rows")), strict=True)
    return Counter({(feature, band): count for feature, band, count in rows})


def stability(seen: Mapping[tuple[str, str], int], now: Mapping[tuple[str, str], int]) -> float:
    """Return the largest population stability index of a feature: 0 for the same shares.

    Args:
        seen: rows by feature and band in the reference.
        now: the same of the shift; both have at least one row of each feature.
    """
    return max(_index(_of(seen, feature), _of(now, feature)) for feature in FEATURES)


def _of(counts: Mapping[tuple[str, str], int], feature: str) -> dict[str, int]:
    return {band: rows for (name, band), rows in counts.items() if name == feature}


def _index(seen: Mapping[str, int], now: Mapping[str, int]) -> float:
    total, others = sum(seen.values()), sum(now.values())
    shares = ((seen.get(band, 0) / total, now.get(band, 0) / others) for band in {*seen, *now})
    pairs = ((max(a, _LEAST), max(b, _LEAST)) for a, b in shares)
    return sum((b - a) * math.log(b / a) for a, b in pairs)


@step(purpose="batch-inference", outputs={"alarms": made_under("factory.alarms", name="failure_alarms")})
def raise_alarms(run: StepRun, model: AssetRef, reference: AssetRef, shift: AssetRef) -> Alarmed:
    """Score a shift's parts, and keep those that are worth a look."""
    network = run.open_model(model)
    with run.phase("check"):
        data = run.open(shift).require()
        seen: Counter[tuple[str, str]] = sum(run.open(reference).map(bands_of), Counter())
    with run.phase("drift", rows=data.rows):
        drift = stability(seen, sum(data.map(count_bands, as_="polars"), Counter()))
    with run.new("alarms") as out:
        with run.phase("score", rows=data.rows):
            parts = data.write(alarms_of, network.onnx, into=out, as_="polars")
        alarmed = sum(part.rows[0] for part in parts)
        return Alarmed(out.commit(), data.rows, alarmed, round(drift, 6))
