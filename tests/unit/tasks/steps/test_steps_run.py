"""What a step's code can and cannot do: its own environment, sticky labels, checked outputs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

import flows.hospital
from data_contracts.errors import UsageError
from data_contracts.labels import Classification, Labels
from data_contracts.registry import ContractRegistry
from environments.assets import add_file
from environments.ref import AssetRef
from environments.stores import LocalStore
from tasks.steps import ContractBroken, InlineCluster, StepRun, made_under, run_here, same_as, step

DATA = Path(flows.hospital.__file__).parent / "data"
CONTRACTS = ContractRegistry.shipped()


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "store")


@pytest.fixture
def clinic(store: LocalStore) -> AssetRef:
    contract = CONTRACTS.get("hospital.clinic-tests")
    report = add_file(store, DATA / "clinic_tests.csv", "clinic_tests", contract)
    assert report.record is not None
    return report.record.ref("here")


@step(purpose="quality", outputs={"copy": same_as("tests")})
def copy(run: StepRun, tests: AssetRef) -> AssetRef:
    with run.new("copy") as out:
        out.write_all(run.open(tests))
        return out.commit()


@step(purpose="quality", outputs={"copy": same_as("tests", checked=False)})
def copy_unchecked(run: StepRun, tests: AssetRef) -> AssetRef:
    with run.new("copy") as out:
        out.write_all(run.open(tests))
        return out.commit()


@step(purpose="reporting", outputs={"summary": made_under("hospital.positivity-summary", checked=False)})
def unread(run: StepRun, tests: AssetRef) -> AssetRef:
    with run.new("summary") as out:
        out.write(pa.table({"clinic_name": ["a"], "tests": [12], "mean_probability": [0.5]}))
        run.open(tests)
        return out.commit()


@step(purpose="quality")
def count(run: StepRun, tests: AssetRef) -> int:
    return sum(run.open(tests, partitions=3).map(len))


def test_what_breaks_its_contract_is_not_committed(store: LocalStore, clinic: AssetRef) -> None:
    with pytest.raises(ContractBroken, match=r"age.maximum \(unexpected_values, 2\)"):
        run_here(copy, store, CONTRACTS, tests=clinic)
    assert store.names() == ("clinic_tests",)


def test_what_was_set_aside_is_committed_unchecked(store: LocalStore, clinic: AssetRef) -> None:
    made = run_here(copy_unchecked, store, CONTRACTS, tests=clinic)["copy"]
    assert isinstance(made, AssetRef)
    record = store.record("clinic_tests_copy")
    assert (record.rows, record.version) == (1244, made.version)
    assert record.contract_ref == clinic.contract


def test_labels_stick_to_whatever_is_made_even_if_read_late(store: LocalStore, clinic: AssetRef) -> None:
    run_here(unread, store, CONTRACTS, tests=clinic)
    labels = store.record("summary").labels
    assert labels.classification is Classification.RESTRICTED
    assert "direct-identifier" in labels.categories


def test_lineage_names_the_inputs(store: LocalStore, clinic: AssetRef) -> None:
    run_here(copy_unchecked, store, CONTRACTS, tests=clinic)
    lineage = store.record("clinic_tests_copy").lineage
    assert lineage["inputs"][0]["version"] == clinic.version
    assert (lineage["step"], lineage["purpose"]) == ("copy_unchecked", "quality")


def test_labels_are_the_stores_and_not_the_refs(store: LocalStore, clinic: AssetRef) -> None:
    liar = replace(clinic, labels=Labels(Classification.PUBLIC).to_json())
    run_here(copy_unchecked, store, CONTRACTS, tests=liar)
    assert store.record("clinic_tests_copy").labels.classification is Classification.RESTRICTED


def test_an_asset_of_another_environment_cannot_be_opened(store: LocalStore, clinic: AssetRef) -> None:
    with pytest.raises(UsageError, match="runs in here, and clinic_tests is in there"):
        run_here(count, store, CONTRACTS, tests=replace(clinic, environment="there"))


def test_every_part_is_worked_on(store: LocalStore, clinic: AssetRef) -> None:
    assert run_here(count, store, CONTRACTS, tests=clinic) == {"value": 1244}


def test_data_is_no_model(store: LocalStore, clinic: AssetRef) -> None:
    with pytest.raises(UsageError, match="is no model"):
        plain_run(store).open_model(clinic)


def plain_run(store: LocalStore, reports: list[Any] | None = None) -> StepRun:
    return StepRun(
        environment="here",
        step="s",
        purpose="quality",
        store=store,
        contracts=CONTRACTS,
        connect=InlineCluster,
        report=lambda *line: reports.append(line) if reports is not None else None,
    )


def test_a_phase_is_a_literal(store: LocalStore) -> None:
    reports: list[Any] = []
    run = plain_run(store, reports)
    run.progress("fit", rows=3)
    with run.phase("score"):
        pass
    assert [(phase, rows) for phase, rows, _ in reports] == [("fit", 3), ("score", None)]


def test_a_value_of_the_data_is_no_phase(store: LocalStore) -> None:
    reports: list[Any] = []
    run = plain_run(store, reports)
    name = "JANE".title()
    for attempt in (lambda: run.progress(name), lambda: run.phase(f"patient {name}")):
        with pytest.raises(UsageError, match="no literal") as caught:
            attempt()
        assert name not in str(caught.value)
    assert reports == []


def test_an_undeclared_output_is_refused(store: LocalStore) -> None:
    with pytest.raises(UsageError, match="declares no output"):
        plain_run(store).new("model")


def test_an_error_in_the_block_leaves_nothing(store: LocalStore, clinic: AssetRef) -> None:
    @step(purpose="quality", outputs={"copy": same_as("tests")})
    def fails(run: StepRun, tests: AssetRef) -> AssetRef:
        with run.new("copy") as out:
            out.write_all(run.open(tests))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        run_here(fails, store, CONTRACTS, tests=clinic)
    assert store.names() == ("clinic_tests",)
