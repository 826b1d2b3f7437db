"""The wrapper around every run: what the server forbids does not run, and what is raised stays here."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from prefect.client.schemas.objects import FlowRun
from prefect.states import Pending

from environments.home import Home
from environments.incidents import read_incident
from environments.site import Site
from environments.workpools.catalogue import RunContext
from flows.runtime.guard import run_guarded

RUN = UUID(int=7)
ACCEPTED = (200, {"status": "ACCEPT"})
SECRET = "Jane Doe"


@pytest.fixture
def run(plane: Any, tmp_path: Path) -> RunContext:
    site = Site.load()
    folder = Home(tmp_path / "home").create().environment("onprem").create()
    flow_run = FlowRun(id=RUN, name="r", flow_id=RUN, state=Pending())
    return RunContext(flow_run, {}, folder, site.profile("onprem"), plane.api, site)


def test_a_run_that_was_cancelled_before_it_began_does_nothing(plane: Any, run: RunContext) -> None:
    cancelled = {"id": str(RUN), "name": "r", "state": {"type": "CANCELLED"}}
    plane.answers = [(200, {"status": "ABORT"}), (200, cancelled)]
    done: list[object] = []

    def body(*_: object) -> Mapping[str, Any]:
        done.append(1)
        return {}

    run_guarded(run, "hospital.train", body, trusted=False)
    assert done == []
    assert [path for _, path, _, _ in plane.heard][1:] == [f"/api/flow_runs/{RUN}"]


@pytest.mark.parametrize("error", [ValueError(SECRET), SystemExit(SECRET)], ids=["raises", "exits"])
def test_what_a_body_raises_is_kept_here_and_told_as_an_incident(
    plane: Any, run: RunContext, error: BaseException
) -> None:
    plane.answers = [ACCEPTED] * 5

    def body(*_: object) -> Mapping[str, Any]:
        raise error

    run_guarded(run, "hospital.train", body, trusted=False)
    heard = json.dumps(plane.heard)
    assert SECRET not in heard
    incident = str(re.findall(r'"isthmus.incident": "([0-9a-f]{12})"', heard)[0])
    assert SECRET in str(read_incident(run.folder, incident))
    assert plane.heard[-1][2]["state"]["type"] == "FAILED"


def test_what_a_body_prints_is_not_the_servers(plane: Any, run: RunContext) -> None:
    plane.answers = [ACCEPTED] * 3

    def body(*_: object) -> Mapping[str, Any]:
        sys.stdout.write(SECRET)
        return {"out.rows": 1}

    run_guarded(run, "hospital.train", body, trusted=False)
    assert SECRET not in json.dumps(plane.heard)
    assert plane.heard[-1][2]["state"] == {"type": "COMPLETED", "name": "Completed", "message": ""}
