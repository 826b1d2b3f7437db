"""The first and the last thing that a forked child does.

Invariants:
1. A child never returns into its parent's code: it ends here, whatever happens.
2. It keeps the standard streams and the files that it was given, and no other of its parent's.
3. What libraries registered for the end of a process is done (threads joined, events delivered).
"""

from __future__ import annotations

import atexit
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterable, Sequence
from typing import NoReturn

from environments.workpools.linux import die_with_parent

__all__ = ["become_child"]

_STANDARD = 3
_DEFECT = 70


def become_child(
    run: Callable[[], int], *, parent: int, keep: Sequence[int], signals: Iterable[signal.Signals]
) -> NoReturn:
    """Turn a process that was just forked into a child of its own session, run it, and end."""
    status = _DEFECT
    try:
        die_with_parent(parent)
        os.setsid()
        signal.set_wakeup_fd(-1)
        for number in signals:
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, signals)
        _close_others(keep)
        status = run()
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else _DEFECT
    except BaseException:  # noqa: BLE001 - nothing may unwind into the parent's code
        traceback.print_exc()
    finally:
        _end(status)


def _close_others(keep: Sequence[int]) -> None:
    low = _STANDARD
    for file in sorted(keep):
        os.closerange(low, file)
        low = file + 1
    os.closerange(low, os.sysconf("SC_OPEN_MAX"))


def _end(status: int) -> NoReturn:
    try:
        # An interpreter that ends does both of these, in this order; a fork must ask for them.
        threading._shutdown()  # type: ignore[attr-defined] # noqa: SLF001
        atexit._run_exitfuncs()  # noqa: SLF001
        sys.stdout.flush()
        sys.stderr.flush()
    except BaseException:  # noqa: BLE001 - the process ends now in any case
        status = status or _DEFECT
    finally:
        os._exit(status)
