"""The factory's pipeline on the real system: the set arrives, and the alarms come home by the outbox."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import polars as pl
import pytest

DATA = Path(__file__).resolve().parents[2] / "flows" / "factory" / "data"
pytestmark = [
    pytest.mark.long,
    pytest.mark.system,
    pytest.mark.xdist_group("hospital"),
    pytest.mark.timeout(600),
]
BROUGHT = (
    ("history.csv", "onprem", "machine_history", "machine-history"),
    ("shift.csv", "edge", "shift_readings", "shift-readings"),
)


@pytest.fixture(scope="module")
def story(hospital: Any) -> dict[str, Any]:
    """Add the factory's readings to the running system, and run the pipeline once."""
    for file, env, name, contract in BROUGHT:
        given = ("--env", env, "--name", name, "--contract", f"factory.{contract}")
        hospital.run("asset", "add", str(DATA / file), *given)
    plan = hospital.json("plan", "factory")
    return {"plan": plan, "run": hospital.json("run", "factory", "--watch", timeout=500)}


def outbox_states(hospital: Any) -> list[str]:
    told = hospital.json("outbox", "list", "--env", "edge", "--all")["environments"]["edge"]["crossings"]
    return [one["state"] for one in told if one["name"] == "failure_alarms"]


def test_it_completes_as_planned(story: dict[str, Any]) -> None:
    assert story["run"]["state"] == "Completed"
    assert story["run"]["plan"] == story["plan"]["digest"]


def test_the_alarms_are_at_home_and_the_readings_are_not(
    story: dict[str, Any], hospital: Any, tmp_path: Path
) -> None:
    assert story["run"]["state"] == "Completed"
    deadline = time.monotonic() + 120
    while (states := outbox_states(hospital)) != ["arrived"]:
        assert time.monotonic() < deadline, states
        assert states[0] in {"waiting", "sending", "sent"}
        time.sleep(0.5)
    got = tmp_path / "alarms.parquet"
    hospital.run("asset", "get", "failure_alarms", "--env", "onprem", "--out", str(got))
    alarms = pl.read_parquet(got)
    assert alarms.columns == ["uid", "product_id", "probability"]
    assert 0 < alarms.height < 200
    assert alarms["uid"].min() > 8000
    names = {asset["name"] for asset in hospital.json("asset", "list", "--env", "onprem")["assets"]}
    assert "shift_readings" not in names


def test_what_the_cloud_holds_of_parts_has_no_number(
    story: dict[str, Any], hospital: Any, tmp_path: Path
) -> None:
    assert story["run"]["state"] == "Completed"
    got = tmp_path / "history.parquet"
    hospital.run("asset", "get", "machine_history", "--env", "cloud", "--out", str(got))
    assert {"uid", "product_id", "twf", "hdf", "pwf", "osf", "rnf"}.isdisjoint(pl.read_parquet(got).columns)
