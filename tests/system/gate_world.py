"""One environment whose step tells the server about a patient in every way that Prefect's own client has."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import yaml
from prefect_view import api_of, every
from sentinels import Sentinel, api_texts, database_texts

from environments.embedded.launch import ENTRY, launch
from environments.embedded.takedown import take_down
from environments.home import Home
from environments.site import SHIPPED_PROFILES, Site

PATIENT = Sentinel("qzvpatient", 0x427C_0536_0000)
ISTHMUS = Path(sys.executable).with_name("isthmus")
UNGATED = Path(__file__).with_name("ungated.py")

FLOW = '''
"""A step that talks."""

import json
import os
import tempfile
from pathlib import Path

from flows.runtime import pipeline
from tasks.steps import StepRun, step

PATIENT = "qzvpatient"


def ways(run_id):
    """Return every way of Prefect's own client to tell something, by name."""
    import datetime
    import logging

    from prefect import flow, task
    from prefect.artifacts import create_markdown_artifact, create_table_artifact
    from prefect.blocks.system import Secret
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.actions import LogCreate
    from prefect.events import emit_event
    from prefect.states import Running
    from prefect.variables import Variable

    client = get_client(sync_client=True)
    now = datetime.datetime.now(datetime.timezone.utc)

    def log():
        for name in ("isthmus", "prefect.flow_runs", PATIENT):
            line = {"name": name, "level": 20, "message": f"patient {PATIENT} is 47"}
            line |= {"timestamp": now.isoformat(), "flow_run_id": run_id}
            client.request("POST", "/logs/", json=[line]).raise_for_status()

    def own_flow():
        @flow(name=f"care for {PATIENT}", flow_run_name=f"care for {PATIENT}")
        def care(patient):
            raise ValueError(f"no result for {patient}")

        try:
            care(PATIENT)
        except ValueError:
            pass

    def own_task():
        @task(name=f"look at {PATIENT}", task_run_name=f"look at {PATIENT}")
        def look(patient):
            raise ValueError(f"no result for {patient}")

        try:
            look(PATIENT)
        except ValueError:
            pass

    def run_of_a_deployment():
        client.request("GET", "/deployments/name/telling/onprem").raise_for_status()

    def variable():
        Variable.set(f"v_{PATIENT}", PATIENT)

    def label():
        body = {PATIENT: PATIENT, "out.name": PATIENT}
        client.request("PATCH", f"/flow_runs/{run_id}/labels", json=body).raise_for_status()

    return {
        "log": log,
        "event": lambda: emit_event(
            f"seen.{PATIENT}", {"prefect.resource.id": f"p.{PATIENT}"}, payload={"name": PATIENT}
        ),
        "artifact": lambda: create_markdown_artifact(f"# {PATIENT}", key=PATIENT, description=PATIENT),
        "table": lambda: create_table_artifact([{"name": PATIENT}], key="patients"),
        "run name": lambda: client.update_flow_run(run_id, name=f"run of {PATIENT}"),
        "tag": lambda: client.update_flow_run(run_id, tags=[PATIENT]),
        "state": lambda: client.set_flow_run_state(
            run_id, Running(name=PATIENT, message=PATIENT), force=True
        ),
        "label": label,
        "own flow": own_flow,
        "own task": own_task,
        "run of a deployment": run_of_a_deployment,
        "variable": variable,
        "block": lambda: Secret(value=PATIENT).save(f"b-{PATIENT}"),
    }


@step(purpose="quality")
def tell(run: StepRun) -> int:
    """Tell all."""
    told = {}
    for name, way in ways(run.lineage["run"]).items():
        try:
            way()
            told[name] = "told"
        except Exception as error:
            told[name] = type(error).__name__
    said = {"told": told, "environment": dict(os.environ)}
    (Path(tempfile.gettempdir()) / "told.json").write_text(json.dumps(said))
    return len(told)


@pipeline(home="onprem")
def telling() -> None:
    tell.on("onprem")()


@step(purpose="quality")
def count(run: StepRun, number: int) -> int:
    """Count, where somebody signed for it."""
    return number


@pipeline(home="onprem")
def counting() -> None:
    count.on("onprem")(1)
'''


def talking_site(folder: Path) -> Path:
    """Write a site of one environment, which crosses to nowhere."""
    (folder / "environments").mkdir(parents=True)
    (folder / "flows").mkdir()
    document = yaml.safe_load((SHIPPED_PROFILES / "onprem.yaml").read_text(encoding="utf-8"))
    for key in ("egress", "ingress", "cost"):
        document.pop(key, None)
    numbers = {"number": {"min": 0, "max": 9}}
    marked = {"name": "counting.count", "grant": "required", "numbers": numbers}
    document["steps"] = ["telling", "telling.tell", "counting", marked]
    (folder / "environments" / "onprem.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
    (folder / "flows" / "telling.py").write_text(FLOW, encoding="utf-8")
    return folder


@dataclass
class Talk:
    """A system in which a step talked.

    Attributes:
        home: where it runs.
        run: what `isthmus run` said.
        told: how each way ended for the step.
        environment: the variables of the step's process.
        texts: everything that the server tells, and its database.
        logs: the lines that the UI shows.
    """

    home: Home
    run: dict[str, Any]
    told: dict[str, str]
    environment: dict[str, str]
    texts: list[tuple[str, str]] = field(default_factory=list)
    logs: list[str] = field(default_factory=list)

    def isthmus(self, *words: str, status: int | None = None) -> str:
        command = [str(ISTHMUS), *words, "--home", str(self.home.root)]
        environment = {**os.environ, "ISTHMUS_SITE": str(self.home.root.parent / "site")}
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=120, env=environment
        )
        assert status is None or done.returncode == status, done.stdout + done.stderr
        return done.stdout


@contextmanager
def system(*, gated: bool) -> Iterator[Talk]:
    """Run the system; everything is gone at the end."""
    root = Path(tempfile.mkdtemp(prefix="isg-"))
    home = Home(root / "home").create()
    try:
        site = talking_site(root / "site")
        launch(home, Site.load(site), None, lambda _: None, entry=ENTRY if gated else [str(UNGATED)])
        yield Talk(home, {}, {}, {})
    finally:
        take_down(home)
        shutil.rmtree(root, ignore_errors=True)


def heard(client: httpx.Client, event: str) -> None:
    """Wait until the server wrote an event down whose name begins so: it does that in batches, later."""
    deadline = time.monotonic() + 60
    asked = {"limit": 1, "filter": {"event": {"prefix": [event]}}}
    while not client.post("/events/filter", json=asked).raise_for_status().json()["events"]:
        assert time.monotonic() < deadline, "the event never came"
        time.sleep(0.5)


@contextmanager
def talking(*, gated: bool) -> Iterator[Talk]:
    """Run the system, let the step talk, and gather what was told."""
    with system(gated=gated) as talk:
        talk.run = json.loads(talk.isthmus("run", "telling", "--watch", "--json", status=0))
        said = json.loads((talk.home.environment("onprem").tmp / "told.json").read_text())
        talk.told, talk.environment = said["told"], said["environment"]
        with api_of(talk.home.root) as client:
            heard(client, "isthmus.withheld" if gated else "seen.")
            talk.texts += list(api_texts(client))
            talk.logs = [line["message"] for line in every(client, "logs")]
        password = (talk.home.secrets / "database").read_text(encoding="utf-8").strip()
        talk.texts += asyncio.run(database_texts(talk.home.system / "postgresql", password))
        yield talk
