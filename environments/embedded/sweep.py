"""Leave nothing: processes, socket, address of a system that is to be gone, however it went.

Invariants:
1. Only what is certainly this home's is ended: recorded pids with their start times, processes that carry
   its mark, PostgreSQL's processes that stand in its data folder.
2. Order: environments' hosts and what they started, then the server, then PostgreSQL.
3. The caller itself and its ancestors are spared, whatever they carry.
"""

from __future__ import annotations

import signal
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from data_contracts.errors import NotVerifiableError, UnreachableError
from environments.embedded.api import api_file
from environments.embedded.postgres import sweep_postgres
from environments.embedded.processes import ProcessId, alive, ancestors, end, marked, working_in
from environments.embedded.settings import load_settings
from environments.home import Home

__all__ = ["leftovers", "recorded", "sweep"]

_SIGNALS = ((signal.SIGTERM, 5.0), (signal.SIGKILL, 3.0))


def recorded(state: Mapping[str, Any]) -> dict[str, ProcessId]:
    """Return the recorded processes of a run state, by part, the supervisor first."""
    parts: Mapping[str, Any] = state.get("parts") or {}
    named = {"supervisor": state.get("supervisor")}
    named |= {name: part.get("process") for name, part in parts.items() if isinstance(part, Mapping)}
    found = {name: ProcessId.from_json(value) for name, value in named.items()}
    return {name: process for name, process in found.items() if process is not None}


def leftovers(home: Home) -> dict[str, list[ProcessId]]:
    """Return every process of this home's system but the caller and its ancestors.

    The keys are in the order of stopping: `hosts` and all that they started, `server`, `postgresql`.
    """
    try:
        named = recorded(home.read_state())
    except NotVerifiableError:  # a damaged record: the mark still finds everything but PostgreSQL
        named = {}
    settings = load_settings(home)
    database = set(working_in(home.system / "postgresql")) | set(working_in(home.system / "postgresql.draft"))
    server = {named["server"]} & {p for p in named.values() if alive(p)} if "server" in named else set()
    hosts = {p for name, p in named.items() if name.startswith("host@") and alive(p)}
    hosts |= set(marked(settings.mark)) if settings else set()
    spared = ancestors()

    def kept(processes: set[ProcessId]) -> list[ProcessId]:
        return sorted((p for p in processes if p.pid not in spared), key=lambda p: p.pid)

    return {"hosts": kept(hosts - server - database), "server": kept(server), "postgresql": kept(database)}


def sweep(home: Home) -> None:
    """End whatever is left of this home's system, and remove what it showed to others.

    Raises:
        UnreachableError: something does not go.
    """
    with suppress(FileNotFoundError):
        api_file(home).unlink()
    found = leftovers(home)
    try:
        left = end(found["hosts"], signals=_SIGNALS) + end(found["server"], signals=_SIGNALS)
        for folder in ("postgresql", "postgresql.draft"):
            left += sweep_postgres(home.system / folder)
    except PermissionError:
        left = [process for group in leftovers(home).values() for process in group]
    if left:
        raise UnreachableError(
            f"{len(left)} processes do not end: {', '.join(str(process.pid) for process in left)}",
            remedy="run `isthmus down` as the user who ran `isthmus up`, or as root",
        )
    with suppress(FileNotFoundError):
        (home.system / "state.json").unlink()
