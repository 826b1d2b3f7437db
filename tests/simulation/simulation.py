"""One schedule, run: several crossings at once, each asked for as `isthmus sync` does, while things go wrong.

Then the faults end: links are whole, clocks right, what was under way arrives, and every crossing is asked
for again until it has ended. After each process, and at the end, `invariants` looks at everything.

Example:
    >>> Simulation(the_world(), Schedule.from_seed(7)).run()
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from invariants import check_always, check_end
from machinery import Machinery
from running import Process
from schedule import ASKED, Asking, Schedule
from simworld import SimWorld, ViolationError

from environments.boundary import CrossingRequest, crossing_id, egress, ingress, settle

__all__ = ["Simulation"]

STEPS = ("egress", "ingress", "settle")
_ATTEMPTS = 8
_ROUNDS = 4

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


class Simulation(Machinery):
    """See the module."""

    def __init__(self, world: SimWorld, schedule: Schedule) -> None:
        super().__init__(world, schedule)
        self.schedule = schedule
        self._asked = [self._ask(asking) for asking in schedule.askings]

    def _ask(self, asking: Asking) -> _Asked:
        key, purpose = ASKED[asking.what]
        record = self.world.records[asking.source][key]
        request = CrossingRequest(record.name, record.version, asking.destination, purpose, asking.request)
        return _Asked(asking, request, crossing_id(asking.source, request, record.contract_digest))

    def startable(self) -> Sequence[_Asked]:
        return [
            each
            for each in self._asked
            if each.process is None and each.ended is None and each.attempts < _ATTEMPTS
        ]

    def begin(self, chosen: _Asked) -> Process:
        return self._start(chosen, chosen.step)

    def again(self) -> None:
        asked = self._draw.choice(self._asked)
        self._start(asked, self._draw.choice(STEPS), beside=True)

    def look(self, environment: str) -> None:
        check_always(self.world, environment)

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

        process = self.launch(environment, f"{environment}/{step}-{number}{'+' * beside}", run)
        if not beside:
            asked.process, asked.attempts = process, asked.attempts + 1
        return process

    def judge(self, process: Process) -> None:
        """Say what is asked for next."""
        error, result = process.error, process.result
        for asked in self._asked:
            if asked.process is not process:
                continue
            asked.process = None
            asked.said.append(f"{asked.step}: {type(error).__name__ if error else result.outcome}")
            asked.wake = self._now + self._draw.choice((0.0, 0.0, 1.0, 20.0))
            if error is not None:
                asked.step = asked.step if self._draw.random() < 0.5 else "egress"
            elif asked.step == "egress" and result.outcome == "permitted":
                asked.step = "ingress"
            elif asked.step == "ingress":
                asked.step = "settle"
            else:
                asked.ended, asked.step = result, "egress"

    def ask_before(self) -> None:
        kinds = {(asking.source, asking.destination, asking.what) for asking in self.schedule.askings}
        if not kinds <= _ASKED_BEFORE:
            _ASKED_BEFORE.update(kinds)
            Simulation(self.world, replace(self.schedule, faults=())).run()

    def finish(self) -> None:
        for asked in self._asked:
            self._finish(asked)
        check_end(self.world, self._transits, [(a.asking, a.crossing, a.ended) for a in self._asked])

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
