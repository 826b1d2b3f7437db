"""What one system remembers of itself between starts.

Invariants:
1. `HOME/system/settings.json` holds nothing secret: the supervisor may know all of it, and whatever it
   knows is in the memory of every process that it forks.
2. A secret is one file in `HOME/secrets` (0600), made once, and read only by the child that needs it.

Example:
    >>> settings = load_settings(home, create=True)
    >>> load_settings(home) == settings
    True
"""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal, Protocol

from data_contracts.errors import NotVerifiableError
from environments.embedded.binaries import choose_uid
from environments.private import read_private, write_private

__all__ = ["SystemHome", "SystemSettings", "load_settings", "make_secrets", "remember_port", "secret"]

Secret = Literal["api", "database"]


class SystemHome(Protocol):
    """What this module needs of a home."""

    @property
    def system(self) -> Path:
        """The folder of the system."""

    @property
    def secrets(self) -> Path:
        """The folder of the system's secrets."""


@dataclass(frozen=True)
class SystemSettings:
    """One system's memory.

    Attributes:
        mark: random, whole in the environment of each of its processes; not secret.
        port: of the API; None until one was bound.
        database_uid: the user that PostgreSQL runs as where we are root; None: as ourselves.
    """

    mark: str
    port: int | None = None
    database_uid: int | None = None


def _file(home: SystemHome) -> Path:
    return home.system / "settings.json"


def load_settings(home: SystemHome, *, create: bool = False) -> SystemSettings | None:
    """Return the system's memory; None where no system was ever started here.

    Raises:
        NotVerifiableError: the file is not ours alone, or not what we wrote.
    """
    try:
        document = json.loads(read_private(_file(home)))
        return SystemSettings(**document)
    except FileNotFoundError:
        if not create:
            return None
    except (ValueError, TypeError):
        raise NotVerifiableError(
            f"{_file(home)}: not what we wrote", remedy="restore it from a backup, or remove it after `down`"
        ) from None
    settings = SystemSettings(secrets.token_hex(16), None, choose_uid() if os.geteuid() == 0 else None)
    write_private(_file(home), json.dumps(asdict(settings)).encode())
    return settings


def remember_port(home: SystemHome, settings: SystemSettings, port: int) -> SystemSettings:
    """Keep the port that was bound."""
    if settings.port == port:
        return settings
    changed = replace(settings, port=port)
    write_private(_file(home), json.dumps(asdict(changed)).encode())
    return changed


def make_secrets(home: SystemHome) -> None:
    """Make the secrets that are missing; call it in a child that ends."""
    for name in ("api", "database"):
        path = home.secrets / name
        if not path.exists():
            write_private(path, secrets.token_urlsafe(32).encode())


def secret(home: SystemHome, name: Secret) -> str:
    """Read one secret; call it in the child that needs it.

    Raises:
        NotVerifiableError: it is missing, or others could have read it.
    """
    path = home.secrets / name
    try:
        return read_private(path).decode("ascii")
    except FileNotFoundError:
        raise NotVerifiableError(f"{path}: is missing", remedy="restore it from a backup") from None
