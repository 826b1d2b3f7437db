"""PostgreSQL for the control plane: one role, one socket, no network, private to this home.

Invariants:
1. It listens on no network. Its one socket lies in its data folder (0700) and asks for a password.
2. The data folder stays inside HOME whatever the modes of HOME's parents: the process enters it as the
   owner of HOME, and only then becomes PostgreSQL's own user, who could never walk there.
3. A data folder is complete or it is not there: it is made beside its place and renamed.
4. Its log holds no statement, no parameter and no detail: values that the server stores stay out of it.
5. `postmaster.pid` of a dead system is removed only after no process stands in the folder any more.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn
from urllib.parse import quote

from data_contracts.errors import UnreachableError, UsageError
from environments.embedded.binaries import install_for, server_version, setup_user
from environments.embedded.processes import ProcessId, die_with_parent, end, working_in
from environments.private import disk_errors

__all__ = ["Postgres", "exec_postgres", "is_ready", "major_version", "sweep_postgres"]

_ROLE = "isthmus"
_OPTIONS = {
    "listen_addresses": "",
    "unix_socket_directories": ".",
    "unix_socket_permissions": "0700",
    "password_encryption": "scram-sha-256",
    "shared_buffers": "32MB",
    "max_connections": "60",
    "max_wal_size": "256MB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_parallel_workers_per_gather": "0",
    "autovacuum_max_workers": "1",
    "jit": "off",
    # The ledgers are the record and this is the view: after a power cut it may be half a second behind.
    "synchronous_commit": "off",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_parameter_max_length_on_error": "0",
    "log_line_prefix": "%m [%p] ",
    "log_timezone": "UTC",
}
_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}


@dataclass(frozen=True)
class Postgres:
    """One database server.

    Attributes:
        data: its folder.
        password: of the one role.
        uid: the user that it runs as where we are root; None: ourselves.
    """

    data: Path
    password: str = field(repr=False)
    uid: int | None = None

    def url(self, descriptor: int) -> str:
        """Return the server's connection URL by an open descriptor of `data`.

        A socket's path may have 107 bytes and HOME's may have more; `/proc/self/fd/N` never has.
        """
        password = quote(self.password, safe="")
        return f"postgresql+asyncpg://{_ROLE}:{password}@/postgres?host=/proc/self/fd/{descriptor}"


def _become(uid: int | None, folder: Path) -> None:
    os.chdir(folder)
    if uid is not None:
        os.setgroups([])
        os.setgid(uid)
        os.setuid(uid)


def _own(folder: Path, uid: int | None) -> None:
    if uid is None:
        return
    os.chown(folder, uid, uid)
    for place, folders, files in os.walk(folder):
        for name in (*folders, *files):
            os.chown(Path(place, name), uid, uid, follow_symlinks=False)


def _initialise(postgres: Postgres, install: Path) -> None:
    """Make the data folder, as a user with a name, then hand it to PostgreSQL's own."""
    draft = postgres.data.with_name(f"{postgres.data.name}.draft")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(mode=0o700)
    maker = setup_user(postgres.uid)
    _own(draft, maker)
    secret = os.memfd_create("password")
    os.write(secret, postgres.password.encode() + b"\n")
    os.lseek(secret, 0, os.SEEK_SET)
    command = [
        str(install / "bin" / "initdb"), "--pgdata=/proc/self/cwd", f"--username={_ROLE}",
        "--auth-local=scram-sha-256", "--auth-host=reject", f"--pwfile=/proc/self/fd/{secret}",
        "--encoding=UTF8", "--locale=C", "--sync-method=syncfs", "--no-instructions",
    ]  # fmt: skip
    made = subprocess.run(
        command,
        preexec_fn=lambda: _become(maker, draft),
        pass_fds=[secret],
        env=_ENVIRONMENT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(secret)
    if made.returncode != 0:
        shutil.rmtree(draft, ignore_errors=True)
        raise UnreachableError(
            f"PostgreSQL's data folder cannot be made: {made.stderr.strip()[-300:]}",
            remedy="look at the disk (`isthmus doctor`), then run `isthmus up` again",
        )
    _own(draft, postgres.uid)
    draft.rename(postgres.data)


def exec_postgres(postgres: Postgres) -> NoReturn:
    """Become PostgreSQL; call it in a forked child. Makes the data folder where there is none.

    Raises:
        UnreachableError: the data folder cannot be made.
        UsageError: another major version wrote it.
    """
    parent = os.getppid()
    install = install_for(postgres.uid)
    if not postgres.data.exists():
        with disk_errors(f"{postgres.data}: PostgreSQL's data folder cannot be made"):
            _initialise(postgres, install)
    written, ours = major_version(postgres.data), server_version().partition(".")[0]
    if written != ours:
        raise UsageError(
            f"{postgres.data} was written by PostgreSQL {written or '(unknown)'}; this is {ours}",
            remedy="use the version of Isthmus that wrote it, or move that folder away: it holds the view of "
            "past runs only, no data and no record",
        )
    options = [part for name, value in _OPTIONS.items() for part in ("-c", f"{name}={value}")]
    _become(postgres.uid, postgres.data)
    die_with_parent(
        signal.SIGINT, parent
    )  # a change of user forgets it, so after; SIGINT: a fast, clean stop
    binary = str(install / "bin" / "postgres")
    os.execve(binary, [binary, "-D", "/proc/self/cwd", *options], _ENVIRONMENT)  # noqa: S606 - no shell is meant


def is_ready(data: Path) -> bool:
    """Whether the server in this folder says that it takes connections (line 8 of its pid file)."""
    try:
        lines = (data / "postmaster.pid").read_text(encoding="utf-8").splitlines()
    except OSError:
        return False
    return len(lines) > 7 and lines[7].strip() == "ready"  # noqa: PLR2004 - the file's eighth line


def major_version(data: Path) -> str | None:
    """Return the major version that wrote the data folder; None where there is none."""
    try:
        return (data / "PG_VERSION").read_text(encoding="ascii").strip()
    except OSError:
        return None


def sweep_postgres(data: Path) -> list[ProcessId]:
    """End every server process that stands in this folder, remove its socket, return whoever is left."""
    left = end(
        working_in(data),
        signals=((signal.SIGINT, 5.0), (signal.SIGQUIT, 3.0), (signal.SIGKILL, 2.0)),
    )
    if not left:
        for name in (".s.PGSQL.5432", ".s.PGSQL.5432.lock", "postmaster.pid"):
            with suppress(OSError):
                (data / name).unlink(missing_ok=True)
    return left
