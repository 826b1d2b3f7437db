"""The few requests that a worker makes of the Prefect server, and the few fields that it reads back.

Invariants:
1. A document of the server is data: it is read field by field, and nothing in it is loaded, imported,
   opened or followed. A field that is not named here does not exist for the worker.
2. Whatever goes wrong on the way is one error, `UnreachableError`; the caller tries again later.
3. A missing work pool is told apart: the server is there, and somebody has yet to register.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import httpx

from data_contracts.errors import UnreachableError
from environments.embedded.api import authorities
from environments.links import link_options

if TYPE_CHECKING:
    from environments.embedded.api import ApiAddress

__all__ = ["ControlPlane", "MissingError", "Offer", "Report"]

_TIMEOUT = httpx.Timeout(15.0, connect=5.0)


class MissingError(UnreachableError):
    """The server answers, and what was asked for is not registered there."""


@dataclass(frozen=True)
class Offer:
    """A run that the server would like to have run; all that is ever read of it.

    Attributes:
        run_id: its id.
        name: its name, for display.
        flow_id: which flow, by the server's id.
        deployment_id: which deployment; None for a run of no deployment.
        parent: the task run that waits for it.
        queue_id: the work queue that offered it.
        parameters: as they stand in the server's database; not to be trusted.
        start: when it is due.
    """

    run_id: uuid.UUID
    name: str
    flow_id: uuid.UUID
    deployment_id: uuid.UUID | None
    parent: uuid.UUID | None
    queue_id: uuid.UUID | None
    parameters: Mapping[str, object]
    start: dt.datetime

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> Offer:
        """Read one entry of the server's answer.

        Raises:
            ValueError, KeyError, TypeError: it is not what the server's schema says.
        """
        run = document["flow_run"]
        due = run.get("next_scheduled_start_time") or run.get("expected_start_time")
        parameters = run.get("parameters")
        return cls(
            run_id=uuid.UUID(run["id"]),
            name=str(run.get("name", ""))[:200],
            flow_id=uuid.UUID(run["flow_id"]),
            deployment_id=_maybe_id(run.get("deployment_id")),
            parent=_maybe_id(run.get("parent_task_run_id")),
            queue_id=_maybe_id(document.get("work_queue_id")),
            parameters=dict(parameters) if isinstance(parameters, Mapping) else {},
            start=dt.datetime.fromisoformat(due) if due else dt.datetime.now(dt.UTC),
        )


@dataclass(frozen=True)
class Report:
    """The state of a run, as the server has it.

    Attributes:
        type: `RUNNING`, `CANCELLING` and so on.
        name: the state's name.
    """

    type: str
    name: str

    @property
    def final(self) -> bool:
        """Whether nothing follows."""
        return self.type in {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}


def _maybe_id(value: object) -> uuid.UUID | None:
    return uuid.UUID(value) if isinstance(value, str) else None


class ControlPlane:
    """A connection to one Prefect server."""

    def __init__(self, api: ApiAddress) -> None:
        """Prepare; nothing is sent."""
        user, _, password = api.auth_string.partition(":")
        self._http = httpx.AsyncClient(
            base_url=api.url.rstrip("/") + "/",
            auth=httpx.BasicAuth(user, password) if api.auth_string else None,
            timeout=_TIMEOUT,
            trust_env=False,
            transport=httpx.AsyncHTTPTransport(verify=authorities(api), socket_options=link_options()),
            follow_redirects=False,
        )

    async def __aenter__(self) -> Self:
        """Use it in a `with`."""
        return self

    async def __aexit__(self, *_exception: object) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def heartbeat(self, pool: str, worker: str, seconds: int) -> None:
        """Say that a worker is alive, and how often it will say so."""
        body = {"name": worker, "heartbeat_interval_seconds": seconds}
        await self._ask("POST", f"work_pools/{pool}/workers/heartbeat", body)

    async def queues(self, pool: str) -> dict[uuid.UUID, str]:
        """Return the pool's queues: id to name."""
        found = await self._ask("POST", f"work_pools/{pool}/queues/filter", {"limit": 100})
        return {uuid.UUID(queue["id"]): str(queue["name"]) for queue in found}

    async def create_pool(self, document: Mapping[str, Any]) -> None:
        """Register a work pool, unless one of its name stands."""
        await self._ask("POST", "work_pools/", dict(document), known=(409,))

    async def create_queue(self, pool: str, queue: str, priority: int) -> None:
        """Register a queue of a pool, unless one of its name stands."""
        await self._ask(
            "POST", f"work_pools/{pool}/queues", {"name": queue, "priority": priority}, known=(409,)
        )

    async def waiting(self, pool: str, queues: Sequence[str], before: dt.datetime) -> bool:
        """Whether anything is due before a moment: a third of the server's work of asking what."""
        runs = {
            "state": {"type": {"any_": ["SCHEDULED"]}},
            "next_scheduled_start_time": {"before_": before.isoformat()},
        }
        pools, names = {"name": {"any_": [pool]}}, {"name": {"any_": list(queues)}}
        body = {"flow_runs": runs, "work_pools": pools, "work_pool_queues": names}
        return bool(await self._ask("POST", "flow_runs/count", body))

    async def scheduled(
        self, pool: str, queues: Sequence[str], before: dt.datetime, limit: int
    ) -> list[Offer]:
        """Return runs that are due before a moment, soonest first; what cannot be read is left out."""
        body = {"work_queue_names": list(queues), "scheduled_before": before.isoformat(), "limit": limit}
        offers = []
        for document in await self._ask("POST", f"work_pools/{pool}/get_scheduled_flow_runs", body):
            try:
                offers.append(Offer.read(document))
            except (ValueError, KeyError, TypeError, AttributeError):
                continue
        return offers

    async def flow_name(self, flow_id: uuid.UUID) -> str:
        """Return a flow's name."""
        return str((await self._ask("GET", f"flows/{flow_id}"))["name"])

    async def deployment(self, deployment_id: uuid.UUID) -> tuple[str, uuid.UUID]:
        """Return a deployment's name and its flow's id."""
        found = await self._ask("GET", f"deployments/{deployment_id}")
        return str(found["name"]), uuid.UUID(found["flow_id"])

    async def propose(self, run_id: uuid.UUID, kind: str, *, name: str = "", message: str = "") -> bool:
        """Propose a state for a run; return whether the server took it."""
        state = {"type": kind, "name": name or kind.capitalize(), "message": message}
        answer = await self._ask("POST", f"flow_runs/{run_id}/set_state", {"state": state})
        return bool(answer["status"] == "ACCEPT")

    async def report(self, run_id: uuid.UUID) -> Report:
        """Return the state of a run."""
        state = (await self._ask("GET", f"flow_runs/{run_id}")).get("state") or {}
        return Report(str(state.get("type", "")), str(state.get("name", "")))

    async def stopped(self, run_ids: Sequence[uuid.UUID]) -> list[uuid.UUID]:
        """Return those of some runs that somebody wants stopped."""
        wanted = {"type": {"any_": ["CANCELLING", "CANCELLED"]}}
        body = {"flow_runs": {"id": {"any_": [str(one) for one in run_ids]}, "state": wanted}, "limit": 200}
        found = await self._ask("POST", "flow_runs/filter", body)
        return [uuid.UUID(run["id"]) for run in found]

    async def _ask(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, *, known: Sequence[int] = ()
    ) -> Any:  # noqa: ANN401 - any JSON value
        try:
            answer = await self._http.request(method, path, json=body)
            if answer.status_code in known:
                return None
            if answer.status_code == httpx.codes.NOT_FOUND:
                raise MissingError(f"the server knows no such thing: {method} {path}")
            answer.raise_for_status()
            return answer.json() if answer.content else None
        except (httpx.HTTPError, ValueError) as error:
            raise UnreachableError(f"the Prefect server: {method} {path}: {_why(error)}") from None


def _why(error: Exception) -> str:
    if isinstance(error, httpx.HTTPStatusError):
        return f"status {error.response.status_code}"
    return type(error).__name__
