"""A lock between processes, on a file: waited for with a bound, and held by whom the message can name.

Invariants:
1. The lock is the kernel's: a killed process holds none, and no file is ever taken for a lock.
2. Who waits gives up after a bound, with the holder's process id (what the file says, where it can be read)
   and what to do; Ctrl-C ends the wait at once.
3. The file itself stays: whoever removed it would let two hold "it" at once.

Example:
    >>> import tempfile
    >>> with held(Path(tempfile.mkdtemp()) / "lock", "this crossing"):
    ...     pass
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from data_contracts.errors import ConflictError
from environments.private import disk_errors

__all__ = ["PATIENCE_S", "held", "taken"]

PATIENCE_S = 60.0
"""How long another process is waited for: longer than any of ours holds what is short, and no night."""
_LOOK_S = 0.02
_OPEN = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC


@contextmanager
def held(path: Path, what: str, *, patience: float | None = None, shared: bool = False) -> Iterator[None]:
    """Hold `what` for this process alone, as long as the block lasts.

    Args:
        path: the file; made where there is none.
        what: is held, as the message calls it.
        patience: seconds; `PATIENCE_S` without it.
        shared: hold it together with others that do so, against those that hold it alone.

    Raises:
        ConflictError: another process held it all the time that we were ready to wait.
        UnreachableError: the disk refuses.
    """
    with disk_errors(f"{path}: cannot be locked"):
        descriptor = os.open(path, _OPEN, 0o600)
    try:
        with disk_errors(f"{path}: cannot be locked"):
            kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
            _wait(descriptor, kind, what, PATIENCE_S if patience is None else patience)
            # For the message of whoever waits; a disk that is full says less, and that is no reason to stop.
            _say_who(descriptor)
        yield
    finally:
        os.close(descriptor)


def _wait(descriptor: int, kind: int, what: str, patience: float) -> None:
    deadline = time.monotonic() + patience
    while not taken(descriptor, kind):
        if time.monotonic() > deadline:
            raise ConflictError(
                f"another process{_holder(descriptor)} has held {what} for {patience:.0f} s",
                remedy="wait until it is done, or end it; then run this again",
            )
        time.sleep(_LOOK_S)


def taken(descriptor: int, kind: int) -> bool:
    """Take a lock (`fcntl.LOCK_EX`, `LOCK_SH`) on an open file at once; false where others hold it."""
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _say_who(descriptor: int) -> None:
    with suppress(OSError):
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, b"%d\n" % os.getpid(), 0)


def _holder(descriptor: int) -> str:
    said = os.pread(descriptor, 32, 0).strip()
    return f" ({int(said)})" if said.isdigit() else ""
