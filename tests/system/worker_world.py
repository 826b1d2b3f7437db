"""A real control plane, real hosts, and requests as anyone with the one credential could send them."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from environments.embedded.api import ApiAddress, client_settings, read_api
from environments.embedded.launch import launch
from environments.embedded.takedown import take_down
from environments.home import EnvironmentFolder, Home
from environments.site import Site

HERE = Path(__file__).parent
FINAL = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")


def until(condition: Callable[[], Any], seconds: float = 60.0, every: float = 0.05) -> Any:
    """Return the first true value of a condition; fail when it never is."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(every)
    return value


@dataclass
class World:
    """One home with a control plane."""

    home: Home
    api: ApiAddress
    http: httpx.Client
    hosts: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def ask(self, method: str, path: str, body: Any = None, *, status: int | None = None) -> Any:
        answer = self.http.request(method, path, json=body)
        if status is not None:
            assert answer.status_code == status, answer.text
        else:
            assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text[:500]}"
        return answer.json() if answer.content else None

    def folder(self, name: str) -> EnvironmentFolder:
        return self.home.environment(name)

    def start(self, name: str, **options: Any) -> subprocess.Popen[bytes]:
        """Start an environment's host and wait until its worker polls a registered pool."""
        record = self.folder(name).run / "worker.json"
        record.unlink(missing_ok=True)
        command = [sys.executable, "-P", str(HERE / "worker_host.py"), str(self.home.root), name]
        with (self.home.root / f"{name}.log").open("ab") as log:
            host = subprocess.Popen([*command, json.dumps(options)], stdout=log, stderr=log)
        self.hosts.append(host)
        until(lambda: record.exists() and json.loads(record.read_text())["last_poll"], 90)
        if "cluster" in options.get("parts", ()):
            until((self.folder(name).run / "cluster.json").exists, 90)
        return host

    @contextmanager
    def running(self, name: str, **options: Any) -> Iterator[subprocess.Popen[bytes]]:
        """Run an environment's host for a while."""
        host = self.start(name, **options)
        try:
            yield host
        finally:
            if host.poll() is None:
                self.stop(host)

    def stop(self, host: subprocess.Popen[bytes], number: int = signal.SIGTERM) -> None:
        host.send_signal(number)
        host.wait(40)

    def worker(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.folder(name).run / "worker.json").read_text())
        return found

    def deploy(self, flow: str, env: str, queue: str = "steps", *, pool: str = "", **extra: Any) -> str:
        body = {
            "name": env,
            "flow_id": self.ask("POST", "flows/", {"name": flow})["id"],
            "work_pool_name": pool or env,
            "work_queue_name": queue,
            "enforce_parameter_schema": False,
            **extra,
        }
        return str(self.ask("POST", "deployments/", body)["id"])

    def run(self, deployment: str, parameters: Mapping[str, Any] | None = None, **extra: Any) -> str:
        body = {"parameters": dict(parameters or {}), "state": {"type": "SCHEDULED"}, **extra}
        return str(self.ask("POST", f"deployments/{deployment}/create_flow_run", body)["id"])

    def state(self, run: str) -> dict[str, Any]:
        found: dict[str, Any] = self.ask("GET", f"flow_runs/{run}")["state"]
        return found

    def wait(self, run: str, *types: str, seconds: float = 90) -> dict[str, Any]:
        """Return a run's state when it is one of these types (default: a final one)."""
        found: dict[str, Any] = until(
            lambda: state if (state := self.state(run))["type"] in (types or FINAL) else None, seconds, 0.1
        )
        return found

    def mark(self, env: str, name: str) -> dict[str, Any] | None:
        path = self.folder(env).tmp / "marks" / name
        return json.loads(path.read_text()) if path.exists() else None


@contextmanager
def control_plane() -> Iterator[World]:
    """Run PostgreSQL and the Prefect server in a home of their own; everything is gone at the end."""
    root = Path(tempfile.mkdtemp(prefix="isw-"))
    home = Home(root).create()
    try:
        launch(home, Site(), None, lambda _event: None, entry=[str(HERE / "control_plane.py")])
        api = read_api(home)
        user, _, password = api.auth_string.partition(":")
        with httpx.Client(base_url=api.url + "/", auth=(user, password), timeout=30) as http:
            world = World(home, api, http)
            try:
                yield world
            finally:
                for host in world.hosts:
                    if host.poll() is None:
                        host.terminate()
                for host in world.hosts:
                    host.wait(60)
    finally:
        take_down(home)
        shutil.rmtree(root, ignore_errors=True)


@contextmanager
def stock_worker(world: World, pool: str, *, seconds: float | None = 1.0) -> Iterator[None]:
    """Run Prefect's own process worker on a pool of its type, as its documentation says."""
    from prefect.workers.process import ProcessWorker

    settings = client_settings(world.api, prefect_home=world.home.root / "stock")
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PREFECT_")} | settings
    if seconds is not None:
        environment["PREFECT_WORKER_QUERY_SECONDS"] = str(seconds)
    default = ProcessWorker.get_default_base_job_template()
    world.ask("POST", "work_pools/", {"name": pool, "type": "process", "base_job_template": default})
    command = [str(Path(sys.executable).with_name("prefect")), "worker", "start", "--pool", pool]
    with (world.home.root / "stock.log").open("ab") as log:
        worker = subprocess.Popen(
            [*command, "--type", "process"],
            stdout=log,
            stderr=log,
            env=environment,
            cwd=world.home.root,
            start_new_session=True,
        )
    try:
        yield
    finally:
        worker.send_signal(signal.SIGINT)
        try:
            worker.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(worker.pid, signal.SIGKILL)
            worker.wait(5)
