"""Nothing leaks: planted names and subject ids, a whole story, three ways to fail, and a search for them.

The search looks through PostgreSQL's files and rows, everything the API tells, the other environments'
folders, the transits and the system's own logs. In the home of the data it must find them: what it looks
with is tested on the same run.
"""

from __future__ import annotations

import asyncio
import base64
import json
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from leaking import EDGE, HOME, copying
from prefect_view import api_of, every
from sentinels import Sentinel, api_texts, database_texts, in_files, in_texts

pytestmark = [
    pytest.mark.long,
    pytest.mark.system,
    pytest.mark.xdist_group("hospital"),
    pytest.mark.timeout(600),
]

PATIENCE = 400

_CROSSINGS = 3
FAILING = ("shouting", "raising", "dying")


@dataclass
class Told:
    """What became of one home: everything that was told, and the folders as they lie after `down`."""

    home: Path
    transit: Path
    texts: list[tuple[str, str]] = field(default_factory=list)
    incidents: dict[str, str] = field(default_factory=dict)
    ended: dict[str, tuple[int, str]] = field(default_factory=dict)
    output: list[tuple[str, str]] = field(default_factory=list)

    def environment(self, name: str) -> Path:
        return self.home / "environments" / name


@pytest.fixture(scope="module")
def told(hospital: Any, hospital_run: dict[str, Any]) -> Told:
    """Run the failures beside the story, gather what was told, take everything down, and keep the folders.

    Other files have used the system by now: what they made it tell is searched as well.
    """
    system, told = hospital, Told(hospital.home, hospital.data / "transit")
    told.ended["hospital"] = (0, hospital_run["run"]["run"])

    def run(*words: str) -> None:
        done = system.run(*words, "--json", check=False, timeout=PATIENCE)
        told.output.append((" ".join(words), done.stdout + done.stderr))
        told.ended[words[1]] = (done.returncode, json.loads(done.stdout).get("run", ""))

    with copying(system.home / "transit", told.transit):
        for name in FAILING:
            run("run", name, "--watch")
    run("sync", "covid_tests", "--from", "onprem", "--to", "cloud", "--purpose", "model-training")
    for words in (
        ("status",),
        ("doctor",),
        ("plan", "hospital"),
        ("deploy",),
        ("asset", "list", "--env", "onprem"),
    ):
        told.output.append((" ".join(words), system.run(*words, check=False).stdout))
    with api_of(system.home) as client:
        told.texts += list(api_texts(client))
        for run_ in every(client, "flow_runs"):
            if "isthmus.incident" in run_["labels"]:
                told.incidents[run_["name"]] = run_["labels"]["isthmus.incident"]
    secrets = system.home / "secrets"
    password = (secrets / "database").read_text(encoding="utf-8").strip()
    told.texts += asyncio.run(database_texts(system.home / "system" / "postgresql", password))
    system.run("down")
    return told


def test_everything_ended_as_it_should(told: Told) -> None:
    codes = {name: code for name, (code, _) in told.ended.items()}
    assert codes == {"shouting": 6, "raising": 6, "dying": 6, "hospital": 0, "covid_tests": 1}


def test_the_search_finds_them_where_they_are_at_home(told: Told) -> None:
    """The control: stores, decoded and raw, and the incidents of all three failures."""
    for sentinel, environment in ((HOME, "onprem"), (EDGE, "edge")):
        found = in_files(sentinel, told.environment(environment))
        assert any("store/assets" in name and "decoded" in name for name in found)
        assert any("store/assets" in name and "raw" in name for name in found)
    found = in_files(HOME, told.environment("onprem"))
    for name in ("shout@onprem", "raise_there@onprem"):
        assert f"incidents/{told.incidents[name]}.json (raw)" in found
    assert "die_there@onprem" in told.incidents
    runs = [name for name in found if name.startswith("logs/runs/")]
    assert runs, "what a step prints stays in its environment's own log"


def test_the_search_finds_each_shape() -> None:
    name, number = f"{HOME.word}last12".encode(), HOME.base + 12_345
    for shape in (
        b"x" + name + b"y",
        name.upper(),
        name.decode().encode("utf-16-le"),
        name.hex().encode(),
        *(base64.b64encode(b"p" * shift + name) for shift in range(6)),
        str(number).encode(),
        f"{float(number)}".encode(),
        number.to_bytes(8, "little"),
        number.to_bytes(8, "big"),
    ):
        assert HOME.pattern.search(shape), shape
        assert not EDGE.pattern.search(shape)
    assert not HOME.pattern.search(str(number - 2**32).encode())


@pytest.mark.parametrize("sentinel", [HOME, EDGE], ids=["home", "clinic"])
def test_neither_the_api_nor_the_database_holds_a_value(told: Told, sentinel: Sentinel) -> None:
    whats = {what for what, _ in told.texts}
    assert {"flow_runs", "task_runs", "logs", "events", "flow run states", "task run states"} <= whats
    assert {"public.flow_run", "public.task_run_state", "public.log", "public.events"} <= whats
    assert any("shout@onprem" in text for _, text in told.texts), "the failures are not among the texts"
    assert in_texts(sentinel, iter(told.texts)) == []


@pytest.mark.parametrize("sentinel", [HOME, EDGE], ids=["home", "clinic"])
def test_the_files_of_postgresql_hold_no_value(told: Told, sentinel: Sentinel) -> None:
    data = told.home / "system" / "postgresql"
    assert list((data / "pg_wal").glob("0*")), "no write-ahead log: not the files that we mean"
    assert any(b"shout@onprem" in path.read_bytes() for path in (data / "base").rglob("*") if path.is_file())
    assert in_files(sentinel, data) == []


@pytest.mark.parametrize(
    ("sentinel", "others"),
    [(HOME, ("cloud", "edge")), (EDGE, ("cloud", "onprem"))],
    ids=["home", "clinic"],
)
def test_no_other_environment_no_transit_and_no_log_of_the_system_holds_a_value(
    told: Told, sentinel: Sentinel, others: tuple[str, ...]
) -> None:
    for environment in others:
        assert list(told.environment(environment).rglob("*.parquet")), f"{environment} is empty"
        assert in_files(sentinel, told.environment(environment)) == []
    assert len(list(told.transit.iterdir())) > _CROSSINGS, "nothing was seen to cross"
    assert in_files(sentinel, told.transit) == []
    assert (told.home / "system" / "logs" / "postgresql.log").stat().st_size > 0
    for part in ("transit", "system", "secrets"):
        assert in_files(sentinel, told.home / part) == []


def test_no_command_prints_a_value(told: Told) -> None:
    for sentinel in (HOME, EDGE):
        assert in_texts(sentinel, iter(told.output)) == []


def test_an_incident_is_all_that_a_failure_tells(told: Told) -> None:
    for name, incident in told.incidents.items():
        assert re.fullmatch(r"[0-9a-f]{12}", incident), name
