"""The bank's pipeline on the real system: what the cloud holds of clients is ten alike, and nothing else."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import polars as pl
import pytest

DATA = Path(__file__).resolve().parents[2] / "flows" / "bank" / "data"
QUASI = ["LIMIT_BAL", "SEX", "EDUCATION", "MARRIAGE", "AGE"]
pytestmark = [
    pytest.mark.long,
    pytest.mark.system,
    pytest.mark.xdist_group("hospital"),
    pytest.mark.timeout(600),
]


@pytest.fixture(scope="module")
def story(hospital: Any) -> dict[str, Any]:
    """Add the bank's clients to the running system, and run the pipeline once."""
    for file, contract in (("clients.csv", "credit-clients"), ("new_clients.csv", "new-clients")):
        name = contract.replace("-", "_")
        hospital.run(
            *("asset", "add", str(DATA / file), "--env", "onprem"),
            *("--name", name, "--contract", f"bank.{contract}"),
        )
    plan = hospital.json("plan", "bank")
    return {"plan": plan, "run": hospital.json("run", "bank", "--watch", timeout=500)}


def test_it_completes_as_planned(story: dict[str, Any]) -> None:
    assert story["run"]["state"] == "Completed"
    assert story["run"]["plan"] == story["plan"]["digest"]


def test_the_raw_rows_are_denied_and_in_no_other_environment(story: dict[str, Any], hospital: Any) -> None:
    assert story["run"]["state"] == "Completed"
    entries = hospital.json("ledger", "show", "--env", "onprem")["entries"]
    raw = [entry["body"] for entry in entries if entry["body"].get("name") == "credit_clients"]
    assert [body["outcome"] for body in raw] == ["denied"]
    assert "no-terms" in {rule["id"] for rule in raw[0]["rules"]}
    there = {asset["name"] for asset in hospital.json("asset", "list", "--env", "cloud")["assets"]}
    assert {"default_model", "anonymous_new_clients", "default_scores"} <= there
    assert not {"credit_clients", "new_clients", "anonymous_clients"} & there


def test_what_arrived_is_ten_alike_and_carries_its_labels(
    story: dict[str, Any], hospital: Any, tmp_path: Path
) -> None:
    assert story["run"]["state"] == "Completed"
    got = tmp_path / "got.parquet"
    hospital.run("asset", "get", "anonymous_new_clients", "--env", "cloud", "--out", str(got))
    frame = pl.read_parquet(got)
    assert min(Counter(frame.select(QUASI).iter_rows()).values()) >= 10
    assert set(frame.columns) == {*QUASI, "PAY_0", "PAY_2", "PAY_3"}
    for name in ("default_model", "anonymous_new_clients", "default_scores"):
        shown = hospital.json("asset", "show", name, "--env", "cloud")
        assert shown["labels"]["classification"] == "confidential"
        assert "financial" in shown["labels"]["categories"]
