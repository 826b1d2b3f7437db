"""A step that its environment marks runs with a signed grant only: on a running system, over the real API."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from gate_world import Talk
from prefect_view import api_of, every
from worker_world import until

pytestmark = [
    pytest.mark.long,
    pytest.mark.system,
    pytest.mark.attack,
    pytest.mark.xdist_group("api-gate"),
    pytest.mark.timeout(600),
]


def ask(client: httpx.Client, deployment: str, parameters: dict[str, Any]) -> dict[str, Any]:
    """Start a run as whoever holds the server's credential may, and return how it ended."""
    found = client.get(f"/deployments/name/{deployment}").raise_for_status().json()["id"]
    body = {"parameters": parameters, "state": {"type": "SCHEDULED"}}
    made = client.post(f"/deployments/{found}/create_flow_run", json=body).raise_for_status().json()["id"]

    def ended() -> dict[str, Any] | None:
        state: dict[str, Any] = client.get(f"/flow_runs/{made}").raise_for_status().json()["state"]
        return state if state["type"] in ("COMPLETED", "FAILED", "CRASHED") else None

    state: dict[str, Any] = until(ended, 90)
    return state


def test_without_a_key_nothing_is_started(talk: Talk) -> None:
    with api_of(talk.home.root) as client:
        before = every(client, "flow_runs")
        talk.isthmus("run", "counting", "--json", status=2)
        assert every(client, "flow_runs") == before


def test_whoever_holds_the_servers_credential_starts_no_marked_step(talk: Talk) -> None:
    with api_of(talk.home.root) as client:
        state = ask(client, "counting.count/onprem", {"number": 1})
        assert (state["type"], state["name"]) == ("FAILED", "Refused")
        assert "counting.count needs a signed grant: there is none" in state["message"]
        state = ask(client, "counting/onprem", {})
        assert state["type"] == "FAILED"
        assert "needs a signed grant" in state["message"]


def test_a_requesters_run_carries_grants_and_each_is_used_once(talk: Talk) -> None:
    named = ("--from", "onprem", "--asset", "*", "--to", "onprem", "--purpose", "quality")
    talk.isthmus("requester", "add", "anna", *named, status=0)
    done = json.loads(talk.isthmus("run", "counting", "--watch", "--json", status=0))
    assert done["state"] == "Completed"
    with api_of(talk.home.root) as client:
        named = [one for one in every(client, "flow_runs") if one["name"] == "count@onprem"]
        (run,) = [one for one in named if one["state_name"] == "Completed"]
        token = run["parameters"]["isthmus_grant"]
        state = ask(client, "counting.count/onprem", {"number": 2, "isthmus_grant": token})
        assert "it was used for another run" in state["message"]
        forged = token[:-20] + ("A" if token[-20] != "A" else "B") + token[-19:]
        state = ask(client, "counting.count/onprem", {"number": 2, "isthmus_grant": forged})
        assert (state["type"], state["name"]) == ("FAILED", "Refused")
