"""The folder of the one environment whose ledger a command opens."""

from __future__ import annotations

from environments.home import EnvironmentFolder, Home
from environments.site import Site

__all__ = ["open_folder"]


def open_folder(home: Home, site: Site, env: str) -> EnvironmentFolder:
    """Return the environment's folder.

    Raises:
        UsageError: the site declares no such environment.
        UnreachableError: it was never set up.
    """
    site.profile(env)
    return home.check().environment(env).check()
