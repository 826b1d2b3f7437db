"""The factory's steps on its real rows: what the model finds, what an alarm is, and what drift says."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import flows.factory
from data_contracts.errors import DataBreaksContractError
from tasks.inference.alarms import ALARM, raise_alarms, stability
from tasks.steps import AssetRef
from tasks.training.machine import (
    BANDS,
    FEATURES,
    MACHINE,
    band_names,
    count_bands,
    machine_features,
    train_failure,
)
from tasks.training.running import run_model

Place = Any
"""Of tests/unit/tasks/conftest.py, which cannot be imported."""
DATA = Path(flows.factory.__file__).parent / "data"


def frame(place: Place, ref: AssetRef) -> pl.DataFrame:
    paths = place.store.open(place.store.record(ref.name, ref.version))
    return pl.concat([pl.read_parquet(path) for path in paths])


@pytest.fixture(scope="module")
def story(shared_place: Place) -> dict[str, Any]:
    """Train on the history and score the shift, once."""
    place = shared_place
    history = place.add(DATA / "history.csv", "machine_history", "factory.machine-history")
    trained = place.run(train_failure, history=history)
    shift = place.add(DATA / "shift.csv", "shift_readings", "factory.shift-readings")
    found = place.run(raise_alarms, model=trained["model"], reference=trained["reference"], shift=shift)
    return {"trained": trained, "found": found}


def test_the_model_is_good_and_kept_with_what_it_saw(shared_place: Place, story: dict[str, Any]) -> None:
    trained = story["trained"]
    assert trained["auc"] > 0.9 > trained["auc_chance"]
    assert trained["better_than_chance"]
    assert trained["parity"] <= 1e-12
    reference = frame(shared_place, trained["reference"])
    totals = reference.group_by("feature").agg(pl.col("rows").sum())
    assert dict(totals.iter_rows()) == dict.fromkeys(FEATURES, 8000)


def test_an_alarm_is_a_part_whose_probability_reaches_the_threshold(
    shared_place: Place, story: dict[str, Any]
) -> None:
    found = story["found"]
    assert found["rows"] == 2000
    # The source's temperatures walk at random: in the last fifth they lie closer together than before.
    assert found["drift"] > 0.25
    alarms, readings = frame(shared_place, found["alarms"]), pl.read_csv(DATA / "shift.csv")
    assert alarms.height == found["rows_alarmed"] > 0
    assert alarms.columns == ["uid", "product_id", "probability"]
    model = story["trained"]["model"]
    record = shared_place.store.record(model.name, model.version)
    (network,) = (path for path in shared_place.store.open(record) if path.suffix == ".onnx")
    every = run_model(network.read_bytes(), machine_features(readings), MACHINE)
    assert alarms["uid"].to_list() == readings.filter(pl.Series(every) >= ALARM)["uid"].to_list()


def test_alarms_find_most_failures_that_were_to_come(shared_place: Place, story: dict[str, Any]) -> None:
    """The outcome of the newest parts is in the published data; no step ever sees it."""
    source = Path(__file__).parents[5] / "shared" / "data" / "ai4i2020" / "ai4i2020.csv"
    if not source.is_file():
        pytest.skip("the real data sets are not here")
    failed = pl.read_csv(source).filter((pl.col("Machine failure") == 1) & (pl.col("UID") > 8000))["UID"]
    alarmed = set(frame(shared_place, story["found"]["alarms"])["uid"].to_list())
    assert len(failed) == 39
    assert len(alarmed.intersection(failed)) >= 24
    assert len(alarmed) < 200


def readings(**changed: Any) -> pl.DataFrame:
    row = {
        "type": "L", "air_temperature_k": 300.0, "process_temperature_k": 310.0, "speed_rpm": 1500,
        "torque_nm": 40.0, "tool_wear_min": 100,
    }  # fmt: skip
    return pl.DataFrame({name: [value] for name, value in (row | changed).items()})


def test_bands_are_those_of_the_quantities() -> None:
    (row,) = machine_features(readings()).iter_rows(named=True)
    assert 1500 * 2 * math.pi / 60 * 40 == pytest.approx(6283.2, abs=0.1)
    assert row == {
        "type": "L", "power": "[5500,6500)", "difference": "[10,11)", "speed": "[1500,1700)",
        "wear": "[100,150)", "strain": "[2000,5000)",
    }  # fmt: skip
    (edge,) = machine_features(readings(speed_rpm=2000, tool_wear_min=220)).iter_rows(named=True)
    assert (edge["speed"], edge["wear"]) == ("[2000,)", "[220,)")
    assert all(len(band_names(name)) == len(BANDS[name]) for name in BANDS)


@pytest.mark.parametrize(
    "changed", [{"torque_nm": None}, {"torque_nm": float("nan")}, {"process_temperature_k": 299.0}]
)
def test_readings_that_have_no_band_are_refused_and_not_told(changed: dict[str, Any]) -> None:
    with pytest.raises(DataBreaksContractError, match="below the first band"):
        machine_features(readings(**changed))


def test_an_absent_reading_is_named() -> None:
    with pytest.raises(DataBreaksContractError, match="speed_rpm"):
        machine_features(readings().drop("speed_rpm"))


def test_drift_is_zero_for_the_same_shares_and_grows_with_the_difference() -> None:
    seen = count_bands(readings())
    assert stability(seen, seen) == 0
    assert stability(seen, Counter({key: 7 * rows for key, rows in seen.items()})) == pytest.approx(0)
    other = count_bands(readings(speed_rpm=1900))
    assert stability(seen, other) > 0.25
