"""Everything that we say to the control plane, in one small file.

What this module cannot send, no run of ours sends: names, ids, states with texts of ours, labels,
log lines, references. There is no way here to send a result, a traceback or an exception.

Invariants:
1. Every request may be repeated: creating has an idempotency key, or is the same by its content.
2. A server that is away is waited for: `PATIENCE` seconds, or as many as are asked for where it does not
   answer at all.
3. What the server answers is data to be checked, never code to be run.
"""

from __future__ import annotations

import base64
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import TracebackType
from typing import Any, NamedTuple, Self

import httpx

from data_contracts.errors import UnreachableError, UsageError
from environments.embedded.api import ApiAddress, authorities
from environments.links import link_options

__all__ = ["FINAL", "Ask", "LogLine", "RunView", "Server"]

FINAL = frozenset({"COMPLETED", "FAILED", "CRASHED", "CANCELLED"})
PATIENCE = 60.0
_NOT_FOUND, _CONFLICT, _UNPROCESSABLE, _BUSY, _BROKEN = 404, 409, 422, 429, 500


@dataclass(frozen=True)
class RunView:
    """A flow run as the server tells it.

    Attributes:
        id: the run's.
        name: such as `train@cloud`.
        type: the state's type, such as `RUNNING`; `SCHEDULED` where there is none yet.
        state: the state's name, such as `ContractBroken`.
        message: the state's text.
        labels: what the run said of itself.
        tags: of the run.
        parameters: of the run: references, names, digests.
        start: when it began; None before.
        seconds: how long it ran so far.
    """

    id: str
    name: str
    type: str
    state: str
    message: str
    labels: Mapping[str, Any] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    parameters: Mapping[str, Any] = field(default_factory=dict)
    start: str | None = None
    seconds: float = 0.0

    @property
    def final(self) -> bool:
        """Whether it ended."""
        return self.type in FINAL

    @classmethod
    def read(cls, raw: Mapping[str, Any]) -> RunView:
        """Read one of the server's flow runs."""
        state = raw.get("state") or {}
        return cls(
            id=str(raw["id"]),
            name=str(raw["name"]),
            type=str(state.get("type") or "SCHEDULED"),
            state=str(state.get("name") or "Scheduled"),
            message=str(state.get("message") or ""),
            labels=raw.get("labels") or {},
            tags=tuple(raw.get("tags") or ()),
            parameters=raw.get("parameters") or {},
            start=raw.get("start_time"),
            seconds=float(raw.get("total_run_time") or raw.get("estimated_run_time") or 0.0),
        )


@dataclass(frozen=True)
class Ask:
    """A run to create from a deployment.

    Attributes:
        deployment: its id.
        name: the run's.
        parameters: JSON values.
        key: the idempotency key; the same key is the same run.
        tags: of the run.
        parent: the task run that stands for it in a pipeline's run.
    """

    deployment: str
    name: str | None
    parameters: Mapping[str, Any]
    key: str | None = None
    tags: tuple[str, ...] = ()
    parent: str | None = None


class LogLine(NamedTuple):
    """One line of a run's log tab: its text, its level as in `logging`, and when it was said."""

    text: str
    level: int
    said: datetime


class Server:
    """One process's connection to the control plane; may be used by several threads."""

    def __init__(self, api: ApiAddress, *, patience: float = PATIENCE) -> None:
        """Connect on first use; wait at most `patience` seconds for a server that is away."""
        credential = base64.b64encode(api.auth_string.encode()).decode()
        headers = {"Authorization": f"Basic {credential}"} if api.auth_string else {}
        self.api = api
        self._patience = patience
        transport = httpx.HTTPTransport(verify=authorities(api), socket_options=link_options())
        self._http = httpx.Client(
            base_url=api.url, headers=headers, timeout=30.0, trust_env=False, transport=transport
        )
        self._deployments: dict[tuple[str, str], str] = {}

    def __enter__(self) -> Self:
        """Use it in a block."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connection."""
        self._http.close()

    def request(self, method: str, path: str, body: object = None) -> httpx.Response:
        """Ask once, and again while the server is away.

        Raises:
            UnreachableError: it stayed away, or refuses our credential.
        """
        began, pause = time.monotonic(), 0.1
        refused = {401: "the Prefect server refuses our credential", 403: f"{method} {path} may not be asked"}
        while True:
            patience = self._patience
            try:
                answer = self._http.request(method, path, json=body)
            except httpx.TransportError as error:
                what = type(error).__name__
            else:
                if answer.status_code in refused:
                    raise UnreachableError(refused[answer.status_code], remedy="look at `isthmus status`")
                if answer.status_code < _BROKEN and answer.status_code != _BUSY:
                    return answer
                what = f"HTTP {answer.status_code}"
                if answer.status_code in (_BUSY, _BROKEN):  # it is there, and will not mend by itself
                    patience = min(patience, PATIENCE)
            if time.monotonic() + pause > began + patience:
                raise UnreachableError(
                    f"the Prefect server cannot be reached ({what})",
                    remedy="look at `isthmus status`; `isthmus up` starts what is down",
                )
            time.sleep(pause)
            pause = min(pause * 2, 2.0)

    def ask(self, method: str, path: str, body: object = None) -> Any:  # noqa: ANN401 - any JSON value
        """Ask and return the JSON answer.

        Raises:
            UnreachableError: the server is away, or answers with an error.
        """
        answer = self.request(method, path, body)
        if not answer.is_success:  # a redirect, too: it is not followed, so nothing was done
            raise UnreachableError(f"the Prefect server refused {method} {path}: HTTP {answer.status_code}")
        return answer.json() if answer.content else None

    def run(self, run_id: str) -> RunView:
        """Return one flow run."""
        return RunView.read(self.ask("GET", f"/flow_runs/{run_id}"))

    def runs(
        self, where: Mapping[str, Any], *, limit: int = 200, sort: str = "START_TIME_ASC"
    ) -> list[RunView]:
        """Return the flow runs that a Prefect filter selects."""
        body = {"flow_runs": where, "limit": limit, "sort": sort}
        return [RunView.read(raw) for raw in self.ask("POST", "/flow_runs/filter", body)]

    def changed(self, seen: RunView) -> RunView | None:
        """Return a run whose state has another name by now, None while it has not: half the work of `run`."""
        where = {"id": {"any_": [seen.id]}, "state": {"name": {"not_any_": [seen.state]}}}
        found = self.runs(where, limit=1)
        return found[0] if found else None

    def parts(self, parent: str, *, but: Sequence[str] = ()) -> list[RunView]:
        """Return the steps of a pipeline's run but for some ids, in the order in which they began."""
        where: dict[str, Any] = {"parent_flow_run_id": {"any_": [parent]}}
        return self.runs(where | ({"id": {"not_any_": list(but)}} if but else {}))

    def begin(self, run_id: str) -> bool:
        """Say that a run runs; False where the server says that it must not (it was cancelled)."""
        body = {"state": {"type": "RUNNING", "name": "Running"}}
        answer = self.ask("POST", f"/flow_runs/{run_id}/set_state", body)
        return answer["status"] == "ACCEPT" or self.run(run_id).type == "RUNNING"

    def end(self, run_id: str, kind: str, name: str, message: str) -> None:
        """Give a run its final state, with texts of ours."""
        state = {"type": kind, "name": name, "message": message}
        self.ask("POST", f"/flow_runs/{run_id}/set_state", {"state": state})

    def cancel(self, run_id: str) -> None:
        """Ask that a run stops."""
        state = {"type": "CANCELLING", "name": "Cancelling", "message": "asked by `isthmus`"}
        self.ask("POST", f"/flow_runs/{run_id}/set_state", {"state": state})

    def label(self, run_id: str, labels: Mapping[str, Any]) -> None:
        """Add labels to a run."""
        if labels:
            self.ask("PATCH", f"/flow_runs/{run_id}/labels", dict(labels))

    def log(self, run_id: str, lines: Iterable[LogLine]) -> None:
        """Add lines to a run's log tab."""
        whose = {"name": "isthmus", "flow_run_id": run_id}
        said = ({"message": text, "level": level, "timestamp": at.isoformat()} for text, level, at in lines)
        self.ask("POST", "/logs/", [line | whose for line in said])

    def lines(self, run_id: str, *, after: int) -> list[str]:
        """Return lines of a run's log tab, oldest first, without the first `after`; at most 200."""
        where = {"flow_run_id": {"any_": [run_id]}}
        body = {"logs": where, "offset": after, "limit": 200, "sort": "TIMESTAMP_ASC"}
        return [str(raw.get("message", "")) for raw in self.ask("POST", "/logs/filter", body)]

    def deployment(self, flow: str, name: str) -> str:
        """Return the id of `FLOW/NAME`.

        Raises:
            UsageError: there is none.
        """
        key = (flow, name)
        if key not in self._deployments:
            answer = self.request("GET", f"/deployments/name/{flow}/{name}")
            if answer.status_code == _NOT_FOUND:
                raise UsageError(
                    f"{flow}/{name} is not registered with the server",
                    remedy="run `isthmus deploy`; the environment's file must list it under `steps`",
                )
            self._deployments[key] = str(answer.raise_for_status().json()["id"])
        return self._deployments[key]

    def create_run(self, ask: Ask) -> str:
        """Create a run of a deployment, or return the one of the same key; its id.

        Raises:
            UsageError: the parameters do not fit the deployment's form.
        """
        body = {
            "name": ask.name,
            "parameters": dict(ask.parameters),
            "idempotency_key": ask.key,
            "tags": list(ask.tags),
            "parent_task_run_id": ask.parent,
            "state": {"type": "SCHEDULED", "name": "Scheduled"},
        }
        given = {name: value for name, value in body.items() if value is not None}
        answer = self.request("POST", f"/deployments/{ask.deployment}/create_flow_run", given)
        if answer.status_code in (_CONFLICT, _UNPROCESSABLE):
            raise UsageError("the parameters do not fit the form that the deployment was registered with")
        if not answer.is_success:
            raise UnreachableError(f"the Prefect server refused to create a run: HTTP {answer.status_code}")
        return str(answer.json()["id"])

    def create_task(
        self, flow_run: str, key: str, name: str, tags: Iterable[str], inputs: Mapping[str, Sequence[str]]
    ) -> str:
        """Create the task run that stands for a step in a pipeline's run; its id.

        `inputs` names, by parameter, the flow runs that it came from: the edges of the graph.
        """
        # An input without an origin would double its neighbours' edges in the server's graph.
        given = {parameter: list(origins) for parameter, origins in inputs.items() if origins}
        body = {
            "flow_run_id": flow_run,
            "task_key": f"isthmus.{key}",
            "dynamic_key": key,
            "name": name,
            "tags": list(tags),
            "task_inputs": {
                parameter: [{"input_type": "flow_run", "id": origin} for origin in origins]
                for parameter, origins in given.items()
            },
            "state": {"type": "PENDING", "name": "Pending"},
        }
        return str(self.ask("POST", "/task_runs/", body)["id"])
