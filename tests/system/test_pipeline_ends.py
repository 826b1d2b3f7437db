"""How pipelines end, with every limit at its least: refused, failed, scheduled; and what the server hears."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from environments.embedded.api import read_api
from environments.home import Home
from environments.site import SHIPPED_PROFILES
from flows.runtime.server import RunView, Server

pytestmark = [
    pytest.mark.long,
    pytest.mark.system,
    pytest.mark.xdist_group("narrow"),
    pytest.mark.timeout(900),
]

FLOWS = '''
from flows.runtime import AssetRef, latest, pipeline, sync, when
from tasks.steps import StepRun, step

TESTS = latest("covid_tests", environment="onprem")


def names(table):
    return table["fake_first_name"].to_pylist()[:3]


@step(purpose="statistics")
def count(run: StepRun, tests: AssetRef) -> int:
    """Count the rows."""
    return sum(run.open(tests).map(len))


@step(purpose="statistics")
def leak(run: StepRun, tests: AssetRef) -> int:
    """Fail with names of patients in the error, on stdout, and as a phase."""
    found = run.open(tests).map(names)[0]
    print(found)
    try:
        run.progress(str(found[0]))
    except Exception as error:
        raise ValueError(found) from error
    return 0


@pipeline(home="onprem")
def counting(tests: AssetRef = TESTS) -> None:
    """Two steps at once, with room for one."""
    count.on("onprem")(tests)
    count.on("onprem")(tests)


@pipeline(home="onprem")
def leaking(tests: AssetRef = TESTS) -> None:
    """One step that fails."""
    leak.on("onprem")(tests)


@pipeline(home="onprem")
def denied(tests: AssetRef = TESTS) -> None:
    """A denial that nobody handles."""
    sync(tests, to="cloud", purpose="marketing")


@pipeline(home="onprem")
def broken(tests: AssetRef = TESTS) -> None:
    """A broken contract that nobody handles."""
    sync(tests, to="cloud", purpose="model-training").require()


@pipeline(home="onprem")
def handled(tests: AssetRef = TESTS) -> None:
    """A denial that is expected."""
    when(sync(tests, to="cloud", purpose="marketing"), denied=lambda: None)
'''
PIPELINES = {
    "counting": ["count"],
    "leaking": ["leak"],
    "denied": [],
    "broken": [],
    "handled": [],
}


def write_site(folder: Path) -> Path:
    shutil.copytree(SHIPPED_PROFILES, folder / "environments")
    (folder / "environments" / "edge.yaml").unlink()
    for path in sorted((folder / "environments").glob("*.yaml")):
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
        document["capacity"] |= {"pipelines": 1, "steps": 1, "workers": {"min": 1, "max": 1}}
        for side in ("egress", "ingress"):
            key = "to" if side == "egress" else "from"
            document[side] = [rule for rule in document.get(side, []) if "edge" not in rule[key]]
        if path.stem == "onprem":
            document["steps"] += [
                name
                for pipeline, steps in PIPELINES.items()
                for name in (pipeline, *(f"{pipeline}.{step}" for step in steps))
            ]
        path.write_text(yaml.safe_dump(document), encoding="utf-8")
    (folder / "flows").mkdir()
    (folder / "flows" / "small ones.py").write_text(FLOWS, encoding="utf-8")
    (folder / "site.toml").write_text(
        "[schedules.handled]\ninterval = 3600\nactive = false\n", encoding="utf-8"
    )
    return folder


@pytest.fixture(scope="module")
def narrow(make_system: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Return a running system in which every limit is one."""
    system = make_system(site=write_site(tmp_path_factory.mktemp("site")))
    system.run("up", timeout=180)
    data = Path(__file__).resolve().parents[2] / "flows" / "hospital" / "data" / "onprem_tests.csv"
    system.run("asset", "add", str(data), "--env", "onprem", "--name", "covid_tests",
               "--contract", "hospital.covid-tests")  # fmt: skip
    yield system
    system.run("down", check=False)


@pytest.fixture
def server(narrow: Any) -> Iterator[Server]:
    with Server(read_api(Home(narrow.home))) as connected:
        yield connected


def run(narrow: Any, server: Server, name: str) -> tuple[int, RunView]:
    done = narrow.run("run", name, "--watch", "--json", check=False, timeout=300)
    document = json.loads(done.stdout)
    assert "run" in document, document
    return done.returncode, server.run(document["run"])


def test_no_parent_starves_its_child_with_every_limit_at_its_least(narrow: Any, server: Server) -> None:
    code, view = run(narrow, server, "counting")
    assert (code, view.state) == (0, "Completed")
    counts = [part.labels["out.value"] for part in server.parts(view.id) if part.name == "count@onprem"]
    assert counts == [14280, 14280]


def test_a_refusal_that_nobody_handles_is_a_failed_run_of_its_name(narrow: Any, server: Server) -> None:
    code, view = run(narrow, server, "denied")
    assert (code, view.type, view.state) == (3, "FAILED", "Denied")
    assert "purpose" in view.message
    code, view = run(narrow, server, "broken")
    assert (code, view.type, view.state) == (1, "FAILED", "ContractBroken")
    assert "age.maximum (unexpected_values, 3)" in view.message


def test_a_refusal_that_is_handled_completes(narrow: Any, server: Server) -> None:
    code, view = run(narrow, server, "handled")
    assert (code, view.state) == (0, "Completed")


def test_a_failed_step_tells_an_incident_and_no_value(narrow: Any, server: Server) -> None:
    code, view = run(narrow, server, "leaking")
    assert (code, view.type, view.state) == (6, "FAILED", "Failed")
    [part] = [part for part in server.parts(view.id) if part.name == "leak@onprem"]
    incident = str(part.labels["isthmus.incident"])
    assert part.message == f"StepFailed: incident {incident}"
    shown = narrow.run("incident", "show", incident, "--env", "onprem").stdout
    assert "ValueError" in shown
    names = [word.strip("'[] ") for word in shown.partition("ValueError: ")[2].splitlines()[0].split(",")]
    assert all(len(name) > 2 for name in names)
    heard = json.dumps(
        [
            server.ask("POST", "/flow_runs/filter", {}),
            server.ask("POST", "/task_runs/filter", {}),
            server.ask("POST", "/logs/filter", {}),
            server.ask("POST", "/artifacts/filter", {}),
            server.ask("POST", "/events/filter", {}),
        ]
    )
    assert "leak@onprem" in heard
    for name in names:
        assert f"'{name}'" not in heard
        assert f'"{name}"' not in heard


def test_a_schedule_fires_takes_the_latest_and_finishes(narrow: Any, server: Server) -> None:
    settings = Path(narrow.site) / "site.toml"
    settings.write_text("[schedules.handled]\ninterval = 2\n", encoding="utf-8")
    try:
        narrow.run("deploy")
        deadline = time.monotonic() + 120
        done: list[RunView] = []
        while not done and time.monotonic() < deadline:
            time.sleep(0.5)
            runs = server.runs({"tags": {"all_": ["auto-scheduled"]}})
            done = [view for view in runs if view.state == "Completed"]
        assert done, "no scheduled run finished"
        assert str(done[0].labels["in.tests"]).startswith("covid_tests@sha256:")
    finally:
        settings.write_text("[schedules.handled]\ninterval = 3600\nactive = false\n", encoding="utf-8")
        narrow.run("deploy")


def test_an_edit_in_the_ui_is_kept_and_told_and_set_back_when_asked(narrow: Any, server: Server) -> None:
    def edited() -> tuple[bool, list[str]]:
        [item] = [d for d in narrow.json("deploy")["deployments"] if d["deployment"] == "handled/onprem"]
        return item["schedules_edited"], item["schedules"]

    assert edited() == (False, ["every 3600 s (inactive)"])
    deployment = server.deployment("handled", "onprem")
    [schedule] = server.ask("GET", f"/deployments/{deployment}")["schedules"]
    change = {"active": False, "schedule": {"interval": 7200}}
    server.ask("PATCH", f"/deployments/{deployment}/schedules/{schedule['id']}", change)
    assert edited() == (True, ["every 7200 s (inactive)"])
    assert edited() == (True, ["every 7200 s (inactive)"])
    narrow.run("deploy", "--reset-schedules")
    assert edited() == (False, ["every 3600 s (inactive)"])


def test_wrong_names_are_told_with_exit_2_and_one_document(narrow: Any) -> None:
    for arguments in (
        ["run", "nobody"],
        ["plan", "nobody"],
        ["run", "handled", "--param", "tests=Not A Name"],
        ["run", "handled", "--param", "other=1"],
        ["plan", "handled", "--param", "tests=unknown_asset"],
        ["sync", "covid_tests", "--from", "onprem", "--to", "moon", "--purpose", "marketing"],
        ["sync", "covid_tests", "--from", "onprem", "--to", "onprem", "--purpose", "marketing"],
    ):
        done = narrow.run(*arguments, "--json", check=False)
        assert done.returncode == 2, arguments
        assert json.loads(done.stdout)["remedy"], arguments
        assert "Traceback" not in done.stderr


def test_with_a_public_clearance_the_cloud_gets_nothing_and_the_rule_is_clearance(narrow: Any) -> None:
    narrow.run("down")
    profile = Path(narrow.site) / "environments" / "cloud.yaml"
    document = yaml.safe_load(profile.read_text(encoding="utf-8"))
    assert document["clearance"] == "confidential"
    profile.write_text(yaml.safe_dump(document | {"clearance": "public"}), encoding="utf-8")
    narrow.run("up", timeout=180)
    asked = ("--from", "onprem", "--to", "cloud", "--purpose", "model-training")
    refused = narrow.run("sync", "covid_tests", *asked, "--json", check=False)
    assert refused.returncode == 3, refused.stdout + refused.stderr
    assert [rule["id"] for rule in json.loads(refused.stdout)["rules"]] == ["clearance"]
    entry = narrow.json("ledger", "show", "--env", "onprem")["entries"][-1]
    assert [rule["id"] for rule in entry["body"]["rules"]] == ["clearance"]
    assert narrow.json("asset", "list", "--env", "cloud")["assets"] == []
    assert [path for path in (narrow.home / "transit").rglob("*") if path.is_file()] == []
