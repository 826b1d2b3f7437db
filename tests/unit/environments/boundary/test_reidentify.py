"""Codes and pseudonyms cross, and are turned back at the source alone, for a declared purpose."""

from __future__ import annotations

import copy
import json
import shutil
import stat
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from boundary_world import TO_CLOUD, World, rows, visits
from click.testing import CliRunner

import environments
from data_contracts.errors import DeniedError, NotVerifiableError, UsageError
from environments.boundary import egress, ingress
from environments.reidentifying import Reidentification, reidentify
from environments.stores import AssetRecord, LocalStore

ASKED = Reidentification("visits", None, "patient", "cloud", "model-training", "safety-recall", "a.meier")


def world_of(root: Path, treatment: Any, **terms: Any) -> World:
    said = copy.deepcopy(TO_CLOUD) | terms
    said["columns"] = {**said["columns"], "patient": treatment}
    documents = {name: [visits(said)] for name in ("onprem", "cloud", "edge")}
    return World(root, documents=documents)


def crossed(world: World, record: AssetRecord, **changes: str) -> list[bytes]:
    """What stands in the column at the destination."""
    result = egress(world.env("onprem"), world.request(record, **changes))
    assert result.outcome == "permitted", result.rules
    assert ingress(world.env("cloud"), "onprem", result.crossing).outcome == "permitted"
    store = LocalStore(world.folder("cloud").store)
    return [item for path in store.open(store.record("visits")) for item in column_of(path)]


def column_of(path: Path) -> list[bytes]:
    values: list[bytes] = pq.read_table(path)["patient"].to_pylist()
    return values


RECALL = {"reidentify": {"purposes": ["safety-recall"]}}


@pytest.mark.parametrize(
    "treatment", [{"pseudonymise": {}}, {"code": {}}, {"code": {"joinable": "patients"}}]
)
def test_what_crossed_is_turned_back_at_the_source(tmp_path: Path, treatment: Any) -> None:
    world = world_of(tmp_path, treatment, **RECALL)
    record = world.add(rows())
    arrived = crossed(world, record)
    originals = rows()["patient"].to_pylist()
    found = reidentify(world.env("onprem"), ASKED, [*arrived[:5], bytes(16)])
    assert found == dict(zip(arrived[:5], originals[:5], strict=True))
    entry = world.env("onprem").ledger.find("reidentify")
    assert entry is not None
    assert {key: entry.body[key] for key in ("outcome", "purpose", "by", "asked", "found", "column")} == {
        "outcome": "done",
        "purpose": "safety-recall",
        "by": "a.meier",
        "asked": 6,
        "found": 5,
        "column": "patient",
    }
    told = json.dumps(entry.to_json())
    assert not any(item.hex() in told for item in arrived[:5])
    assert not any(value in told for value in originals[:5])


def test_the_same_crossing_and_the_next_have_the_same_codes(tmp_path: Path) -> None:
    world = world_of(tmp_path, {"code": {}})
    record = world.add(rows())
    first = crossed(world, record)
    assert crossed(world, record) == first
    assert crossed(world, record, request_id="run-2/sync-1") == first
    assert len(set(first)) == 97


def test_without_terms_that_name_the_purpose_it_is_denied_and_recorded(tmp_path: Path) -> None:
    world = world_of(tmp_path, {"code": {}})
    crossed(world, world.add(rows()))
    with pytest.raises(DeniedError):
        reidentify(world.env("onprem"), ASKED, [bytes(16)])
    entry = world.env("onprem").ledger.find("reidentify")
    assert entry is not None
    assert entry.body["outcome"] == "denied"


@pytest.mark.attack
def test_the_destination_turns_nothing_back(tmp_path: Path) -> None:
    world = world_of(tmp_path, {"pseudonymise": {}}, **RECALL)
    arrived = crossed(world, world.add(rows()))
    asked = Reidentification("visits", None, "patient", "onprem", "model-training", "safety-recall", "b")
    with pytest.raises(DeniedError):
        reidentify(world.env("cloud"), asked, arrived)


@pytest.mark.attack
def test_a_contract_that_was_changed_since_permits_nothing(tmp_path: Path) -> None:
    world = world_of(tmp_path, {"code": {}})
    crossed(world, world.add(rows()))
    world.documents["onprem"] = world_of(tmp_path / "other", {"code": {}}, **RECALL).documents["onprem"]
    with pytest.raises(DeniedError):
        reidentify(world.env("onprem"), ASKED, [bytes(16)])


def test_a_column_without_pseudonyms_is_told_with_those_that_have_some(tmp_path: Path) -> None:
    world = world_of(tmp_path, {"code": {}}, **RECALL)
    world.add(rows())
    wrong = Reidentification("visits", None, "age", "cloud", "model-training", "safety-recall", "b")
    with pytest.raises(UsageError) as caught:
        reidentify(world.env("onprem"), wrong, [bytes(16)])
    assert "patient" in caught.value.remedy


@pytest.mark.attack
def test_a_lost_table_of_codes_stops_the_crossing_rather_than_drawing_new_ones(tmp_path: Path) -> None:
    world = world_of(tmp_path, {"code": {}})
    record = world.add(rows())
    crossed(world, record)
    table = world.folder("onprem").root / "codes" / "codes.sqlite"
    table.write_bytes(b"lost" * 1024)
    with pytest.raises(NotVerifiableError):
        egress(world.env("onprem"), world.request(record, request_id="run-3/sync-1"))


def test_the_command_writes_a_private_file_and_prints_no_value(tmp_path: Path) -> None:
    from flows.cli.main import COMMANDS
    from flows.cli.reidentify import command

    assert "reidentify" in COMMANDS
    listed = tmp_path / "list.txt"
    runner = CliRunner()
    words = ["visits", "--env", "onprem", "--column", "patient", "--to", "cloud", "--crossed-for", "x"]
    words += ["--purpose", "recall", "--by", "b", "--list", str(listed), "--out", str(tmp_path / "out.csv")]
    for text in ("", "zz", "00" * 15, "00" * 16 + "\nno"):
        listed.write_text(text)
        result = runner.invoke(command, [*words, "--home", str(tmp_path / "home")])
        assert isinstance(result.exception, UsageError)
    assert not (tmp_path / "out.csv").exists()


def test_the_command_turns_back_under_a_site(tmp_path: Path) -> None:
    from flows.cli.reidentify import command

    world = world_of(tmp_path, {"code": {}}, **RECALL)
    arrived = crossed(world, world.add(rows()))
    site = tmp_path / "site"
    shutil.copytree(Path(environments.__file__).parent / "profiles", site / "environments")
    (site / "data_contracts").mkdir()
    (site / "data_contracts" / "visits.odcs.yaml").write_text(json.dumps(world.documents["onprem"][0]))
    listed, out = tmp_path / "list.txt", tmp_path / "out.csv"
    listed.write_text("\n".join(item.hex() for item in arrived[:2]))
    words = ["visits", "--env", "onprem", "--column", "patient", "--to", "cloud", "--by", "b"]
    words += ["--crossed-for", "model-training", "--purpose", "safety-recall", "--list", str(listed)]
    words += ["--out", str(out), "--home", str(world.home.root), "--site", str(site), "--json"]
    result = CliRunner().invoke(command, words)
    assert result.exit_code == 0, result.exception
    assert (json.loads(result.output)["asked"], json.loads(result.output)["found"]) == (2, 2)
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    found = dict(line.split(",") for line in out.read_text().splitlines()[1:])
    assert found == {arrived[0].hex(): "P0000", arrived[1].hex(): "P0001"}
    assert "P0000" not in result.output
    again = CliRunner().invoke(command, words)
    assert isinstance(again.exception, UsageError)
