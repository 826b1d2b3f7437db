"""One schedule of the second kind, run: outboxes, pumps, sets, limits and recalls, while things go wrong.

Each environment's pump is started now and again, as by its supervisor; people queue, take out, recall and
read. Then the faults end, pumps go on until nothing waits, and everybody who wanted to recall does. `Watch`
looks at everything after each process, and at what is about to move, to be committed or to be answered.

Example:
    >>> QueuedSimulation(the_world(QueuedWorld), QueuedSchedule.from_seed(7)).run()
"""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from invariants import about_receipt, manifest_is_recorded
from machinery import Machinery
from queued_invariants import Watch, is_unsettled
from queued_schedule import Act, QueuedSchedule
from queued_world import QueuedWorld
from running import Process, current
from simworld import ViolationError

from data_contracts.errors import DeniedError, NotVerifiableError, UnreachableError, UsageError
from environments.boundary import CrossingRequest, egress, ingress, settle
from environments.boundary.pump import Pump, pumping
from environments.boundary.queueing import drop, enqueue
from environments.boundary.recall import erase, recall, settle_recall
from environments.boundary.recall.sending import last_answer
from environments.consistency.collecting import leftovers
from environments.ledger.lookup import find_entries
from environments.outbox import open_outbox

__all__ = ["QueuedSimulation"]

_PUMPS, _ATTEMPTS = 4, 4
_STEPS_S = (0.0, 30.0, 60.0, 120.0, 400.0, 1800.0, 3600.0, *(4 * 3600.0,) * 8, *(86_400.0,) * 16)
"""Simulated seconds between two rounds, once the faults have ended."""
_ASKED_BEFORE: set[tuple[str, str, str]] = set()


@dataclass
class _Actor:
    """A pump, or somebody who acts.

    Attributes:
        act: what is done; None for a pump.
        number: of the act.
        environment: where the next step runs.
        next: the next step.
        requests: of a recall that was begun: destination, id, and whether it is over.
    """

    environment: str
    number: int = -1
    act: Act | None = None
    next: str = ""
    wake: float = 0.0
    attempts: int = 0
    process: Process | None = None
    over: bool = False
    requests: dict[str, str] = field(default_factory=dict)


class QueuedSimulation(Machinery):
    """See the module."""

    most_points = 12_000
    world: QueuedWorld

    def __init__(self, world: QueuedWorld, schedule: QueuedSchedule) -> None:
        super().__init__(world, schedule)
        self.schedule = schedule
        self.watch = Watch(world, schedule.acts, schedule.limits, schedule.quota)
        self.ended: dict[str, int] = {}
        self._chance = random.Random(schedule.seed + 3)  # noqa: S311 - to be repeated
        self._ends = sorted({name for act in schedule.acts for name in (act.source, act.destination)})
        self._pumps = [_Actor(name, next="pump") for name in self._ends]
        self._by_hand: dict[str, tuple[Act, CrossingRequest]] = {}
        self._people = [
            _Actor(act.destination if act.kind == "read" else act.source, number, act, act.kind, act.at)
            for number, act in enumerate(schedule.acts)
        ]
        self._committing: dict[Process, tuple[str, str]] = {}

    # What is looked at.

    def point(self, what: str, about: str = "") -> None:
        process = current()
        if process is not None and what in {"ingress.verify", "egress.request"}:
            process.permitted, process.passed = None, set()  # of a pump: what it decided before is past
        super().point(what, about)
        if process in self._committing:
            self.watch.whole(*self._committing[process])
        if process is not None and what == "pump.sending":
            self.watch.look_at_queue(process.environment)

    @contextmanager
    def committing(self, store: Path, crossing: str, names: Sequence[str]) -> Iterator[None]:
        del names
        process = current()
        if process is None:
            yield
            return
        environment = next(n for n, disk in self.world.disks.items() if store.is_relative_to(disk.root))
        self.watch.about_to_commit(environment, crossing)
        self._committing[process] = (environment, crossing)
        try:
            yield
        finally:
            del self._committing[process]

    def moves(self, environment: str, ends: tuple[str, str], name: str, size: int, call: str) -> None:
        if current() is not None:
            self.watch.moves(environment, ends, name, size, call, self.clock(environment))

    def about_to_put(self, environment: str, name: str, data: bytes) -> None:
        if name.endswith("/receipt"):
            about_receipt(self.world, environment, data)
        if name.endswith("/manifest"):
            manifest_is_recorded(self.world, environment, data)
            self.watch.about_to_send(f"sha256:{name.partition('/')[0]}")
        if name.endswith("/erasure"):
            self.watch.about_to_erase(environment, name.partition("/")[0], data)

    def look(self, environment: str) -> None:
        self.watch.look(environment)

    # Who runs.

    def startable(self) -> Sequence[_Actor]:
        people = [each for each in self._people if each.attempts < _ATTEMPTS + 3 * (each.next != "queue")]
        pumps = [each for each in self._pumps if each.attempts < _PUMPS]
        return [each for each in (*people, *pumps) if each.process is None and not each.over]

    def begin(self, chosen: _Actor) -> Process:
        chosen.attempts += 1
        chosen.process = self.launch(chosen.environment, self._label(chosen), self._step(chosen))
        return chosen.process

    def _label(self, actor: _Actor) -> str:
        return f"{actor.environment}/{actor.next}" + (f"-{actor.number}" if actor.act else "")

    def again(self) -> None:
        """A second pump, or a step of something that is queued, as by `isthmus sync` beside the pump."""
        queued = [(number, act) for number, act in enumerate(self.schedule.acts) if act.kind == "queue"]
        number, act = self._draw.choice(queued)
        step = self._draw.choice(("pump", "egress", "ingress", "settle"))
        crossing = self.world.crossing(act, number)
        if step == "pump":
            self.launch(act.source, f"{act.source}/pump+", self._pump(act.source))
        elif step == "egress" and crossing in self.watch.returned:
            self._by_hand[crossing] = act, self.world.request(act, number)
            self.launch(act.source, f"{act.source}/egress-{number}+", lambda: self._sent_by_hand(crossing))
        elif step == "ingress":
            self.launch(
                act.destination,
                f"{act.destination}/ingress-{number}+",
                lambda: ingress(self.world.env(act.destination, self), act.source, crossing),
            )
        else:
            self.launch(
                act.source,
                f"{act.source}/settle-{number}+",
                lambda: settle(self.world.env(act.source, self), act.destination, crossing),
            )

    def _step(self, actor: _Actor) -> Callable[[], Any]:
        if actor.act is None:
            return self._pump(actor.environment)
        steps = {"queue": self._queue, "drop": self._drop, "read": self._read, "recall": self._recall,
                 "past": self._past, "erase": self._erase, "settle": self._settle}  # fmt: skip
        return lambda: steps[actor.next](actor, actor.act)

    def _pump(self, environment: str) -> Callable[[], Any]:
        rounds = self._draw.choice((1, 1, 2, 3)) if not self._calm else 1

        def run() -> Any:
            pump = Pump(lambda: self.world.env(environment, self), draw=self._chance.random, lanes=1)
            with pumping(self.world.world.folder(environment)):
                did = pump.round()
                for _ in range(rounds - 1):
                    self.sleep(2.0)
                    did += pump.round()
            return dict(sorted(did.items()))

        return run

    def _queue(self, actor: _Actor, act: Act) -> Any:
        entry = enqueue(
            self.world.env(act.source, self),
            self.world.request(act, actor.number),
            lasts=dt.timedelta(seconds=act.lasts),
            priority=act.priority,
            supersede=act.supersede,
        )
        self.watch.returned.add(entry.crossing)
        return entry.state

    def _drop(self, _actor: _Actor, act: Act) -> Any:
        env = self.world.env(act.source, self)
        with open_outbox(env.folder) as outbox:
            entry = outbox.get(self.world.crossing(self.schedule.acts[act.about], act.about))
        return "nothing" if entry is None else f"dropped: {drop(env, entry)}"

    def _read(self, _actor: _Actor, act: Act) -> Any:
        """Read for a while what a destination has: a snapshot does not change."""
        store = self.world.env(act.destination, self).store
        view = store.snapshot()
        seen = {name: view.versions(name) for name in view.names()}
        for _ in range(4):
            self.sleep(self._chance.choice((1.0, 5.0, 20.0)))
            self.point("read")
            if {name: view.versions(name) for name in view.names()} != seen:
                raise ViolationError("a snapshot changed")
        for records in seen.values():
            for record in records:
                try:
                    store.open(record)
                except NotVerifiableError:
                    if record.version in {stone.record.version for stone in store.tombstones(record.name)}:
                        continue
                    raise ViolationError("what a snapshot shows is not there") from None
        return f"{len(seen)} assets"

    def _past(self, actor: _Actor, act: Act) -> Any:
        """Send at once, as `isthmus sync` does."""
        request = self.world.request(act, actor.number)
        self.watch.goes_past(self.world.crossing(act, actor.number))
        return egress(self.world.env(act.source, self), request).outcome

    def _sent_by_hand(self, crossing: str) -> Any:
        act, request = self._by_hand[crossing]
        return egress(self.world.env(act.source, self), request).outcome

    def _cross_by_hand(self) -> None:
        """What a pump had refused, and somebody sent nevertheless when it was lawful, is theirs to end."""
        for crossing, (act, _) in self._by_hand.items():
            ledger = self.world.world.folder(act.source).ledger
            if find_entries(ledger, crossing=crossing, kind="outbox"):
                continue  # it was taken back, and is not sent again
            if is_unsettled(self.world, act.source, act.destination, crossing):
                self.watch.by_hand.add(crossing)
                self._crossed(act, crossing, lambda crossing=crossing: self._sent_by_hand(crossing))

    def _cross_past(self, actor: _Actor, act: Act) -> None:
        """Nothing waits any more: what somebody wanted to send past it goes now."""
        crossing = self.world.crossing(act, actor.number)
        ends = self._crossed(act, crossing, lambda: self._past(actor, act))
        folder = self.world.world.folder(act.destination)
        recalled = find_entries(folder.ledger, crossing=crossing, kind="recalled")
        wanted = "denied" if recalled else "permitted"
        if ends != (wanted, wanted):
            raise ViolationError(f"{act} ended in {ends}")

    def _crossed(self, act: Act, crossing: str, send: Callable[[], Any]) -> tuple[str, str]:
        """Send, take in and settle one crossing, as `isthmus sync` does; return both sides' words."""
        source, destination = act.source, act.destination
        for _ in range(60):  # limits may hold it back for a while
            self._now += 1800.0
            if self._alone(source, f"{source}/sync", send) != "permitted":
                continue
            arrived = self._alone(
                destination,
                f"{destination}/ingress",
                lambda: ingress(self.world.env(destination, self), source, crossing),
            )
            if arrived.receipt:
                break
        settled = self._alone(
            source, f"{source}/settle", lambda: settle(self.world.env(source, self), destination, crossing)
        )
        return arrived.outcome, settled.outcome

    def _recall(self, actor: _Actor, act: Act) -> Any:
        record = self.world.sent(act)[0]
        env = self.world.env(act.source, self)
        wish = self.world.wish(record, act.source, self.clock(act.source))
        asked = recall(env, record.name, record.version, wish)
        if asked.outcome != "permitted" and self._calm:
            raise ViolationError(f"whoever may recall does not: {asked.rules}")
        actor.requests |= {request: destination for destination, request in asked.requests}
        return f"{asked.outcome}: {len(asked.requests)} asked"

    def _erase(self, actor: _Actor, act: Act) -> Any:
        for request, destination in actor.requests.items():
            if destination == actor.environment:
                return erase(self.world.env(destination, self), act.source, request).outcome
        return "nothing"

    def _settle(self, actor: _Actor, act: Act) -> Any:
        env = self.world.env(act.source, self)
        found = [settle_recall(env, where, request).outcome for request, where in actor.requests.items()]
        return "erased" if set(found) == {"erased"} else "waiting"

    def judge(self, process: Process) -> None:
        for actor in (*self._pumps, *self._people):
            if actor.process is process:
                actor.process = None
                actor.wake = self._now + self._draw.choice((1.0, 1.0, 5.0, 40.0))
                if actor.act is not None:
                    self._go_on(actor, actor.act, process)

    def _go_on(self, actor: _Actor, act: Act, process: Process) -> None:
        """Say what somebody does next."""
        error = process.error
        if act.kind != "recall":
            actor.over = error is None or isinstance(error, DeniedError)
        elif isinstance(error, UsageError):
            actor.wake += 10.0  # nothing of it was sent yet
        elif error is not None:
            actor.next, actor.environment = self._draw.choice(("recall", actor.next)), act.source
        elif process.result == "erased" and actor.next == "settle":
            actor.over = True
        elif not actor.requests:
            actor.wake += 10.0  # by a clock that was set back nobody may ask yet
        else:
            actor.next = {"recall": "erase", "erase": "settle", "settle": "recall"}[actor.next]
        if act.kind == "recall" and actor.next == "erase":
            actor.environment = self._draw.choice(sorted(set(actor.requests.values())))
        elif act.kind == "recall":
            actor.environment = act.source

    def allowed(self, process: Process, error: BaseException) -> bool:
        _, _, step = process.label.partition("/")
        if step.startswith("pump"):  # its own disk may refuse; everything else holds up one entry or line
            return isinstance(error, UnreachableError) or "the pump of" in str(error)
        full = step.startswith("queue") and isinstance(error, DeniedError)
        unsent = step.startswith("recall") and isinstance(error, UsageError)
        return full or unsent or super().allowed(process, error)

    # The end.

    def ask_before(self) -> None:
        plain = self.schedule.plain()
        new = {(act.source, act.destination, act.what): act for act in plain.acts}
        new = {kind: act for kind, act in new.items() if kind not in _ASKED_BEFORE}
        if new:
            _ASKED_BEFORE.update(new)
            QueuedSimulation(self.world, replace(plain, acts=tuple(new.values()))).run()

    def finish(self) -> None:
        for step in _STEPS_S:
            self._now += step
            waiting = self.watch.open_entries()
            for name in self._ends:
                if any(name in ends for ends in waiting):
                    self._alone(name, f"{name}/pump", self._pump(name))
            if not self.watch.open_entries():
                break
        else:
            raise ViolationError(f"what waits has not ended: {self.watch.open_entries()}")
        self._cross_by_hand()
        people = [(actor, actor.act) for actor in self._people if actor.act is not None]
        for kind, end in (("past", self._cross_past), ("recall", self._recall_to_the_end)):
            for actor, act in people:
                if act.kind == kind:
                    end(actor, act)
        for name in self._ends:
            self._alone(
                name, f"{name}/gc", lambda name=name: leftovers(self.world.env(name, self), dry_run=False)
            )
        self.ended = dict(self.watch.check_end())
        left = {ends: sorted(transit.objects) for ends, transit in self._transits.items() if transit.objects}
        if left:
            raise ViolationError(f"left over in transits: {left}")

    def _recall_to_the_end(self, actor: _Actor, act: Act) -> None:
        actor.requests.clear()  # one that a fault kept from being sent may be about nothing any more
        try:
            self._alone(act.source, f"{act.source}/recall", lambda: self._recall(actor, act))
        except UsageError:
            return
        for request, destination in actor.requests.items():
            answered = last_answer(self.world.env(act.source, self), request)
            if answered is not None and answered.body["outcome"] == "erased":
                continue  # nobody asks for it again, whatever lies in a transit that replays
            self._alone(
                destination,
                f"{destination}/erase",
                lambda d=destination, r=request: erase(self.world.env(d, self), act.source, r),
            )
        if self._alone(act.source, f"{act.source}/settle", lambda: self._settle(actor, act)) != "erased":
            raise ViolationError("a recall has not ended")

    def _alone(self, environment: str, label: str, step: Callable[[], Any]) -> Any:
        """Run one process to its end; what it returns."""
        process = self.launch(environment, label, step)
        while self._turn():
            pass
        if process.error is not None:
            raise process.error
        return process.result
