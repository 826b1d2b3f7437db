"""`isthmus down`: ask the supervisor, then make sure.

Invariants:
1. It works whoever died before: with a supervisor, without one, with a damaged record.
2. When it returns, no process, port or socket of this home is left; what is kept is data.
"""

from __future__ import annotations

import signal

from data_contracts.errors import NotVerifiableError, UnreachableError
from environments.embedded.processes import end
from environments.embedded.sweep import leftovers, recorded, sweep
from environments.home import Home

__all__ = ["take_down"]


def take_down(home: Home) -> bool:
    """Stop this home's system; whether anything ran.

    Raises:
        UnreachableError: something does not end.
        UsageError: another version of Isthmus wrote this home.
    """
    home.check()
    try:
        supervisor = recorded(home.read_state()).get("supervisor")
    except NotVerifiableError:  # a damaged record: the mark finds the supervisor, too
        supervisor = None
    ran = supervisor is not None or any(leftovers(home).values())
    if supervisor is not None:
        try:
            end([supervisor], signals=((signal.SIGTERM, 40.0), (signal.SIGKILL, 3.0)))
        except PermissionError:
            raise UnreachableError(
                "the system runs as another user", remedy="run `isthmus down` as that user, or as root"
            ) from None
    sweep(home)
    return ran
