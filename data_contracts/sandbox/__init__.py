"""Work on what others sent, in a child process that can do little else.

Invariants:
1. What may be hostile (a file that somebody sent, a query that somebody wrote) is parsed or run by a child
   with limits of memory, processor time and wall time; without network, other processes, or files beyond
   those named, as far as the kernel lets an ordinary user take them away (`sandbox_capabilities`).
2. From the child comes one JSON value of bounded size or a reason code; never its text, never a pickle.
3. A crash, a limit and garbage are one thing to the caller: a refusal that names its code.

Example:
    >>> run_limited("data_contracts.sandbox.work.trying:echo", [1, 2], limits=Limits(cpu_seconds=5))
    [1, 2]
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from data_contracts.sandbox.capabilities import Capabilities, sandbox_capabilities
    from data_contracts.sandbox.limits import GIB, MIB, Limits
    from data_contracts.sandbox.probing import HostileFileError, Probe, limits_for, probe_files
    from data_contracts.sandbox.running import Child, SandboxError, run_limited

__all__ = [
    "GIB",
    "MIB",
    "Capabilities",
    "Child",
    "HostileFileError",
    "Limits",
    "Probe",
    "SandboxError",
    "limits_for",
    "probe_files",
    "run_limited",
    "sandbox_capabilities",
]

_PLACES = {
    "capabilities": ("Capabilities", "sandbox_capabilities"),
    "limits": ("GIB", "MIB", "Limits"),
    "probing": ("HostileFileError", "Probe", "limits_for", "probe_files"),
    "running": ("Child", "SandboxError", "run_limited"),
}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - whatever stands there
    """Import what was asked for, then: the child, of this package too, needs none of the parent's side."""
    for module, names in _PLACES.items():
        if name in names:
            return getattr(import_module(f"{__name__}.{module}"), name)
    raise AttributeError(name)
