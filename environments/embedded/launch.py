"""`isthmus up`: start a supervisor of its own session, follow its progress, and return when all is ready.

Invariants:
1. Ready means ready: what is told as ready answered a question a moment ago.
2. Started twice is one system: the second caller waits for the first one's and reports it.
3. Interrupted before ready, everything that was started is gone when the caller returns.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from data_contracts.errors import DefectError, IsthmusError, UnreachableError, UsageError
from environments.embedded.processes import MARK, ProcessId, alive, end, identify
from environments.embedded.progress import Event
from environments.embedded.settings import load_settings
from environments.embedded.sweep import recorded, sweep
from environments.home import Home
from environments.private import make_private
from environments.site import Site

__all__ = ["ENTRY", "become_supervisor", "launch", "running"]

ENTRY = ("-m", "flows.supervisor")
"""The composition root, by name: this package may not import it."""
_PATIENCE = 240.0
_SILENCE_S = 300.0
"""How long a supervisor that starts may say nothing: each of its own waits ends before."""
_LAST_S = 60.0
"""How long one that said its last word may take to clear up."""


def running(home: Home) -> dict[str, Any] | None:
    """Return the run state if a supervisor of this home lives."""
    state = home.read_state()
    supervisor = recorded(state).get("supervisor")
    return state if supervisor is not None and alive(supervisor) else None


def _command(entry: Sequence[str], home: Home, site: Site, port: int | None, *more: str) -> list[str]:
    command = [sys.executable, "-P", *entry, "--home", str(home.root)]
    if site.root is not None:
        command += ["--site", str(site.root)]
    if port is not None:
        command += ["--port", str(port)]
    return [*command, *more]


def _environment(home: Home) -> dict[str, str]:
    home.create()
    make_private(home.system / "logs")
    settings = load_settings(home, create=True)
    if settings is None:
        raise DefectError("no settings after making them")
    return {**os.environ, "PYTHONSAFEPATH": "1", MARK: settings.mark}


def become_supervisor(home: Home, site: Site, port: int | None) -> NoReturn:
    """Turn this process into the supervisor (`--foreground`)."""
    command = _command(ENTRY, home, site, port, "--foreground")
    environment = _environment(home)
    sys.stdout.flush()
    os.execve(command[0], command, environment)  # noqa: S606 - our own interpreter, no shell


def launch(
    home: Home,
    site: Site,
    port: int | None,
    tell: Callable[[Event], None],
    *,
    entry: Sequence[str] = ENTRY,
) -> dict[str, Any]:
    """Bring the system up, telling each event, and return its run state.

    Raises:
        UsageError: a system with another port or another site runs already.
        UnreachableError: a part did not come up; nothing is left.
        KeyboardInterrupt: nothing is left.
    """
    environment = _environment(home)
    if running(home) is not None:
        _same_system(home, site, port)
        tell(Event("note", "supervisor", "it runs already"))
        return _await_ready(home, site, port)
    reader, writer = os.pipe()
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW
    with os.fdopen(os.open(home.system / "logs" / "supervisor.log", flags, 0o600), "ab") as log:
        child = subprocess.Popen(
            _command(entry, home, site, port, "--report", str(writer)),
            pass_fds=[writer],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=environment,
            start_new_session=True,
        )
    os.close(writer)
    process = identify(child.pid)
    try:
        last = _follow(reader, tell)
        if last is not None and last.kind == "ready":
            return _await_ready(home, site, port)
    except BaseException:
        _undo(home, child, process)
        raise
    if last is not None and last.kind == "failed":
        _let_end(home, child, process)
        raise _family(int(last.name))(last.detail, remedy=last.remedy)
    if last is None:
        _undo(home, child, process)
        raise UnreachableError(
            "the supervisor died while it started", remedy=f"read {home.system / 'logs' / 'supervisor.log'}"
        )
    _let_end(home, child, process)  # another caller's system runs
    return _await_ready(home, site, port)


def _follow(reader: int, tell: Callable[[Event], None]) -> Event | None:
    """Tell what the supervisor says until it is ready, has failed or has ended (None).

    Raises:
        UnreachableError: it said nothing for longer than any of its own waits lasts.
    """
    with os.fdopen(reader, "rb", buffering=0) as stream:
        said = b""
        while select.select([stream], [], [], _SILENCE_S)[0]:
            piece = stream.read(65536)
            if not piece:
                return None
            *lines, said = (said + piece).split(b"\n")
            for line in lines:
                event = Event.parse(line.decode())
                if event.kind in {"failed", "running"}:
                    return event
                tell(event)
                if event.kind == "ready":
                    return event
    raise UnreachableError(
        f"the supervisor has said nothing for {_SILENCE_S:.0f} s",
        remedy="read its log in the home's system/logs; then run `isthmus up` again",
    )


def _let_end(home: Home, child: subprocess.Popen[bytes], process: ProcessId | None) -> None:
    """Wait for a supervisor that said its last word; one that does not end is taken down."""
    try:
        child.wait(timeout=_LAST_S)
    except subprocess.TimeoutExpired:
        _undo(home, child, process)


def _family(code: int) -> type[IsthmusError]:
    families = {family.exit_code: family for family in IsthmusError.__subclasses__()}
    return families.get(code, DefectError)


def _undo(home: Home, child: subprocess.Popen[bytes], process: ProcessId | None) -> None:
    """Take down what was started; a second Ctrl-C does not stop that."""
    previous = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        if process is not None:
            end([process], signals=((signal.SIGTERM, 40.0), (signal.SIGKILL, 3.0)))
        child.wait()
        sweep(home)
    finally:
        signal.signal(signal.SIGINT, previous)


def _same_system(home: Home, site: Site, port: int | None) -> None:
    """Refuse to take another system for the wanted one.

    Raises:
        UsageError: a system of this home runs with another port or another site.
    """
    state = running(home)
    if state is None:
        return
    if port is not None and state.get("port") != port:
        raise UsageError(
            f"this home's system runs already, on port {state.get('port')}",
            remedy="leave --port out, or run `isthmus down` first",
        )
    wanted = str(site.root) if site.root else None
    if state.get("site") != wanted:
        raise UsageError(
            f"this home's system runs already, with site {state.get('site') or '(the shipped one)'}",
            remedy="name that site, or run `isthmus down` first",
        )


def _await_ready(home: Home, site: Site, port: int | None) -> dict[str, Any]:
    """Wait until the system that runs, ours or another caller's, is ready."""
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        state = running(home)
        if state is None:
            raise UnreachableError("the system went down while it started", remedy="run `isthmus up` again")
        if state.get("phase") == "ready":
            _same_system(home, site, port)
            return state
        time.sleep(0.1)
    raise UnreachableError("another `isthmus up` does not finish", remedy="run `isthmus down`, then up again")
