"""HOME: the one folder that holds a system's state, and in it one folder for each environment.

Invariants:
1. Everything under HOME is private (0700, 0600); the modes of HOME's parents never change.
2. A process of an environment gets its `EnvironmentFolder`, never the `Home`: nothing in the former
   leads to another environment.
3. State says which version wrote it. What another version wrote is recognised and left untouched.
4. Names are checked before they become paths.

    HOME/STATE_VERSION            "1"
    HOME/system/                  the embedded system: run state, API address, PostgreSQL, logs
    HOME/secrets/                 the system's own secrets; in it `trust/` (root, documents) and `requesters/`
    HOME/environments/NAME/       store keys ledger outbox incidents logs dask run peers trust prefect tmp
    HOME/transit/SRC/DST/         opened by these two environments only
    HOME/members/                 what lives on other machines: invitations, or the home that was joined

Example:
    >>> import tempfile
    >>> home = Home(Path(tempfile.mkdtemp()) / "home").create()
    >>> home.environment("cloud").store.relative_to(home.root).as_posix()
    'environments/cloud/store'
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from data_contracts.errors import NotVerifiableError, UnreachableError, UsageError
from environments.folder import EnvironmentFolder
from environments.private import check_private, disk_errors, make_private, read_private, write_private
from environments.ref import check_name

__all__ = ["STATE_VERSION", "EnvironmentFolder", "Home", "default_home"]

STATE_VERSION = 1
"""The version of everything under HOME; a release that lays it out otherwise counts it up."""


def default_home() -> Path:
    """Return the user's data directory for Isthmus (XDG on Linux)."""
    from platformdirs import user_data_path

    return user_data_path("isthmus")


class Home:
    """One system's state.

    Attributes:
        root: absolute path, links in its parents resolved.
    """

    def __init__(self, root: Path | str | None = None) -> None:
        """Name a home; nothing is touched. Without a path, the user's data directory."""
        path = Path(root).expanduser() if root is not None else default_home()
        self.root = path.parent.resolve() / path.name if path.name else path.resolve()

    def __repr__(self) -> str:
        return f"Home({str(self.root)!r})"

    @property
    def system(self) -> Path:
        """The embedded system's folder."""
        return self.root / "system"

    @property
    def secrets(self) -> Path:
        """The embedded system's secrets."""
        return self.root / "secrets"

    @property
    def environments(self) -> Path:
        """The folder of the environments' folders."""
        return self.root / "environments"

    @property
    def members(self) -> Path:
        """What is known of other machines: invitations that were issued, or the home that was joined."""
        return self.root / "members"

    def environment(self, name: str) -> EnvironmentFolder:
        """Name one environment's folder; nothing is touched.

        Raises:
            UsageError: `name` is no name.
        """
        return EnvironmentFolder(self.environments / check_name(name, "the environment"))

    def transit(self, source: str, destination: str) -> Path:
        """Name the transit between two environments; only the boundary may open it.

        Raises:
            UsageError: one of them is no name, or both are one.
        """
        check_name(source, "the source")
        check_name(destination, "the destination")
        if source == destination:
            raise UsageError(f"{source}: source and destination are one environment")
        return self.root / "transit" / source / destination

    def create(self) -> Home:
        """Make the home, or check the one that stands.

        An empty folder of our own is taken as it is and made private; one that holds anything else
        is refused.

        Raises:
            UsageError: the folder holds something else, or another version's state.
            NotVerifiableError: it is not ours alone.
            UnreachableError: the disk refuses.
        """
        if os.path.lexists(self.root) and not self._marked():
            self._adopt()
        make_private(self.root)
        if not self._marked():
            write_private(self.root / "STATE_VERSION", f"{STATE_VERSION}\n".encode())
        self.check()
        for folder in (self.system, self.secrets, self.environments, self.root / "transit"):
            make_private(folder)
        return self

    def check(self) -> Home:
        """Refuse a home that was never made, is not ours alone, or that another version wrote.

        Raises:
            UnreachableError: it was never made.
            UsageError: another version of Isthmus wrote it.
            NotVerifiableError: it is not ours alone, or its mark is damaged.
        """
        if not self._marked():
            raise UnreachableError(
                f"{self.root}: no Isthmus home", remedy="run `isthmus up` first, or name another --home"
            )
        check_private(self.root)
        check_version(read_private(self.root / "STATE_VERSION"), self.root)
        return self

    def read_state(self) -> dict[str, Any]:
        """Return the embedded system's run state (ports, pids, start times); empty if none runs.

        Raises:
            NotVerifiableError: the file is not what we wrote.
        """
        path = self.system / "state.json"
        try:
            state = json.loads(read_private(path))
        except FileNotFoundError:
            return {}
        except ValueError:
            state = None
        if not isinstance(state, dict):
            raise NotVerifiableError(f"{path}: not what we wrote", remedy="run `isthmus down`, remove it")
        return state

    def write_state(self, state: Mapping[str, Any]) -> None:
        """Replace the embedded system's run state in one step, mode 0600."""
        write_private(self.system / "state.json", json.dumps(state, indent=1).encode())

    def _marked(self) -> bool:
        return os.path.lexists(self.root / "STATE_VERSION")

    def _adopt(self) -> None:
        found = self.root.lstat()
        if not stat.S_ISDIR(found.st_mode):
            raise UsageError(f"{self.root}: is no folder", remedy="name a folder that is empty or not there")
        with disk_errors(f"{self.root}: cannot be used as a home"):
            if any(not entry.name.startswith(".STATE_VERSION.") for entry in self.root.iterdir()):
                raise UsageError(
                    f"{self.root}: holds files that are not Isthmus's",
                    remedy="name a folder that is empty or not there",
                )
            if found.st_uid == os.geteuid():
                self.root.chmod(0o700)


def check_version(mark: bytes, where: Path) -> None:
    """Refuse state that this version does not read.

    Raises:
        UsageError: an older or a newer version of Isthmus wrote it.
        NotVerifiableError: the mark is no number.
    """
    text = mark.strip()
    if not text.isdigit():
        raise NotVerifiableError(
            f"{where / 'STATE_VERSION'}: is damaged", remedy="restore the home from a backup, or name another"
        )
    found = int(text)
    if found == STATE_VERSION:
        return
    age = "an older" if found < STATE_VERSION else "a newer"
    raise UsageError(
        f"{where}: {age} Isthmus wrote this home (state version {found}; this one reads {STATE_VERSION})",
        remedy="use that version of Isthmus for it, or name another --home; nothing here was changed",
    )
