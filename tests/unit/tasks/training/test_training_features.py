"""What the model may look at: the same bands everywhere, and no column by accident."""

from __future__ import annotations

import math

import polars as pl
import pytest

from data_contracts.errors import DataBreaksContractError
from tasks.training.features import EXCLUDED, FEATURES, band, band_names, banded_age, features_of


def test_every_column_is_a_feature_or_is_excluded_with_a_reason(rows: pl.DataFrame) -> None:
    assert set(FEATURES) | set(EXCLUDED) == set(rows.columns)
    assert not set(FEATURES) & set(EXCLUDED)
    assert {"ct_result", "rec_ver_tat", "subject_id", "fake_first_name", "fake_last_name"} <= set(EXCLUDED)


def test_bands_are_half_open_and_the_last_has_no_upper_end() -> None:
    assert band_names() == ("[0,18)", "[18,40)", "[40,65)", "[65,90)", "[90,)")
    ages = [0.0, 0.8, 17.999, 18.0, 40.0, 65.0, 89.9, 90.0, 110.0]
    names = [band(age) for age in ages]
    assert names == ["[0,18)"] * 3 + ["[18,40)", "[40,65)", "[65,90)", "[65,90)", "[90,)", "[90,)"]
    assert banded_age(pl.Series("age", [*ages, None])).to_list() == [*names, None]


@pytest.mark.parametrize("age", [-0.1, math.nan])
def test_an_age_below_the_first_band_is_an_error_and_no_band(age: float) -> None:
    with pytest.raises(DataBreaksContractError):
        band(age)
    with pytest.raises(DataBreaksContractError):
        banded_age(pl.Series("age", [age, 5.0]))


def test_bands_that_arrived_are_taken_as_they_are_and_other_texts_refused() -> None:
    assert banded_age(pl.Series("age", ["[0,18)", None])).to_list() == ["[0,18)", None]
    with pytest.raises(DataBreaksContractError):
        banded_age(pl.Series("age", ["[0,19)"]))


def test_numbers_at_home_and_bands_after_a_crossing_give_the_same_features(
    rows: pl.DataFrame, arrived: pl.DataFrame
) -> None:
    assert features_of(rows).equals(features_of(arrived))


def test_a_missing_number_is_an_error_that_names_the_column_and_no_value(rows: pl.DataFrame) -> None:
    with pytest.raises(DataBreaksContractError, match="column col_rec_tat: 2 values missing"):
        features_of(rows.head(2).with_columns(col_rec_tat=pl.lit(None, dtype=pl.Float64)))


def test_an_absent_column_is_an_error(rows: pl.DataFrame) -> None:
    with pytest.raises(DataBreaksContractError, match="orderset"):
        features_of(rows.drop("orderset"))


def test_a_missing_text_is_a_level_of_its_own(rows: pl.DataFrame) -> None:
    missing = rows["payor_group"].null_count()
    assert missing
    assert features_of(rows)["payor_group"].eq("").sum() == missing
