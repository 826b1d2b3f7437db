"""What one seed means: which crossings are asked for, and what goes wrong when. Data, and nothing else.

A point is a place where the gate can be interrupted: a numbered step, a call to a transit, a commit, an entry
of a ledger, an fsync. Points are counted over all simulated processes; a fault names the count at which it
strikes. So a schedule can be read, cut down by hand, and run again.

Example:
    >>> schedule = Schedule.from_seed(7)
    >>> Simulation(world, schedule).run()
"""

from __future__ import annotations

import errno
import random
from dataclasses import dataclass, replace

__all__ = ["ASKED", "ENVIRONMENTS", "FAULTS", "Asking", "Fault", "Schedule", "draw_fault"]

ENVIRONMENTS = ("onprem", "cloud", "edge")
DAY = 86_400.0
ASKED = {
    "permitted": ("visits-1", "model-training"),
    "permitted, and shares chunks": ("visits-2", "model-training"),
    "denied": ("visits-1", "advertising"),
    "broken": ("wrong", "model-training"),
}
"""What can be asked for, and how it must end: by the first word."""


@dataclass(frozen=True)
class Asking:
    """One crossing: `what` is a key of `ASKED`."""

    source: str
    destination: str
    what: str
    request: str

    @property
    def ends(self) -> str:
        """How it must end."""
        return self.what.split(",", maxsplit=1)[0]


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong.

    Attributes:
        at: the point at which it strikes, or the first one after that it can strike.
        kind: a key of `FAULTS`.
        where: the environment that it strikes; empty for whoever comes first.
        much: seconds, points or an error's number, by the kind.
    """

    at: int
    kind: str
    where: str = ""
    much: float = 0.0

    def __str__(self) -> str:
        where, much = f" at {self.where}" if self.where else "", f" ({self.much:g})" if self.much else ""
        return f"{self.at}: {self.kind}{where}{much}"


FAULTS: dict[str, tuple[float, tuple[float, ...]]] = {
    # kind: how often, and what `much` may be
    "kill": (9, ()),  # the process that comes there dies, as by kill -9
    "power": (4, ()),  # the environment's machine loses power: what was not flushed may be gone
    "freeze": (2, (30.0, 90.0, 900.0)),  # the process stands still for some seconds, and goes on
    "again": (6, ()),  # some step of some crossing is started again, beside what runs
    "cut": (4, (20, 60, 150)),  # the environment's links are down, for so many points
    "early": (3, ()),  # a call to a transit fails, and nothing was done
    "late": (4, ()),  # it fails, and was done
    "lost": (4, ()),  # a write to a transit succeeds, and nothing was written
    "reorder": (3, (15, 60, 200)),  # a write appears so many points later only
    "replay": (4, (15, 60, 200)),  # a write happens, and once more so many points later
    "short": (2, ()),  # a reader gets a part
    "stale": (3, ()),  # a reader gets what lay there before
    "flip": (2, ()),  # a reader gets a wrong bit
    "clock": (4, (-8 * DAY, -3600, -400, 400, 3600, 8 * DAY)),  # the environment's clock jumps
    "sleep": (1, (3600, 8 * DAY)),  # everything stands still for so long
    "disk": (4, (errno.ENOSPC, errno.EIO, errno.EROFS)),  # a flush of the environment's disk fails
    "withdrawn": (2, (40, 120)),  # the environment knows the contract no more, for so many points
}
_ANYWHERE = {"kill", "freeze", "again", "sleep"}


@dataclass(frozen=True)
class Schedule:
    """One seed's crossings and faults; `seed` also decides who runs when."""

    seed: int
    askings: tuple[Asking, ...]
    faults: tuple[Fault, ...]

    @classmethod
    def from_seed(cls, seed: int) -> Schedule:
        """Draw one."""
        draw = random.Random(seed)  # noqa: S311 - to be repeated, not to be secret
        askings = []
        for number in range(draw.choice((2, 3, 3, 4))):
            source, destination = draw.sample(ENVIRONMENTS, 2)
            if askings and draw.random() < 0.4:  # beside another one, between the same two
                source, destination = askings[0].source, askings[0].destination
            what = draw.choices(tuple(ASKED), (6, 4, 1, 1))[0]
            askings.append(Asking(source, destination, what, f"run-{number}"))
        kinds = draw.choices(tuple(FAULTS), [often for often, _ in FAULTS.values()], k=draw.randint(1, 9))
        ends = sorted({name for asking in askings for name in (asking.source, asking.destination)})
        faults = [draw_fault(draw, kind, ends, 110 * len(askings)) for kind in kinds]
        return cls(seed, tuple(askings), tuple(sorted(faults, key=lambda fault: fault.at)))

    def without(self, number: int) -> Schedule:
        """Return it with one fault less: to find out which of them matter."""
        return replace(self, faults=self.faults[:number] + self.faults[number + 1 :])


def draw_fault(draw: random.Random, kind: str, ends: list[str], most: int) -> Fault:
    """Draw when and where something of a kind goes wrong, at the latest at the point `most`."""
    much = FAULTS[kind][1]
    where = "" if kind in _ANYWHERE else draw.choice(ends)
    return Fault(draw.randint(1, most), kind, where, draw.choice(much) if much else 0.0)
