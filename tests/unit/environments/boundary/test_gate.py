"""The whole way across: permitted, denied, broken; twice; and back with a receipt."""

from __future__ import annotations

import datetime as dt
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from boundary_world import SENTINEL, TO_CLOUD, World, rows, visits

from data_contracts.checks import Workspace
from data_contracts.destination import OrganisationRule, TransferRule
from data_contracts.errors import UsageError
from data_contracts.labels import Classification
from data_contracts.obligations import apply
from environments.boundary import CrossingRequest, EgressResult, egress, ingress, partitions, settle
from environments.ledger import verify_ledger, witnessed_head


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def cross(world: World, sent: EgressResult) -> str:
    arrived = ingress(world.env("cloud"), "onprem", sent.crossing)
    assert arrived.outcome == "permitted", arrived.rules
    settled = settle(world.env("onprem"), "cloud", sent.crossing)
    assert (settled.outcome, settled.version) == ("permitted", arrived.version)
    return arrived.version


def kinds(world: World, name: str) -> list[tuple[str, str]]:
    return [(entry.kind, entry.body.get("outcome", "")) for entry in world.env(name).ledger.entries()]


def ledgers_verify(world: World) -> bool:
    return all(
        verify_ledger(world.folder(name).ledger, world.env(name).identity.public).success
        for name in ("onprem", "cloud")
    )


def test_the_whole_way(world: World) -> None:
    record = world.add(rows())
    sent = egress(world.env("onprem"), world.request(record))
    assert (sent.outcome, sent.arrival) == ("permitted", "clinic.visits.cloud.model-training@1.0.0")
    arrived = ingress(world.env("cloud"), "onprem", sent.crossing)
    settled = settle(world.env("onprem"), "cloud", sent.crossing)
    assert (arrived.outcome, settled.outcome) == ("permitted", "permitted")
    assert arrived.version == sent.version == settled.version
    assert arrived.receipt == settled.receipt

    store = world.env("cloud").store
    [there] = store.versions("visits")
    # Pseudonyms are still personal: their column stays confidential, and so does the asset.
    assert there.labels.classification is Classification.CONFIDENTIAL
    assert there.contract_ref == sent.arrival
    assert there.rows == 300
    assert there.lineage["crossing"] == sent.crossing
    assert there.lineage["inputs"][0]["version"] == record.version
    tables = [pa.parquet.read_table(path) for path in store.open(there)]
    table = pa.concat_tables(tables)
    assert table.column_names == ["patient", "age", "score"]
    assert set(table["age"].to_pylist()) == {"[0,18)", "[18,40)", "[40,65)", "[65,90)", "[90,)"}
    assert {len(value) for value in table["patient"].to_pylist()} == {16}
    assert table["score"].to_pylist() == rows()["score"].to_pylist()
    assert len(set(table["patient"].to_pylist())) == 97

    assert kinds(world, "onprem")[-2:] == [("egress", "permitted"), ("settle", "permitted")]
    assert kinds(world, "cloud")[-1] == ("ingress", "permitted")
    assert ledgers_verify(world)
    for here, there_ in (("onprem", "cloud"), ("cloud", "onprem")):
        assert witnessed_head(world.folder(here).ledger, there_) is not None


def test_after_settling_nothing_lies_between(world: World) -> None:
    sent = egress(world.env("onprem"), world.request(world.add(rows())))
    assert any(world.transit().rglob("*/chunks/*"))
    cross(world, sent)
    assert not [path for path in world.transit().rglob("*") if path.is_file()]
    assert not (world.folder("onprem").outbox / sent.crossing[7:] / "work").exists()


def test_no_original_outside_its_home(world: World) -> None:
    sent = egress(world.env("onprem"), world.request(world.add(rows())))
    lying = {path: path.read_bytes() for path in world.transit().rglob("*") if path.is_file()}
    assert lying
    cross(world, sent)
    away = [path for name in ("cloud", "edge") for path in world.folder(name).root.rglob("*")]
    away += [*world.transit().rglob("*"), *world.folder("onprem").ledger.rglob("*")]
    texts = [*lying.values(), *(path.read_bytes() for path in away if path.is_file())]
    assert not [text for text in texts if SENTINEL.encode() in text or b"P0042" in text]
    # The same search finds it where it may be.
    home = list(world.folder("onprem").store.rglob("*.parquet"))
    assert any(SENTINEL.encode() in path.read_bytes() for path in home)


def test_broken_data_names_rules_and_counts_and_leaves_nothing(world: World) -> None:
    table = rows()
    ages = table["age"].to_pylist()
    ages[5], ages[150], ages[299] = 111, 130, -1
    record = world.add(table.set_column(2, "age", pa.array(ages, pa.int64())))
    sent = egress(world.env("onprem"), world.request(record))
    assert sent.outcome == "broken"
    assert {(rule.id, rule.unexpected_count) for rule in sent.rules} == {
        ("age.maximum", 2),
        ("age.minimum", 1),
    }
    assert not world.transit().exists()
    entry = list(world.env("onprem").ledger.entries())[-1]
    assert (entry.kind, entry.body["outcome"]) == ("egress", "broken")
    assert entry.body["rules"] == [rule.to_json() for rule in sent.rules]


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"purpose": "marketing"}, "purpose"),
        ({"destination": "edge"}, "destination"),
    ],
)
def test_denied_by_terms(world: World, change: dict[str, str], rule: str) -> None:
    sent = egress(world.env("onprem"), world.request(world.add(rows()), **change))
    assert sent.outcome == "denied"
    assert rule in {item.id for item in sent.rules}
    assert not (world.home.root / "transit" / "onprem").exists()
    assert kinds(world, "onprem")[-1] == ("egress", "denied")


@pytest.mark.parametrize(
    ("name", "change", "rule"),
    [
        ("cloud", {"clearance": Classification.PUBLIC}, "clearance"),
        ("onprem", {"egress": ()}, "source-egress"),
        ("cloud", {"ingress": (TransferRule(("edge",), ("*",), ("*",)),)}, "destination-ingress"),
    ],
)
def test_denied_by_either_side(world: World, name: str, change: dict[str, object], rule: str) -> None:
    record = world.add(rows())
    world.profiles[name] = replace(world.profiles[name], **change)
    sent = egress(world.env("onprem"), world.request(record))
    assert (sent.outcome, [item.id for item in sent.rules]) == ("denied", [rule])
    assert not world.transit().exists()


def test_no_contract_no_crossing(world: World) -> None:
    record = world.add(rows())
    world.documents["onprem"] = []
    sent = egress(world.env("onprem"), world.request(record))
    assert (sent.outcome, [item.id for item in sent.rules]) == ("denied", ["no-contract"])


def test_a_contract_with_other_words_is_not_the_assets_contract(world: World) -> None:
    record = world.add(rows())
    world.documents["onprem"] = [visits({**TO_CLOUD, "purposes": ["model-training", "marketing"]})]
    sent = egress(world.env("onprem"), world.request(record, purpose="marketing"))
    assert (sent.outcome, [item.id for item in sent.rules]) == ("denied", ["no-contract"])


def test_what_arrived_crosses_no_further(world: World) -> None:
    version = cross(world, egress(world.env("onprem"), world.request(world.add(rows()))))
    onward = CrossingRequest("visits", version, "edge", "model-training", "run-2")
    assert egress(world.env("cloud"), onward).outcome == "denied"


def test_the_destination_decides_for_itself(world: World) -> None:
    sent = egress(world.env("onprem"), world.request(world.add(rows())))
    world.profiles["cloud"] = replace(world.profiles["cloud"], ingress=())
    arrived = ingress(world.env("cloud"), "onprem", sent.crossing)
    assert (arrived.outcome, [rule.id for rule in arrived.rules]) == ("denied", ["destination-ingress"])
    assert world.env("cloud").store.names() == ()
    settled = settle(world.env("onprem"), "cloud", sent.crossing)
    assert (settled.outcome, [rule.id for rule in settled.rules]) == ("denied", ["destination-ingress"])
    assert settle(world.env("onprem"), "cloud", sent.crossing) == settled
    assert not [path for path in world.transit().rglob("*") if path.is_file()]


def test_the_organisations_rule_is_asked_at_both_gates(world: World) -> None:
    elsewhere = (OrganisationRule(("*",), TransferRule(("edge",), ("*",), ("*",))),)
    asked = world.request(world.add(rows()))
    denied = egress(replace(world.env("onprem"), organisation=elsewhere), asked)
    assert (denied.outcome, [rule.id for rule in denied.rules]) == ("denied", ["organisation"])
    sent = egress(world.env("onprem"), asked)
    answer = ingress(replace(world.env("cloud"), organisation=elsewhere), "onprem", sent.crossing)
    assert (answer.outcome, [rule.id for rule in answer.rules]) == ("denied", ["organisation"])
    assert world.env("cloud").store.names() == ()


def test_a_refusal_is_no_last_word(world: World) -> None:
    record = world.add(rows())
    sent = egress(world.env("onprem"), world.request(record))
    permitted = world.profiles["cloud"]
    world.profiles["cloud"] = replace(permitted, ingress=())
    assert ingress(world.env("cloud"), "onprem", sent.crossing).outcome == "denied"
    settle(world.env("onprem"), "cloud", sent.crossing)
    world.profiles["cloud"] = permitted
    again = egress(world.env("onprem"), world.request(record))
    assert again.crossing == sent.crossing
    cross(world, again)


def test_terms_taken_away_withdraw_what_was_sent(world: World) -> None:
    record = world.add(rows())
    egress(world.env("onprem"), world.request(record))
    world.profiles["onprem"] = replace(world.profiles["onprem"], egress=())
    assert egress(world.env("onprem"), world.request(record)).outcome == "denied"
    assert not [path for path in world.transit().rglob("*") if path.is_file()]


def test_the_destination_needs_the_same_contract(world: World) -> None:
    sent = egress(world.env("onprem"), world.request(world.add(rows())))
    world.documents["cloud"] = []
    arrived = ingress(world.env("cloud"), "onprem", sent.crossing)
    assert (arrived.outcome, [rule.id for rule in arrived.rules]) == ("denied", ["no-contract"])


def test_each_step_twice_is_the_same(world: World) -> None:
    record = world.add(rows())
    first = egress(world.env("onprem"), world.request(record))
    lying = {path: path.read_bytes() for path in world.transit().rglob("*") if path.is_file()}
    assert egress(world.env("onprem"), world.request(record)) == first
    assert {path: path.read_bytes() for path in world.transit().rglob("*") if path.is_file()} == lying
    arrived = ingress(world.env("cloud"), "onprem", first.crossing)
    before = world.files("cloud")
    assert ingress(world.env("cloud"), "onprem", first.crossing) == arrived
    assert world.files("cloud") == before
    settled = settle(world.env("onprem"), "cloud", first.crossing)
    before = world.files("onprem")
    assert settle(world.env("onprem"), "cloud", first.crossing) == settled
    assert egress(world.env("onprem"), world.request(record)) == first
    assert world.files("onprem") == before
    assert [kind for kind, _ in kinds(world, "onprem")].count("egress") == 1
    assert len(world.env("cloud").store.versions("visits")) == 1


def test_an_expired_manifest_is_signed_again(world: World) -> None:
    record = world.add(rows())
    first = egress(world.env("onprem"), world.request(record))
    world.now += dt.timedelta(days=8)
    second = egress(world.env("onprem"), world.request(record))
    assert second.crossing == first.crossing
    assert second.manifest != first.manifest
    cross(world, second)


def test_a_receipt_for_an_earlier_manifest_still_settles(world: World) -> None:
    record = world.add(rows())
    sent = egress(world.env("onprem"), world.request(record))
    ingress(world.env("cloud"), "onprem", sent.crossing)
    world.now += dt.timedelta(days=8)
    egress(world.env("onprem"), world.request(record))
    cross(world, sent)


def test_crossings_may_overtake_one_another(world: World) -> None:
    record = world.add(rows())
    sent = [egress(world.env("onprem"), world.request(record, request_id=f"run-{n}")) for n in range(3)]
    for number in (2, 0, 1):
        cross(world, sent[number])
    assert ledgers_verify(world)


def test_an_empty_asset_crosses(world: World) -> None:
    cross(world, egress(world.env("onprem"), world.request(world.add(rows(0)))))
    [there] = world.env("cloud").store.versions("visits")
    assert there.rows == 0


def test_unknown_names(world: World) -> None:
    record = world.add(rows())
    with pytest.raises(UsageError, match="mars"):
        egress(world.env("onprem"), world.request(record, destination="mars"))
    with pytest.raises(UsageError, match="mars"):
        ingress(world.env("cloud"), "mars", record.version)
    with pytest.raises(UsageError):
        ingress(world.env("cloud"), "onprem", "../../etc")
    with pytest.raises(UsageError):
        egress(world.env("onprem"), replace(world.request(record), name="nothing"))


_opened: list[str] | None = None


def _audit(event: str, arguments: tuple[object, ...]) -> None:
    if _opened is not None and event in ("open", "os.listdir", "os.scandir", "os.rename", "os.mkdir"):
        _opened.append(str(arguments[0]))


def test_each_step_opens_one_environments_folder(world: World) -> None:
    global _opened  # noqa: PLW0603 - an audit hook cannot be taken away, only told to rest
    sys.addaudithook(_audit)
    record = world.add(rows())
    request, crossing = world.request(record), ""

    def send() -> str:
        return egress(world.env("onprem"), request).crossing

    steps = (
        ("onprem", send),
        ("cloud", lambda: ingress(world.env("cloud"), "onprem", crossing).crossing),
        ("onprem", lambda: settle(world.env("onprem"), "cloud", crossing).crossing),
    )
    for name, step in steps:
        _opened = []
        crossing = step()
        opened, _opened = _opened, None
        inside = {path for path in opened if path.startswith(str(world.home.environments))}
        assert inside
        assert all(path.startswith(str(world.folder(name).root)) for path in inside)


def test_partitions_may_run_elsewhere_and_items_pickle(world: World) -> None:
    import pickle

    def elsewhere(function, items, /):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202 - as Dask's map
        assert world.env("onprem").identity.pseudonym_key() not in pickle.dumps((function, list(items)))
        return [
            pickle.loads(pickle.dumps(pickle.loads(pickle.dumps(function))(item)))  # noqa: S301 - our own
            for item in items
        ]

    env = replace(world.env("onprem"), partition_map=elsewhere)
    cross(world, egress(env, world.request(world.add(rows()))))


@pytest.mark.parametrize("honest", [True, False])
def test_what_outgrows_memory_lies_in_a_folder_that_goes(
    world: World, monkeypatch: pytest.MonkeyPatch, *, honest: bool
) -> None:
    asked: list[int] = []

    def always(self: Workspace, size: int) -> Path:
        asked.append(size)
        return self.root

    monkeypatch.setattr(Workspace, "room", always)
    if not honest:  # a transform that gives one row another patient's pseudonym

        def swapped(*args: Any, **more: Any) -> pa.Table:
            made = apply(*args, **more)
            patients = made["patient"].to_pylist()
            patients[5] = patients[6]
            return made.set_column(0, "patient", pa.array(patients, pa.binary()))

        monkeypatch.setattr(partitions, "apply", swapped)
    sent = egress(world.env("onprem"), world.request(world.add(rows())))
    assert sent.outcome == ("permitted" if honest else "broken")
    assert [rule.id for rule in sent.rules] == ([] if honest else ["patient.pseudonymise"])
    assert max(asked) >= 2 * 8 * 300, "the hashes of originals and pseudonyms"
    assert not list(world.folder("onprem").tmp.iterdir())
