"""What one seed of the second kind means: who queues what, takes out, recalls and reads; and what goes wrong.

Every environment has an outbox and a pump; boundaries may have windows, budgets and rates. Faults are those
of `schedule`, at the same points. Data, and nothing else; drawn by a stream of its own, so that no seed of
the first kind means another run for it.

Example:
    >>> schedule = QueuedSchedule.from_seed(7)
    >>> QueuedSimulation(the_world(QueuedWorld), schedule).run()
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from typing import Literal

from schedule import ENVIRONMENTS, FAULTS, Fault, draw_fault

__all__ = ["QUEUED", "Act", "Limit", "QueuedSchedule"]

DAY = 86_400.0
QUEUED = {
    "visits-1": ("visits-1",),
    "visits-2": ("visits-2",),
    "tests-1": ("tests-1",),
    "set-1": ("tests-1", "visits-1"),
    "set-2": ("tests-1", "visits-2"),
    "wrong": ("wrong",),
    "denied": ("visits-1",),
}
"""What can be queued: versions of `visits` in some order, alone and in sets; what breaks, what is denied."""
_OFTEN = (5, 5, 3, 5, 4, 1, 1)


@dataclass(frozen=True)
class Act:
    """Something that somebody does at one environment.

    Attributes:
        at: from which simulated second on.
        kind: `queue`; `drop` takes out what the `about`-th act queued; `recall` of what that one queued;
            `read` looks at a destination's assets for a while; `past` sends at once, past the queue.
        source: where; of `read`, whose assets.
        destination: for whom; of `read`, where.
        what: a key of `QUEUED`.
        lasts: seconds that it may wait.
        priority: 0 to 9.
        supersede: in the place of what waits.
        about: number of an act.
    """

    at: float
    kind: Literal["queue", "drop", "recall", "read", "past"]
    source: str
    destination: str
    what: str = ""
    lasts: float = 14 * DAY
    priority: int = 5
    supersede: bool = False
    about: int = 0

    @property
    def purpose(self) -> str:
        """What for."""
        return "advertising" if self.what == "denied" else "model-training"


@dataclass(frozen=True)
class Limit:
    """What an environment allows itself over one boundary, both ways; empty or 0 is no limit.

    Attributes:
        environment: whose limit.
        peer: with whom.
        window: when it is open.
        budget: bytes an hour.
        rate: bytes a second.
    """

    environment: str
    peer: str
    window: str = ""
    budget: int = 0
    rate: int = 0


@dataclass(frozen=True)
class QueuedSchedule:
    """One seed's acts, limits and faults; `seed` also decides who runs when.

    Attributes:
        seed: of everything.
        acts: what is done, in the order of their numbers.
        limits: of boundaries.
        quota: how many crossings may wait for one destination.
        in_flight: how many may be sent and not answered.
        faults: what goes wrong.
    """

    seed: int
    acts: tuple[Act, ...]
    limits: tuple[Limit, ...]
    quota: int
    in_flight: int
    faults: tuple[Fault, ...]

    @classmethod
    def from_seed(cls, seed: int) -> QueuedSchedule:
        """Draw one."""
        draw = random.Random(f"queued-{seed}")  # noqa: S311 - to be repeated, not to be secret
        source, destination = draw.sample(ENVIRONMENTS, 2)
        pairs = [(source, destination)] * 3 + [draw.choice([(destination, source), (source, destination)])]
        acts = [_queue(draw, *draw.choice(pairs)) for _ in range(draw.choice((2, 3, 3, 4, 5)))]
        acts += _others(draw, tuple(acts))
        kinds = draw.choices(tuple(FAULTS), [often for often, _ in FAULTS.values()], k=draw.randint(1, 9))
        faults = [draw_fault(draw, kind, [source, destination], 50 * len(acts)) for kind in kinds]
        acts += _past(random.Random(f"past-{seed}"), acts)  # noqa: S311 - likewise
        return cls(
            seed,
            tuple(acts),
            tuple(_limits(draw, source, destination)) if draw.random() < 0.4 else (),
            draw.choice((1, 2, 100, 100, 100)),
            draw.choice((1, 64, 64)),
            tuple(sorted(faults, key=lambda fault: fault.at)),
        )

    def without(self, number: int) -> QueuedSchedule:
        """Return it with one fault less: to find out which of them matter."""
        return replace(self, faults=self.faults[:number] + self.faults[number + 1 :])

    def plagued(self, kind: str, count: int) -> QueuedSchedule:
        """Return it with faults of one kind alone, at its sources."""
        draw = random.Random(f"plagued-{self.seed}")  # noqa: S311 - to be repeated
        sources = sorted({act.source for act in self.acts})
        faults = [draw_fault(draw, kind, sources, 50 * len(self.acts)) for _ in range(count)]
        return replace(self, faults=tuple(sorted(faults, key=lambda fault: fault.at)))

    def plain(self) -> QueuedSchedule:
        """Return it with nothing but what is queued, and nothing in its way."""
        acts = tuple(
            replace(act, kind="queue", lasts=14 * DAY, supersede=False)
            for act in self.acts
            if act.kind in {"queue", "past"}
        )
        return replace(self, acts=acts, limits=(), quota=100, in_flight=64, faults=())


def _queue(draw: random.Random, source: str, destination: str) -> Act:
    return Act(
        at=draw.choice((0.0, 0.0, 3.0, 10.0, 40.0)),
        kind="queue",
        source=source,
        destination=destination,
        what=draw.choices(tuple(QUEUED), _OFTEN)[0],
        lasts=draw.choice((14 * DAY, 14 * DAY, 14 * DAY, 600.0, 20.0)),
        priority=draw.choice((1, 5, 5, 9)),
        supersede=draw.random() < 0.15,
    )


def _others(draw: random.Random, queued: tuple[Act, ...]) -> list[Act]:
    """Draw who takes out, recalls and reads what was queued."""
    acts = []
    wanted = ("drop",) * (draw.random() < 0.25) + ("recall",) * (draw.random() < 0.35)
    for kind in (*wanted, *("read",) * draw.choice((0, 1, 1, 2))):
        number = draw.randrange(len(queued))
        about, at = queued[number], draw.choice((1.0, 8.0, 15.0, 30.0, 60.0))
        acts.append(Act(at, kind, about.source, about.destination, about.what, about=number))  # type: ignore[arg-type]
    return acts


def _past(draw: random.Random, acts: list[Act]) -> list[Act]:
    """Draw who sends something past the queue, where others of its versions wait."""
    if draw.random() > 0.2:
        return []
    at, what = draw.choice((1.0, 8.0, 20.0)), draw.choice(("visits-1", "visits-2", "set-2"))
    return [Act(at, "past", acts[0].source, acts[0].destination, what)]


def _limits(draw: random.Random, source: str, destination: str) -> list[Limit]:
    # The beginning is at 12:00: closed at first, closed soon, closed for an hour.
    windows = ("", "", "12:01-12:00 UTC", "12:30-12:01 UTC", "13:00-12:00 UTC")
    limits = [
        Limit(
            *ends,
            draw.choice(windows),
            draw.choice((0, 0, 9_000, 14_000)),
            draw.choice((0, 0, 0, 500, 2_000)),
        )
        for ends in ((source, destination), (destination, source))
    ]
    return draw.sample(limits, draw.choice((1, 1, 2)))
