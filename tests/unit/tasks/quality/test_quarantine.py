"""Quarantine: every row is in exactly one version, and the right ones are set aside."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

import flows.hospital
from tasks.quality.quarantine import quarantine
from tasks.steps import AssetRef, ContractBroken, DaskCluster

Place = Any
"""Of tests/unit/tasks/conftest.py, which cannot be imported."""
pytestmark = pytest.mark.xdist_group("hospital_steps")  # one cluster and one training for all
DATA = Path(flows.hospital.__file__).parent / "data"


def frame(place: Place, ref: AssetRef) -> pl.DataFrame:
    paths = place.store.open(place.store.record(ref.name, ref.version))
    return pl.concat([pl.read_parquet(path) for path in paths])


@pytest.mark.parametrize(
    ("file", "contract", "whole", "aside"),
    [
        ("onprem_tests.csv", "hospital.covid-tests", 14280, 4),
        ("clinic_tests.csv", "hospital.clinic-tests", 1244, 2),
    ],
)
def test_exactly_the_defective_rows_are_set_aside(
    here: Place, file: str, contract: str, whole: int, aside: int
) -> None:
    tests = here.add(DATA / file, "tests", contract)
    result = here.run(quarantine, tests=tests)
    assert (result["rows_accepted"], result["rows_rejected"]) == (whole - aside, aside)
    before, good, bad = (frame(here, ref) for ref in (tests, result["accepted"], result["rejected"]))
    assert bad.filter((pl.col("age") > 110) | (pl.col("rec_ver_tat") < 0)).height == aside
    kept = before.filter((pl.col("age") <= 110) & (pl.col("rec_ver_tat") >= 0))
    assert good.equals(kept)
    assert result["accepted"].contract == tests.contract == result["rejected"].contract


def test_over_a_dask_cluster_the_versions_have_the_same_rows(here: Place, dask_cluster: DaskCluster) -> None:
    tests = here.add(DATA / "clinic_tests.csv", "tests", "hospital.clinic-tests")
    alone = frame(here, here.run(quarantine, tests=tests)["accepted"])
    spread = type(here)(here.name, here.store, here.contracts, dask_cluster)
    together = spread.run(quarantine, tests=tests)
    assert frame(here, together["accepted"]).equals(alone)
    assert together["rows_rejected"] == 2


def test_nothing_to_set_aside_gives_an_empty_second_version(here: Place) -> None:
    tests = here.add(DATA / "clinic_tests.csv", "tests", "hospital.clinic-tests")
    clean = here.run(quarantine, tests=tests)["accepted"]
    again = here.run(quarantine, tests=clean)
    assert (again["rows_accepted"], again["rows_rejected"]) == (1242, 0)
    assert frame(here, again["rejected"]).is_empty()


def test_a_rule_about_all_rows_is_not_cured_by_setting_rows_aside(here: Place, tmp_path: Path) -> None:
    # Every row breaks the contract: what is left has no rows, and the contract asks for some.
    lines = (DATA / "clinic_tests.csv").read_text().splitlines()
    old = [line for line in lines[1:] if float(line.split(",")[9]) > 110]
    (tmp_path / "old.csv").write_text("\n".join([lines[0], *old]) + "\n")
    tests = here.add(tmp_path / "old.csv", "tests", "hospital.clinic-tests")
    with pytest.raises(ContractBroken, match=r"tests\.some"):
        here.run(quarantine, tests=tests)
    assert here.store.names() == ("tests",)
