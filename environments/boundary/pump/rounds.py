"""Rounds of the pump: every line that is due, several at once, each by itself.

Invariants:
1. A line that fails rests, and no other waits for it: each has a thread of its own, up to `LANES` at once.
2. Told to stop, every line stops at the next named step of a crossing or the next object that it moves.
3. What nobody foresaw ends the process; the entry that it happened to waits longer than the others, then.
"""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from typing import NoReturn

from environments.boundary.context import EnvironmentContext
from environments.boundary.pump.receiving import fetch_line
from environments.boundary.pump.sending import send_line
from environments.boundary.pump.work import StoppedError, Work
from environments.folder import EnvironmentFolder
from environments.locking import held
from environments.outbox import open_outbox
from environments.outbox.notes import Direction
from environments.private import make_private

__all__ = ["LANES", "Pump", "pumping"]

LANES = 8
_RECOVERY_S = 30.0


@contextmanager
def pumping(folder: EnvironmentFolder, *, patience: float = 5.0) -> Iterator[None]:
    """Be the one process that pumps for an environment.

    Raises:
        ConflictError: another does.
    """
    place = make_private(folder.outbox) / "pump.lock"
    with held(place, f"the pump of {folder.name}", patience=patience):
        yield


class Pump:
    """One environment's pump; whoever makes rounds holds `pumping`."""

    def __init__(
        self,
        open_env: Callable[[], EnvironmentContext],
        *,
        draw: Callable[[], float] = random.random,
        lanes: int = LANES,
    ) -> None:
        """Make rounds.

        Args:
            open_env: opens the environment as it is declared at that moment; asked for each round.
            draw: a random number from 0 to 1, for pauses.
            lanes: lines at once; with 1 they run in the caller's thread.
        """
        self._open, self._draw, self._lanes = open_env, draw, lanes
        self._stop = threading.Event()
        self._recovered = False

    def stop(self) -> None:
        """Have a round that is under way end soon."""
        self._stop.set()

    def round(self, *, every_line: bool = False) -> Counter[str]:
        """Work on every line that is due, or on every line; return how often what happened.

        Raises:
            StoppedError: it was told to stop.
            NotVerifiableError: the environment's own files do not verify.
            UnreachableError: the environment's own disk refuses.
        """
        env = self._stoppable(self._open())
        lines = self._lines(env, every_line=every_line)
        did: Counter[str] = Counter()
        if self._lanes == 1 or len(lines) == 1:
            for line in lines:
                did += self._run(env, *line)
            return did
        with ThreadPoolExecutor(self._lanes, thread_name_prefix="line") as pool:
            running = [pool.submit(self._run, env, *line) for line in lines]
            try:
                for each in running:
                    did += each.result()
            except BaseException:
                self.stop()
                raise
        return did

    def _lines(self, env: EnvironmentContext, *, every_line: bool) -> list[tuple[Direction, str]]:
        now = env.clock()
        with open_outbox(env.folder, durable=False) as outbox:
            if not self._recovered:
                outbox.recover(now, _RECOVERY_S)
                self._recovered = True
            sources: list[tuple[Direction, str]] = [("fetch", peer) for peer in sorted(env.peers)]
            lines: list[tuple[Direction, str]] = [("send", name) for name in outbox.destinations()]
            return [
                (direction, peer)
                for direction, peer in lines + sources
                if every_line or outbox.open(peer, direction, now)
            ]

    def _run(self, env: EnvironmentContext, direction: Direction, peer: str) -> Counter[str]:
        with open_outbox(env.folder, durable=False) as outbox:
            work = Work(env, outbox, self._draw)
            (send_line if direction == "send" else fetch_line)(work, peer)
        return work.did

    def _stoppable(self, env: EnvironmentContext) -> EnvironmentContext:
        progress, moved = env.progress, env.moved

        def step(phase: str) -> None:
            if self._stop.is_set():
                _stopped()
            progress(phase)

        def object_moved(phase: str, done: int, total: int) -> None:
            if self._stop.is_set():
                _stopped()
            moved(phase, done, total)

        return replace(env, progress=step, moved=object_moved)


def _stopped() -> NoReturn:
    raise StoppedError
