"""Commands under other user ids, as on other machines: real processes, real refusals of the kernel.

Invariants:
1. A command of a user has that user's id, one group of its own, and the groups that the test gives it; no
   capability.
2. Where the interpreter or this checkout lies in a folder that others may not enter, a private mount
   namespace shows it to them at its own place. The folder's mode stays as it is.
"""

from __future__ import annotations

import json
import os
import pwd
import shlex
import shutil
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).resolve().parents[2]
ISTHMUS = (sys.executable, "-P", "-c", "from flows.cli.main import main; main()")
_NAMED = ("games", "news", "uucp", "list", "irc", "backup")


def some_users(number: int = 3) -> list[pwd.struct_passwd]:
    """Return users that have names (initdb insists on one) and that no person is."""
    known = {entry.pw_name: entry for entry in pwd.getpwall()}
    return [known[name] for name in _NAMED if name in known][:number]


def _closed(path: Path) -> Path | None:
    """Return the outermost folder on the way to `path` that others may not enter."""
    above = [*reversed(path.parents), path]
    return next((folder for folder in above if not folder.stat().st_mode & stat.S_IXOTH), None)


def why_not(number: int = 3) -> str:
    """Return why commands cannot run as so many others here; empty where they can."""
    if os.geteuid() != 0:
        return "only root can run processes under three user ids"
    if len(some_users(number)) < number:
        return "this machine does not know three users that no person is"
    if _hidden() and subprocess.run(["unshare", "--mount", "true"], check=False).returncode != 0:
        return "others cannot enter this checkout, and no mount namespace may be made"
    return ""


def _hidden() -> dict[Path, list[Path]]:
    """Return what must be shown to others, by the closed folder that hides it."""
    found: dict[Path, list[Path]] = {}
    for target in {Path(sys.base_prefix).resolve(), Path(sys.prefix).resolve(), ROOT}:
        closed = _closed(target)
        if closed is not None:
            found.setdefault(closed, []).append(target)
    return found


def _showing(stash: Path) -> list[str]:
    """Return what a command must run under, so that others can enter what is hidden."""
    hidden = _hidden()
    if not hidden:
        return []
    lines, number = ["set -e"], 0
    for closed, targets in hidden.items():
        places = []
        for target in targets:
            number += 1
            place = stash / str(number)
            place.mkdir(parents=True, exist_ok=True)
            places.append((place, target))
            lines.append(f"mount --bind {shlex.quote(str(target))} {shlex.quote(str(place))}")
        lines.append(f"mount -t tmpfs -o mode=0755 tmpfs {shlex.quote(str(closed))}")
        for place, target in places:
            lines.append(f"mkdir -p -m 0755 {shlex.quote(str(target))}")
            lines.append(f"mount --bind {shlex.quote(str(place))} {shlex.quote(str(target))}")
    return ["unshare", "--mount", "sh", "-c", "\n".join([*lines, 'exec "$@"']), "sh"]


@dataclass(frozen=True)
class User:
    """One user, with a folder of its own in which its home lies.

    Attributes:
        name: as /etc/passwd has it.
        uid: its id.
        gid: its group.
        groups: other groups that it is in.
        folder: its own, of mode 0700.
        site: what is declared; all read the same.
        within: what its commands run under, such as another network namespace.
    """

    name: str
    uid: int
    gid: int
    groups: tuple[int, ...]
    folder: Path
    site: Path
    within: tuple[str, ...] = ()

    @property
    def home(self) -> Path:
        return self.folder / "home"

    def words(self, *command: str) -> list[str]:
        """Return what runs a command as this user."""
        groups = ",".join(map(str, (self.gid, *self.groups)))
        as_user = [
            "setpriv", f"--reuid={self.uid}", f"--regid={self.gid}", f"--groups={groups}",
            "--inh-caps=-all", "--bounding-set=-all", "--no-new-privs",
        ]  # fmt: skip
        return [*self.within, *_showing(self.site.parent / "shown"), *as_user, *command]

    def surroundings(self) -> dict[str, str]:
        """Return the environment of this user's processes."""
        return {
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "LANG": "C.UTF-8",
            "HOME": str(self.folder),
            "ISTHMUS_HOME": str(self.home),
            "ISTHMUS_SITE": str(self.site),
            "PYTHONSAFEPATH": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
        }

    def start(self, *command: str, timeout: float = 240) -> subprocess.CompletedProcess[str]:
        """Run any command as this user, in its folder."""
        # Into files, not pipes: a system that was started keeps what it inherited open.
        with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
            ended = subprocess.run(
                self.words(*command),
                stdout=out, stderr=err, stdin=subprocess.DEVNULL, check=False, timeout=timeout,
                env=self.surroundings(), cwd=self.site,
            )  # fmt: skip
            told = [stream.seek(0) or stream.read() for stream in (out, err)]
        return subprocess.CompletedProcess(list(command), ended.returncode, *told)

    def run(self, *words: str, code: int = 0) -> str:
        """Run `isthmus` as this user; return what it printed."""
        done = self.start(*ISTHMUS, *words)
        told = f"{self.name}: isthmus {words}: {done.returncode}\n{done.stdout}{done.stderr}"
        assert done.returncode == code, told
        return done.stdout + (done.stderr if code else "")

    def json(self, *words: str, code: int = 0) -> Any:
        return json.loads(self.run(*words, "--json", code=code))

    def tries(self, *paths: Path) -> dict[str, str]:
        """Open each path as this user does it: to list a folder, to read a file; return what came of it."""
        code = (
            "import json, os, sys\nfound = {}\nfor path in sys.argv[1:]:\n    try:\n"
            "        os.listdir(path) if os.path.isdir(path) else open(path, 'rb').read(1)\n"
            "        found[path] = 'open'\n    except OSError as error:\n"
            "        found[path] = type(error).__name__\nprint(json.dumps(found))"
        )
        done = self.start(sys.executable, "-P", "-c", code, *map(str, paths))
        assert done.returncode == 0, done.stderr
        told: dict[str, str] = json.loads(done.stdout)
        return told

    def hand_over(self, file: Path, other: User) -> Path:
        """Carry a file to another user's folder, as a person would."""
        there = other.folder / file.name
        shutil.copyfile(file, there)
        os.chown(there, other.uid, other.gid)
        there.chmod(0o600)
        return there

    def processes(self) -> list[psutil.Process]:
        """Return what runs for this user's home."""
        found = []
        for process in psutil.process_iter():
            try:
                named = process.environ().get("ISTHMUS_HOME") == str(self.home)
                if named or str(self.home) in process.cmdline():
                    found.append(process)
            except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
                continue
        return found


def take_down(users: Iterable[User]) -> list[str]:
    """Stop the system of every home, side by side; end what is left by force, and tell of it."""
    known, left = list(users), []
    with ThreadPoolExecutor(len(known)) as pool:
        downs = [pool.submit(user.start, *ISTHMUS, "down") for user in known if user.home.exists()]
        for down in downs:
            down.result()
    for user in known:
        deadline = time.monotonic() + 10
        while (alive := user.processes()) and time.monotonic() < deadline:
            time.sleep(0.1)
        for process in alive:
            with suppress(psutil.NoSuchProcess):
                left.append(f"{user.name}: {' '.join(process.cmdline())[:120]}")
                process.kill()
    return left
