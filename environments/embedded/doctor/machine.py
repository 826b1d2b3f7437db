"""The machine: ports, disk, memory, clocks."""

from __future__ import annotations

import datetime as dt
import errno
import http.client
import os
import shutil
import socket
import time
from email.utils import parsedate_to_datetime
from pathlib import Path

from environments.embedded.doctor.finding import Finding

__all__ = ["check_clock", "check_disk", "check_memory", "check_port"]

_GIB = 2**30
_NEEDED_DISK, _GOOD_DISK = 1 * _GIB, 5 * _GIB
_NEEDED_MEMORY, _GOOD_MEMORY = 1 * _GIB, 2 * _GIB
_MOST_SKEW = 5.0
_BEGINNING = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
"""No clock that is right shows an earlier time: this code is younger."""


def check_port(port: int | None, *, ours: bool) -> Finding:
    """Whether the API's port is ours, or free."""
    if port is None:
        return Finding("ports", "ok", "no port is kept yet: `isthmus up` takes a free one")
    if ours:
        return Finding("ports", "ok", f"127.0.0.1:{port} is this system's")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            taken = error.errno == errno.EADDRINUSE
            return Finding(
                "ports",
                "warning",
                f"127.0.0.1:{port} {'is taken by another program' if taken else 'cannot be bound'}",
                "nothing, if another port will do: `isthmus up` takes a free one; else stop that program",
            )
    return Finding("ports", "ok", f"127.0.0.1:{port} is free")


def check_disk(folder: Path, name: str) -> Finding:
    """Whether there is space, and whether it can be written."""
    probe = folder
    while not probe.exists():
        probe = probe.parent
    free = shutil.disk_usage(probe).free
    what = f"{name}: {free / _GIB:.1f} GiB free at {folder}"
    if os.statvfs(probe).f_flag & os.ST_RDONLY:
        return Finding(
            "disk", "error", f"{name}: {folder} is on a read-only disk", "mount it writable, or move --home"
        )
    if free < _NEEDED_DISK:
        return Finding("disk", "error", what, "free space on that disk: PostgreSQL stops when it is full")
    if free < _GOOD_DISK:
        return Finding("disk", "warning", what, "free space on that disk before it is needed")
    return Finding("disk", "ok", what)


def check_memory(*, runs: bool) -> Finding:
    """Whether there is memory to start, or to go on."""
    text = Path("/proc/meminfo").read_text(encoding="ascii")
    available = next(int(line.split()[1]) * 1024 for line in text.splitlines() if line.startswith("MemAvail"))
    what = f"{available / _GIB:.1f} GiB of memory available"
    if available < (_NEEDED_MEMORY // 4 if runs else _NEEDED_MEMORY):
        return Finding("memory", "error", what, "stop other programs: the system needs about 1 GiB")
    if available < (_NEEDED_MEMORY if runs else _GOOD_MEMORY):
        return Finding("memory", "warning", what, "keep 2 GiB free for the system and its runs")
    return Finding("memory", "ok", what)


def check_clock(port: int | None, folder: Path) -> list[Finding]:
    """Whether this clock is plausible, and agrees with the server's and the disk's."""
    now = time.time()
    remedy = "set the clock (chrony, systemd-timesyncd): schedules and certificates depend on it"
    findings = []
    if dt.datetime.fromtimestamp(now, dt.UTC) < _BEGINNING:
        findings.append(Finding("clocks", "error", f"the clock shows {time.strftime('%Y')}", remedy))
    others = {"the server": _server_time(port)} if port else {}
    others["the disk"] = _newest(folder)
    for name, other in others.items():
        if other is None:
            continue
        ahead = other - now
        # A file is as old as it is; only one from the future says something about a clock.
        if ahead > _MOST_SKEW or (name == "the server" and -ahead > _MOST_SKEW):
            what = f"{name} and this clock differ by {abs(ahead):.0f} s"
            findings.append(Finding("clocks", "error", what, remedy))
    return findings or [Finding("clocks", "ok", "the clocks of this machine, server and disk agree")]


def _server_time(port: int | None) -> float | None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2.0)
    try:
        connection.request("GET", "/api/health")
        stamp = connection.getresponse().getheader("date")
        return parsedate_to_datetime(stamp).timestamp() if stamp else None
    except (OSError, http.client.HTTPException, ValueError):
        return None
    finally:
        connection.close()


def _newest(folder: Path) -> float | None:
    try:
        return max(path.stat().st_mtime for path in folder.iterdir())
    except (OSError, ValueError):
        return None
