"""The training step over a real cluster: who computed, what is committed, what leaks nowhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import polars as pl
import pytest

import flows.hospital
from data_contracts.arrow import object_schema
from data_contracts.checks import check_tables, compile_plan
from data_contracts.projection import project
from environments.boundary.model_gate import check_model
from environments.site import Site
from tasks.steps import DaskCluster
from tasks.training.blocks import Source, encode, tally_days
from tasks.training.encoding import Encoder
from tasks.training.features import AGE_BANDS, FEATURES
from tasks.training.fit import TRAIN_LAST, Fitted, fit
from tasks.training.logistic import Problem, newton
from tasks.training.selection import gather_over
from tasks.training.train import train

Place = Trained = Any
"""Of tests/unit/tasks/conftest.py, which cannot be imported."""
pytestmark = pytest.mark.xdist_group("hospital_steps")  # one cluster and one training for all
DATA = Path(flows.hospital.__file__).parent / "data"


@pytest.fixture
def here(trained: Trained) -> Place:
    return trained.place


@pytest.fixture
def spread(here: Place, dask_cluster: DaskCluster) -> Place:
    dask_cluster._seen.clear()
    return type(here)(here.name, here.store, here.contracts, dask_cluster)


def test_every_worker_computes_the_figures_hold_and_the_version_is_the_same(
    spread: Place, trained: Trained, fitted: Fitted
) -> None:
    result = spread.run(train, tests=trained.clean)
    assert result["model"].version == trained.result["model"].version
    assert result["workers"] == 2
    assert result["partitions"] >= 2
    assert result["auc"] == fitted.judgement.auc >= 0.57
    assert result["better_than_chance"] is True
    assert result["auc"] > result["auc_chance"]
    assert result["distinct"] >= 500
    assert result["parity"] < 1e-9
    assert (result["rows"], result["rows_held_out"]) == (10275, 3727)


def test_on_1_2_and_7_partitions_of_a_cluster_the_coefficients_agree(
    dask_cluster: DaskCluster, arrived: pl.DataFrame
) -> None:
    found = []
    for count in (1, 2, 7):
        size = -(-arrived.height // count)
        frames = [arrived[index * size : (index + 1) * size] for index in range(count)]
        source = Source.of_frames(frames, dask_cluster)
        encoder = Encoder.learn(entry for entry, _, _ in source.map(tally_days, TRAIN_LAST))
        numbers = source.hold(encode, encoder)
        (raw,) = newton([Problem(100.0, 0, TRAIN_LAST)], len(encoder.names), gather_over(numbers))
        found.append(raw)
    for other in found[1:]:
        assert np.max(np.abs(other - found[0])) < 1e-6


def test_a_fit_over_workers_is_the_fit_in_one_process(
    dask_cluster: DaskCluster, arrived: pl.DataFrame, fitted: Fitted
) -> None:
    frames = [arrived[:5000], arrived[5000:9000], arrived[9000:]]
    there = fit(Source.of_frames(frames, dask_cluster))
    assert np.array_equal(there.coefficients, fitted.coefficients)
    assert there.judgement.chance == pytest.approx(fitted.judgement.chance, abs=1e-6)


def test_the_version_holds_the_model_and_its_probes_under_the_contract(here: Place, trained: Trained) -> None:
    result = trained.result
    record = here.store.record(result["model"].name, result["model"].version)
    assert sorted(entry.path for entry in record.files) == ["model.onnx", "parity.parquet"]
    contract = here.contracts.get("hospital.result-model")
    assert record.contract_ref == contract.reference
    paths = dict(zip((entry.path for entry in record.files), here.store.open(record), strict=True))
    model = onnx.load_model(paths["model.onnx"])
    assert tuple(value.name for value in model.graph.input) == contract.inputs.names == FEATURES
    assert tuple(value.name for value in model.graph.output) == contract.outputs.names
    assert max(opset.version for opset in model.opset_import if not opset.domain) <= contract.model.opset
    assert paths["model.onnx"].stat().st_size <= contract.model.max_bytes
    probes = pl.read_parquet(paths["parity.parquet"])
    assert probes.height >= contract.model.parity.rows
    inputs, outputs = (probes.select(side.names).to_arrow() for side in (contract.inputs, contract.outputs))
    assert inputs.cast(object_schema(contract.inputs)).num_rows == probes.height
    assert check_tables(compile_plan(contract, side="inputs"), [inputs]).success
    assert check_tables(compile_plan(contract, side="outputs"), [outputs]).success


def test_the_gate_lets_it_pass_at_both_ends(here: Place, trained: Trained) -> None:
    record = here.store.record(trained.result["model"].name, trained.result["model"].version)
    paths = dict(zip((entry.path for entry in record.files), here.store.open(record), strict=True))
    contract = here.contracts.get("hospital.result-model")
    edge = Site.load().profile("edge").destination()
    for end in (contract, project(contract, edge, "batch-inference")):
        assert check_model(end, paths) == ()


def test_names_and_identifiers_of_the_data_are_not_in_the_file(here: Place, trained: Trained) -> None:
    result = trained.result
    paths = here.store.open(here.store.record(result["model"].name, result["model"].version))
    raw = b"".join(path.read_bytes() for path in paths)
    rows = pl.read_parquet(here.store.open(here.store.record(trained.clean.name, trained.clean.version))[0])
    for name in ("fake_first_name", "fake_last_name"):
        long = [value for value in rows[name].drop_nulls().unique() if len(value) >= 6]
        assert long
        assert not [value for value in long if value.encode() in raw]


def test_the_model_s_bands_are_those_of_the_terms(here: Place) -> None:
    terms = here.contracts.get("hospital.covid-tests").terms
    assert terms is not None
    (crossing,) = terms.crossings
    assert tuple(crossing.columns["age"].parameters["bands"]) == AGE_BANDS
