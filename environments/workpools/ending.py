"""How runs end on the server: each that was taken gets a final state, however long that takes.

Invariants:
1. A state that the run itself reached is left alone; a run that somebody wants stopped ends as
   cancelled; any other that has no process any more ends as crashed.
2. A run is struck from the journal only when the server has its end.
"""

from __future__ import annotations

import asyncio
import uuid

from data_contracts.errors import UnreachableError
from environments.workpools.control import ControlPlane, MissingError
from environments.workpools.journal import Journal

__all__ = ["Ending", "how_it_ended"]

_FIRST, _LONGEST = 0.5, 15.0
_ONCE = 3.0


class Ending:
    """Tells the server how runs ended, until it has heard."""

    def __init__(self, plane: ControlPlane, journal: Journal) -> None:
        """Use a connection and a journal; nothing is sent yet."""
        self._plane = plane
        self._journal = journal
        self._owing: set[asyncio.Task[str]] = set()

    def owe(self, run_id: uuid.UUID, why: str) -> None:
        """Settle a run in the background."""
        task = asyncio.create_task(self.settle(run_id, why))
        self._owing.add(task)
        task.add_done_callback(self._owing.discard)

    async def settle(self, run_id: uuid.UUID, why: str, *, cancelled: bool = False) -> str:
        """Settle a run whose process is gone; return how it ended, as a word for the counters."""
        pause = _FIRST
        while True:
            try:
                word = await self._once(run_id, why, cancelled=cancelled)
            except MissingError:
                word = "deleted"
            except UnreachableError:
                await asyncio.sleep(pause)
                pause = min(_LONGEST, pause * 2)
                continue
            self._journal.settle(run_id)
            return word

    async def try_once(self, run_id: uuid.UUID, why: str) -> None:
        """Settle a run if the server answers now; else it stays in the journal for the next start."""
        try:
            await asyncio.wait_for(self._once(run_id, why, cancelled=False), _ONCE)
        except (UnreachableError, TimeoutError):
            return
        self._journal.settle(run_id)

    async def refuse(self, run_id: uuid.UUID, reason: str) -> None:
        """End a run that was never taken as failed, named `Refused`; asked again if it does not arrive."""
        try:
            if not await self._plane.propose(run_id, "FAILED", name="Refused", message=reason):
                await self._plane.report(run_id)
        except UnreachableError:
            return

    async def _once(self, run_id: uuid.UUID, why: str, *, cancelled: bool) -> str:
        report = await self._plane.report(run_id)
        if report.final:
            return report.type.lower()
        if report.type == "CANCELLING" or cancelled:
            await self._plane.propose(run_id, "CANCELLED", message="stopped on request")
            return "cancelled"
        if report.type in {"RUNNING", "PENDING"}:
            await self._plane.propose(run_id, "CRASHED", message=why)
            # Somebody may have asked for a stop in between, which only a cancelled state ends.
            if (await self._plane.report(run_id)).type == "CANCELLING":
                await self._plane.propose(run_id, "CANCELLED", message="stopped on request")
            return "crashed"
        return report.type.lower()


def how_it_ended(status: int) -> str:
    """Say in words how a run's process ended that said nothing itself."""
    if status < 0:
        return f"the run's process was killed by signal {-status}"
    return f"the run's process ended with status {status} before the run had"
