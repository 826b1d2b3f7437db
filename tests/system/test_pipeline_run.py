"""The hospital's pipeline on the real system: what the plan says is what runs, and the graph shows it."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from environments.embedded.api import read_api
from environments.home import Home
from flows.runtime.server import Server

pytestmark = [pytest.mark.system, pytest.mark.xdist_group("hospital"), pytest.mark.timeout(600)]


@pytest.fixture
def story(hospital_run: dict[str, Any]) -> dict[str, Any]:
    """Return what was planned, and what ran."""
    return hospital_run


@pytest.fixture
def server(hospital: Any) -> Iterator[Server]:
    with Server(read_api(Home(hospital.home))) as connected:
        yield connected


def steps_of(calls: list[dict[str, Any]], taken: dict[str, str]) -> list[str]:
    """Return the names of the runs that a plan's calls make; `taken` is each choice's outcome."""
    names: list[str] = []
    for call in calls:
        if call["call"] == "step":
            names.append(f"{call['step'].partition('.')[2]}@{call['environment']}")
        elif call["call"] == "sync":
            names.append(f"egress@{call['from']}")
            if taken.get(call["id"], "permitted") == "permitted":
                names += [f"ingress@{call['to']}", f"settle@{call['from']}"]
        elif call["call"] == "when":
            outcome = taken[call["outcome"].partition(".")[0]]
            names += steps_of(call["arms"][outcome]["calls"], taken)
    return names


def test_the_run_is_the_plan(story: dict[str, Any]) -> None:
    plan, run = story["plan"], story["run"]
    assert run["state"] == "Completed"
    assert run["plan"] == plan["digest"]
    taken = {"sync": "broken", "sync-4": "denied"}
    pins = [f"pin@{start['environment']}" for start in plan["starts"]]
    assert sorted(step["name"] for step in run["steps"]) == sorted(pins + steps_of(plan["calls"], taken))


def test_the_refusals_name_exactly_their_rules(story: dict[str, Any], server: Server) -> None:
    refused = {
        str(part.parameters["purpose"]): json.loads(str(part.labels["isthmus.rules"]))
        for part in server.parts(story["run"]["run"])
        if part.name.startswith("egress@") and part.labels["out.outcome"] != "permitted"
    }
    assert {(rule["id"], rule["unexpected_count"]) for rule in refused["model-training"]} == {
        ("age.maximum", 3),
        ("rec_ver_tat.minimum", 1),
    }
    assert "purpose" in {rule["id"] for rule in refused["marketing"]}


def test_the_graph_is_the_crossing_graph(story: dict[str, Any], server: Server) -> None:
    graph = server.ask("GET", f"/flow_runs/{story['run']['run']}/graph-v2")
    nodes = dict(graph["nodes"])
    edges = {
        (nodes[parent["id"]]["label"].rpartition(" / ")[2], node["label"].rpartition(" / ")[2])
        for node in nodes.values()
        for parent in node["parents"]
    }
    path = [
        "egress@onprem",
        "ingress@cloud",
        "train@cloud",
        "egress@cloud",
        "ingress@edge",
        "batch_infer@edge",
        "aggregate@edge",
        "egress@edge",
        "ingress@onprem",
        "settle@edge",
    ]
    assert set(itertools.pairwise(path)) <= edges
    assert ("quarantine@onprem", "egress@onprem") in edges
    assert ("quarantine@edge", "batch_infer@edge") in edges


def test_every_task_is_tagged_with_pool_kind_and_jurisdiction(story: dict[str, Any], server: Server) -> None:
    body = {"flow_runs": {"id": {"any_": [story["run"]["run"]]}}, "limit": 200}
    tasks = server.ask("POST", "/task_runs/filter", body)
    assert len(tasks) == len(story["run"]["steps"])
    for task in tasks:
        step, _, environment = task["name"].partition("@")
        assert step
        assert f"pool:{environment}" in task["tags"]
        assert {tag.partition(":")[0] for tag in task["tags"]} == {"pool", "kind", "jurisdiction"}


def test_the_run_says_what_it_was_pinned_to(story: dict[str, Any], server: Server) -> None:
    labels = server.run(story["run"]["run"]).labels
    for start in story["plan"]["starts"]:
        assert labels[f"in.{start['parameter']}"] == f"{start['name']}@{start['version']}"


def test_the_log_tab_shows_progress(story: dict[str, Any], server: Server) -> None:
    [train] = [part for part in server.parts(story["run"]["run"]) if part.name == "train@cloud"]
    lines = server.ask("POST", "/logs/filter", {"logs": {"flow_run_id": {"any_": [train.id]}}})
    assert any(line["message"].startswith("fit: ") and " rows, " in line["message"] for line in lines)


def test_nothing_is_persisted_as_a_result(story: dict[str, Any], server: Server) -> None:
    for run_id in [story["run"]["run"], *(part.id for part in server.parts(story["run"]["run"]))]:
        assert server.ask("GET", f"/flow_runs/{run_id}")["state"]["data"] is None


@pytest.mark.long
def test_sync_says_its_shape_and_its_exit_code(hospital: Any, story: dict[str, Any]) -> None:
    assert story["run"]["state"] == "Completed"
    arguments = ["--from", "onprem", "--to", "cloud", "--purpose"]
    broken = hospital.run("sync", "covid_tests", *arguments, "model-training", "--json", check=False)
    assert broken.returncode == 1
    document = json.loads(broken.stdout)
    assert {"crossing", "outcome", "rules", "bytes", "version"} <= set(document)
    assert (document["outcome"], document["version"], document["bytes"]) == ("broken", None, 0)
    denied = hospital.run("sync", "covid_tests", *arguments, "marketing", "--json", check=False)
    assert (denied.returncode, json.loads(denied.stdout)["outcome"]) == (3, "denied")
    permitted = hospital.run(
        "sync",
        "covid_tests_accepted",
        *arguments,
        "model-training",
        "--request",
        "again-1",
        "--json",
        check=False,
    )
    first = json.loads(permitted.stdout)
    assert (permitted.returncode, first["outcome"]) == (0, "permitted")
    assert first["bytes"] > 0
    second = hospital.json(
        "sync", "covid_tests_accepted", *arguments, "model-training", "--request", "again-1"
    )
    assert (second["crossing"], second["version"]) == (first["crossing"], first["version"])
    again = (
        "sync",
        "covid_tests_accepted",
        *arguments,
        "model-training",
        "--request",
        "watched-1",
        "--watch",
    )
    lines = hospital.run(*again).stdout.splitlines()
    assert [
        line for line in lines if re.match(r"egress@onprem  egress\.seal +[0-9.]+ of [0-9.]+ [kM]?B", line)
    ]
    assert "ingress.commit" in lines
    entries = hospital.json("ledger", "show", "--env", "onprem")
    told = hospital.json("sync", "covid_tests_accepted", *arguments, "model-training", "--dry-run")
    assert (told["outcome"], told["rows"]) == ("permitted", 14_276)
    assert told["terms"]["subject_id"] == {"pseudonymise": {}}
    assert "fake_first_name" not in [column["name"] for column in told["arrival"]["columns"]]
    bad = hospital.run("sync", "covid_tests", *arguments, "model-training", "--dry-run", check=False)
    assert bad.returncode == 1
    assert "age.maximum: unexpected_values, 3 rows" in bad.stdout
    assert hospital.json("ledger", "show", "--env", "onprem") == entries
    unknown = hospital.run("sync", "nothing", *arguments, "marketing", "--json", check=False)
    assert unknown.returncode == 2
