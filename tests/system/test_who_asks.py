"""Who asks and who approves, on a running system: as people type it, and as a run of the UI is started."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from prefect_view import api_of
from site_variants import change

from flows.cli.init import write_site

pytestmark = [
    pytest.mark.long,
    pytest.mark.system,
    pytest.mark.xdist_group("who-asks"),
    pytest.mark.timeout(600),
]

WAY = ("--from", "onprem", "--to", "cloud", "--purpose", "statistics")
ASKS = ("--from", "onprem", "--asset", "readings", "--to", "cloud", "--purpose", "statistics")
SYNC = ("sync", "readings", *WAY)
LINE = "    purposes: [statistics]\n    contracts: [clinic.readings]\n"


@pytest.fixture(scope="module")
def system(make_system: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A site that takes signed requests only, and whose first crossing waits for another person."""
    site = tmp_path_factory.mktemp("asks") / "site"
    write_site(site)
    for name in ("onprem", "cloud"):
        change(site / "environments" / f"{name}.yaml", LINE, f'{LINE}    requesters: ["*"]\n')
    with (site / "environments" / "onprem.yaml").open("a", encoding="utf-8") as file:
        file.write("\napproval: {first: true, approvers: [bob]}\n")
    with (site / "site.toml").open("a", encoding="utf-8") as file:
        file.write('\n[requesters]\nui = "console"\n')
    made = make_system(site=site)
    made.run("up", timeout=180)
    readings = str(site / "data" / "readings.csv")
    made.run(
        "asset", "add", readings, "--env", "onprem", "--name", "readings", "--contract", "clinic.readings"
    )
    return made


def refusal(system: Any, *words: str, code: int = 3) -> list[dict[str, Any]]:
    done = system.run(*words, "--json", check=False)
    assert done.returncode == code, done.stdout + done.stderr
    rules: list[dict[str, Any]] = json.loads(done.stdout)["rules"]
    return rules


def asked_by(system: Any, name: str) -> set[str]:
    entries = system.json("ledger", "show", "--env", name)["entries"]
    permitted = [entry["body"] for entry in entries if entry["body"].get("outcome") == "permitted"]
    return {body["requester"] for body in permitted if "requester" in body}


def test_1_what_is_not_signed_is_denied_by_its_rule(system: Any) -> None:
    [rule] = refusal(system, *SYNC)
    assert rule["id"] == "requester"
    assert "unattributed (unsigned)" in rule["reason"]


def test_2_anna_asks_bob_approves_and_the_same_crossing_goes_on(system: Any) -> None:
    system.run("requester", "add", "anna", *ASKS)
    assert "needs the approval of 1: bob" in system.run("plan", "blood_pressure").stdout
    [rehearsed] = refusal(system, *SYNC, "--dry-run")
    assert (rehearsed["id"], system.json("approve", "--list")) == ("approval", {"waiting": []})
    [rule] = refusal(system, *SYNC)
    [one] = system.json("approve", "--list")["waiting"]
    short = one["crossing"][7:19]
    assert (rule["id"], one["requester"], one["approved_by"]) == ("approval", "anna", [])
    assert f"isthmus approve {short} --env onprem" in rule["reason"]
    own = system.run("approve", short, "--as", "anna", check=False)
    assert own.returncode == 3
    assert "who asked" in own.stderr
    system.run("requester", "add", "bob", "--approves", "onprem")
    assert "bob approves readings" in system.run("approve", short, "--as", "bob").stdout
    assert system.json("approve", "--list")["waiting"][0]["approved_by"] == ["bob"]
    done = system.json(*SYNC, "--as", "anna")
    assert (done["outcome"], done["crossing"], done["request"]) == (
        "permitted",
        one["crossing"],
        one["request"],
    )
    assert system.json("approve", "--list") == {"waiting": []}
    told = system.run("ledger", "explain", short, "--env", "cloud").stdout
    assert "who     anna, attribution verified" in told


def test_3_a_run_is_signed_for_all_of_its_crossings(system: Any) -> None:
    run = system.json("run", "blood_pressure", "--as", "anna", "--watch", timeout=300)
    assert run["state"] == "Completed", run
    assert asked_by(system, "cloud") == {"anna"}


def test_4_a_run_of_the_ui_acts_under_the_key_that_the_site_names(system: Any) -> None:
    assert ui_run(system) == "Denied"
    assert "console" in system.run("deploy").stderr
    system.run("requester", "add", "console", "--kind", "service", *ASKS)
    assert system.json("deploy")["not_signed"] == []
    assert {one["change"] for one in system.json("deploy")["deployments"]} == {"unchanged"}
    assert ui_run(system) == "Completed"
    assert asked_by(system, "onprem") == asked_by(system, "cloud") == {"anna", "console"}
    # What that key may ask is looked at for every run, not when it was deployed.
    system.run("requester", "allow", "console", *ASKS[:-1], "reporting")
    assert ui_run(system) == "Denied"


def ui_run(system: Any) -> str:
    """Start a run as the Prefect UI does, with what the form holds when it opens; return how it ends."""
    with api_of(system.home) as client:
        deployment = client.get("/deployments/name/blood_pressure/onprem").raise_for_status().json()
        body = {"state": {"type": "SCHEDULED"}, "parameters": deployment["parameters"]}
        made = client.post(f"/deployments/{deployment['id']}/create_flow_run", json=body).raise_for_status()
        until = time.monotonic() + 120
        while time.monotonic() < until:
            state = client.get(f"/flow_runs/{made.json()['id']}").raise_for_status().json()["state"]
            if state["type"] in {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}:
                return str(state["name"])
            time.sleep(0.5)
    raise AssertionError("the run did not end")
