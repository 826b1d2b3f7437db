"""A transit that fails as networks and stores do, by a seed: around any other transit.

Faults are chances per call, from 0 to 1. A seed and the same calls give the same faults.

```python
transit = FaultyTransit(DirectoryTransit(place), Faults(lost=0.1, short=0.1), seed=7)
```
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, fields

from data_contracts.errors import UnreachableError
from environments.boundary import EnvironmentContext
from environments.transit import BytesOfItsOwn, Capabilities, Data, Put, Transit

ATTEMPTS = 200


@dataclass(frozen=True)
class Faults:
    """How often what goes wrong.

    Attributes:
        error: nothing is done, and the call fails.
        late: it is done, and the call fails.
        delay: the call takes some milliseconds more.
        short: a reader gets a part only.
        duplicate: what is written is written twice.
        replay: what is written is written again at some later call.
        reorder: what is written appears at some later call only.
        lost: what is written never appears.
        stale: a reader sees what was there before.
    """

    error: float = 0
    late: float = 0
    delay: float = 0
    short: float = 0
    duplicate: float = 0
    replay: float = 0
    reorder: float = 0
    lost: float = 0
    stale: float = 0


@dataclass
class Weather:
    """What both ends' transits share: the seed, what is under way, what was there before.

    Attributes:
        faults: tests set them to `Faults()` when the storm is over.
        happened: how often each fault was met.
    """

    faults: Faults
    seed: int
    happened: dict[str, int] = field(default_factory=dict)
    under_way: list[Callable[[], object]] = field(default_factory=list)
    before: dict[str, list[bytes | None]] = field(default_factory=dict)
    listings: dict[str, list[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        # Tests repeat what a seed did: nothing secret is drawn here.
        self.random = random.Random(self.seed)  # noqa: S311
        self.lock = threading.RLock()

    def strikes(self, fault: str) -> bool:
        struck = self.random.random() < getattr(self.faults, fault)
        if struck:
            self.happened[fault] = self.happened.get(fault, 0) + 1
        return struck

    def arrive(self, *, all_of_it: bool = False) -> None:
        """Let what is under way appear, in no order."""
        self.random.shuffle(self.under_way)
        while self.under_way and (all_of_it or self.random.random() < 0.3):
            self.under_way.pop()()


class FaultyTransit(BytesOfItsOwn):
    """Another transit, in some weather."""

    def __init__(self, inner: Transit, weather: Weather) -> None:
        self.inner, self.weather = inner, weather

    @property
    def capabilities(self) -> Capabilities:
        return self.inner.capabilities

    def _begin(self) -> None:
        if self.weather.strikes("delay"):
            time.sleep(self.weather.random.random() / 500)
        self.weather.arrive()
        if self.weather.strikes("error"):
            raise UnreachableError("the network is away (injected, before)")

    def _end(self) -> None:
        if self.weather.strikes("late"):
            raise UnreachableError("the network is away (injected, after)")

    def _remember(self, name: str) -> None:
        if self.weather.faults.stale:
            old = self.inner.get(name, limit=1 << 30)
            self.weather.before.setdefault(name, []).append(old)

    def put(self, name: str, data: Data) -> None:
        whole = bytes(data)
        with self.weather.lock:
            self._begin()
            self._remember(name)
            self._write(lambda: self.inner.put(name, whole))
            self._end()

    def batch(self) -> AbstractContextManager[Put]:
        return nullcontext(self.put)

    def create(self, name: str, data: Data) -> bool:
        whole = bytes(data)
        with self.weather.lock:
            self._begin()
            self._remember(name)
            if self.weather.strikes("lost"):
                return True
            made = self.inner.create(name, whole)
            if self.weather.strikes("duplicate"):
                self.inner.create(name, whole)
            self._end()
            return made

    def delete(self, name: str) -> None:
        with self.weather.lock:
            self._begin()
            self._remember(name)
            self._write(lambda: self.inner.delete(name))
            self._end()

    def clear(self, prefix: str) -> None:
        with self.weather.lock:
            self._begin()
            self._write(lambda: self.inner.clear(prefix))
            self._end()

    def _write(self, do: Callable[[], object]) -> None:
        if self.weather.strikes("lost"):
            return
        if self.weather.strikes("reorder"):
            self.weather.under_way.append(do)
            return
        do()
        if self.weather.strikes("duplicate"):
            do()
        if self.weather.strikes("replay"):
            self.weather.under_way.append(do)

    def get(self, name: str, *, limit: int) -> bytes | None:
        with self.weather.lock:
            self._begin()
            found = self.inner.get(name, limit=limit)
            older = self.weather.before.get(name)
            if older and self.weather.strikes("stale"):
                found = self.weather.random.choice(older)
            if found and self.weather.strikes("short"):
                found = found[: self.weather.random.randrange(len(found))]
            self._end()
            return found if found is None or len(found) <= limit else None

    def size(self, name: str) -> int | None:
        with self.weather.lock:
            self._begin()
            found = self.inner.size(name)
            older = self.weather.before.get(name)
            if older and self.weather.strikes("stale"):
                old = self.weather.random.choice(older)
                return None if old is None else len(old)
            return found

    def names(self, prefix: str, *, after: str = "") -> Iterable[str]:
        with self.weather.lock:
            self._begin()
            found = list(self.inner.names(prefix, after=after))
            older = self.weather.listings.get(prefix)
            if not after:
                self.weather.listings[prefix] = found
            if older is not None and self.weather.strikes("stale"):
                return [name for name in older if name > after]
            return found

    def crossings(self, *, after: str = "") -> Iterable[str]:
        with self.weather.lock:
            self._begin()
            return list(self.inner.crossings(after=after))


class PatientTransit:
    """Another transit, each call again until it succeeds: what a caller does who runs it again."""

    def __init__(self, inner: Transit) -> None:
        self.inner, self.capabilities = inner, inner.capabilities

    def batch(self) -> AbstractContextManager[Put]:
        return nullcontext(self.put)

    def __getattr__(self, name: str) -> Callable[..., object]:
        def call(*given: object, **named: object) -> object:
            for _ in range(ATTEMPTS):
                try:
                    return getattr(self.inner, name)(*given, **named)
                except UnreachableError:
                    continue
            raise AssertionError("the weather never changed")

        return call


class StormyContext(EnvironmentContext):
    """An environment at the gate whose transits lie in some weather."""

    weather: Weather

    @classmethod
    def around(cls, env: EnvironmentContext, weather: Weather) -> StormyContext:
        stormy = cls(**{item.name: getattr(env, item.name) for item in fields(env)})
        object.__setattr__(stormy, "weather", weather)
        return stormy

    def outgoing(self, destination: str) -> Transit:
        return FaultyTransit(super().outgoing(destination), self.weather)

    def incoming(self, source: str) -> Transit:
        return FaultyTransit(super().incoming(source), self.weather)
