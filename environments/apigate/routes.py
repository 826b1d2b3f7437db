"""What passes, as a table: method, path, who may, what the body may hold, what the answer may hold.

Invariants:
1. What is not in the table is refused, whoever asks; the query of an address never passes.
2. A path is made anew from the table and the ids in it; `{own}` is a run of the speaker's, `{here}` is the
   environment's own work pool.
3. `/admin/storage`, blocks, variables, work pools' templates, the making of deployments, automations, sockets
   and whatever a new Prefect adds are not in it.

Example:
    >>> find("GET", "/flow_runs/../admin/settings") is None
    True
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from environments.apigate.answers import COUNT, DEPLOYMENT, FLOW, FLOW_RUN, MADE, OFFERS, ORDER, QUEUES
from environments.apigate.checks import Check, Passing, RefusedError, listing
from environments.apigate.fields import (
    ARTIFACT,
    CREATE,
    HEARTBEAT,
    LABELS,
    LOGS,
    NEW_FLOW,
    NEW_RUN,
    PATCH_RUN,
    POOL,
    PROPOSAL,
    QUERY,
    QUEUE,
    SCHEDULED,
    TASK,
)
from environments.ref import NAME

__all__ = ["ROUTES", "Match", "Route", "find"]

_ID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_HOLES = {"id": _ID, "own": _ID, "here": NAME, "flow": rf"{NAME}(?:\.{NAME})?", "env": NAME}
_W, _P, _B, _S = "worker", "pipeline", "builtin", "step"
_RUNS = frozenset({_P, _B, _S})
_ALL = _RUNS | {_W}


@dataclass(frozen=True)
class Route:
    """One kind of request.

    Attributes:
        method: of HTTP.
        path: with holes; as the server wants it, so that it does not redirect.
        kinds: who may.
        body: what the body may hold; None for no body.
        answer: what the answer may hold; None where none of it passes.
        makes: whether the answer's `id` is a run that the speaker made, and so its own.
    """

    method: str
    path: str
    kinds: frozenset[str]
    body: Check | None = None
    answer: Check | None = None
    makes: bool = False
    pattern: re.Pattern[str] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Compile the path."""
        holes = re.sub(r"\{(\w+)\}", lambda hole: f"(?P<{hole[1]}>{_HOLES[hole[1]]})", self.path.rstrip("/"))
        object.__setattr__(self, "pattern", re.compile(holes))


@dataclass(frozen=True)
class Match:
    """A request that the table has.

    Attributes:
        route: the line of the table.
        holes: what stood in the path's holes.
    """

    route: Route
    holes: Mapping[str, str]

    @property
    def path(self) -> str:
        """The path, made anew."""
        return self.route.path.format(**self.holes)

    def check(self, passing: Passing) -> None:
        """Return if this speaker may ask it.

        Raises:
            RefusedError: it may not.
        """
        if passing.speaker.kind not in self.route.kinds:
            raise RefusedError(f"not for a {passing.speaker.kind}")
        if "own" in self.holes and not passing.owns(self.holes["own"]):
            raise RefusedError("a run of somebody else")
        if "here" in self.holes and self.holes["here"] != passing.environment:
            raise RefusedError("another environment's work pool")


ROUTES = (
    # The worker: what is due, and how it ended.
    Route("POST", "/work_pools/{here}/workers/heartbeat", frozenset({_W}), HEARTBEAT),
    Route("POST", "/work_pools/{here}/queues/filter", frozenset({_W}), QUERY, QUEUES),
    Route("POST", "/work_pools/{here}/get_scheduled_flow_runs", frozenset({_W}), SCHEDULED, OFFERS),
    Route("POST", "/work_pools/{here}/queues", frozenset({_W}), QUEUE, MADE),
    Route("POST", "/work_pools/", frozenset({_W}), POOL, MADE),
    Route("POST", "/flow_runs/count", frozenset({_W}), QUERY, COUNT),
    Route("GET", "/flows/{id}", frozenset({_W, _S}), None, FLOW),
    Route("GET", "/deployments/{id}", frozenset({_W}), None, DEPLOYMENT),
    Route("POST", "/flow_runs/{id}/set_state", frozenset({_W}), PROPOSAL, ORDER),
    # Reading runs: what a pipeline waits for; a step reads its own.
    Route("GET", "/flow_runs/{id}", frozenset({_W, _P}), None, FLOW_RUN),
    Route("GET", "/flow_runs/{own}", frozenset({_B, _S}), None, FLOW_RUN),
    Route("POST", "/flow_runs/filter", frozenset({_W, _P}), QUERY, listing(FLOW_RUN)),
    # A run, of itself.
    Route("POST", "/flow_runs/{own}/set_state", _RUNS, PROPOSAL, ORDER),
    Route("PATCH", "/flow_runs/{own}/labels", _RUNS, LABELS),
    Route("PATCH", "/flow_runs/{own}", frozenset({_S}), PATCH_RUN),
    Route("POST", "/logs/", _RUNS, LOGS),
    Route("POST", "/artifacts/", frozenset({_S}), ARTIFACT, MADE),
    # A pipeline, of its steps.
    Route("GET", "/deployments/name/{flow}/{env}", frozenset({_P}), None, DEPLOYMENT),
    Route("POST", "/deployments/{id}/create_flow_run", frozenset({_P}), CREATE, FLOW_RUN),
    Route("POST", "/task_runs/", frozenset({_P}), TASK, MADE),
    # A flow of Prefect's own inside a step.
    Route("POST", "/flows/", frozenset({_S}), NEW_FLOW, FLOW),
    Route("POST", "/flow_runs/", frozenset({_S}), NEW_RUN, FLOW_RUN, makes=True),
)


def find(method: str, path: str, kind: str | None = None) -> Match | None:
    """Return the line of the table that a request matches; one that this kind may ask, if there is one."""
    found = None
    for route in ROUTES:
        if route.method == method and (match := route.pattern.fullmatch(path.rstrip("/"))):
            found = Match(route, match.groupdict())
            if kind is None or kind in route.kinds:
                return found
    return found
