"""A transit with the boundary's limits on it: what passes is counted, paced and told, or held back.

Invariants:
1. Before an object moves: the window is open, no more urgent crossing is on its way, the object's moment has
   come, and it is counted within every budget. What fails one of these does not move.
2. A crossing that is held back stops between two objects: what was sent stays, and is gone on with. Nothing
   is withdrawn and nothing is answered.
3. A crossing that would not fit into what is left is not begun to be fetched: what was fetched of it could
   not be kept.
4. Manifests and receipts do not pass here: they are letters, small, and never held back.

Counted are the bytes of chunks and lists of contents, as they lie in the transit, each time that one is begun
to be moved; not the medium's own headers, encryption and repetitions. What a source reads back of what it
sent is paced, and counted apart: held against the budget, a crossing of more than a day's bytes would never
end.

Example:
    >>> with carriage(env, "send", "cloud", crossing, "visits", purpose, phase="egress.seal") as carried:
    ...     carried.expect(total)
    ...     carried.put(chunk_name(crossing, address), sealed)
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from data_contracts.errors import DeniedError
from environments.boundaries import BoundaryLimits, Direction, Hold, budget_hold, window_hold
from environments.boundary.economy.accounts import Accounts, open_accounts
from environments.transit import Capabilities, Data, Put, Transit

if TYPE_CHECKING:
    from environments.boundary.context import EnvironmentContext

__all__ = ["Carriage", "HeldBackError", "carriage", "held_now", "lanes_of"]

_LOOK_S = 0.2
Found = TypeVar("Found", bytes, memoryview)


class HeldBackError(DeniedError):
    """A crossing waits for its boundary; nothing is lost.

    Attributes:
        hold: why, and until when.
        asset: what waits.
    """

    def __init__(self, hold: Hold, asset: str) -> None:
        """Say so."""
        super().__init__(f"held back ({hold.rule}): {hold.reason}", remedy="ask again then")
        self.hold, self.asset = hold, asset


def held_now(env: EnvironmentContext, direction: Direction, peer: str, wanted: int = 1) -> Hold | None:
    """Return why so many bytes cannot move at this moment; None where they can."""
    limits = env.profile.limits_with(peer, direction)
    if limits is None:
        return None
    now = env.clock()
    hold = window_hold(limits, now)
    if hold is None and limits.budget:
        with open_accounts(env.folder) as accounts:
            hold = budget_hold(limits, now, wanted, accounts.moved(limits, now))
    return hold


def lanes_of(transit: Transit, usual: int) -> int:
    """Return how many objects move at once."""
    return transit.lanes or usual if isinstance(transit, Carriage) else usual


class Carriage:
    """A transit (`environments.transit.Transit`) under the limits of one boundary."""

    def __init__(  # noqa: PLR0913, PLR0917 - made by `carriage` alone
        self,
        env: EnvironmentContext,
        direction: Direction,
        crossing: str,
        asset: str,
        purpose: str,
        transit: Transit,
        limits: BoundaryLimits | None,
        accounts: Accounts | None,
        phase: str,
    ) -> None:
        """Carry one crossing's objects; without limits they are told of, and nothing more."""
        self._env, self._direction, self._transit = env, direction, transit
        self._crossing, self._asset, self._phase = crossing, asset, phase
        self._limits, self._accounts = limits, accounts
        self._priority = limits.priority(asset, purpose) if limits else 0
        self._boundary = f"{limits.peer} {limits.direction or ''}" if limits else ""
        self._lock, self._done, self._total = threading.Lock(), 0, 0

    @property
    def lanes(self) -> int | None:
        """How many objects the boundary lets move at once; None where nothing is declared."""
        return self._limits.parallel if self._limits else None

    @property
    def capabilities(self) -> Capabilities:
        """What the medium promises."""
        return self._transit.capabilities

    def expect(self, total: int) -> None:
        """Say how many bytes will move.

        Raises:
            HeldBackError: they are to be fetched, and would not fit into what is left.
        """
        self._total = total
        if self._direction == "fetch" and self._limits and self._accounts:
            now = self._env.clock()
            with self._lock:
                moved = self._accounts.moved(self._limits, now)
            self._refuse(budget_hold(self._limits, now, total, moved))
        self._env.moved(self._phase, 0, total)

    def put(self, name: str, data: Data) -> None:
        """Store one object whole, when it may move."""
        self._carry(self._transit.put, name, data)

    @contextmanager
    def batch(self) -> Iterator[Put]:
        """Give a `put` for many objects, each when it may move."""
        with self._transit.batch() as put:
            yield partial(self._carry, put)

    def _carry(self, put: Put, name: str, data: Data) -> None:
        self._wait(len(data))
        put(name, data)
        self._tell(len(data))

    def create(self, name: str, data: Data) -> bool:
        """Store one object whole, if there is none of the name, when it may move."""
        self._wait(len(data))
        made = self._transit.create(name, data)
        self._tell(len(data))
        return made

    def get(self, name: str, *, limit: int) -> bytes | None:
        """Return one object, when it may move; it counts as large as it may be."""
        return self._take(partial(self._transit.get, name, limit=limit), limit)

    def get_into(self, name: str, into: memoryview) -> memoryview | None:
        """Return one object, as `get`, where there is room for it."""
        return self._take(partial(self._transit.get_into, name, into), len(into))

    def _take(self, read: Callable[[], Found | None], limit: int) -> Found | None:
        if self._direction == "fetch":
            self._wait(limit)
            found = read()
        else:
            self._wait(0)
            found = read()
            self._wait(len(found or b""), again=True)
        self._tell(len(found or b""))
        return found

    def size(self, name: str) -> int | None:
        """Return an object's size in bytes, by the transit's word; None where there is none."""
        return self._transit.size(name)

    def names(self, prefix: str, *, after: str = "") -> Iterable[str]:
        """Return the names of one crossing's objects."""
        return self._transit.names(prefix, after=after)

    def crossings(self, *, after: str = "") -> Iterable[str]:
        """Return the prefixes of the crossings that lie here."""
        return self._transit.crossings(after=after)

    def delete(self, name: str) -> None:
        """Remove one object, if it is there."""
        self._transit.delete(name)

    def clear(self, prefix: str) -> None:
        """Remove everything of one crossing."""
        self._transit.clear(prefix)

    def _wait(self, size: int, *, again: bool = False) -> None:
        """Return when an object of a size may move, and is counted.

        Raises:
            HeldBackError: it may not now.
        """
        limits, accounts = self._limits, self._accounts
        if limits is None or accounts is None:
            return
        while True:
            self._refuse(window_hold(limits, self._env.clock()))
            with self._lock:
                who = (self._boundary, self._crossing, self._priority)
                pause = accounts.pause(limits, *who, size, time.monotonic())
            if pause is not None:
                break
            self._env.sleep(_LOOK_S)
        if pause:
            self._env.sleep(pause)
            # The wait may have outlasted the window.
            self._refuse(window_hold(limits, self._env.clock()))
        if size:
            with self._lock:
                hold = accounts.count(self._direction, size, limits, self._env.clock(), again=again)
            self._refuse(hold)

    def close(self) -> None:
        """Let less urgent crossings go on."""
        if self._accounts is not None:
            self._accounts.over(self._boundary, self._crossing)

    def _refuse(self, hold: Hold | None) -> None:
        if hold is not None:
            raise HeldBackError(hold, self._asset)

    def _tell(self, size: int) -> None:
        with self._lock:
            self._done = min(self._done + size, self._total)
            done = self._done
        self._env.moved(self._phase, done, self._total)


@contextmanager
def carriage(
    env: EnvironmentContext,
    direction: Direction,
    peer: str,
    crossing: str,
    asset: str,
    purpose: str,
    *,
    phase: str,
) -> Iterator[Carriage]:
    """Carry one crossing's objects between this environment and a peer.

    Raises:
        HeldBackError: nothing may move at this moment.
    """
    hold = held_now(env, direction, peer)
    if hold is not None:
        raise HeldBackError(hold, asset)
    limits = env.profile.limits_with(peer, direction)
    transit = env.outgoing(peer) if direction == "send" else env.incoming(peer)
    with ExitStack() as stack:
        accounts = stack.enter_context(open_accounts(env.folder)) if limits else None
        made = Carriage(env, direction, crossing, asset, purpose, transit, limits, accounts, phase)
        try:
            yield made
        finally:
            made.close()
