"""Everything that a running system's Prefect API tells, for tests that look at what it holds."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from environments.embedded.api import read_api
from environments.home import Home

_PAGE = 200


@contextmanager
def api_of(home: Path) -> Iterator[httpx.Client]:
    """Open the API of the system that runs in `home`."""
    api = read_api(Home(home))
    user, _, password = api.auth_string.partition(":")
    with httpx.Client(base_url=api.url, auth=(user, password), timeout=60, trust_env=False) as client:
        yield client


def every(client: httpx.Client, what: str, **query: Any) -> list[dict[str, Any]]:
    """Return all pages of a filter: `flow_runs`, `task_runs`, `logs`, …"""
    found: list[dict[str, Any]] = []
    while True:
        answer = client.post(f"/{what}/filter", json={"limit": _PAGE, "offset": len(found), **query})
        answer.raise_for_status()
        page = answer.json()
        found += page
        if len(page) < _PAGE:
            return found


def step_runs(client: httpx.Client, run_id: str) -> list[dict[str, Any]]:
    """Return the flow runs of the steps of one pipeline run, in the order in which they began."""
    parents = {task["id"] for task in every(client, "task_runs") if task["flow_run_id"] == run_id}
    return [
        run
        for run in every(client, "flow_runs", sort="START_TIME_ASC")
        if run["parent_task_run_id"] in parents
    ]


def reference(label: str) -> dict[str, Any]:
    """Return the reference that an `out.*` label holds."""
    told: dict[str, Any] = json.loads(label.removeprefix("ref:"))
    return told
