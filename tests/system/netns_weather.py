"""Weather over the wires: they are cut and healed on a schedule that a seed gives.

Invariants:
1. Each group of wires has a sequence of its own, drawn from the seed and the group's name alone: for how long
   it is whole, for how long it is cut, and how. A seed gives the same weather whatever runs under it.
2. `stop` heals everything; nothing is cut afterwards.

Example:
    >>> with Weather(net, seed=7) as weather:
    ...     with weather.down("edge"):
    ...         ...   # whatever the schedule says
"""

from __future__ import annotations

import heapq
import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from netns import KINDS, Kind, Net


@dataclass(frozen=True)
class Pace:
    """How long a group of wires is whole, and how long it is cut: from and to, in seconds."""

    whole: tuple[float, float]
    cut: tuple[float, float]


_FIRST = (2.0, 6.0)
MOSTLY_DOWN, MOSTLY_UP = Pace((6.0, 9.0), (9.0, 13.0)), Pace((10.0, 18.0), (2.0, 5.0))


def turns(seed: int, group: str, pace: Pace, scale: float = 1.0) -> Iterator[tuple[float, Kind | None]]:
    """Yield what becomes of a group of wires: after how many seconds more, and how it is cut; None: whole."""
    draw = random.Random(f"{seed}/{group}")  # noqa: S311 - a schedule is no secret
    pause = draw.uniform(*_FIRST)
    while True:
        yield pause * scale, draw.choice(KINDS)
        yield draw.uniform(*pace.cut) * scale, None
        pause = draw.uniform(*pace.whole)


@dataclass
class _Group:
    name: str
    wires: list[tuple[str, str]]
    turns: Iterator[tuple[float, Kind | None]]
    planned: Kind | None = None
    cut: Kind | None = None
    since: float = 0.0
    seconds_down: float = 0.0
    held: bool = False


@dataclass
class Weather:
    """The schedule at work.

    Attributes:
        net: the wires.
        seed: what the schedule comes from.
        remote: the machine whose wires are cut together, and most of the time.
        scale: how much longer everything takes than it usually does.
        told: what happened: seconds since the beginning, the group, and how it was cut, or `whole`.
    """

    net: Net
    seed: int
    scale: float = 1.0
    remote: str = "edge"
    told: list[tuple[float, str, str]] = field(default_factory=list)
    _groups: dict[str, _Group] = field(default_factory=dict)
    _over: threading.Event = field(default_factory=threading.Event)
    _lock: threading.RLock = field(default_factory=threading.RLock)
    _thread: threading.Thread | None = None
    _began: float = 0.0

    def __enter__(self) -> Self:
        """Begin, with all wires whole."""
        self._began = time.monotonic()
        remote = [wire for wire in self.net.wires() if self.remote in wire]
        wanted = {self.remote: (remote, MOSTLY_DOWN)}
        wanted |= {"-".join(wire): ([wire], MOSTLY_UP) for wire in self.net.wires() if wire not in remote}
        for name, (wires, pace) in wanted.items():
            coming = turns(self.seed, name, pace, self.scale)
            self._groups[name] = _Group(name, wires, coming, since=self._began)
        self._thread = threading.Thread(target=self._work, name="weather")
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        self.stop()

    def stop(self) -> None:
        """Heal everything, for good."""
        self._over.set()
        if self._thread is not None:
            self._thread.join()
        with self._lock:
            for group in self._groups.values():
                self._set(group, None)

    @property
    def share_down(self) -> float:
        """How much of the time the remote machine was cut off, of 1."""
        group = self._groups[self.remote]
        return group.seconds_down / max(0.001, group.since - self._began)

    @property
    def cuts(self) -> int:
        """How often a wire or group was cut."""
        return sum(word != "whole" for _, _, word in self.told)

    @contextmanager
    def down(self, name: str, kind: Kind = "swallow") -> Iterator[None]:
        """Keep a group cut for as long as the block takes."""
        group = self._groups[name]
        with self._lock:
            group.held = True
            self._set(group, kind)
        try:
            yield
        finally:
            with self._lock:
                group.held = False
                self._set(group, group.planned)

    def _work(self) -> None:
        due = list[tuple[float, str, Kind | None]]()
        for group in self._groups.values():
            pause, planned = next(group.turns)
            heapq.heappush(due, (self._began + pause, group.name, planned))
        while not self._over.wait(max(0.0, due[0][0] - time.monotonic())):
            at, name, planned = heapq.heappop(due)
            group = self._groups[name]
            with self._lock:
                group.planned = planned
                if not group.held:
                    self._set(group, planned)
            pause, planned = next(group.turns)
            heapq.heappush(due, (at + pause, name, planned))

    def _set(self, group: _Group, wanted: Kind | None) -> None:
        if group.cut == wanted:
            return
        now = time.monotonic()
        if group.cut is not None:
            group.seconds_down += now - group.since
        for wire in group.wires:
            if group.cut is not None:
                self.net.heal(*wire)
            if wanted is not None:
                self.net.cut(*wire, wanted)
        group.cut, group.since = wanted, now
        self.told.append((round(now - self._began, 1), group.name, wanted or "whole"))
