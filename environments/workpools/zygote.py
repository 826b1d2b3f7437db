"""The zygote: a process with one thread that forks, watches and ends all of an environment's others.

Invariants:
1. It has one thread, always: what it forks can run anything. It reads no secret.
2. It starts only what stands in its own table, and each part only the entries that the table gives it.
3. Every child has a session of its own, dies with the zygote, and takes its group along when it ends.
4. When a part ends, everything that it had started is killed; then the part is started again, later
   each time that it did not last.
5. It never waits for anyone: who does not read its messages is killed and started again.

Example:
    >>> def greet(argument, files):
    ...     return 0
    >>> zygote = Zygote({"greet": greet}, parts={})
"""

from __future__ import annotations

import gc
import logging
import os
import selectors
import signal
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from data_contracts.errors import DefectError
from environments.workpools.channel import make_channel, receive, send
from environments.workpools.child import become_child
from environments.workpools.linux import adopt_orphans, children, kill_child, kill_group, threads

__all__ = ["Entry", "Part", "Zygote"]

_LOG = logging.getLogger("isthmus.zygote")
_FIRST_PAUSE, _LONGEST_PAUSE, _LASTED = 0.2, 15.0, 30.0
_PATIENCE = 8.0
_SIGNALS = (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT)

Entry = Callable[[Mapping[str, Any], list[int]], int]
"""What a forked child runs: its argument and its open files; returns the exit status."""


@dataclass(frozen=True)
class Part:
    """A process that is kept alive.

    Attributes:
        run: what it runs, given its end of the channel.
        may: the entries that it may ask for.
    """

    run: Callable[[socket.socket], int]
    may: frozenset[str] = frozenset()


@dataclass
class _Running:
    pid: int
    channel: socket.socket
    since: float
    children: dict[int, int] = field(default_factory=dict)  # pid to the tag that it was asked for with


class Zygote:
    """Forks on request, until SIGTERM or SIGINT."""

    def __init__(self, entries: Mapping[str, Entry], parts: Mapping[str, Part]) -> None:
        """Keep the two tables; parts are started in their order and stopped in the reverse."""
        self._entries = dict(entries)
        self._parts = dict(parts)
        self._running: dict[str, _Running] = {}
        self._due: dict[str, float] = {}
        self._pause: dict[str, float] = {}
        self._selector = selectors.DefaultSelector()
        self._wake, self._waker = socket.socketpair()
        self._stopping = False
        self._status: dict[int, int] = {}

    def serve(self) -> int:
        """Run until told to stop; every child is gone when it returns.

        Raises:
            DefectError: this process has more than one thread.
        """
        if threads() != 1:
            raise DefectError(
                f"the zygote must have one thread, and has {threads()}",
                remedy="find the import that starts one, and move it behind the fork",
            )
        adopt_orphans()
        gc.collect()
        gc.freeze()  # the collector would touch, and so copy, every page that children share
        self._listen()
        try:
            for name in self._parts:
                self._start(name)
            while not self._stopping:
                self._turn()
            self._stop()
        finally:
            for pid in children():
                kill_child(pid)
        return 0

    # What a turn of the loop does.

    def _listen(self) -> None:
        self._wake.setblocking(False)
        self._waker.setblocking(False)
        signal.set_wakeup_fd(self._waker.fileno(), warn_on_full_buffer=False)
        for number in _SIGNALS:
            signal.signal(number, self._noticed)
        self._selector.register(self._wake, selectors.EVENT_READ, None)

    def _noticed(self, number: int, _frame: object) -> None:
        if number != signal.SIGCHLD:
            self._stopping = True

    def _turn(self) -> None:
        now = time.monotonic()
        for name, due in list(self._due.items()):
            if due <= now and not self._stopping:
                del self._due[name]
                self._start(name)
        wait = max(0.0, min(self._due.values(), default=now + 60.0) - now)
        for key, _ in self._selector.select(wait):
            if key.data is None:
                with suppress(BlockingIOError):
                    self._wake.recv(4096)
            else:
                self._requests(key.data)
        self._reap()

    def _requests(self, name: str) -> None:
        running = self._running.get(name)
        while running is not None:
            try:
                received = receive(running.channel)
            except BlockingIOError:
                return
            except ValueError:
                received = None
            if received is None:
                self._selector.unregister(running.channel)
                kill_child(running.pid)
                return
            try:
                self._answer(name, running, *received)
            finally:
                for file in received[1]:
                    os.close(file)

    def _answer(self, name: str, running: _Running, request: Mapping[str, Any], files: list[int]) -> None:
        if request.get("op") == "kill":
            if request.get("pid") in running.children:
                kill_child(int(request["pid"]), int(request["signal"]))
            return
        entry = str(request.get("entry"))
        if entry not in self._parts[name].may:
            _LOG.error("%s asked for an entry that it may not start", name)
            kill_child(running.pid)
            return
        argument = request.get("argument") or {}
        pid = self._fork(lambda: self._entries[entry](argument, files), keep=files)
        running.children[pid] = int(request["tag"])
        self._tell(running, {"event": "started", "tag": request["tag"], "pid": pid})

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                break
            if pid == 0:
                break
            kill_group(pid)  # what it left in its group must not outlive it
            self._ended(pid, status)
        self._end_orphans()

    def _ended(self, pid: int, status: int) -> None:
        for name, running in list(self._running.items()):
            if running.pid == pid:
                self._part_ended(name, running, status)
            elif pid in running.children:
                tag = running.children.pop(pid)
                self._tell(running, {"event": "ended", "tag": tag, "pid": pid, "status": status})

    def _part_ended(self, name: str, running: _Running, status: int) -> None:
        for child in running.children:
            kill_child(child)
        with suppress(KeyError, ValueError):
            self._selector.unregister(running.channel)
        running.channel.close()
        del self._running[name]
        if self._stopping:
            return
        now = time.monotonic()
        pause = self._pause.get(name, _FIRST_PAUSE) if now - running.since < _LASTED else _FIRST_PAUSE
        self._pause[name] = min(_LONGEST_PAUSE, pause * 2)
        self._due[name] = now + pause
        _LOG.warning("%s ended with status %s; starting it again", name, os.waitstatus_to_exitcode(status))

    def _end_orphans(self) -> None:
        known = {running.pid for running in self._running.values()}
        for running in self._running.values():
            known.update(running.children)
        for pid in children() - known:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def _tell(self, running: _Running, message: dict[str, Any]) -> None:
        try:
            send(running.channel, message)
        except OSError:
            kill_child(running.pid)

    # Starting and stopping.

    def _start(self, name: str) -> None:
        ours, theirs = make_channel()
        part = self._parts[name]
        pid = self._fork(lambda: part.run(theirs), keep=[theirs.fileno()])
        theirs.close()
        self._running[name] = _Running(pid, ours, time.monotonic())
        self._selector.register(ours, selectors.EVENT_READ, name)

    def _fork(self, run: Callable[[], int], *, keep: Sequence[int]) -> int:
        zygote = os.getpid()
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        pid = os.fork()
        if pid == 0:
            become_child(run, parent=zygote, keep=keep, signals=_SIGNALS)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
        return pid

    def _stop(self) -> None:
        for name in reversed(list(self._parts)):
            running = self._running.get(name)
            if running is None:
                continue
            with suppress(ProcessLookupError):
                os.kill(running.pid, signal.SIGTERM)
            deadline = time.monotonic() + _PATIENCE
            while name in self._running and time.monotonic() < deadline:
                self._turn()
            if name in self._running:
                kill_child(running.pid)
        deadline = time.monotonic() + _PATIENCE
        while children() and time.monotonic() < deadline:
            self._end_orphans()
            self._turn()
