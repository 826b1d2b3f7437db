"""The supervisor: one single-threaded process that starts every part, keeps it alive, and takes it down.

Invariants:
1. One supervisor per home: it holds a record lock that the kernel drops with it and that no child inherits.
2. Whatever ends the start (an error, Ctrl-C, the one who waited going away) undoes it whole.
3. What runs is written down before it matters: pids with start times, so that `isthmus down` ends it also
   after this process was killed.
4. Order of starting: PostgreSQL, server, gates, hosts, pumps. Order of stopping: the reverse.
5. A disk that is full ends a start, with a word of it, and never what runs.

It waits in `sigtimedwait` with its signals blocked: no handler ever runs in the middle of anything.
"""

from __future__ import annotations

import fcntl
import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from data_contracts.errors import ConflictError, DefectError, IsthmusError, UnreachableError
from environments.embedded.composition import Composition
from environments.embedded.parts import Part, Parts
from environments.embedded.processes import identify
from environments.embedded.progress import Event, Kind, Reporter
from environments.embedded.settings import load_settings
from environments.embedded.startup import start_all
from environments.embedded.sweep import sweep
from environments.embedded.system import System
from environments.embedded.upkeep import Upkeep, last_words
from environments.private import make_private

__all__ = ["StopRequested", "Supervisor", "supervise"]

_WATCHED = (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_INTERRUPTED = 130
_DISK = "free space on that disk; `isthmus doctor` looks at disk, rights and limits"


class StopRequested(Exception):  # noqa: N818 - no error: a wish
    """Someone wants the system down."""

    def __init__(self, code: int) -> None:
        """Keep the exit status that the wish means."""
        super().__init__()
        self.code = code


@dataclass
class Supervisor:
    """The running supervisor.

    Attributes:
        system: what it runs.
        report: whom it tells.
        parts: what it keeps alive.
        phase: `starting`, `ready` or `stopping`.
        began: monotonic time of the start.
    """

    system: System
    report: Reporter
    parts: Parts = field(default_factory=Parts)
    phase: str = "starting"
    began: float = field(default_factory=time.monotonic)
    _behind: bool = False

    def tell(self, name: str, detail: str = "", *, kind: Kind = "part") -> None:
        """Report an event.

        Raises:
            StopRequested: the one who waited went away before all was ready.
        """
        try:
            self.report(Event(kind, name, detail, round(time.monotonic() - self.began, 2)))
        except BrokenPipeError:
            if self.phase == "starting":
                raise StopRequested(_INTERRUPTED) from None

    def add(self, part: Part) -> None:
        """Start a part and write it down."""
        self.parts.add(part)
        self.write()

    def write(self) -> None:
        """Write down what runs; once all was ready, what the disk refuses is written later.

        Raises:
            UnreachableError: the disk refuses, and nothing is ready yet.
        """
        try:
            self.system.home.write_state(self._state())
        except UnreachableError:
            if self.phase == "starting":
                raise
            self._behind = True
        else:
            self._behind = False

    def _state(self) -> dict[str, object]:
        composition, me = self.system.composition, identify(os.getpid())
        return {
            "version": 1,
            "phase": self.phase,
            "mark": self.system.settings.mark,
            "url": self.system.url,
            "port": self.system.settings.port,
            "site": str(composition.site.root) if composition.site.root else None,
            "environments": sorted(self.system.profiles) if composition.run_host else [],
            "joined": self.system.joined is not None,
            "supervisor": me.to_json() if me else None,
            "parts": self.parts.describe(),
        }

    def pause(self, seconds: float) -> None:
        """Wait, reap, restart.

        Raises:
            StopRequested: a signal asked for it.
        """
        due = self.parts.next_due()
        woken = signal.sigtimedwait(_WATCHED, min(seconds, due) if due is not None else seconds)
        if woken is not None and woken.si_signo == signal.SIGTERM:
            raise StopRequested(0)
        if woken is not None and woken.si_signo == signal.SIGINT:
            raise StopRequested(_INTERRUPTED)
        ended = self.parts.reap()
        for part in ended:
            self._log(f"{part.name} ended with {part.last_exit}")
        started = self.parts.restart_due()
        for part in started:
            self._log(f"{part.name} started again (number {part.restarts})")
        if ended or started:
            self.write()

    def until(self, ready: Callable[[], bool], what: str, *, timeout: float) -> None:
        """Wait for something.

        Raises:
            UnreachableError: it did not come in time, or a part died over and over.
        """
        deadline = time.monotonic() + timeout
        while not ready():
            self.pause(0.03)
            dying = next(iter(self.parts.failing()), None)
            if dying is None and time.monotonic() < deadline:
                continue
            reason = last_words(self.system.logs / f"{dying}.log") if dying else ""
            raise UnreachableError(
                f"{dying or what} does not come up{reason and ': '}{reason}",
                remedy=f"read its log under {self.system.logs}, or run `isthmus logs` and `isthmus doctor`",
            )

    def watch(self) -> None:
        """Keep everything alive until asked to stop."""
        upkeep = Upkeep(self.system, self.parts)
        while True:
            self.pause(5.0)
            if self._behind:
                self.write()
            upkeep.round()

    def stop(self) -> None:
        """Take everything down, in order."""
        self.phase = "stopping"
        self.write()
        self.parts.stop(
            [
                lambda n: n.startswith(("host@", "pump@")),
                lambda n: n.startswith("gate@"),
                lambda n: n == "server",
                lambda n: n == "postgresql",
            ]
        )
        self.system.close()
        sweep(self.system.home)

    def _log(self, text: str) -> None:
        line = f"{time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())} {text}\n"
        with suppress(OSError):  # no line of a log is worth what runs
            os.write(1, line.encode())


def _lock(system: System) -> bool:
    """Take the home's one lock; it is kept until this process ends."""
    descriptor = os.open(
        system.home.system / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600
    )
    for _ in range(50):
        try:
            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            time.sleep(0.02)
            continue
        return True
    os.close(descriptor)
    return False


def supervise(composition: Composition, report: Reporter) -> int:
    """Bring a system up, keep it up, take it down; return the exit status."""
    signal.pthread_sigmask(signal.SIG_BLOCK, _WATCHED)
    supervisor: Supervisor | None = None
    try:
        home = composition.home.create()
        settings = load_settings(home, create=True)
        if settings is None:
            raise DefectError("no settings after making them")
        system = System(composition, settings)
        make_private(system.logs)
        if not _lock(system):
            report(Event("running", "supervisor", "a system of this home runs already"))
            return ConflictError.exit_code
        sweep(home)
        supervisor = Supervisor(system, report)
        start_all(supervisor)
        supervisor.watch()
    except StopRequested as wish:
        return wish.code
    except IsthmusError as error:
        report(Event("failed", str(error.exit_code), str(error), remedy=error.remedy))
        return error.exit_code
    except OSError as error:
        full = UnreachableError(f"{composition.home.root}: {error.strerror}", remedy=_DISK)
        report(Event("failed", str(full.exit_code), str(full), remedy=full.remedy))
        return full.exit_code
    finally:
        if supervisor is not None:
            supervisor.stop()
    return 0
