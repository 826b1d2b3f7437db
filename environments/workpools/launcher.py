"""A part's side of the channel: ask the zygote for a child, learn when it ends.

Invariants:
1. A child's end is learned from the zygote alone, which has not yet given its id away.
2. Without the zygote there is no part: when the channel closes, `lost` is set, and the part ends.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from data_contracts.errors import UnreachableError
from environments.workpools.channel import receive, send

__all__ = ["Child", "Launcher"]


@dataclass(eq=False)
class Child:
    """A forked process.

    Attributes:
        pid: its id, and its group's.
        ended: the exit status when it has ended: negative for the signal that killed it.
    """

    pid: int
    ended: asyncio.Future[int] = field(repr=False)


class Launcher:
    """Asks the zygote for children; must be made inside a running event loop."""

    def __init__(self, channel: socket.socket) -> None:
        """Listen on this part's end of its channel."""
        self._channel = channel
        self._loop = asyncio.get_running_loop()
        self._tag = 0
        self._asked: dict[int, asyncio.Future[Child]] = {}
        self._children: dict[int, Child] = {}
        self.lost = asyncio.Event()
        self._loop.add_reader(channel.fileno(), self._read)

    async def start(
        self, entry: str, argument: Mapping[str, Any] | None = None, files: Sequence[int] = ()
    ) -> Child:
        """Fork a child that runs one entry of the zygote's table.

        Raises:
            UnreachableError: the zygote is gone.
        """
        self._tag += 1
        tag, asked = self._tag, self._loop.create_future()
        self._asked[tag] = asked
        try:
            send(
                self._channel,
                {"op": "start", "entry": entry, "tag": tag, "argument": dict(argument or {})},
                files,
            )
        except OSError:
            self._asked.pop(tag, None)
            raise UnreachableError("this process's parent is gone") from None
        child: Child = await asked
        return child

    def kill(self, child: Child, number: int = signal.SIGKILL) -> None:
        """Send a signal to a child's whole group, if it has not ended."""
        if not child.ended.done() and not self.lost.is_set():
            send(self._channel, {"op": "kill", "pid": child.pid, "signal": int(number)})

    def _read(self) -> None:
        while True:
            try:
                received = receive(self._channel)
            except BlockingIOError:
                return
            if received is None:
                self._lose()
                return
            self._take(received[0])

    def _take(self, message: Mapping[str, Any]) -> None:
        tag = int(message["tag"])
        if message["event"] == "started":
            child = Child(int(message["pid"]), self._loop.create_future())
            self._children[tag] = child
            asked = self._asked.pop(tag, None)
            if asked is not None and not asked.done():
                asked.set_result(child)
        else:
            ended = self._children.pop(tag).ended
            if not ended.done():
                ended.set_result(os.waitstatus_to_exitcode(int(message["status"])))

    def _lose(self) -> None:
        self._loop.remove_reader(self._channel.fileno())
        self.lost.set()
        for asked in self._asked.values():
            if not asked.done():
                asked.set_exception(UnreachableError("this process's parent is gone"))
