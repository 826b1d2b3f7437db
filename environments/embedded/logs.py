"""Logs, as they lie on this machine: of the system, of one environment, of one run.

Invariants:
1. Whoever reads an environment's logs opens that one environment's folder: for a run that went through
   several, a child of its own for each hands its part out.
2. Reading never changes, locks or waits for a log.

Example:
    >>> tail = Tail({"server": home.system / "logs" / "server.log"}, lines=20)
    >>> for source, line in tail.read(): ...
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data_contracts.errors import IsthmusError, UnreachableError, UsageError
from environments.embedded.client import Client
from environments.embedded.forks import ask_all
from environments.home import EnvironmentFolder, Home

__all__ = ["RunLog", "RunLogs", "Tail", "environment_logs", "system_logs"]

_RUN = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")
_MOST = 4 * 1024 * 1024
_LEVELS = 8
_FINAL = {"COMPLETED", "FAILED", "CANCELLED", "CRASHED"}


def system_logs(home: Home) -> dict[str, Path]:
    """Return the control plane's logs by source."""
    return {path.stem: path for path in sorted((home.system / "logs").glob("*.log"))}


def environment_logs(folder: EnvironmentFolder) -> dict[str, Path]:
    """Return one environment's logs by source; a run's own log is asked for by its id."""
    folder.check()
    return {path.stem: path for path in sorted(folder.logs.glob("*.log"))}


class Tail:
    """The ends of several logs, and what is added to them."""

    def __init__(self, sources: Mapping[str, Path], *, lines: int) -> None:
        """Begin `lines` before each end."""
        self._sources = dict(sources)
        self._offsets = {source: _start(path, lines) for source, path in self._sources.items()}

    def read(self) -> Iterator[tuple[str, str]]:
        """Yield (source, line) of everything that was added since the last time."""
        for source, path in self._sources.items():
            text, self._offsets[source] = _read(path, self._offsets[source])
            for line in text.splitlines():
                yield source, line


def _start(path: Path, lines: int) -> int:
    try:
        with path.open("rb") as stream:
            end = stream.seek(0, 2)
            start = max(0, end - _MOST)
            stream.seek(start)
            block = stream.read(end - start)
    except OSError:
        return 0
    kept = block.splitlines(keepends=True)[-lines:] if lines else []
    return end - sum(len(line) for line in kept)


def _read(path: Path, offset: int) -> tuple[str, int]:
    """Return whole lines from `offset` on, and the new offset; a truncated log is read from its start."""
    try:
        with path.open("rb") as stream:
            end = stream.seek(0, 2)
            stream.seek(offset if offset <= end else 0)
            block = stream.read(_MOST)
            base = stream.tell() - len(block)
    except OSError:
        return "", offset
    whole = block.rfind(b"\n") + 1
    return block[:whole].decode("utf-8", errors="replace"), base + whole


@dataclass(frozen=True)
class RunLog:
    """New lines of one run in one environment.

    Attributes:
        run: the flow run's id.
        name: its name, `train@cloud`.
        environment: where it ran.
        lines: what was added.
    """

    run: str
    name: str
    environment: str
    lines: tuple[str, ...]


class RunLogs:
    """One run and all that it started, across environments."""

    def __init__(self, home: Home, environments: Sequence[str], run: str, client: Client | None) -> None:
        """Name the run.

        Args:
            home: where.
            environments: their names.
            run: the flow run's id.
            client: the server, which knows what the run started; None: the one run only.

        Raises:
            UsageError: `run` is no run's id.
        """
        if not _RUN.fullmatch(run):
            raise UsageError("not a run's id", remedy="take it from `isthmus status` or the Prefect UI")
        self._home, self._environments, self._client = home, list(environments), client
        self._run = run
        self._names = {run: run}
        self._offsets: dict[str, dict[str, int]] = {name: {} for name in self._environments}
        self.finished = client is None

    def read(self) -> list[RunLog]:
        """Return what was added since the last time, in the order in which the runs started."""
        self._follow_children()
        runs = list(self._names)
        told = ask_all(
            {
                name: lambda name=name: _run_lines(  # type: ignore[misc] # mypy infers no defaults
                    self._home.environment(name), runs, self._offsets[name]
                )
                for name in self._environments
            }
        )
        found: list[RunLog] = []
        for name in self._environments:
            answer = told[name]
            if isinstance(answer, IsthmusError):
                raise answer
            for run, (text, offset) in answer.items():
                self._offsets[name][run] = offset
                if text:
                    found.append(RunLog(run, self._names[run], name, tuple(text.splitlines())))
        return sorted(found, key=lambda log: runs.index(log.run))

    def _follow_children(self) -> None:
        if self._client is None:
            return
        body: dict[str, Any] = {"flow_runs": {"id": {"any_": [self._run]}}}
        top = self._client.post("/flow_runs/filter", body)
        if not top:
            raise UsageError("no run has this id", remedy="take it from `isthmus status` or the Prefect UI")
        self._names[self._run] = str(top[0].get("name"))
        self.finished = top[0].get("state_type") in _FINAL
        parents = [self._run]
        for _ in range(_LEVELS):
            body = {
                "flow_runs": {"parent_flow_run_id": {"any_": parents}},
                "sort": "START_TIME_ASC",
                "limit": 200,
            }
            children = self._client.post("/flow_runs/filter", body)
            if not children:
                break
            self._names |= {child["id"]: str(child.get("name")) for child in children}
            parents = [child["id"] for child in children]


def _run_lines(
    folder: EnvironmentFolder, runs: Sequence[str], offsets: Mapping[str, int]
) -> dict[str, tuple[str, int]]:
    """Return what was added to each run's log here; runs in a child of its own."""
    try:
        folder.check()
    except UnreachableError:
        return {}
    logs = {run: folder.logs / "runs" / f"{run}.log" for run in runs}
    return {run: _read(path, offsets.get(run, 0)) for run, path in logs.items() if path.is_file()}
