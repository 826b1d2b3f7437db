"""Which process opened files of which environment, read from what `strace -ff` saw.

Invariants:
1. A thread's opens are its process's. A name that was opened and not there counts like one that was.
2. A path counts by what the kernel resolved: relative to the folder or descriptor that it was given for,
   and, where the open succeeded, also by where it led (a link into an environment is found).
3. Nothing is sorted out: a file of an environment is any path in its folder, and the folder itself.

Example:
    ```python
    run(["isthmus", "up"], prefix=strace(folder))
    assert not [process for process in processes(folder, home) if len(process.environments) > 1]
    ```
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil

_CALLS = (
    "open,openat,openat2,creat,rename,renameat,renameat2,unlink,unlinkat,mkdir,mkdirat,link,linkat,symlink"
)
_FORKS = "clone,clone3,fork,vfork"
_PATH = re.compile(r'(?:(?:AT_FDCWD|\d+)<(?P<base>[^>]*)>, )?"(?P<path>(?:[^"\\]|\\.)*)"')
_LED_TO = re.compile(r" = \d+<(?P<path>/[^>]*)>")
_THREAD = re.compile(r"^clone.*CLONE_THREAD.* = (?P<tid>\d+)$")


@dataclass
class Opened:
    """What one process opened.

    Attributes:
        pid: the process.
        environments: whose files.
        transits: (source, destination) of the transits.
        proof: one line of the trace for each.
    """

    pid: int
    environments: set[str] = field(default_factory=set)
    transits: set[tuple[str, str]] = field(default_factory=set)
    proof: dict[str, str] = field(default_factory=dict)


def strace(folder: Path) -> list[str]:
    """Return the words before a command that have it and all it starts traced into `folder`.

    The tracer is no parent of the command: the call returns when the command does, and the tracer stays
    as long as anything that the command left behind.
    """
    folder.mkdir()
    traced = ["-e", f"trace={_CALLS},{_FORKS}", "-o", str(folder / "trace")]
    return ["strace", "-DDD", "-f", "-ff", "-qq", "-y", "-s", "4096", "--seccomp-bpf", *traced]


def tracers(folder: Path) -> list[psutil.Process]:
    """Return the tracers that still write into `folder` or one below it."""
    found = []
    for process in psutil.process_iter():
        try:
            words = process.cmdline()
        except (psutil.NoSuchProcess, psutil.ZombieProcess, psutil.AccessDenied):
            continue
        if words[:1] == ["strace"] and any(word.startswith(f"{folder}/") for word in words):
            found.append(process)
    return found


def processes(folder: Path, home: Path) -> list[Opened]:
    """Return every traced process that opened a file of an environment or of a transit of `home`."""
    lines = {
        int(path.name.rpartition(".")[2]): path.read_text(encoding="utf-8", errors="replace").splitlines()
        for path in sorted(folder.glob("trace.*"))
    }
    process_of: dict[int, int] = {}
    for creator, seen in lines.items():
        for line in seen:
            if thread := _THREAD.match(line):
                process_of[int(thread["tid"])] = creator
    found: dict[int, Opened] = {}
    for tid, seen in lines.items():
        pid = tid
        while pid in process_of:
            pid = process_of[pid]
        for line in seen:
            for path in _paths(line):
                _count(found.setdefault(pid, Opened(pid)), path, home, line)
    return [opened for opened in found.values() if opened.environments or opened.transits]


def _paths(line: str) -> Iterator[str]:
    for match in _PATH.finditer(line):
        if match["base"] is not None or match["path"].startswith("/"):
            yield posixpath.normpath(posixpath.join(match["base"] or "/", match["path"]))
    if led := _LED_TO.search(line):
        yield posixpath.normpath(led["path"])


def _count(opened: Opened, path: str, home: Path, line: str) -> None:
    parts = Path(path).parts
    root = home.parts
    if parts[: len(root)] != root:
        return
    match parts[len(root) :]:
        case ("environments", environment, *_):
            opened.environments.add(environment)
            opened.proof.setdefault(environment, line)
        case ("transit", source, destination, *_):
            opened.transits.add((source, destination))
            opened.proof.setdefault(f"{source}/{destination}", line)
        case _:
            pass
