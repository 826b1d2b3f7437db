"""An environment's host with a small catalogue: `python worker_host.py HOME ENV [OPTIONS AS JSON]`.

`demo.step` leaves a mark in its environment's folder with what it saw of the world; `demo.spin` never
ends; `demo.dies` kills its own process; `demo` is a pipeline that runs `demo.step` and waits for it.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from data_contracts.errors import UsageError
from data_contracts.labels import Classification
from environments.embedded.api import read_api
from environments.home import Home
from environments.identity.dask_certificates import write_dask_certificates
from environments.profile import Capacity, MetricsSpec, Profile, StepGrant
from environments.site import Site
from environments.workpools.catalogue import RunContext
from environments.workpools.host import run_host

LISTED = ("demo", "demo.step", "demo.spin", "demo.dies", "demo.result")


@dataclass(frozen=True)
class Demo:
    flow_name: str
    queue: Literal["pipelines", "steps"]
    body: Callable[[RunContext], Any]

    def validate(self, parameters: Mapping[str, object], grant: StepGrant | None) -> Mapping[str, object]:
        if grant is None or set(parameters) - {"mark"}:
            raise UsageError("a parameter that it does not have")
        if not re.fullmatch(r"[a-z0-9-]{1,40}", str(parameters.get("mark", "none"))):
            raise UsageError("mark is no mark")
        return dict(parameters)

    def execute(self, run: RunContext) -> None:
        from prefect import flow
        from prefect.flow_engine import run_flow

        def body(mark: str = "none") -> Any:  # noqa: ARG001 - the engine looks at the signature
            return self.body(run)

        run_flow(
            flow(body, name=self.flow_name, validate_parameters=False),
            flow_run=run.flow_run,
            parameters=dict(run.parameters),
            return_type="state",
        )


def step(run: RunContext) -> None:
    seen = {"time": time.time(), "cwd": os.getcwd(), "env": sorted(os.environ), "pid": os.getpid()}  # noqa: PTH109
    marks = run.folder.tmp / "marks"
    marks.mkdir(exist_ok=True)
    mark = marks / str(run.parameters.get("mark", "none"))
    draft = mark.with_suffix(".draft")
    draft.write_text(json.dumps(seen))
    draft.replace(mark)  # whoever waits for it reads it whole
    print("a line for the log")  # noqa: T201


def spin(run: RunContext) -> None:
    child = subprocess.Popen(["sleep", "600"])
    (run.folder.tmp / f"spin-{run.flow_run.id}").write_text(json.dumps([os.getpid(), child.pid]))
    while True:
        time.sleep(0.1)


def dies(_run: RunContext) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def result(run: RunContext) -> str:
    step(run)
    return "a secret result"


def pipeline(run: RunContext) -> None:
    """Ask for a step in the same environment, and wait: with one slot for each queue it must not hang."""
    import httpx

    user, _, password = run.api.auth_string.partition(":")
    with httpx.Client(base_url=run.api.url + "/", auth=(user, password), timeout=30) as client:
        found = client.get(f"deployments/name/demo.step/{run.profile.name}").raise_for_status().json()
        child = client.post(
            f"deployments/{found['id']}/create_flow_run",
            json={"parameters": {"mark": "child"}, "state": {"type": "SCHEDULED"}},
        )
        path = f"flow_runs/{child.raise_for_status().json()['id']}"
        while client.get(path).raise_for_status().json()["state"]["type"] != "COMPLETED":
            time.sleep(0.1)


class DemoCatalogue:
    def __init__(self) -> None:
        bodies = {
            "demo.step": step,
            "demo.spin": spin,
            "demo.dies": dies,
            "demo.result": result,
            "demo.hidden": step,
        }
        entries = [Demo(name, "steps", body) for name, body in bodies.items()]
        self._entries = {entry.flow_name: entry for entry in [*entries, Demo("demo", "pipelines", pipeline)]}

    def find(self, flow_name: str) -> Demo | None:
        return self._entries.get(flow_name)


def profile(name: str, **capacity: Any) -> Profile:
    """Return an environment that lists everything of the catalogue but `demo.hidden`."""
    return Profile(
        name=name,
        kind="cloud",
        jurisdiction="DE",
        clearance=Classification.CONFIDENTIAL,
        steps=tuple(StepGrant(step) for step in LISTED),
        capacity=replace(Capacity(), **capacity),
    )


def main() -> int:
    home, name = Home(Path(sys.argv[1])), sys.argv[2]
    options: dict[str, Any] = json.loads(sys.argv[3]) if len(sys.argv) > 3 else {}
    parts = options.pop("parts", ["worker"])
    metrics = MetricsSpec(0) if "metrics" in parts else None
    folder = home.environment(name).create()
    write_dask_certificates(folder, name)
    return run_host(
        folder,
        replace(profile(name, **options), metrics=metrics),
        read_api(home),
        DemoCatalogue,
        site=Site(),
        parts=tuple(parts),
    )


if __name__ == "__main__":
    sys.exit(main())
