"""Promises that need more than the rows: foreign keys, order of rows, rules that nobody here evaluates."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from boundary_world import TO_CLOUD, World, rows, visits

from data_contracts.loading import contract_from_document
from environments.boundary import egress, ingress
from environments.stores import LocalStore

ACKNOWLEDGED = {"rule": "looked-at", "by": "A. Owner", "date": "2026-11-01", "reason": "a nurse looks"}


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def declare(world: World, document: dict[str, Any]) -> None:
    world.documents = {name: [document] for name in world.documents}


def with_prose(*, acknowledged: bool) -> dict[str, Any]:
    document = visits(TO_CLOUD)
    document["schema"][0]["quality"] = [
        {"name": "looked-at", "type": "text", "description": "A nurse looked at each row."}
    ]
    if acknowledged:
        document["customProperties"].append({"property": "isthmusAcknowledged", "value": [ACKNOWLEDGED]})
    return document


def test_a_rule_that_nobody_evaluates_keeps_the_data_at_home(world: World) -> None:
    declare(world, with_prose(acknowledged=False))
    sent = egress(world.env("onprem"), world.request(world.add(rows())))
    assert sent.outcome == "broken"
    assert [(rule.id, rule.reason) for rule in sent.rules] == [("looked-at", "not_evaluated")]


def test_who_stands_for_such_a_rule_is_in_the_ledger(world: World) -> None:
    declare(world, with_prose(acknowledged=True))
    sent = egress(world.env("onprem"), world.request(world.add(rows())))
    assert sent.outcome == "permitted", sent.rules
    entry = world.env("onprem").ledger.find("egress", crossing=sent.crossing)
    assert entry is not None
    assert entry.body["acknowledged"] == [
        {key: value for key, value in ACKNOWLEDGED.items() if key != "reason"}
    ]
    assert ingress(world.env("cloud"), "onprem", sent.crossing).outcome == "permitted"


def with_key() -> dict[str, Any]:
    document = visits(TO_CLOUD)
    document["schema"][0]["properties"][0]["relationships"] = [{"to": "patients.id"}]
    return document


def add_patients(world: World, count: int) -> None:
    column = {"name": "id", "logicalType": "string", "classification": "restricted", "required": True}
    document = visits()
    document |= {"id": "clinic.patients", "schema": [{"name": "patients", "properties": [column]}]}
    del document["customProperties"]
    contract = contract_from_document(document)
    store = LocalStore(world.folder("onprem").store)
    with store.begin("patients") as draft:
        ids = pa.table({"id": pa.array([f"P{number:04d}" for number in range(count)], pa.string())})
        pq.write_table(ids, draft.path / "part-00000.parquet")
        draft.commit(contract, contract.labels, rows=count)


@pytest.mark.parametrize(
    ("patients", "told"),
    [(97, None), (96, ("reference_missing", 3)), (None, ("not_evaluated", 0))],
    ids=["all", "one is missing", "no such asset"],
)
def test_a_foreign_key_is_checked_against_the_sources_own_store(
    world: World, patients: int | None, told: tuple[str, int] | None
) -> None:
    declare(world, with_key())
    if patients is not None:
        add_patients(world, patients)
    sent = egress(world.env("onprem"), world.request(world.add(rows())))
    if told is None:
        assert sent.outcome == "permitted"
        assert ingress(world.env("cloud"), "onprem", sent.crossing).outcome == "permitted"
    else:
        [rule] = sent.rules
        assert (rule.id, rule.reason, rule.unexpected_count) == ("patient.foreignKey", *told)


@pytest.mark.parametrize("falling", [False, True])
def test_the_order_of_rows_is_checked_over_all_parts(world: World, *, falling: bool) -> None:
    """Each of the three parts is in order by itself."""
    document = visits(TO_CLOUD)
    increasing = {"type": "expect_column_values_to_be_increasing", "kwargs": {"column": "score"}}
    document["schema"][0]["properties"][3]["quality"] = [
        {
            "name": "in-order",
            "type": "custom",
            "engine": "greatExpectations",
            "implementation": increasing,
        }
    ]
    declare(world, document)
    table = rows()
    if falling:
        table = pa.concat_tables([table.slice(100, 100), table.slice(0, 100), table.slice(200)])
    sent = egress(world.env("onprem"), world.request(world.add(table)))
    assert sent.outcome == ("broken" if falling else "permitted")
    assert [rule.id for rule in sent.rules] == (["in-order"] if falling else [])


@pytest.mark.parametrize(("days", "outcome"), [(1, "permitted"), (3, "broken")])
def test_data_that_is_no_longer_fresh_stays(world: World, days: int, outcome: str) -> None:
    document = visits({**TO_CLOUD, "columns": {**TO_CLOUD["columns"], "seen": "keep"}})
    document["schema"][0]["properties"].append(
        {
            "name": "seen",
            "logicalType": "timestamp",
            "classification": "internal",
            "logicalTypeOptions": {"timezone": True},
        }
    )
    document["slaProperties"] = [
        {"property": "freshness", "value": 2, "unit": "d", "element": "visits.seen", "id": "fresh"}
    ]
    declare(world, document)
    seen = pa.array([world.now] * 300, pa.timestamp("us", tz="UTC"))
    record = world.add(rows().append_column("seen", seen))
    world.now += dt.timedelta(days=days)
    sent = egress(world.env("onprem"), world.request(record))
    assert sent.outcome == outcome, sent.rules
    assert len(sent.rules) == (outcome == "broken")
