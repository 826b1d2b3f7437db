"""The few system calls that a child needs to lock itself in, by number, without a library of their own.

Invariants:
1. Every call either took effect or says so (`False`, or the number of an error); nothing is assumed.
2. A process that was locked cannot be unlocked: `no_new_privileges` comes first.

Sources: man 2 prctl, capset, unshare; Linux `include/uapi`.
"""

from __future__ import annotations

import ctypes
import os
import platform
import sys
from pathlib import Path

__all__ = [
    "call",
    "die_with_parent",
    "drop_capabilities",
    "libc",
    "machine",
    "new_network",
    "no_dump",
    "no_new_privileges",
    "threads",
]

_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4
_PR_SET_NO_NEW_PRIVS = 38
_SIGKILL = 9
_CLONE_NEWUSER = 0x10000000
_CLONE_NEWNET = 0x40000000
_CAPSET = {"x86_64": 126, "aarch64": 91}
_CAPABILITY_VERSION_3 = 0x20080522


def machine() -> str:
    """Return `x86_64` or `aarch64` on Linux of 64 bits, '' elsewhere."""
    known = platform.machine()
    wide = sys.maxsize > 2**32
    return known if sys.platform == "linux" and wide and known in _CAPSET else ""


def libc() -> ctypes.CDLL:
    """Return the C library that this process runs with."""
    return ctypes.CDLL(None, use_errno=True)


def call(number: int, *arguments: object) -> int:
    """Make a system call; returns its result, or minus the number of its error."""
    run = libc().syscall
    run.restype = ctypes.c_long
    wide = [ctypes.c_long(item) if isinstance(item, int) else item for item in arguments]
    result: int = run(ctypes.c_long(number), *wide)
    return -ctypes.get_errno() if result < 0 else result


def _prctl(option: int, value: int) -> bool:
    return bool(libc().prctl(option, ctypes.c_ulong(value), 0, 0, 0) == 0) if machine() else False


def die_with_parent(parent: int) -> bool:
    """Ask to be killed when the thread that started this process ends; False if it has ended already."""
    asked = _prctl(_PR_SET_PDEATHSIG, _SIGKILL)
    return asked and os.getppid() == parent


def no_new_privileges() -> bool:
    """Give up gaining privileges by running programs, which the next locks need."""
    return _prctl(_PR_SET_NO_NEW_PRIVS, 1)


def no_dump() -> bool:
    """Leave no core file, and let no other process of this user look into this one."""
    return _prctl(_PR_SET_DUMPABLE, 0)


def drop_capabilities() -> bool:
    """Give up every capability of root; for others there is nothing to give up."""
    if not machine():
        return False

    class Header(ctypes.Structure):
        _fields_ = [("version", ctypes.c_uint32), ("pid", ctypes.c_int)]

    header = Header(_CAPABILITY_VERSION_3, 0)
    none = (ctypes.c_uint32 * 6)()
    return call(_CAPSET[machine()], ctypes.byref(header), ctypes.byref(none)) == 0


def new_network() -> bool:
    """Move into a network of its own, which has no way out, where the kernel lets an ordinary user."""
    if not machine():
        return False
    return bool(libc().unshare(_CLONE_NEWUSER | _CLONE_NEWNET) == 0)


def threads() -> int:
    """Return how many threads this process has; 0 where the system does not say."""
    try:
        return len(list(Path("/proc/self/task").iterdir()))
    except OSError:
        return 0
