"""The exported model: self-contained, deterministic, and the same function as the fit."""

from __future__ import annotations

import numpy as np
import onnx
import polars as pl
import pytest

from data_contracts.errors import DefectError
from tasks.inference.batch import score_rows
from tasks.training.encoding import Encoder
from tasks.training.export import OUTPUT, to_onnx
from tasks.training.features import CATEGORICAL, FEATURES, features_of
from tasks.training.fit import HELD_OUT, Fitted
from tasks.training.logistic import probabilities
from tasks.training.parity import TOLERANCE, UNSEEN, check_parity, probes
from tasks.training.running import run_model


@pytest.fixture(scope="module")
def model(fitted: Fitted) -> bytes:
    found: bytes = to_onnx(fitted.encoder, fitted.coefficients, {}).SerializeToString()
    return found


def test_parity_on_held_out_rows_with_at_least_500_distinct_values(
    fitted: Fitted, model: bytes, arrived: pl.DataFrame
) -> None:
    held = features_of(arrived.filter(pl.col("pan_day").is_between(*HELD_OUT)))
    expected = probabilities(fitted.encoder.matrix(held), fitted.coefficients)
    worst = check_parity(expected, run_model(model, held), distinct=500)
    assert worst <= TOLERANCE


def test_parity_on_the_probes_that_travel(fitted: Fitted, model: bytes) -> None:
    frame = probes(fitted.encoder, fitted.coefficients)
    expected = frame[OUTPUT].to_numpy()
    assert check_parity(expected, run_model(model, frame.select(FEATURES)), distinct=500) <= TOLERANCE


def test_probes_are_the_same_each_time_and_cover_every_level(fitted: Fitted) -> None:
    frame = probes(fitted.encoder, fitted.coefficients)
    assert frame.equals(probes(fitted.encoder, fitted.coefficients))
    for name in set(CATEGORICAL) - {"age"}:
        assert set(frame[name]) == {*fitted.encoder.levels[name], UNSEEN, ""}


def test_no_probe_is_a_patient_s_row(fitted: Fitted, arrived: pl.DataFrame) -> None:
    frame = probes(fitted.encoder, fitted.coefficients).select(FEATURES)
    assert frame.join(features_of(arrived), on=FEATURES, how="inner").is_empty()


def test_a_model_that_computes_something_else_fails_parity(fitted: Fitted) -> None:
    frame = probes(fitted.encoder, fitted.coefficients)
    nudged = fitted.coefficients.copy()
    nudged[-1] += 1e-4
    other = to_onnx(fitted.encoder, nudged, {}).SerializeToString()
    with pytest.raises(DefectError, match="other probabilities"):
        check_parity(frame[OUTPUT].to_numpy(), run_model(other, frame.select(FEATURES)))


def test_parity_that_rests_on_too_few_values_is_no_proof() -> None:
    with pytest.raises(DefectError, match="distinct"):
        check_parity(np.full(600, 0.5), np.full(600, 0.5), distinct=500)


def test_a_nan_is_no_parity() -> None:
    with pytest.raises(DefectError):
        check_parity(np.array([0.5]), np.array([np.nan]))


def test_the_file_is_self_contained_and_known_operators_only(model: bytes) -> None:
    proto = onnx.load_model_from_string(model)
    assert {domain.domain for domain in proto.opset_import} == {"", "ai.onnx.ml"}
    assert {node.domain for node in proto.graph.node} <= {"", "ai.onnx.ml"}
    assert not any(tensor.external_data for tensor in proto.graph.initializer)
    assert not proto.functions
    assert [value.name for value in proto.graph.input] == list(FEATURES)
    assert [value.name for value in proto.graph.output] == [OUTPUT]


def test_the_same_fit_gives_the_same_bytes(fitted: Fitted, model: bytes) -> None:
    assert to_onnx(fitted.encoder, fitted.coefficients, {}).SerializeToString() == model


def test_unseen_and_missing_levels_score_as_their_pool_and_as_missing(
    model: bytes, arrived: pl.DataFrame
) -> None:
    row = arrived.head(1)
    assert row["clinic_name"].item() is not None
    unseen = score_rows(row.with_columns(clinic_name=pl.lit("never heard of")), model)[OUTPUT].item()
    other = score_rows(row.with_columns(clinic_name=pl.lit("nor of this")), model)[OUTPUT].item()
    missing = score_rows(row.with_columns(payor_group=pl.lit(None, dtype=pl.String)), model)[OUTPUT].item()
    assert unseen == other
    assert 0 < missing < 1


def test_a_column_whose_every_level_is_rare_still_exports(arrived: pl.DataFrame) -> None:
    encoder = Encoder(dict.fromkeys(CATEGORICAL, ()), 1.0, 2.0)
    coefficients = np.linspace(-1, 1, len(encoder.names))
    features = features_of(arrived.head(50))
    model = to_onnx(encoder, coefficients, {}).SerializeToString()
    expected = probabilities(encoder.matrix(features), coefficients)
    assert check_parity(expected, run_model(model, features)) <= TOLERANCE
