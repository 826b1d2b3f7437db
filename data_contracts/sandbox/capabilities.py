"""What the sandbox can take away on this machine: a fact to look at, not a promise.

Example:
    >>> sandbox_capabilities().complete
    True
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from data_contracts.sandbox.limits import Limits
from data_contracts.sandbox.running import Child, SandboxError

__all__ = ["Capabilities", "sandbox_capabilities"]


@dataclass(frozen=True)
class Capabilities:
    """What takes effect in a child here.

    Attributes:
        limits: memory, processor time, file sizes, open files, no core file.
        files: `landlock` (only named places), `seccomp` (none at all, and work that needs some by name has no
            lock), or '' for no lock.
        network: `seccomp` (no sockets), `namespace` (a network without a way out), or ''.
        processes: no other program, no other process, no signal to others.
    """

    limits: bool
    files: str
    network: str
    processes: bool

    @property
    def complete(self) -> bool:
        """Whether everything that is described holds."""
        return self.limits and self.files == "landlock" and self.network == "seccomp" and self.processes


def of_words(words: frozenset[str]) -> Capabilities:
    """Read what a child said about its locks."""
    files = "landlock" if "landlock" in words else "seccomp" if "no-files" in words else ""
    network = "seccomp" if "seccomp" in words else "namespace" if "namespace" in words else ""
    return Capabilities({"resources", "memory"} <= words, files, network, "seccomp" in words)


@cache
def sandbox_capabilities() -> Capabilities:
    """Start a child that does nothing, and return what took effect in it."""
    try:
        with Child("data_contracts.sandbox.work.trying:echo", Limits(wall_seconds=30)) as child:
            return of_words(child.ready())
    except SandboxError:
        return Capabilities(limits=False, files="", network="", processes=False)
