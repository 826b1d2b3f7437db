"""Processes that wait for a run: started before they are needed, used once.

Invariants:
1. A spare serves one run. It is handed out once, and only while it lives.
2. There are always `count` of them, or as many as could be started; none is waited for in vain: where
   no spare is ready, a process is started for the run.
"""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress
from dataclasses import dataclass

from data_contracts.errors import UnreachableError
from environments.workpools.launcher import Child, Launcher
from environments.workpools.stepprocess import Order

__all__ = ["ENTRY", "Spares"]

ENTRY = "run"
_QUIET = 0.7


@dataclass(eq=False)
class _Spare:
    child: Child
    orders: socket.socket


class Spares:
    """Hands orders to waiting processes."""

    def __init__(self, launcher: Launcher, count: int) -> None:
        """Keep `count` processes waiting; `fill` starts them."""
        self._launcher = launcher
        self._count = count
        self._ready: list[_Spare] = []
        self._filling: asyncio.Task[None] | None = None
        self._last = 0.0

    @property
    def ready(self) -> int:
        """How many wait now."""
        return sum(not spare.child.ended.done() for spare in self._ready)

    def fill(self) -> None:
        """Start what is missing, in the background."""
        if self._filling is None or self._filling.done():
            self._filling = asyncio.create_task(self._fill())

    async def give(self, order: Order) -> Child:
        """Give an order to a process, and return the process.

        Raises:
            UnreachableError: none could be started.
        """
        while True:
            spare = await self._take()
            try:
                await _send(spare.orders, order.to_bytes())
            except OSError:
                continue  # it died while it waited: another one
            else:
                return spare.child
            finally:
                spare.orders.close()
                self._last = asyncio.get_running_loop().time()
                self.fill()

    async def _take(self) -> _Spare:
        while self._ready:
            spare = self._ready.pop(0)
            if not spare.child.ended.done():
                return spare
            spare.orders.close()
        return await self._start()

    async def _start(self) -> _Spare:
        ours, theirs = socket.socketpair()
        with theirs:
            ours.setblocking(False)
            try:
                child = await self._launcher.start(ENTRY, files=[theirs.fileno()])
            except BaseException:
                ours.close()
                raise
        return _Spare(child, ours)

    async def _fill(self) -> None:
        # Runs come in bursts: what they need now goes before what the next ones may need.
        await asyncio.sleep(max(0.0, self._last + _QUIET - asyncio.get_running_loop().time()))
        with suppress(UnreachableError):
            while self.ready < self._count:
                self._ready = [spare for spare in self._ready if not spare.child.ended.done()]
                self._ready.append(await self._start())


async def _send(orders: socket.socket, data: bytes) -> None:
    await asyncio.get_running_loop().sock_sendall(orders, data)
    orders.shutdown(socket.SHUT_WR)
