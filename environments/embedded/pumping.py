"""The pump of one environment as a part of the system: a light process that looks, and children that work.

Invariants:
1. What stays holds no key and nothing heavy: it looks once a second whether anything is due, and forks a
   child for that, which ends when nothing is due any more.
2. Told to stop, it stops the child first: at the next named step of a crossing, else by force; either way the
   crossing goes on from there the next time.
3. A child that fails is told in the log and followed by another one, after a while that grows.

Example:
    >>> run_pump(folder, site)    # until SIGTERM
    0
"""

from __future__ import annotations

import datetime as dt
import os
import signal
import sys
import threading
import time
from pathlib import Path
from random import random

from data_contracts.errors import ConflictError, IsthmusError
from environments.boundary import open_environment
from environments.boundary.pump import Pump, StoppedError, anything_due, pumping, serve
from environments.embedded.forks import fork_part
from environments.folder import EnvironmentFolder
from environments.outbox import pause
from environments.site import Site

__all__ = ["run_pump"]

_LOOK_S, _LONGEST_S, _GRACE_S = 0.1, 300.0, 10.0
_AT_MOST_S = 600.0
"""How long one child goes on: then another begins with fresh memory."""


def run_pump(folder: EnvironmentFolder, site: Site) -> int:
    """Pump one environment until SIGTERM or SIGINT; return the exit status."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    failures, not_before = 0, 0.0

    def make_round() -> None:
        nonlocal failures, not_before
        if time.monotonic() < not_before:
            return
        code = _work(folder, site.root, stop)
        failures = failures + 1 if code else 0
        if failures:
            draw = random()  # noqa: S311 - a pause is no secret
            not_before = time.monotonic() + pause(failures, longest=_LONGEST_S, draw=draw, first=5.0)

    serve(folder, site.root, make_round=make_round, wait=stop.wait, unread=_unread)
    return 0


def _unread(error: IsthmusError) -> None:
    _say(f"nothing is sent while this does not read: {error}")


def _say(text: str) -> None:
    now = dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    print(f"{now} {text}", file=sys.stderr, flush=True)  # noqa: T201 - the part's log


def _work(folder: EnvironmentFolder, root: Path | None, stop: threading.Event) -> int:
    """Have a child make rounds until nothing is due; return how it ended."""
    pid = fork_part(lambda: _rounds(folder, root))
    told = 0.0
    while True:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        if stop.is_set():
            number = signal.SIGTERM if not told else signal.SIGKILL
            told = told or time.monotonic()
            if number == signal.SIGTERM or time.monotonic() - told > _GRACE_S:
                os.kill(pid, number)
            time.sleep(_LOOK_S)
        else:
            stop.wait(_LOOK_S)


def _rounds(folder: EnvironmentFolder, root: Path | None) -> int:
    pump = Pump(lambda: open_environment(folder, Site.load(root)))
    signal.signal(signal.SIGTERM, lambda *_: pump.stop())
    until = time.monotonic() + _AT_MOST_S
    try:
        with pumping(folder, patience=0.0):
            while time.monotonic() < until:
                did = pump.round()
                if did:
                    _say(", ".join(f"{word} {count}" for word, count in sorted(did.items())))
                site = Site.load(root)
                peers = site.profiles.keys() - {folder.name}
                if not anything_due(folder, site.profile(folder.name), peers, dt.datetime.now(dt.UTC)):
                    break
    except ConflictError as error:  # somebody pumps by hand: looked at again, ever more seldom
        return error.exit_code
    except StoppedError:
        return 0
    return 0
