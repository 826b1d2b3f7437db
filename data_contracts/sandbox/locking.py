"""What a child does to itself before it looks at a byte that others sent.

Invariants:
1. Files are locked first, then the work is imported, then memory and system calls are, and only then a
   request is read.
2. After the locks the child opens no file but code, the time zone database, what `readable` names, and its
   own private folder where `writable` says so; it makes no connection, no process, and signals nobody else.
3. What did not take effect is told to the parent, which decides; nothing is assumed.
"""

from __future__ import annotations

import importlib.util
import os
import sysconfig
from collections.abc import Iterator, Sequence
from typing import Any

from data_contracts.sandbox import kernel, landlock, seccomp

__all__ = ["Locks", "code_places"]

_PACKAGES = ("data_contracts", "environments", "tasks", "flows")
_SYSTEM = ("/usr/lib", "/lib", "/lib64", "/usr/local/lib", "/usr/share/zoneinfo", "/etc/ld.so.cache")
_DEVICES = ("/dev/null", "/dev/urandom")
# How large the machine is: libraries ask at their start, and DuckDB crashes where the answer is refused.
_MACHINE = (
    "/proc/self/cgroup",
    "/proc/meminfo",
    "/proc/stat",
    "/proc/sys/vm/overcommit_memory",
    "/sys/devices/system/cpu",
    "/sys/fs/cgroup",
)


def code_places() -> Iterator[str]:
    """Yield the folders of code (ours, the libraries', Python's), which are no secret."""
    for name in ("stdlib", "platstdlib", "purelib", "platlib"):
        yield sysconfig.get_path(name)
    for package in _PACKAGES:
        found = importlib.util.find_spec(package)
        yield from (found.submodule_search_locations or ()) if found else ()
    yield from _SYSTEM
    yield from _DEVICES
    yield from _MACHINE


class Locks:
    """The locks of one child, put on in two steps; `done` says what took effect, as words.

    Args:
        limits: the fields of `Limits`.
        readable: files that the work opens by name.
        writable: the private folder, where the work writes.
        without: locks to leave out (`landlock`, `seccomp`): only the tests of the others use it.
    """

    def __init__(
        self, limits: dict[str, Any], readable: Sequence[str], writable: str | None, without: str = ""
    ) -> None:
        self.done: set[str] = set()
        self._limits, self._readable, self._writable, self._without = limits, readable, writable, without
        try:
            # Once files are locked this one could not be opened.
            self._used = os.open("/proc/self/statm", os.O_RDONLY)
        except OSError:
            self._used = -1

    def before_imports(self) -> None:
        """Take away files, privileges and all limits but memory; there must be one thread.

        Landlock holds for the thread that asks and for what it starts: libraries start theirs when imported.
        """
        if _resources(self._limits):
            self.done.add("resources")
        kernel.no_dump()
        if not kernel.no_new_privileges():
            return
        if "landlock" not in self._without and landlock.version() and kernel.threads() == 1:
            places = [*code_places(), *self._readable]
            if landlock.restrict(places, [self._writable] if self._writable else []):
                self.done.add("landlock")
        if kernel.drop_capabilities():
            self.done.add("capabilities")

    def after_imports(self) -> None:
        """Limit memory by what is used now, then take away system calls, from all threads."""
        if self._limit_memory():
            self.done.add("memory")
        # Without Landlock no file is opened by name at all, unless the work must open some.
        closed = "landlock" not in self.done and not self._readable and not self._writable
        if "seccomp" not in self._without and seccomp.restrict(files=closed):
            self.done |= {"seccomp", "no-files"} if closed else {"seccomp"}
        elif kernel.new_network():
            self.done.add("namespace")

    def _limit_memory(self) -> bool:
        import resource

        if self._used < 0:
            return False
        pages = int(os.read(self._used, 200).split()[0])
        os.close(self._used)
        most = pages * resource.getpagesize() + int(self._limits["memory_bytes"])
        try:
            resource.setrlimit(resource.RLIMIT_AS, (most, most))
        except (OSError, ValueError):
            return False
        return True


def _resources(limits: dict[str, Any]) -> bool:
    import resource

    seconds, file = int(limits["cpu_seconds"]), int(limits["file_bytes"])
    wanted = {
        resource.RLIMIT_CORE: (0, 0),
        # The soft limit ends the child with SIGXCPU, which tells the parent why.
        resource.RLIMIT_CPU: (seconds, seconds + 1),
        resource.RLIMIT_FSIZE: (file, file),
        resource.RLIMIT_NOFILE: (64, 64),
    }
    try:
        for which, values in wanted.items():
            resource.setrlimit(which, values)
    except (OSError, ValueError):
        return False
    return True
