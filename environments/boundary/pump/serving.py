"""Pumping until told to stop: a round whenever something is due, by what is declared at that moment.

Invariants:
1. Between rounds no key is open and nothing heavy is done: outbox and folders are looked at, once a second.
2. Each round reads the site anew: what its files say now is what decides.

Example:
    >>> serve(folder, site.root, make_round=pump.round, wait=stop.wait)    # until `wait` says so
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path

from data_contracts.errors import IsthmusError
from environments.boundary.pump.due import anything_due
from environments.folder import EnvironmentFolder
from environments.site import Site

__all__ = ["Declared", "serve"]

TICK_S = 1.0


class Declared:
    """What a site's environment files say, read again only when one of them was changed."""

    def __init__(self, root: Path | None) -> None:
        """Name the site; None is what ships."""
        self._root = root
        self._mark: object = None
        self._site = Site()

    def site(self) -> Site:
        """Return the site as its environment files are now.

        Raises:
            DeclarationError: they have problems.
            UsageError: the site is gone.
        """
        if self._root is None:
            return self._site
        files = sorted((self._root / "environments").glob("*.y*ml"))
        mark = [(path.name, (found := path.stat()).st_mtime_ns, found.st_size) for path in files]
        if mark != self._mark:
            self._site, self._mark = Site.load(self._root), mark
        return self._site


def serve(
    folder: EnvironmentFolder,
    root: Path | None,
    *,
    make_round: Callable[[], object],
    wait: Callable[[float], object],
    unread: Callable[[IsthmusError], None],
) -> None:
    """Make rounds whenever something is due, until `wait` gives something true.

    Args:
        folder: the environment's.
        root: the site's; None for what ships.
        make_round: makes one round.
        wait: waits so many seconds.
        unread: is told of a site whose files do not read at this moment: nothing is sent until they do.

    Raises:
        UnreachableError: the environment's own disk refuses.
    """
    declared = Declared(root)
    while True:
        try:
            site = declared.site()
            profile = site.profile(folder.name)
        except IsthmusError as error:
            unread(error)
        else:
            peers = site.profiles.keys() - {folder.name}
            if anything_due(folder, profile, peers, dt.datetime.now(dt.UTC)):
                make_round()
        if wait(TICK_S):
            return
