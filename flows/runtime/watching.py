"""Watching a pipeline's run from outside: what changed since the last look, as data."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

from flows.runtime.server import RunView, Server

__all__ = ["Change", "watch"]

LOOK = 0.3
_PATIENCE = 90.0
"""Seconds until a run that no worker takes is told of."""


@dataclass(frozen=True)
class Change:
    """One change of the run or of one of its steps.

    Attributes:
        view: the run that changed, as it is now.
        whole: whether it is the pipeline's run itself.
        seconds: since the watching began.
        waiting: whether nothing took it for so long that somebody should look.
    """

    view: RunView
    whole: bool
    seconds: float
    waiting: bool = False


def watch(server: Server, run_id: str) -> Iterator[Change]:
    """Yield every change until the run has ended; the last one is the run's own end."""
    began = time.monotonic()
    seen: dict[str, str] = {}
    warned = False
    while True:
        # The run first: when it has ended, all of its steps have, and the look after it sees them.
        whole = server.run(run_id)
        passed = time.monotonic() - began
        for part in server.parts(run_id):
            if seen.get(part.id) != part.state:
                seen[part.id] = part.state
                yield Change(part, whole=False, seconds=passed)
        if seen.get(run_id) != whole.state:
            seen[run_id] = whole.state
            yield Change(whole, whole=True, seconds=passed)
        if whole.final:
            return
        if not warned and whole.start is None and passed > _PATIENCE:
            warned = True
            yield Change(whole, whole=True, seconds=passed, waiting=True)
        time.sleep(LOOK)
