"""What Linux offers to a process that is responsible for others.

Invariants:
1. A child that asked to die with its parent does, also where the parent died before it could ask.
2. A process is named by its id and its start time: an id alone is given to strangers again.

Example:
    >>> import os
    >>> alive(os.getpid(), start_time(os.getpid()))
    True
    >>> alive(os.getpid(), 1)
    False
"""

from __future__ import annotations

import ctypes
import os
import signal
from contextlib import suppress
from pathlib import Path

__all__ = [
    "adopt_orphans",
    "alive",
    "children",
    "die_with_parent",
    "kill_child",
    "kill_group",
    "start_time",
    "threads",
]

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_START_TIME = 19  # the 22nd field of /proc/PID/stat, counted behind the parenthesised name
_LIBC = ctypes.CDLL(None, use_errno=True)


def _prctl(option: int, value: int) -> None:
    if _LIBC.prctl(option, value, 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def die_with_parent(parent: int) -> None:
    """Have the kernel kill this process when its parent ends; `parent` is who it must be now."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)


def adopt_orphans() -> None:
    """Make orphans among this process's descendants its children, so that it can end them."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def threads() -> int:
    """Return how many threads this process has."""
    return len(os.listdir("/proc/self/task"))  # noqa: PTH208 - one system call, in a process about to fork


def children() -> set[int]:
    """Return the ids of this process's children, those not yet waited for included."""
    me = os.getpid()
    with suppress(OSError):
        return set(map(int, Path(f"/proc/self/task/{me}/children").read_text("ascii").split()))
    return set()


def start_time(pid: int) -> int | None:
    """Return when a process started, in clock ticks after boot; None where there is none."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text("utf-8", errors="replace")
    except OSError:
        return None
    return int(stat.rpartition(")")[2].split()[_START_TIME])


def alive(pid: int, started: int | None) -> bool:
    """Whether the process of this id and start time still runs."""
    return started is not None and start_time(pid) == started


def kill_group(pid: int, number: int = signal.SIGKILL) -> None:
    """Send a signal to a process group that may be gone already."""
    if pid > 1:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, number)


def kill_child(pid: int, number: int = signal.SIGKILL) -> None:
    """Send a signal to the group of a child that was forked here and not yet waited for.

    A child that has not come to make its session has no group: the signal would be lost, so it gets it alone.
    """
    if pid > 1:
        try:
            os.killpg(pid, number)
        except ProcessLookupError:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, number)
        except PermissionError:
            return
