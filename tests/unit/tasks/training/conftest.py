"""The hospital's on-prem rows as the cloud gets them, and one fit of them for all tests."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

import flows.hospital
from tasks.training.blocks import Source
from tasks.training.features import banded_age
from tasks.training.fit import Fitted, fit

DATA = Path(flows.hospital.__file__).parent / "data"


@pytest.fixture(scope="session")
def rows() -> pl.DataFrame:
    """The rows at home, without the four that break the contract."""
    missing = {"payor_group": "NA", "patient_class": "NA", "ct_result": "NA"}
    whole = pl.read_csv(DATA / "onprem_tests.csv", null_values=missing, infer_schema_length=None)
    return whole.filter((pl.col("age") <= 110) & (pl.col("rec_ver_tat") >= 0))


@pytest.fixture(scope="session")
def arrived(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows after their crossing: no names, ages as bands."""
    return rows.drop("fake_first_name", "fake_last_name").with_columns(banded_age(rows["age"]))


@pytest.fixture(scope="session")
def fitted(arrived: pl.DataFrame) -> Fitted:
    return fit(Source.of_frames([arrived]))
