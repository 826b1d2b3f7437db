"""A first pipeline: what may leave crosses to the cloud, and is counted there.

The functions with `@step` are ordinary Python. The one with `@pipeline` is planned before it runs: it hands
references on and never sees data (`isthmus plan blood_pressure` shows what it would do).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from flows.runtime import AssetRef, latest, pipeline, sync
from tasks.steps import StepRun, step

if TYPE_CHECKING:
    import polars as pl

HIGH = 140
"""Millimetres of mercury from which a systolic reading counts as high (ESC/ESH guidelines)."""


class Counted(NamedTuple):
    """What the step returns: numbers may leave it, rows may not."""

    readings: int
    high: int


def count(readings: pl.DataFrame) -> tuple[int, int]:
    """Count one partition; runs on the environment's Dask workers."""
    systolic = readings.get_column("systolic").drop_nulls()
    return len(systolic), int((systolic >= HIGH).sum())


@step(purpose="statistics")
def count_high(run: StepRun, readings: AssetRef) -> Counted:
    """Count the readings and the high ones among them."""
    parts = run.open(readings, columns=("systolic",)).map(count, as_="polars")
    return Counted(sum(part[0] for part in parts), sum(part[1] for part in parts))


@pipeline(home="onprem")
def blood_pressure(
    readings: AssetRef = latest("readings", environment="onprem", contract="clinic.readings"),
) -> None:
    """Count high readings in the cloud, without names, without ids, and with ages as bands."""
    arrived = sync(readings, to="cloud", purpose="statistics").require()
    count_high.on("cloud")(arrived)
