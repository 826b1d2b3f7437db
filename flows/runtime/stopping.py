"""Stopping a run from outside: the pipeline first, so that it asks for nothing new, then its steps."""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass

from data_contracts.errors import UsageError
from flows.runtime.server import Server

__all__ = ["Stopped", "stop"]

_PATIENCE = 30.0
_LOOK = 0.2


@dataclass(frozen=True)
class Stopped:
    """What was stopped.

    Attributes:
        id: the run's.
        asked: whether it still ran.
        steps: how many of its steps were asked to stop with it.
    """

    id: str
    asked: bool
    steps: int


def stop(server: Server, run_id: str, *, patience: float = _PATIENCE) -> Stopped:
    """Cancel a run that has not ended, and its steps; wait until its own process is gone.

    Raises:
        UsageError: no run has this id.
    """
    known = _existing(server, run_id)
    if server.run(known).final:
        return Stopped(known, asked=False, steps=0)
    server.cancel(known)
    deadline = time.monotonic() + patience
    while not server.run(known).final and time.monotonic() < deadline:
        time.sleep(_LOOK)
    running = [part for part in server.parts(known) if not part.final]
    for part in running:
        server.cancel(part.id)
    return Stopped(known, asked=True, steps=len(running))


def _existing(server: Server, run_id: str) -> str:
    try:
        known = str(uuid.UUID(run_id))
    except ValueError:
        known = ""
    if not known or not server.request("GET", f"/flow_runs/{known}").is_success:
        raise UsageError(
            "no run has this id", remedy="`isthmus run` prints a run's id, `isthmus status` the last ones"
        )
    return known
