"""The environment host: one process that is the parent of everything an environment runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from environments.workpools.catalogue import Catalogue

if TYPE_CHECKING:
    from environments.embedded.api import ApiAddress
    from environments.home import EnvironmentFolder
    from environments.profile import Profile
    from environments.site import Site

__all__ = ["run_host"]


def run_host(  # noqa: PLR0913 - the composition root names every part that it hands over
    folder: EnvironmentFolder,
    profile: Profile,
    api: ApiAddress,
    catalogue_factory: Callable[[], Catalogue],
    *,
    site: Site,
    parts: Sequence[str] = ("cluster", "worker"),
) -> int:
    """Run the environment until it is told to stop (SIGTERM, SIGINT); return an exit status.

    Must be called in a process with one thread. `catalogue_factory` is called here, before any
    fork, so that what it imports is shared; it must start no thread.
    """
    raise NotImplementedError
