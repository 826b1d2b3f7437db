"""Taking a run: the moment at which an answer that is lost on the way would leave a run with nobody.

Invariants:
1. A question whose answer was lost is asked again until the server answers, less and less often.
2. A run that is pending by then is pending by us: nobody else takes runs of this environment's pool.
3. What was stopped meanwhile is told apart from what was never ours: somebody has to end it.

Example:
    >>> asyncio.run(take(plane, run_id))
    'ours'
"""

from __future__ import annotations

import asyncio
import uuid
from typing import Literal, Protocol

from data_contracts.errors import UnreachableError
from environments.workpools.control import MissingError, Report

__all__ = ["Taken", "take"]

Taken = Literal["ours", "not-ours", "stopped"]
_FIRST, _LONGEST = 0.5, 10.0


class Plane(Protocol):
    """What is needed of the connection to the server."""

    async def propose(self, run_id: uuid.UUID, kind: str, *, name: str = "", message: str = "") -> bool:
        """Propose a state for a run; return whether the server took it."""

    async def report(self, run_id: uuid.UUID) -> Report:
        """Return the state of a run."""


async def take(plane: Plane, run_id: uuid.UUID, *, first: float = _FIRST) -> Taken:
    """Make a run pending, and say whose it is."""
    pause, lost = first, False
    while True:
        try:
            if await plane.propose(run_id, "PENDING"):
                return "ours"
            if not lost:
                return "not-ours"
            report = await plane.report(run_id)
        except MissingError:
            return "not-ours"
        except UnreachableError:
            lost = True
            await asyncio.sleep(pause)
            pause = min(_LONGEST, 2 * pause)
        else:
            if report.type == "PENDING":
                return "ours"
            return "stopped" if report.type == "CANCELLING" else "not-ours"
