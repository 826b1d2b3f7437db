"""Anonymous versions: verified on what was written, labels lowered by that alone, the same on a cluster."""

from __future__ import annotations

import shutil
from collections import Counter, defaultdict
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import flows.bank
from data_contracts.errors import DeclarationError, DefectError, UsageError
from data_contracts.labels import Classification
from data_contracts.loading import contract_from_document
from data_contracts.model import Contract
from flows.bank.pipeline import anonymise, anonymise_new
from tasks.inference.credit import score
from tasks.quality import anonymise as module
from tasks.quality.quarantine import quarantine
from tasks.steps import AssetRef, ContractBroken, DaskCluster
from tasks.training.credit import train_default

Place = Any
"""Of tests/unit/tasks/conftest.py, which cannot be imported."""
pytestmark = pytest.mark.xdist_group("hospital_steps")  # one cluster for all
DATA = Path(flows.bank.__file__).parent / "data"
QUASI = ["LIMIT_BAL", "SEX", "EDUCATION", "MARRIAGE", "AGE"]
OUTCOME = "default_payment_next_month"


def frame(place: Place, ref: AssetRef) -> pl.DataFrame:
    paths = place.store.open(place.store.record(ref.name, ref.version))
    return pl.concat([pl.read_parquet(path) for path in paths])


@pytest.fixture(scope="module")
def prepared(shared_place: Place) -> tuple[Path, AssetRef]:
    """Read the clients once for all tests, each of which gets a copy of the store."""
    raw = shared_place.add(DATA / "clients.csv", "credit_clients", "bank.credit-clients")
    accepted: AssetRef = shared_place.run(quarantine, tests=raw)["accepted"]
    return shared_place.store.folder, accepted


@pytest.fixture
def known(here: Place, prepared: tuple[Path, AssetRef]) -> AssetRef:
    folder, accepted = prepared
    shutil.copytree(folder, here.store.folder)
    return accepted


def test_ten_are_alike_and_the_record_says_what_it_cost(here: Place, known: AssetRef) -> None:
    made = here.run(anonymise, rows=known)
    output, before = frame(here, made["anonymous"]), frame(here, known)
    assert output.columns == [*QUASI, "PAY_0", "PAY_2", "PAY_3", OUTCOME]
    sizes = Counter(output.select(QUASI).iter_rows())
    outcomes = defaultdict(set)
    for row in output.iter_rows(named=True):
        outcomes[tuple(row[name] for name in QUASI)].add(row[OUTCOME])
    assert min(sizes.values()) == made["smallest_class"] >= 10
    assert all(len(seen) == 2 for seen in outcomes.values())
    assert len(sizes) == made["classes"]
    assert made["rows"] == before.height == 23704
    assert made["rows_suppressed"] == before.height - output.height <= 0.02 * before.height
    assert 0 < made["information_loss"] < 0.15
    record = here.store.record(made["anonymous"].name, made["anonymous"].version)
    assert record.labels.classification is Classification.CONFIDENTIAL
    assert record.labels.categories == {"financial", "quasi-identifier"}
    assert record.lineage["anonymity"]["loss"]["suppressed"] == made["rows_suppressed"]
    assert record.lineage["declassified"]["before"]["classification"] == "restricted"
    assert [entry["name"] for entry in record.lineage["inputs"]] == ["credit_clients_accepted"]


def test_no_value_finer_than_its_level_is_in_the_files(here: Place, known: AssetRef) -> None:
    made = here.run(anonymise, rows=known)
    output = frame(here, made["anonymous"])
    for name in ("LIMIT_BAL", "AGE"):
        assert all(word.startswith("[") and word.endswith(")") for word in output[name].unique())
    record = here.store.record(made["anonymous"].name, made["anonymous"].version)
    raw = b"".join(path.read_bytes() for path in here.store.open(record))
    assert b"ID" not in raw
    assert b"BILL_AMT" not in raw


def test_new_rows_get_the_same_levels_and_the_model_knows_them(here: Place, known: AssetRef) -> None:
    first = here.run(anonymise, rows=known)["anonymous"]
    fresh = here.add(DATA / "new_clients.csv", "new_clients", "bank.new-clients")
    kept = here.run(quarantine, tests=fresh)["accepted"]
    made = here.run(anonymise_new, rows=kept, example=first)
    output = frame(here, made["anonymous"])
    assert min(Counter(output.select(QUASI).iter_rows()).values()) >= 10
    for name in QUASI:
        assert set(output[name].unique()) <= set(frame(here, first)[name].unique())
    model = here.run(train_default, clients=first)
    assert model["better_than_chance"]
    assert model["auc"] > 0.72
    assert model["parity"] < 1e-9
    record = here.store.record("default_model")
    assert record.labels.categories == {"financial", "quasi-identifier"}
    scored = here.run(score, model=model["model"], clients=made["anonymous"])
    assert scored["rows"] == output.height
    assert scored["expected"] == pytest.approx(frame(here, scored["scores"])["probability"].sum(), abs=1e-4)


def test_over_a_dask_cluster_the_version_is_the_same(
    here: Place, known: AssetRef, dask_cluster: DaskCluster
) -> None:
    alone = here.run(anonymise, rows=known)
    spread = type(here)(here.name, here.store, here.contracts, dask_cluster)
    together = spread.run(anonymise, rows=known)
    assert frame(here, together["anonymous"]).equals(frame(here, alone["anonymous"]))
    figures = {key: value for key, value in alone.items() if key != "anonymous"}
    assert {key: value for key, value in together.items() if key != "anonymous"} == figures


def test_a_recoding_that_forgets_its_classes_is_caught_on_what_it_wrote(
    here: Place, known: AssetRef, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = module.recode
    monkeypatch.setattr(
        module,
        "recode",
        lambda part, found: honest(part, replace(found, suppressed=found.suppressed.clear())),
    )
    with pytest.raises(ContractBroken, match=r"anonymity\.k"):
        here.run(anonymise, rows=known)
    assert "anonymous_clients" not in here.store.names()


def test_a_recoding_that_leaves_out_too_much_is_caught(
    here: Place, known: AssetRef, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = module.recode
    monkeypatch.setattr(
        module, "recode", lambda part, found: honest(part, found).filter(pl.col("SEX") == "1")
    )
    with pytest.raises(ContractBroken, match=r"anonymity\.suppressed"):
        here.run(anonymise, rows=known)


class Contracts:
    """The shipped contracts, but one."""

    def __init__(self, other: Contract, shipped: Any) -> None:
        self.other, self.shipped = other, shipped

    def get(self, reference: str) -> Contract:
        found: Contract = self.other if reference == self.other.id else self.shipped.get(reference)
        return found


def changed(place: Place, **changes: Any) -> Place:
    document = dict(place.contracts.get("bank.anonymous-clients").document)
    (entry,) = (dict(item) for item in document["customProperties"])
    entry["value"] = {**entry["value"], **changes}
    other = contract_from_document({**document, "customProperties": [entry]})
    return type(place)(place.name, place.store, Contracts(other, place.contracts), place.cluster)


def test_rows_of_another_contract_are_refused(here: Place, known: AssetRef) -> None:
    with pytest.raises(UsageError, match=r"bank\.credit-clients is not among"):
        changed(here, madeFrom=["bank.other"]).run(anonymise, rows=known)


def test_what_no_levels_reach_is_refused_and_leaves_nothing(here: Place, known: AssetRef) -> None:
    with pytest.raises(Exception, match="out of reach for 23704 rows"):
        changed(here, k=30_000, maxSuppressed=0).run(anonymise, rows=known)
    assert "anonymous_clients" not in here.store.names()


def test_an_example_of_other_hierarchies_is_refused(here: Place, known: AssetRef) -> None:
    quasi = here.contracts.get("bank.anonymous-clients").document["customProperties"][0]["value"][
        "quasiIdentifiers"
    ]
    other = changed(here, quasiIdentifiers={**quasi, "AGE": {"bands": [[20, 60]]}})
    first = other.run(anonymise, rows=known)["anonymous"]
    with pytest.raises(UsageError, match="other hierarchies"):
        here.run(anonymise_new, rows=known, example=first)
    with pytest.raises(UsageError, match="was not made anonymous"):
        here.run(anonymise_new, rows=known, example=known)


def test_labels_are_lowered_only_of_the_declared_input(here: Place, known: AssetRef) -> None:
    plain = replace(anonymise, outputs={"anonymous": replace(anonymise.outputs["anonymous"], lowers=None)})
    with pytest.raises(DefectError, match="does not declare to lower"):
        here.run(plain, rows=known)
    assert "anonymous_clients" not in here.store.names()


def test_a_declaration_that_is_wrong_does_not_load(here: Place) -> None:
    with pytest.raises(DeclarationError):
        changed(here, k=1)
