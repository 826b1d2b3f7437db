"""`isthmus reconcile` as a script sees it: real processes over a home with a crossing that was half done."""

from __future__ import annotations

import datetime as dt
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from boundary_world import CLEARANCE, NAMES, World, rows, visits

from environments.boundary import egress, ingress

ISTHMUS = (sys.executable, "-P", "-c", "from flows.cli.main import main; main()")
ENVIRONMENT = """name: {name}
kind: {name}
jurisdiction: DE
clearance: {clearance}
dask: embedded
store: local
steps: []
egress: [{{purposes: ["*"], to: ["*"], contracts: ["*"]}}]
ingress: [{{purposes: ["*"], from: ["*"], contracts: ["*"]}}]
"""


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path, now=dt.datetime.now(dt.UTC))
    for folder in ("environments", "data_contracts"):
        (tmp_path / "site" / folder).mkdir(parents=True)
    for name in NAMES:
        text = ENVIRONMENT.format(name=name, clearance=CLEARANCE[name])
        (tmp_path / "site" / "environments" / f"{name}.yaml").write_text(text)
    (tmp_path / "site" / "data_contracts" / "visits.odcs.yaml").write_text(json.dumps(visits()))
    return made


def run(world: World, *arguments: object, code: int = 0) -> Any:
    command = [*ISTHMUS, "reconcile", *map(str, arguments), "--json"]
    places = ["--home", str(world.home.root), "--site", str(world.root / "site")]
    done = subprocess.run([*command, *places], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == code, done.stdout + done.stderr
    return json.loads(done.stdout)


def test_it_finds_and_ends_what_was_begun(world: World) -> None:
    crossing = egress(world.env("onprem"), world.request(world.add(rows(60)))).crossing
    ingress(world.env("cloud"), "onprem", crossing)
    told = run(world)
    assert (told["agrees"], told["grave"]) == (False, 0)
    assert {
        (each["environment"], each["kind"], each["about"], each["done"]) for each in told["findings"]
    } == {
        ("onprem", "half-done", crossing, False),
        ("cloud", "half-done", crossing, False),
    }
    assert all(each["done"] for each in run(world, "--env", "onprem", "--repair")["findings"])
    assert run(world, "--bytes") == {"agrees": True, "grave": 0, "findings": []}


def test_an_altered_version_is_exit_4_and_accounts_go_between_machines_as_files(world: World) -> None:
    crossing = egress(world.env("onprem"), world.request(world.add(rows(60)))).crossing
    ingress(world.env("cloud"), "onprem", crossing)
    account = world.root / "cloud.json"
    account.write_text(json.dumps(run(world, "--env", "cloud", "--tell", "onprem")))
    world.folder("cloud").root.rename(world.root / "elsewhere")  # it is on another machine
    told = run(world, "--env", "onprem", "--against", account)
    assert [(each["kind"], each["action"]) for each in told["findings"]] == [("half-done", "settle")]
    [path] = (world.folder("onprem").store / "assets").rglob("*.parquet")
    path.chmod(0o600)
    path.write_bytes(path.read_bytes() + b"!")
    told = run(world, "--env", "onprem", code=4)
    assert (told["grave"], path.read_bytes()[-1:]) == (1, b"!")
    account.write_text("{}")
    run(world, "--env", "onprem", "--against", account, code=2)


def test_gc_asks_the_peers_and_says_what_went_and_why_the_rest_stays(world: World) -> None:
    for number in range(3):
        record = world.add(rows(60 + number))
    crossing = egress(world.env("onprem"), world.request(record)).crossing
    ingress(world.env("cloud"), "onprem", crossing)

    def gc(*more: str, code: int = 0) -> Any:
        command = [*ISTHMUS, "asset", "gc", "--env", "onprem", *more, "--json"]
        places = ["--home", str(world.home.root), "--site", str(world.root / "site")]
        done = subprocess.run([*command, *places], capture_output=True, text=True, check=False, timeout=120)
        assert done.returncode == code, done.stdout + done.stderr
        return json.loads(done.stdout)

    gc(code=2)
    would = gc("--keep", "1", "--dry-run")
    assert [each["removed"] for each in would["versions"]] == [True, True, False]
    assert len(world.env("onprem").store.versions("visits")) == 3
    assert gc("--keep", "1") == {**would, "dry_run": False}
    assert [each.sequence for each in world.env("onprem").store.versions("visits")] == [3]
    assert gc("--keep", "1", "--older-than", "1")["versions"][0]["reason"] == "latest"
