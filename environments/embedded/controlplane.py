"""What the control plane knows that an operator asks first: queues and the last run of each pipeline.

It is the view, not the record (design §3): after a broken link it may be behind the ledgers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from environments.embedded.client import Client

__all__ = ["LastRun", "Queue", "last_runs", "queues"]

_WAITING = ["SCHEDULED"]
_RUNNING = ["PENDING", "RUNNING", "CANCELLING"]
_LIMIT = 200


@dataclass(frozen=True)
class Queue:
    """One queue of one environment's work pool.

    Attributes:
        environment: the pool's, and so the environment's, name.
        name: `pipelines` or `steps`.
        due: runs that should have started by now and wait.
        scheduled: runs that will be due later.
        running: runs that were taken.
        limit: how many may run at once; None without limit.
    """

    environment: str
    name: str
    due: int
    scheduled: int
    running: int
    limit: int | None


@dataclass(frozen=True)
class LastRun:
    """The newest run of one pipeline that was due.

    Attributes:
        pipeline: its name.
        run: the flow run's id; None where it never ran.
        state: the run's state, by name.
        started: when, ISO 8601; None before it started.
        seconds: how long it ran, or runs.
    """

    pipeline: str
    run: str | None
    state: str
    started: str | None
    seconds: float | None


def queues(client: Client, environments: list[str], now: str) -> list[Queue]:
    """Return every queue of these environments' pools.

    Args:
        client: the server.
        environments: their names.
        now: ISO 8601; what separates due from scheduled.
    """
    if not environments:
        return []
    found = client.post("/work_queues/filter", {"limit": _LIMIT})
    mine = [queue for queue in found if queue.get("work_pool_name") in environments]
    result = []
    for queue in sorted(mine, key=lambda queue: (queue["work_pool_name"], queue["name"])):
        pool, name = queue["work_pool_name"], queue["name"]

        def count(states: list[str], when: dict[str, str], pool: str = pool, name: str = name) -> int:
            wanted: dict[str, Any] = {"state": {"type": {"any_": states}}}
            if when:
                wanted["expected_start_time"] = when
            body = {
                "flow_runs": wanted,
                "work_pools": {"name": {"any_": [pool]}},
                "work_pool_queues": {"name": {"any_": [name]}},
            }
            return int(client.post("/flow_runs/count", body))

        result.append(
            Queue(
                environment=pool,
                name=name,
                due=count(_WAITING, {"before_": now}),
                scheduled=count(_WAITING, {"after_": now}),
                running=count(_RUNNING, {}),
                limit=queue.get("concurrency_limit"),
            )
        )
    return result


def last_runs(client: Client, now: str) -> list[LastRun]:
    """Return the newest run that was due of every pipeline (a flow whose name has no dot)."""
    flows = client.post("/flows/filter", {"sort": "NAME_ASC", "limit": _LIMIT})
    return [_last_run(client, flow["name"], now) for flow in flows if "." not in flow["name"]]


def _last_run(client: Client, pipeline: str, now: str) -> LastRun:
    body = {
        "flows": {"name": {"any_": [pipeline]}},
        "flow_runs": {"expected_start_time": {"before_": now}},
        "sort": "EXPECTED_START_TIME_DESC",
        "limit": 1,
    }
    runs = client.post("/flow_runs/filter", body)
    if not runs:
        return LastRun(pipeline, None, "never ran", None, None)
    run = runs[0]
    seconds = run.get("estimated_run_time")
    return LastRun(
        pipeline,
        run["id"],
        run.get("state_name") or "unknown",
        run.get("start_time"),
        None if seconds is None else round(float(seconds), 1),
    )
