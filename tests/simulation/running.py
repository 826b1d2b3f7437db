"""Processes that are simulated in one: each a thread, of which one runs at a time.

Invariants:
1. Nothing of the product runs outside `Process`; whoever runs is decided by the schedule's seed alone.
2. A process that was killed runs nothing of ours any more: every point raises at once until it has ended.
3. Time stands while the product computes, and moves at points, by `sleep` and by the schedule.

`patched(simulation)` puts the simulation in the place of functions of the standard library: `os.fsync`,
`time` of `environments.locking` and of a boundary's pace, threads of `environments.stores.lanes`, random
names and bytes; and it is told of each commit of an outbox that waits for the disk.
"""

from __future__ import annotations

import os
import random
import secrets
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Protocol
from unittest import mock

from environments import locking
from environments.boundary.economy import Carriage
from environments.outbox import Outbox
from environments.stores import lanes

__all__ = ["PowerCutError", "Process", "aside", "current", "patched"]

_FULL = 2
"""SQLite's `synchronous` where a commit waits for the disk."""
_PACE = sys.modules[Carriage.__module__]


class PowerCutError(BaseException):
    """The end of a simulated process: nothing of the product may catch it and go on."""


class Process(threading.Thread):
    """One run of one step in one environment.

    Attributes:
        environment: where it runs.
        label: what the trace calls it.
        dying: it was killed, and is yet to notice.
        wake: the simulated second before which it does not go on.
        passed: digests of what passed a check in this process; `permitted` what it decided last.
    """

    def __init__(self, environment: str, label: str, step: Callable[[], Any]) -> None:
        super().__init__(daemon=True)
        self.environment, self.label = environment, label
        self.dying = False
        self.wake = 0.0
        self.permitted: bool | None = None
        self.passed: set[tuple[str, ...]] = set()
        self.result: Any = None
        self.error: BaseException | None = None
        self.over = self.aside = False
        self._step = step
        self._go, self._back = threading.Semaphore(0), threading.Semaphore(0)

    def run(self) -> None:
        self._go.acquire()
        try:
            self.result = self._step()
        except BaseException as error:  # noqa: BLE001 - whatever it is, the simulation judges it
            self.error = error
        self.over = True
        self._back.release()

    def let_run(self) -> None:
        """Run it to the next point at which it hands over, or to its end."""
        if not self.is_alive() and not self.over:
            self.start()
        self._go.release()
        self._back.acquire()

    def hand_over(self) -> None:
        """Let others run; comes back when it is this one's turn again."""
        self._back.release()
        self._go.acquire()


def current() -> Process | None:
    """Return the simulated process whose code this is."""
    found = threading.current_thread()
    return found if isinstance(found, Process) and not found.aside else None


@contextmanager
def aside() -> Iterator[None]:
    """Run the block outside the simulation: it has no points, and nothing strikes it."""
    process = current()
    if process is None:
        yield
        return
    process.aside = True
    try:
        yield
    finally:
        process.aside = False


class _Hooks(Protocol):
    draw_bytes: random.Random

    def fsync(self, descriptor: int) -> None: ...

    def sleep(self, seconds: float) -> None: ...

    def monotonic(self) -> float: ...

    def waited(self, database: Path) -> None: ...


class _InTurn:
    """A thread that runs when it is joined: all of a process's lanes are one."""

    def __init__(self, target: Callable[[], None], *, daemon: bool) -> None:
        del daemon
        self._target = target

    def start(self) -> None:
        """Wait for `join`."""

    def join(self) -> None:
        self._target()


@contextmanager
def patched(simulation: _Hooks) -> Iterator[None]:
    """Run the block with the simulation in place of these functions, for simulated processes."""
    real_fsync, real_bytes, real_token = os.fsync, os.urandom, secrets.token_hex
    real_changing = Outbox._changing
    draw = simulation.draw_bytes

    def fsync(descriptor: int) -> None:
        simulation.fsync(descriptor) if current() else real_fsync(descriptor)

    def urandom(size: int) -> bytes:
        return draw.randbytes(size) if current() else real_bytes(size)

    def token_hex(size: int | None = None) -> str:
        return draw.randbytes(size or 32).hex() if current() else real_token(size)

    @contextmanager
    def changing(outbox: Outbox) -> Iterator[None]:
        with real_changing(outbox):
            yield
        base = outbox._base  # which connections wait for the disk, only they know
        if current() and base.execute("PRAGMA synchronous").fetchone() == (_FULL,):
            simulation.waited(Path(base.execute("PRAGMA database_list").fetchone()[2]))

    clock = SimpleNamespace(sleep=simulation.sleep, monotonic=simulation.monotonic)
    threads = SimpleNamespace(Thread=_InTurn, Lock=threading.Lock, Event=threading.Event)
    with (
        mock.patch.object(os, "fsync", fsync),
        mock.patch.object(os, "urandom", urandom),
        mock.patch.object(secrets, "token_hex", token_hex),
        mock.patch.object(locking, "time", clock),
        mock.patch.object(_PACE, "time", clock),
        mock.patch.object(lanes, "threading", threads),
        mock.patch.object(Outbox, "_changing", changing),
    ):
        yield
