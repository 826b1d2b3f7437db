"""`rows:` through the gate: only rows that meet the condition arrive, and a careless gate stops itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from boundary_world import TO_CLOUD, World, rows, visits

from data_contracts.obligations import applying
from environments.boundary import egress, ingress
from environments.stores import LocalStore

CONDITION = "age >= 18 and (score < 20 or name is null)"


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path)
    document = visits({**TO_CLOUD, "rows": CONDITION})
    document["schema"][0]["quality"] = [{"name": "all", "metric": "rowCount", "mustBe": 300}]
    made.documents = {name: [document] for name in made.documents}
    return made


def expected(table: pa.Table) -> list[float]:
    return [
        row["score"]
        for row in table.to_pylist()
        if row["age"] >= 18 and (row["score"] < 20 or row["name"] is None)
    ]


def test_only_rows_that_meet_the_condition_arrive(world: World) -> None:
    sent = egress(world.env("onprem"), world.request(world.add(rows())))
    assert sent.outcome == "permitted", sent.rules
    landed = ingress(world.env("cloud"), "onprem", sent.crossing)
    assert landed.outcome == "permitted", landed.rules
    store = LocalStore(world.folder("cloud").store)
    [name] = [name for name in store.names() if name != "layout"]
    record = store.record(name)
    found = [
        value
        for entry in record.files
        for value in pq.read_table(store.materialise(record, entry.path)).column("score").to_pylist()
    ]
    assert found == expected(rows())
    assert 0 < len(found) < 300
    assert record.rows == len(found)


@pytest.mark.attack
def test_a_gate_that_lets_every_row_through_stops_itself(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def careless(terms: Any, contract: Any, table: pa.Table) -> pa.Table:  # noqa: ARG001 - as the real one
        return table

    monkeypatch.setattr(applying, "_meeting", careless)
    sent = egress(world.env("onprem"), world.request(world.add(rows())))
    assert sent.outcome == "broken"
    assert "output.rows" in {rule.id for rule in sent.rules}


def test_a_condition_that_no_row_meets_sends_no_row(world: World) -> None:
    document = visits({**TO_CLOUD, "rows": "age > 1000"})
    world.documents = {name: [document] for name in world.documents}
    sent = egress(world.env("onprem"), world.request(world.add(rows())))
    assert sent.outcome == "permitted", sent.rules
    assert ingress(world.env("cloud"), "onprem", sent.crossing).outcome == "permitted"
