"""The wrapper around every step and pipeline: nothing that happened inside leaves but through here.

Invariants:
1. The server hears of a run: that it runs, allow-listed progress, labels, and one clean final state.
2. The true error is kept in the environment's own folder, under an id.
3. A run that the server no longer wants (cancelled before it began) does nothing.
4. What was done is not lost to a link that is down: a run that ended waits `PATIENCE` seconds for a moment
   at which it can say so. Meanwhile it holds its slot, and `isthmus status` says that the server is away.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable, Mapping
from typing import Any

from environments.incidents import record_incident
from environments.workpools.catalogue import RunContext
from flows.runtime.endings import Ending, ending_of
from flows.runtime.progress import Progress
from flows.runtime.server import Server

__all__ = ["run_guarded"]

PATIENCE = 24 * 3600.0
"""Seconds for which a run waits for a server that is away, to say that it begins and how it ended."""
Body = Callable[[Server, Progress], Mapping[str, Any] | Ending]
"""Does the work; returns the labels to set, or a whole ending."""


def run_guarded(run: RunContext, flow_name: str, body: Body, *, trusted: bool) -> None:
    """Run one body as one flow run.

    Args:
        run: the run.
        flow_name: for the incident's context.
        body: does the work.
        trusted: whether only our own code runs in it.

    Raises:
        UnreachableError: the server could not be told; the worker ends the run as crashed.
    """
    run_id = str(run.flow_run.id)
    with Server(run.api, patience=PATIENCE) as server:
        if not server.begin(run_id):
            return
        progress = Progress(server, run_id)
        ending = _ending(run, flow_name, lambda: body(server, progress), trusted=trusted)
        progress.say_ending(ending)
        server.label(run_id, ending.labels)
        server.end(run_id, ending.type, ending.name, ending.message)


def _ending(
    run: RunContext, flow_name: str, body: Callable[[], Mapping[str, Any] | Ending], *, trusted: bool
) -> Ending:
    try:
        result = body()
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever a step raises stays here
        traceback.print_exc()  # into the run's own log, which stays in this environment
        sys.stderr.flush()
        incident = record_incident(run.folder, error, step=flow_name, run=str(run.flow_run.id))
        return ending_of(error, incident, trusted=trusted)
    if isinstance(result, Ending):
        return result
    return Ending("COMPLETED", "Completed", labels=result)
