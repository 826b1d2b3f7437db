"""What every kind of simulation stands on: points, faults, processes and whose turn it is.

Whoever makes one says what may be started (`startable`, `begin`), what follows from a process that ended
(`judge`), and what happens once the faults have ended (`finish`).
"""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, Protocol

from invariants import about_receipt, manifest_is_recorded
from medium import MemoryTransit
from remembered import remembering
from running import PowerCutError, Process, current, patched
from schedule import Fault
from simworld import SimWorld, ViolationError

from data_contracts.errors import ConflictError, NotVerifiableError, UnreachableError

__all__ = ["Machinery"]

REFUSALS = (UnreachableError, NotVerifiableError, ConflictError)
_TICK_S = 0.05
_LOOK_S = 1.0
"""Who waits for another process looks each simulated second, whatever it asks for."""
_STRIKES_A_CALL = ("early", "late", "lost", "reorder", "replay", "short", "stale", "flip", "disk")


class Planned(Protocol):
    """A schedule of any kind: `seed` decides who runs when, and `faults` what goes wrong."""

    @property
    def seed(self) -> int: ...

    @property
    def faults(self) -> Sequence[Fault]: ...


class Startable(Protocol):
    """Something that can be started from a simulated second on."""

    wake: float


class Machinery(ABC):
    """See the module."""

    most_points = 6000
    schedule: Any

    def __init__(self, world: SimWorld, schedule: Planned) -> None:
        self.world = world
        self.trace: list[str] = []
        self.struck: dict[str, int] = {}
        self.draw_bytes = random.Random(schedule.seed + 1)  # noqa: S311 - to be repeated
        self._draw = random.Random(schedule.seed + 2)  # noqa: S311 - to be repeated
        self._points, self._now, self._calm = 0, 0.0, False
        self._waiting = list(schedule.faults)
        self._armed: list[Fault] = []
        self._offsets: dict[str, float] = {}
        self._until: dict[tuple[str, str], int] = {}
        self._under_way: list[tuple[int, Callable[[], object]]] = []
        self._transits: dict[tuple[str, str], MemoryTransit] = {}
        self._processes: list[Process] = []
        self._graves: dict[str, Any] = {}

    @abstractmethod
    def startable(self) -> Sequence[Startable]:
        """Return what may be started, now or later."""

    @abstractmethod
    def begin(self, chosen: Any) -> Process:
        """Start one of these."""

    @abstractmethod
    def again(self) -> None:
        """Start something once more, beside what runs."""

    @abstractmethod
    def judge(self, process: Process) -> None:
        """Say what follows from a process that ended."""

    def allowed(self, process: Process, error: BaseException) -> bool:
        """Whether a process may end in such an error."""
        del process
        return isinstance(error, REFUSALS)

    @abstractmethod
    def look(self, environment: str) -> None:
        """Look at what must always hold, after a process of an environment has ended."""

    @abstractmethod
    def finish(self) -> None:
        """End everything, without faults, and look at what must hold then."""

    @abstractmethod
    def ask_before(self) -> None:
        """Have remembered what the schedule asks of the checks: a seed is then always the same run."""

    # What the environments' ports ask of the simulation.

    def point(self, what: str, about: str = "") -> None:
        """Say that a process has come to a point: it may die here, or stand still, or others run first."""
        process = current()
        if process is None:
            return
        if process.dying:
            raise PowerCutError
        self._points += 1
        self._now += _TICK_S
        if self._points > self.most_points:
            raise ViolationError("it does not end")
        self._say(process.label, what, about)
        self._strike(process)
        if process.dying:
            raise PowerCutError
        if len(self._processes) > 1 and self._draw.random() < 0.25:
            self._hand_over(process)

    def _hand_over(self, process: Process) -> None:
        process.hand_over()
        if process.dying:
            raise PowerCutError

    def clock(self, environment: str) -> float:
        """Return the seconds since the beginning, by an environment's clock."""
        return self._now + self._offsets.get(environment, 0.0)

    def fsync(self, descriptor: int) -> None:
        """Flush a file or folder of the process's environment."""
        process = current()
        assert process is not None
        self.point("disk.flush", Path(f"/proc/self/fd/{descriptor}").readlink().name)
        struck = self.strikes("disk", process.environment)
        if struck is not None:
            raise OSError(int(struck), "the disk refuses (simulated)")
        self.world.disks[process.environment].flushed(descriptor)

    def waited(self, database: Path) -> None:
        """Take what stands in an environment's write-ahead log as flushed."""
        name = next(name for name, disk in self.world.disks.items() if database.is_relative_to(disk.root))
        self.world.disks[name].waited()

    def monotonic(self) -> float:
        return self._now

    def sleep(self, seconds: float) -> None:
        process = current()
        assert process is not None
        process.wake = self._now + max(seconds, _LOOK_S)
        while process.wake > self._now:
            self._hand_over(process)

    def transit(self, source: str, destination: str) -> MemoryTransit:
        return self._transits.setdefault((source, destination), MemoryTransit())

    def is_cut(self, environment: str) -> bool:
        return self._points < self._until.get(("cut", environment), 0)

    def withdrawn(self, environment: str) -> bool:
        return self._points < self._until.get(("withdrawn", environment), 0)

    def strikes(self, kind: str, environment: str) -> float | None:
        """Return how much of an armed fault strikes this call; None where none does."""
        for fault in self._armed:
            if (fault.kind, fault.where) == (kind, environment):
                self._armed.remove(fault)
                self._note(fault)
                return fault.much
        return None

    def later(self, points: float, do: Callable[[], object]) -> None:
        self._under_way.append((self._points + int(points), do))

    def about_to_put(self, environment: str, name: str, data: bytes) -> None:
        """Look at what is about to be published: no receipt without commit, no manifest without entry."""
        if name.endswith("/receipt"):
            about_receipt(self.world, environment, data)
        if name.endswith("/manifest"):
            manifest_is_recorded(self.world, environment, data)

    def moves(self, environment: str, ends: tuple[str, str], name: str, size: int, call: str) -> None:
        """Look at an object that begins to move, before anything else happens."""
        del environment, ends, name, size, call

    def committing(self, store: Path, crossing: str, names: Sequence[str]) -> AbstractContextManager[object]:
        """Look at what a reader sees while a crossing's versions are committed."""
        del store, crossing, names
        return nullcontext()

    # What goes wrong.

    def _strike(self, process: Process) -> None:
        self._arrive()
        while self._waiting and self._waiting[0].at <= self._points:
            fault = self._waiting.pop(0)
            if fault.kind in _STRIKES_A_CALL:
                self._armed.append(fault)
                continue
            self._note(fault)
            if fault.kind == "kill":
                self._kill([process], process.environment)
            elif fault.kind == "power":
                self._kill(
                    [p for p in self._processes if p.environment == fault.where], fault.where, power=True
                )
            elif fault.kind == "freeze":
                process.wake = self._now + fault.much
                while process.wake > self._now and not process.dying:
                    process.hand_over()
            elif fault.kind == "sleep":
                self._now += fault.much
            elif fault.kind == "clock":
                self._offsets[fault.where] = self._offsets.get(fault.where, 0.0) + fault.much
            elif fault.kind == "again":
                self.again()
            else:
                self._until[fault.kind, fault.where] = self._points + int(fault.much)

    def _kill(self, processes: list[Process], environment: str, *, power: bool = False) -> None:
        disk = self.world.disks[environment]
        stands = disk.look()
        if power:
            stands = disk.after_power_loss(stands, self._draw)
        self._graves[environment] = stands
        for process in processes:
            process.dying = True

    def _bury(self) -> None:
        """Let what was killed end, and make the disk as it was left."""
        for environment in list(self._graves):
            for process in [p for p in self._processes if p.environment == environment and p.dying]:
                while not process.over:
                    process.let_run()
                self._ended(process)
            self.world.disks[environment].put_back(self._graves.pop(environment))
            if not any(p.environment == environment for p in self._processes):
                self.world.disks[environment].take_as_flushed()
            self.look(environment)

    def _arrive(self) -> None:
        due = [item for item in self._under_way if item[0] <= self._points or self._calm]
        self._under_way = [item for item in self._under_way if item not in due]
        for _, do in due:
            do()

    def _note(self, fault: Fault) -> None:
        self.struck[fault.kind] = self.struck.get(fault.kind, 0) + 1
        self._say("***", str(fault))

    def _say(self, who: str, *what: str) -> None:
        self.trace.append(f"{self._points:5d} {self._now:10.2f}  {who:28s} {' '.join(filter(None, what))}")

    # Who runs.

    def launch(self, environment: str, label: str, step: Callable[[], Any]) -> Process:
        """Start a process; it runs when it is its turn."""
        process = Process(environment, label, step)
        self._processes.append(process)
        return process

    def _ended(self, process: Process) -> None:
        """Judge how a process ended."""
        process.join()
        self._processes.remove(process)
        error, result = process.error, process.result
        said = type(error).__name__ if error is not None else getattr(result, "outcome", str(result))
        self._say(process.label, "ends:", said, str(error or "")[:150])
        killed = isinstance(error, PowerCutError)
        if error is not None and not killed and not self.allowed(process, error):
            raise ViolationError(f"{process.label} ended in {type(error).__name__}: {error}") from error
        self.judge(process)

    def _turn(self) -> bool:
        """Let one process run for a while; False where nothing is left to run."""
        self._bury()
        ready = [p for p in self._processes if p.wake <= self._now]
        could = self.startable() if not self._calm else []
        new = [a for a in could if a.wake <= self._now]
        if not ready and not new:
            wakes = [p.wake for p in self._processes] + [a.wake for a in could]
            if not wakes:
                return False
            self._now = min(wakes)
            return True
        chosen = self._draw.choice([*ready, *new])
        process = chosen if isinstance(chosen, Process) else self.begin(chosen)
        process.let_run()
        if process.over and not process.dying:
            self._ended(process)
            self.look(process.environment)
        return True

    def run(self) -> None:
        """Run the schedule.

        Raises:
            ViolationError: an invariant does not hold; `trace` says what happened.
        """
        self.ask_before()
        with patched(self), remembering():
            self.world.back_to_the_beginning()
            try:
                while self._turn():
                    pass
                self._end_the_faults()
                self.finish()
            finally:
                for process in self._processes:
                    process.dying = True
                for process in self._processes:
                    while not process.over:
                        process.let_run()

    def _end_the_faults(self) -> None:
        self._calm = True
        self._waiting, self._armed = [], []
        self._offsets, self._until = {}, {}
        self._arrive()
        self._say("***", "the faults end")
