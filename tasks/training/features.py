"""What the model may look at, and what it may not and why.

A feature must be known before the result is, must identify nobody, and must have a column of its
own in the model's contract (`hospital.result-model`). `EXCLUDED` names every other column of the
hospital's tests with its reason; a test holds the two lists to the contract's columns, so a new
column can never become a feature by being forgotten.

`col_rec_tat` (collection to receipt, in hours) is a feature: the specimen is received before it is
tested. `rec_ver_tat` (receipt to verification) ends with the result, and the cycle threshold
`ct_result` *is* the result: either would let the model read the answer.

Example:
    >>> band(0.8), band(18), band(94)
    ('[0,18)', '[18,40)', '[90,)')
"""

from __future__ import annotations

import math
from bisect import bisect_right
from typing import TYPE_CHECKING

from data_contracts.errors import DataBreaksContractError
from tasks.training.study import Study

if TYPE_CHECKING:
    import polars as pl

__all__ = [
    "AGE_BANDS",
    "CATEGORICAL",
    "DAY",
    "ELAPSED",
    "EXCLUDED",
    "FEATURES",
    "HOSPITAL",
    "INDICATORS",
    "NEGATIVE",
    "POSITIVE",
    "RESULT",
    "band",
    "band_names",
    "banded_age",
    "features_of",
]

CATEGORICAL = ("gender", "clinic_name", "demo_group", "age", "payor_group", "patient_class")
"""Text columns, one-hot. `age` comes as bands; a missing value is a level of its own, the empty text."""
INDICATORS = ("drive_thru_ind", "orderset")
"""0 or 1."""
ELAPSED = "col_rec_tat"
"""Hours from collection to receipt; enters as a standardised log(1 + hours)."""
FEATURES = (*CATEGORICAL, *INDICATORS, ELAPSED)
RESULT, POSITIVE, NEGATIVE = "result", "positive", "negative"
DAY = "pan_day"

EXCLUDED = {
    "subject_id": "an identifier, and as a pseudonym still a person's",
    "fake_first_name": "a name",
    "fake_last_name": "a name",
    "pan_day": "it splits training from held-out days, and a trend in it would only be extrapolated",
    "test_id": "constant but for two rows in fifteen thousand",
    "result": "what is predicted",
    "ct_result": "known only with the result: it is the measurement behind it",
    "rec_ver_tat": "known only after the result: it ends when the result is verified",
}

AGE_BANDS = (0, 18, 40, 65, 90)
"""Lower bounds in years, as in the terms of `hospital.covid-tests`; the last band has no upper end."""


def band_names() -> tuple[str, ...]:
    """Return the bands as they are written where ages were generalised (design §4)."""
    ends = [f"{upper})" for upper in AGE_BANDS[1:]] + [")"]
    return tuple(f"[{lower},{end}" for lower, end in zip(AGE_BANDS, ends, strict=True))


def band(age: float) -> str:
    """Return the band of an age in years.

    Raises:
        DataBreaksContractError: it is below the first bound, or no number.
    """
    if math.isnan(age) or age < AGE_BANDS[0]:
        raise DataBreaksContractError(
            "age: a value below the first band", remedy="quarantine such rows first"
        )
    return band_names()[bisect_right(AGE_BANDS, age) - 1]


def banded_age(ages: pl.Series) -> pl.Series:
    """Return ages as band names, whether they came as numbers (at home) or as bands (after a crossing).

    Raises:
        DataBreaksContractError: a number below the first band, or a text that is no band.
    """
    import polars as pl

    if ages.dtype == pl.String:
        if not ages.drop_nulls().is_in(band_names()).all():
            raise DataBreaksContractError("age: a text that is no band", remedy="check the arrival contract")
        return ages
    years = ages.cast(pl.Float64)
    if years.is_nan().any() or (years < AGE_BANDS[0]).any():
        raise DataBreaksContractError(
            "age: a value below the first band", remedy="quarantine such rows first"
        )
    bands = pl.Series(list(AGE_BANDS), dtype=pl.Float64)
    place = bands.search_sorted(years.fill_null(0.0), side="right") - 1
    names = pl.Series(band_names())[place]
    return pl.select(pl.when(years.is_not_null()).then(names)).to_series().alias(ages.name)


def features_of(frame: pl.DataFrame) -> pl.DataFrame:
    """Return the feature columns in the model's types: text without nulls, int64, float64.

    Raises:
        DataBreaksContractError: a feature is absent, or a number is missing or no number.
    """
    import polars as pl

    absent = [name for name in FEATURES if name not in frame.columns]
    if absent:
        raise DataBreaksContractError(f"columns {', '.join(absent)}: absent, and the model needs them")
    text = [pl.col(name).cast(pl.String).fill_null("") for name in CATEGORICAL if name != "age"]
    found = frame.select(
        *text,
        banded_age(frame["age"]).fill_null("").alias("age"),
        *(pl.col(name).cast(pl.Int64) for name in INDICATORS),
        pl.col(ELAPSED).cast(pl.Float64).fill_nan(None),
    ).select(FEATURES)
    for name in (*INDICATORS, ELAPSED):
        missing = found[name].null_count()
        if missing:
            raise DataBreaksContractError(
                f"column {name}: {missing} values missing, and the model needs them",
                remedy="quarantine such rows first",
            )
    return found


HOSPITAL = Study(
    name="positive_result",
    categorical=CATEGORICAL,
    indicators=INDICATORS,
    elapsed=ELAPSED,
    result=RESULT,
    positive=POSITIVE,
    negative=NEGATIVE,
    order=DAY,
    train_last=80,
    held_out=(81, 100),
    folds=((40, 50), (50, 60), (60, 70), (70, 80)),
    features=features_of,
    domains=(("age", band_names()),),
    use="a weak ranking of tests for planning; no ground for a decision about a patient",
)
"""Fitted on days up to 80, judged on days 81 to 100."""
