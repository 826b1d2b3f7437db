"""The factory's study: machine failures, from bands of readings that are there before the failure is.

Readings become bands by the physics of the machine (spindle power, heat, strain), in one function that
training and scoring share. The modes of failure are known only with the failure and are no features; the
parts have no clock of their own, so their place in the table splits them.

Example, in a pipeline:
    ```python
    trained = train_failure.on("cloud")(history)
    both = sync([trained.model, trained.reference], to="edge", purpose="batch-inference").require()
    ```
"""

from __future__ import annotations

import math
from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from data_contracts.errors import DataBreaksContractError
from tasks.steps import AssetRef, Needs, StepRun, made_under, step
from tasks.training.study import SLOT, Study
from tasks.training.train import train_model

if TYPE_CHECKING:
    import polars as pl

__all__ = ["BANDS", "FEATURES", "MACHINE", "count_bands", "machine_features", "train_failure"]

READINGS = ("air_temperature_k", "process_temperature_k", "speed_rpm", "torque_nm", "tool_wear_min")
TYPES = ("H", "L", "M")
BANDS: dict[str, tuple[float, ...]] = {
    "power": (0, 3500, 4500, 5500, 6500, 7500, 8500, 9000),
    "difference": (0, 8.6, 9, 10, 11),
    "speed": (0, 1300, 1380, 1500, 1700, 2000),
    "wear": (0, 50, 100, 150, 200, 220),
    "strain": (0, 2000, 5000, 8000, 10000, 11000, 12000, 13000),
}
"""Lower bounds, in watts, kelvin, revolutions a minute, minutes, newton metres times minutes."""
FEATURES = ("type", *BANDS)


class TrainedFailure(NamedTuple):
    """The model, what it saw, and how far to trust it: the figures of `tasks.training.train.Trained`."""

    model: AssetRef
    reference: AssetRef
    auc: float
    auc_error: float
    auc_chance: float
    better_than_chance: bool
    rows: int
    rows_held_out: int
    positives_held_out: int
    parity: float


def band_names(feature: str) -> tuple[str, ...]:
    """Return a feature's bands as they are written: half-open, the last without an end (design §4)."""
    bounds = BANDS[feature]
    closed = [f"[{low:g},{high:g})" for low, high in pairwise(bounds)]
    return (*closed, f"[{bounds[-1]:g},)")


def machine_features(frame: pl.DataFrame) -> pl.DataFrame:
    """Return the feature columns as text: the type, and the band of each quantity.

    Raises:
        DataBreaksContractError: a reading is absent, missing, no number, or below the first band.
    """
    import polars as pl

    absent = [name for name in ("type", *READINGS) if name not in frame.columns]
    if absent:
        raise DataBreaksContractError(f"columns {', '.join(absent)}: absent, and the model needs them")
    air, process, speed, torque, wear = (pl.col(name).cast(pl.Float64) for name in READINGS)
    quantities = frame.select(
        power=torque * speed * (2 * math.pi / 60), difference=process - air, speed=speed, wear=wear,
        strain=torque * wear,
    )  # fmt: skip
    found = [_banded(quantities[name]) for name in BANDS]
    return frame.select(pl.col("type").cast(pl.String).fill_null("")).with_columns(found)


def _banded(values: pl.Series) -> pl.Series:
    import polars as pl

    lowest = values.min()
    if values.null_count() or values.is_nan().any() or (isinstance(lowest, float) and lowest < 0):
        raise DataBreaksContractError(
            f"{values.name}: readings that are missing, no numbers, or below the first band",
            remedy="quarantine such rows first",
        )
    place = pl.Series(list(BANDS[values.name]), dtype=pl.Float64).search_sorted(values, side="right") - 1
    return pl.Series(band_names(values.name))[place].alias(values.name)


MACHINE = Study(
    name="machine_failure",
    categorical=FEATURES,
    indicators=(),
    elapsed=None,
    result="machine_failure",
    positive=1,
    negative=0,
    order=SLOT,
    train_last=79,
    held_out=(80, 99),
    folds=((49, 59), (59, 69), (69, 79)),
    features=machine_features,
    domains=(("type", TYPES), *((name, band_names(name)) for name in BANDS)),
    use="what to look at first; it stops no machine, and its readings were synthetic",
    reads=("type", *READINGS),
)


def count_bands(frame: pl.DataFrame) -> Counter[tuple[str, str]]:
    """Return how many rows of a part are in each band of each feature."""
    features = machine_features(frame)
    return Counter({(name, band): count for name in FEATURES for band, count in _counts(features[name])})


def _counts(column: pl.Series) -> list[tuple[str, int]]:
    return list(column.value_counts().iter_rows())


@step(
    purpose="model-training",
    outputs={
        "model": made_under("factory.failure-model", name="failure_model"),
        "reference": made_under("factory.reference-bands", name="failure_reference"),
    },
    needs=Needs(hours=0.05, output_share=0.01),
)
def train_failure(run: StepRun, history: AssetRef) -> TrainedFailure:
    """Fit a classifier of machine failures, and keep beside it which bands it saw."""
    import pyarrow as pa

    trained = train_model(run, history, MACHINE)
    data = run.open(history, columns=("type", *READINGS))
    with run.phase("reference", rows=data.rows):
        seen = sorted(sum(data.map(count_bands, as_="polars"), Counter()).items())
    with run.new("reference") as out:
        columns = list(zip(*((feature, band, rows) for (feature, band), rows in seen), strict=True))
        out.write(pa.table(dict(zip(("feature", "band", "rows"), map(list, columns), strict=True))))
        reference = out.commit()
    return TrainedFailure(
        trained.model, reference, trained.auc, trained.auc_error, trained.auc_chance,
        trained.better_than_chance, trained.rows, trained.rows_held_out, trained.positives_held_out,
        trained.parity,
    )  # fmt: skip
