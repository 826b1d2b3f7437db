"""At the edge: score what satisfies its contract, and let only a summary out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

import flows.hospital
from tasks.inference.batch import batch_infer
from tasks.inference.summary import aggregate
from tasks.quality.quarantine import quarantine
from tasks.steps import AssetRef, ContractBroken, DaskCluster

Place = Trained = Any
"""Of tests/unit/tasks/conftest.py, which cannot be imported."""
pytestmark = pytest.mark.xdist_group("hospital_steps")  # one cluster and one training for all
DATA = Path(flows.hospital.__file__).parent / "data"


def frame(place: Place, ref: AssetRef) -> pl.DataFrame:
    paths = place.store.open(place.store.record(ref.name, ref.version))
    return pl.concat([pl.read_parquet(path) for path in paths])


@pytest.fixture
def here(trained: Trained) -> Place:
    return trained.place


@pytest.fixture
def model(trained: Trained) -> AssetRef:
    ref: AssetRef = trained.result["model"]
    return ref


def test_the_newest_tests_are_scored_and_summed_up(
    here: Place, model: AssetRef, dask_cluster: DaskCluster
) -> None:
    spread = type(here)(here.name, here.store, here.contracts, dask_cluster)
    raw = here.add(DATA / "clinic_tests.csv", "clinic_tests", "hospital.clinic-tests")
    fresh = spread.run(quarantine, tests=raw)["accepted"]
    scores = spread.run(batch_infer, model=model, tests=fresh)["scores"]
    scored, tests = frame(here, scores), frame(here, fresh)
    assert scored.height == 1242
    assert scored.select("subject_id", "pan_day", "clinic_name").equals(
        tests.select("subject_id", "pan_day", "clinic_name")
    )
    assert scored["probability"].is_between(0, 1).all()
    assert scored["probability"].n_unique() >= 500

    result = spread.run(aggregate, scores=scores)
    summary = frame(here, result["summary"])
    assert summary["tests"].min() >= 11
    clinics = scored.group_by("clinic_name").agg(tests=pl.len(), mean=pl.col("probability").mean())
    joined = summary.join(clinics, on="clinic_name", validate="1:1")
    assert joined.height == summary.height == result["clinics"]
    assert (joined["tests"] == joined["tests_right"]).all()
    assert ((joined["mean_probability"] - joined["mean"]).abs() <= 0.005 + 1e-12).all()
    assert result["clinics_withheld"] == clinics.height - summary.height > 0
    withheld = clinics.filter(~pl.col("clinic_name").is_in(summary["clinic_name"].to_list()))
    assert withheld["tests"].sum() >= 11


def test_rows_that_break_their_contract_are_not_scored(here: Place, model: AssetRef) -> None:
    raw = here.add(DATA / "clinic_tests.csv", "clinic_tests", "hospital.clinic-tests")
    before = here.store.versions("scores")
    with pytest.raises(ContractBroken, match=r"age\.maximum"):
        here.run(batch_infer, model=model, tests=raw)
    assert here.store.versions("scores") == before


def test_the_scores_carry_their_inputs_labels(here: Place, model: AssetRef) -> None:
    raw = here.add(DATA / "clinic_tests.csv", "clinic_tests", "hospital.clinic-tests")
    fresh = here.run(quarantine, tests=raw)["accepted"]
    scores = here.run(batch_infer, model=model, tests=fresh)["scores"]
    record = here.store.record(scores.name, scores.version)
    assert record.labels.classification.word == "restricted"
