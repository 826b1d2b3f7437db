"""A foreign key finds its other side in the same environment's store, in one asset, or is not evaluated."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from data_contracts.loading import contract_from_document
from data_contracts.model import Contract
from environments.assets import add_file, reference_files
from environments.stores import LocalStore

PEOPLE = [1, 2, 3]


def contract_of(name: str, **columns: dict[str, Any]) -> Contract:
    properties = [
        {"name": column, "logicalType": "integer", "classification": "internal", **said}
        for column, said in columns.items()
    ]
    document = {
        "apiVersion": "v3.1.0",
        "kind": "DataContract",
        "id": f"shop.{name}",
        "version": "1.0.0",
        "status": "active",
        "schema": [{"name": name, "properties": properties}],
    }
    return contract_from_document(document, file=f"{name}.odcs.yaml")


CUSTOMERS = contract_of("customers", id={"primaryKey": True})
ORDERS = contract_of("orders", id={}, customer={"relationships": [{"to": "customers.id"}]})
STAFF = contract_of("staff", id={}, boss={"relationships": [{"to": "staff.id"}]})


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "store")


def add(
    store: LocalStore, folder: Path, contract: Contract, rows: dict[str, list[int | None]], name: str = ""
) -> Any:
    word = contract.object.name
    file = folder / f"{name or word}.parquet"
    pq.write_table(pa.table({key: pa.array(values, pa.int64()) for key, values in rows.items()}), file)
    report = add_file(store, file, name or word, contract)
    assert report.record is not None
    assert report.verdict is not None
    return next(rule for rule in report.verdict.rules if rule.rule in {"foreignKey", "required"})


def test_every_key_that_is_there_is_found_and_one_that_is_not_is_counted(
    store: LocalStore, tmp_path: Path
) -> None:
    add(store, tmp_path, CUSTOMERS, {"id": PEOPLE})
    assert add(store, tmp_path, ORDERS, {"id": [1, 2], "customer": [3, None]}).success
    broken = add(store, tmp_path, ORDERS, {"id": [1, 2, 3], "customer": [3, 4, 4]})
    assert (broken.id, broken.success, broken.unexpected_count) == ("customer.foreignKey", False, 2)


def test_the_latest_version_of_the_other_asset_counts(store: LocalStore, tmp_path: Path) -> None:
    add(store, tmp_path, CUSTOMERS, {"id": PEOPLE})
    add(store, tmp_path, CUSTOMERS, {"id": [*PEOPLE, 4]})
    assert add(store, tmp_path, ORDERS, {"id": [1], "customer": [4]}).success


@pytest.mark.parametrize("names", [(), ("customers", "clients")], ids=["none", "two"])
def test_without_exactly_one_asset_the_rule_is_not_evaluated_and_fails(
    store: LocalStore, tmp_path: Path, names: tuple[str, ...]
) -> None:
    for name in names:
        add(store, tmp_path, CUSTOMERS, {"id": PEOPLE}, name)
    rule = add(store, tmp_path, ORDERS, {"id": [1], "customer": [1]})
    assert (rule.success, rule.reason) == (False, "not_evaluated")


def test_a_key_may_refer_to_its_own_object(store: LocalStore, tmp_path: Path) -> None:
    assert add(store, tmp_path, STAFF, {"id": [1, 2], "boss": [None, 1]}).success
    assert not add(store, tmp_path, STAFF, {"id": [1, 2], "boss": [None, 7]}).success


def test_a_contract_without_keys_reads_no_other_asset(store: LocalStore, tmp_path: Path) -> None:
    add(store, tmp_path, CUSTOMERS, {"id": PEOPLE})
    for chunk in (store.open(store.record("customers"))[0],):
        chunk.chmod(0o600)
        chunk.write_bytes(b"altered")
    assert reference_files(store, CUSTOMERS, []) == {}
