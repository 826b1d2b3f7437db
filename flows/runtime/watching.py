"""Watching a pipeline's run from outside: what changed since the last look, as data."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

from flows.runtime.server import RunView, Server

__all__ = ["Change", "Looks", "watch"]

LOOK = 0.3
_WHOLE = 20
"""Every so many looks the run is asked for itself: it may have been deleted."""
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


@dataclass
class Looks:
    """One run, looked at again and again: most looks ask the server only whether its state is another.

    Attributes:
        server: whom it asks.
        run_id: the run's id.
    """

    server: Server
    run_id: str
    _seen: RunView | None = None
    _number: int = 0

    def now(self) -> RunView:
        """Return the run as it is."""
        whole = self._number % _WHOLE == 0
        self._number += 1
        # A gate takes a state's name in a question where it is one word.
        if self._seen is None or whole or not self._seen.state.isalpha():
            self._seen = self.server.run(self.run_id)
        else:
            self._seen = self.server.changed(self._seen) or self._seen
        return self._seen


def watch(server: Server, run_id: str) -> Iterator[Change]:
    """Yield every change until the run has ended; the last one is the run's own end."""
    began = time.monotonic()
    seen: dict[str, str] = {}
    ended: list[str] = []
    looks = Looks(server, run_id)
    warned = False
    while True:
        # The run first: when it has ended, all of its steps have, and the look after it sees them.
        whole = looks.now()
        passed = time.monotonic() - began
        for part in server.parts(run_id, but=ended):
            if part.final:
                ended.append(part.id)
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
