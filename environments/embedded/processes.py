"""Processes known for certain: by pid, start time and boot, or by the mark that their system gave them.

Invariants:
1. A pid alone is never trusted. A process is the one we recorded only if its start time (and the boot)
   are the recorded ones; a signal goes through a pidfd that was checked after it was opened.
2. Nothing is ever found by a pattern in a command line. A system's processes carry its random mark as
   one whole entry of their environment; PostgreSQL's, which overwrite theirs, stand in its data folder.
3. A child that asked to die with its parent dies with it, also if the parent went between fork and asking.

Example:
    >>> me = identify(os.getpid())
    >>> me is not None and alive(me)
    True
"""

from __future__ import annotations

import ctypes
import os
import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

__all__ = [
    "MARK",
    "ProcessId",
    "alive",
    "ancestors",
    "carries",
    "die_with_parent",
    "end",
    "identify",
    "marked",
    "pss",
    "send",
    "threads",
    "working_in",
]

MARK = "ISTHMUS_SYSTEM"
"""The environment variable that every process of one system carries."""
_PR_SET_PDEATHSIG = 1
_START_TIME = 19  # field 22 of /proc/PID/stat (proc(5)), counted after the command's closing parenthesis
_STATE, _PARENT = 0, 1


@dataclass(frozen=True)
class ProcessId:
    """One process of one boot.

    Attributes:
        pid: its number.
        started: clock ticks between boot and its start.
        boot: the boot's id.
    """

    pid: int
    started: int
    boot: str

    def to_json(self) -> dict[str, Any]:
        """Return it as recorded in the run state."""
        return {"pid": self.pid, "started": self.started, "boot": self.boot}

    @classmethod
    def from_json(cls, value: object) -> ProcessId | None:
        """Read a recorded process; None where nothing usable was recorded."""
        if not isinstance(value, Mapping):
            return None
        pid, started, boot = value.get("pid"), value.get("started"), value.get("boot")
        if isinstance(pid, int) and isinstance(started, int) and isinstance(boot, str) and pid > 1:
            return cls(pid, started, boot)
        return None


@cache
def _boot() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


def _stat(pid: int) -> list[str] | None:
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    return text.rpartition(")")[2].split()


def identify(pid: int) -> ProcessId | None:
    """Name the process that has this pid now; None if there is none, or only its remains."""
    fields = _stat(pid)
    if fields is None or fields[_STATE] in "ZX":
        return None
    return ProcessId(pid, int(fields[_START_TIME]), _boot())


def alive(process: ProcessId) -> bool:
    """Whether this very process still runs."""
    return identify(process.pid) == process


def send(process: ProcessId, number: int) -> bool:
    """Signal this very process; False if it is gone.

    Raises:
        PermissionError: it runs as a user whom we may not signal.
    """
    try:
        descriptor = os.pidfd_open(process.pid)
    except ProcessLookupError:
        return False
    try:
        if not alive(process):
            return False
        signal.pidfd_send_signal(descriptor, number)
    except ProcessLookupError:
        return False
    finally:
        os.close(descriptor)
    return True


def end(processes: Sequence[ProcessId], *, signals: Sequence[tuple[int, float]]) -> list[ProcessId]:
    """Send each signal in turn, wait up to its seconds for all to go, and return whoever is left."""
    left = [process for process in processes if alive(process)]
    for number, seconds in signals:
        for process in left:
            send(process, number)
        deadline = time.monotonic() + seconds
        while left and time.monotonic() < deadline:
            time.sleep(0.02)
            left = [process for process in left if alive(process)]
    return left


def die_with_parent(number: int, parent: int) -> None:
    """Ask the kernel to send us `number` when our parent dies; call it after any change of user."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, number, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
    if os.getppid() != parent:
        os._exit(0)


def threads() -> int:
    """Return how many threads this process has."""
    return sum(1 for _ in Path("/proc/self/task").iterdir())


def _pids() -> Iterator[int]:
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            yield int(entry.name)


def marked(mark: str) -> list[ProcessId]:
    """Return every other process that carries `mark` whole in its environment."""
    entry = f"{MARK}={mark}".encode()
    found = []
    for pid in _pids():
        if pid == os.getpid():
            continue
        try:
            environment = Path(f"/proc/{pid}/environ").read_bytes()
        except OSError:
            continue
        process = identify(pid) if entry in environment.split(b"\0") else None
        if process is not None:
            found.append(process)
    return found


def working_in(folder: Path) -> list[ProcessId]:
    """Return every other process whose working directory is this very folder."""
    try:
        wanted = folder.stat()
    except OSError:
        return []
    found = []
    for pid in _pids():
        if pid == os.getpid():
            continue
        try:
            here = Path(f"/proc/{pid}/cwd").stat()
        except OSError:
            continue
        process = identify(pid) if (here.st_dev, here.st_ino) == (wanted.st_dev, wanted.st_ino) else None
        if process is not None:
            found.append(process)
    return found


def ancestors() -> set[int]:
    """Return the pids of this process and of everyone it descends from."""
    pids, pid = {os.getpid()}, os.getppid()
    while pid > 1 and pid not in pids:
        pids.add(pid)
        fields = _stat(pid)
        pid = int(fields[_PARENT]) if fields else 0
    return pids


def carries(mark: str) -> bool:
    """Whether this process, and so whatever it forks, carries the mark."""
    return f"{MARK}={mark}".encode() in Path("/proc/self/environ").read_bytes().split(b"\0")


def pss(process: ProcessId) -> int:
    """Return the process's proportional set size in bytes; 0 where it cannot be read."""
    try:
        text = Path(f"/proc/{process.pid}/smaps_rollup").read_text(encoding="ascii")
    except OSError:
        return 0
    return sum(int(line.split()[1]) * 1024 for line in text.splitlines() if line.startswith("Pss:"))
