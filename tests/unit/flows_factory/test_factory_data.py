"""The factory's shipped data, and the plan over it: what leaves the house, and what crosses together."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest

import flows.factory
from data_contracts.checks import check_csv, compile_plan
from data_contracts.registry import ContractRegistry
from environments.site import Site
from flows.factory.pipeline import factory
from flows.runtime.plan import Crossing, Plan
from flows.runtime.planning import make_plan

DATA = Path(flows.factory.__file__).parent / "data"
ROWS = {"history.csv": 8000, "shift.csv": 2000}
SHIPPED = ContractRegistry.shipped()


def rows(name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO((DATA / name).read_text("utf-8"))))


def test_the_split_is_by_part_and_the_newest_have_no_outcome() -> None:
    assert sum((DATA / name).stat().st_size for name in ROWS) < 2_000_000
    old, new = ([int(row["uid"]) for row in rows(name)] for name in ROWS)
    assert (old, new) == (list(range(1, 8001)), list(range(8001, 10001)))
    assert {"machine_failure", "twf", "hdf", "pwf", "osf", "rnf"}.isdisjoint(rows("shift.csv")[0])


@pytest.mark.parametrize(
    ("file", "contract"), [("history.csv", "machine-history"), ("shift.csv", "shift-readings")]
)
def test_the_data_keeps_its_contract(file: str, contract: str) -> None:
    made = SHIPPED.get(f"factory.{contract}")
    assert check_csv(compile_plan(made), made, DATA / file).success


@pytest.fixture(scope="module")
def plan() -> Plan:
    return make_plan(factory, Site.load(), {})


def crossing(plan: Plan, asset: str) -> Crossing:
    (found,) = (one for one in plan.crossings.values() if asset in one.asset)
    return found


def test_part_numbers_and_modes_of_failure_stay_in_the_house(plan: Plan) -> None:
    columns = crossing(plan, "history").columns
    dropped = {name for name, obligation in columns.items() if obligation == "drop"}
    assert dropped == {"uid", "product_id", "twf", "hdf", "pwf", "osf", "rnf"}


def test_every_crossing_of_the_story_is_permitted(plan: Plan) -> None:
    assert {one.outcome for one in plan.crossings.values()} <= {"permit", "permit-with-obligations"}
    ways = {(one.source, one.destination) for one in plan.crossings.values()}
    assert ways == {("onprem", "cloud"), ("cloud", "edge"), ("edge", "onprem")}
