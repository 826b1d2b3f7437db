"""`isthmus status`: every part's health, version, address and memory, as data.

Invariants:
1. Health is asked, not remembered: a part is `ok` only if it answered now.
2. This process opens no environment's folder: a child of its own for each environment answers with metadata.
"""

from __future__ import annotations

import http
import http.client
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from typing import Any
from urllib.parse import urlsplit

from data_contracts.errors import IsthmusError
from environments.embedded import binaries
from environments.embedded.api import read_api
from environments.embedded.client import Client
from environments.embedded.controlplane import LastRun, Queue, last_runs, queues
from environments.embedded.forks import ask_all
from environments.embedded.launch import running
from environments.embedded.outboxes import OutboxStatus, outbox_of, outboxes, waiting_in
from environments.embedded.postgres import is_ready
from environments.embedded.processes import ProcessId, alive, pss
from environments.embedded.readiness import read_run_file
from environments.embedded.server import server_answers
from environments.embedded.sweep import leftovers, recorded
from environments.home import EnvironmentFolder, Home

__all__ = ["PartStatus", "SystemStatus", "describe_environment", "system_status"]

_SILENT = 30.0
"""Seconds without a poll after which a worker is not well."""
_LOCAL = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - where what listens everywhere is asked


@dataclass(frozen=True)
class PartStatus:
    """One part.

    Attributes:
        name: `server`, `dask@cloud`.
        health: `ok`, `starting`, `failing` (restarted again and again, or silent), `down`.
        version: of what runs.
        address: where it answers; empty where nothing connects to it.
        detail: one phrase.
        restarts: how often it was started again since `up`.
        pid: its process.
    """

    name: str
    health: str
    version: str = ""
    address: str = ""
    detail: str = ""
    restarts: int = 0
    pid: int | None = None


@dataclass(frozen=True)
class SystemStatus:
    """One system.

    Attributes:
        phase: `ready`, `starting`, `stopping` or `down`.
        home: where.
        url: the UI's address; empty when down.
        memory: sum of the PSS of all its processes, bytes.
        processes: how many.
        parts: all of them.
        queues: of every environment's pool.
        outboxes: what waits to be sent, by environment and destination.
        pipelines: the last run of each.
        problems: what could not be asked.
    """

    phase: str
    home: str
    url: str = ""
    memory: int = 0
    processes: int = 0
    parts: list[PartStatus] = field(default_factory=list)
    queues: list[Queue] = field(default_factory=list)
    outboxes: list[OutboxStatus] = field(default_factory=list)
    pipelines: list[LastRun] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    @property
    def healthy(self) -> bool:
        """Whether every part is well."""
        return self.phase == "ready" and not self.problems and all(p.health == "ok" for p in self.parts)

    def to_json(self) -> dict[str, Any]:
        """Return it as one JSON document."""
        return {"healthy": self.healthy, **asdict(self)}


def describe_environment(folder: EnvironmentFolder) -> dict[str, Any]:
    """Return what one environment's parts say of themselves; runs in a child of its own."""
    folder.check()
    told = {name: read_run_file(folder, name) for name in ("cluster", "worker", "gate")}
    port = urlsplit(str((told["gate"] or {}).get("address", ""))).port
    told["metrics"] = read_run_file(folder, "metrics")
    answers = port is not None and server_answers(port, timeout=3.0)
    scraped = _endpoint_answers(str((told["metrics"] or {}).get("address", "")))
    return {**told, "gate_answers": answers, "metrics_answer": scraped, "outbox": outbox_of(folder)}


def _endpoint_answers(address: str) -> bool:
    """Whether an environment's endpoint for metrics answers."""
    place = urlsplit(address)
    if place.hostname is None or place.port is None:
        return False
    host = _LOCAL.get(place.hostname, place.hostname)
    connection = http.client.HTTPConnection(host, place.port, timeout=3.0)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def system_status(home: Home) -> SystemStatus:
    """Ask every part.

    Raises:
        UnreachableError: there is no such home.
    """
    home.check()
    state = running(home)
    if state is None:
        return SystemStatus(phase="down", home=str(home.root))
    names: list[str] = list(state.get("environments") or [])
    told = ask_all({name: partial(describe_environment, home.environment(name)) for name in names})
    problems: list[str] = []
    now = datetime.now(UTC).isoformat()
    found_queues: list[Queue] = []
    found_runs: list[LastRun] = []
    server_version = ""
    try:
        client = Client(read_api(home))
        server_version = str(client.get("/admin/version"))
        found_queues, found_runs = queues(client, names, now), last_runs(client, now)
    except IsthmusError as error:
        problems.append(str(error))
    parts = [*_control_plane(home, state, server_version)]
    for name in names:
        answer = told[name]
        if isinstance(answer, IsthmusError):
            problems.append(f"{name}: {answer}")
            answer = {}
        parts += _environment(name, state, answer)
    members = {process for group in leftovers(home).values() for process in group}
    members |= {process for process in recorded(state).values() if alive(process)}
    return SystemStatus(
        phase=str(state.get("phase")),
        home=str(home.root),
        url=str(state.get("url", "")).removesuffix("/api"),
        memory=sum(pss(process) for process in members),
        processes=len(members),
        parts=parts,
        queues=found_queues,
        outboxes=outboxes(one for one in told.values() if not isinstance(one, IsthmusError)),
        pipelines=found_runs,
        problems=problems,
    )


def _control_plane(home: Home, state: Mapping[str, Any], server_version: str) -> list[PartStatus]:
    supervisor = recorded(state).get("supervisor")
    data = home.system / "postgresql"
    port = int(state.get("port") or 0)
    ours = PartStatus(
        "supervisor", "ok", version("isthmus-hybrid"), pid=supervisor.pid if supervisor else None
    )
    if state.get("joined"):
        health, url = ("ok" if server_version else "failing"), str(state.get("url", ""))
        return [ours, PartStatus("server", health, server_version, url, "on another machine")]
    return [
        ours,
        _part(
            "postgresql", state, answers=is_ready(data), version=binaries.server_version(), address=str(data)
        ),
        _part(
            "server",
            state,
            answers=server_answers(port, timeout=5.0),
            version=server_version,
            address=str(state.get("url", "")),
        ),
    ]


def _process(state: Mapping[str, Any], name: str) -> tuple[ProcessId | None, int]:
    part = (state.get("parts") or {}).get(name) or {}
    process = ProcessId.from_json(part.get("process"))
    return (process if process is not None and alive(process) else None), int(part.get("restarts") or 0)


def _part(
    name: str,
    state: Mapping[str, Any],
    *,
    answers: bool,
    version: str = "",
    address: str = "",
    detail: str = "",
) -> PartStatus:
    process, restarts = _process(state, name)
    if process is None:
        health = "failing" if restarts else "down"
    elif answers:
        health = "ok"
    else:
        health = "starting" if state.get("phase") == "starting" else "failing"
    pid = process.pid if process else None
    return PartStatus(name, health, version, address, detail, restarts, pid)


def _environment(name: str, state: Mapping[str, Any], told: Mapping[str, Any]) -> list[PartStatus]:
    host, restarts = _process(state, f"host@{name}")
    cluster: Mapping[str, Any] = told.get("cluster") or {}
    worker: Mapping[str, Any] = told.get("worker") or {}
    workers, least = int(cluster.get("workers") or 0), int(cluster.get("minimum") or 0)
    last_poll = float(worker.get("last_poll") or 0.0)
    silent = time.time() - last_poll
    polling = bool(worker.get("reachable")) and silent < _SILENT
    running_now: Mapping[str, int] = worker.get("running") or {}
    busy = ", ".join(f"{count} {queue}" for queue, count in sorted(running_now.items()) if count)
    asleep = "no poll yet" if not last_poll else f"no poll for {silent:.0f} s"
    return [
        _gate(name, state, told),
        PartStatus(
            f"dask@{name}",
            "down" if host is None else "ok" if cluster and workers >= least else "failing",
            version("distributed"),
            str(cluster.get("address", "")),
            f"{workers} of {least}..{cluster.get('maximum', least)} workers" if cluster else "",
            restarts,
            cluster.get("pid"),
        ),
        PartStatus(
            f"worker@{name}",
            "down" if host is None else "ok" if polling else "failing",
            version("isthmus-hybrid"),
            "",
            (busy or "idle") if polling else asleep,
            restarts,
            worker.get("pid"),
        ),
        *_metrics(name, host, told),
        *_pump(name, state, told),
    ]


def _pump(name: str, state: Mapping[str, Any], told: Mapping[str, Any]) -> list[PartStatus]:
    """Return what sends and takes in what was queued, where the system runs it."""
    if f"pump@{name}" not in (state.get("parts") or {}):
        return []
    here = version("isthmus-hybrid")
    return [_part(f"pump@{name}", state, answers=True, version=here, detail=waiting_in(told))]


def _metrics(name: str, host: ProcessId | None, told: Mapping[str, Any]) -> list[PartStatus]:
    """Return the endpoint for metrics, where the environment declares one."""
    metrics: Mapping[str, Any] | None = told.get("metrics")
    if metrics is None:
        return []
    health = "down" if host is None else "ok" if told.get("metrics_answer") else "failing"
    address, problem = str(metrics.get("address", "")), str(metrics.get("problem", ""))
    version_here, pid = version("isthmus-hybrid"), metrics.get("pid")
    return [PartStatus(f"metrics@{name}", health, version_here, address, problem, pid=pid)]


def _gate(name: str, state: Mapping[str, Any], told: Mapping[str, Any]) -> PartStatus:
    part = f"gate@{name}"
    if part not in (state.get("parts") or {}):
        return PartStatus(
            part, "failing", detail="UNSAFE: the environment talks to the server without a gate"
        )
    gate: Mapping[str, Any] = told.get("gate") or {}
    counts: Mapping[str, int] = gate.get("counts") or {}
    known = f"{gate.get('withheld', 0)} texts withheld, {counts.get('refused', 0)} requests refused"
    return _part(
        part,
        state,
        answers=bool(told.get("gate_answers")) and not gate.get("problem"),
        version=version("isthmus-hybrid"),
        address=str(gate.get("address", "")),
        detail=str(gate.get("problem") or known),
    )
