"""One schedule, run: several crossings at once, each asked for as `isthmus sync` does, while things go wrong.

Then the faults end: links are whole, clocks right, what was under way arrives, and every crossing is asked
for again until it has ended. After each process, and at the end, `invariants` looks at everything.

Example:
    >>> Simulation(the_world(), Schedule.from_seed(7)).run()
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from invariants import about_receipt, check_always, check_end, manifest_is_recorded
from medium import MemoryTransit
from remembered import remembering
from running import PowerCutError, Process, current, patched
from schedule import ASKED, Asking, Fault, Schedule
from simworld import SimWorld, ViolationError

from data_contracts.errors import ConflictError, NotVerifiableError, UnreachableError
from environments.boundary import CrossingRequest, crossing_id, egress, ingress, settle

__all__ = ["Simulation"]

REFUSALS = (UnreachableError, NotVerifiableError, ConflictError)
STEPS = ("egress", "ingress", "settle")
_TICK_S = 0.05
_LOOK_S = 1.0
"""Who waits for another process looks each simulated second, whatever it asks for."""
_ATTEMPTS = 8
_ROUNDS = 4
_MOST_POINTS = 6000
_STRIKES_WHO_COMES = ("kill", "freeze")
_STRIKES_A_CALL = ("early", "late", "lost", "reorder", "replay", "short", "stale", "flip", "disk")

_ASKED_BEFORE: set[tuple[str, str, str]] = set()


@dataclass
class _Asked:
    """Where one crossing is."""

    asking: Asking
    request: CrossingRequest
    crossing: str
    step: str = "egress"
    attempts: int = 0
    wake: float = 0.0
    process: Process | None = None
    ended: Any = None
    said: list[str] = field(default_factory=list)


class Simulation:
    """See the module."""

    def __init__(self, world: SimWorld, schedule: Schedule) -> None:
        self.world, self.schedule = world, schedule
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
        self._asked = [self._ask(asking) for asking in schedule.askings]

    def _ask(self, asking: Asking) -> _Asked:
        key, purpose = ASKED[asking.what]
        record = self.world.records[asking.source][key]
        request = CrossingRequest(record.name, record.version, asking.destination, purpose, asking.request)
        return _Asked(asking, request, crossing_id(asking.source, request, record.contract_digest))

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
        if self._points > _MOST_POINTS:
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
                asked = self._draw.choice(self._asked)
                self._start(asked, self._draw.choice(STEPS), beside=True)
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
            check_always(self.world, environment)

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

    def _start(self, asked: _Asked, step: str, *, beside: bool = False) -> Process:
        asking = asked.asking
        environment = asking.destination if step == "ingress" else asking.source
        number = self._asked.index(asked)

        def run() -> Any:
            env = self.world.env(environment, self)
            if step == "egress":
                return egress(env, asked.request)
            if step == "ingress":
                return ingress(env, asking.source, asked.crossing)
            return settle(env, asking.destination, asked.crossing)

        process = Process(environment, f"{environment}/{step}-{number}{'+' * beside}", run)
        self._processes.append(process)
        if not beside:
            asked.process, asked.attempts = process, asked.attempts + 1
        return process

    def _ended(self, process: Process) -> None:
        """Judge how a process ended, and say what is asked for next."""
        process.join()
        self._processes.remove(process)
        error, result = process.error, process.result
        said = type(error).__name__ if error is not None else result.outcome
        self._say(process.label, "ends:", said, str(error or "")[:150])
        if error is not None and not isinstance(error, (*REFUSALS, PowerCutError)):
            raise ViolationError(f"{process.label} ended in {type(error).__name__}: {error}") from error
        for asked in self._asked:
            if asked.process is not process:
                continue
            asked.process = None
            asked.said.append(f"{asked.step}: {said}")
            asked.wake = self._now + self._draw.choice((0.0, 0.0, 1.0, 20.0))
            if error is not None:
                asked.step = asked.step if self._draw.random() < 0.5 else "egress"
            elif asked.step == "egress" and result.outcome == "permitted":
                asked.step = "ingress"
            elif asked.step == "ingress":
                asked.step = "settle"
            else:
                asked.ended, asked.step = result, "egress"

    def _may_start(self, asked: _Asked) -> bool:
        return asked.process is None and asked.ended is None and asked.attempts < _ATTEMPTS

    def _turn(self) -> bool:
        """Let one process run for a while; False where nothing is left to run."""
        self._bury()
        ready = [p for p in self._processes if p.wake <= self._now]
        could = [a for a in self._asked if self._may_start(a)] if not self._calm else []
        new = [a for a in could if a.wake <= self._now]
        if not ready and not new:
            wakes = [p.wake for p in self._processes] + [a.wake for a in could]
            if not wakes:
                return False
            self._now = min(wakes)
            return True
        chosen = self._draw.choice([*ready, *new])
        process = chosen if isinstance(chosen, Process) else self._start(chosen, chosen.step)
        process.let_run()
        if process.over and not process.dying:
            self._ended(process)
            check_always(self.world, process.environment)
        return True

    def run(self) -> None:
        """Run the schedule.

        Raises:
            ViolationError: an invariant does not hold; `trace` says what happened.
        """
        self._ask_before()
        with patched(self), remembering():
            self.world.back_to_the_beginning()
            try:
                while self._turn():
                    pass
                self._end_the_faults()
                for asked in self._asked:
                    self._finish(asked)
                check_end(self.world, self._transits, [(a.asking, a.crossing, a.ended) for a in self._asked])
            finally:
                for process in self._processes:
                    process.dying = True
                for process in self._processes:
                    while not process.over:
                        process.let_run()

    def _ask_before(self) -> None:
        """Have remembered what this schedule asks of the checks: a seed is then always the same run."""
        kinds = {(asking.source, asking.destination, asking.what) for asking in self.schedule.askings}
        if not kinds <= _ASKED_BEFORE:
            _ASKED_BEFORE.update(kinds)
            Simulation(self.world, replace(self.schedule, faults=())).run()

    def _end_the_faults(self) -> None:
        self._calm = True
        self._waiting, self._armed = [], []
        self._offsets, self._until = {}, {}
        self._arrive()
        self._say("***", "the faults end")

    def _finish(self, asked: _Asked) -> None:
        """Ask for one crossing until it has ended, by itself and without a fault."""
        for _ in range(_ROUNDS):
            results = {}
            for step in STEPS:
                process = self._start(asked, step)
                while self._turn():
                    pass
                results[step] = process
                if process.error is not None or (step == "egress" and process.result.outcome != "permitted"):
                    break
            asked.ended = results[step].result
            if asked.ended is not None and asked.ended.outcome == asked.asking.ends:
                return
        raise ViolationError(
            f"{asked.asking} has not ended as it must after {_ROUNDS} rounds without a fault"
        )
