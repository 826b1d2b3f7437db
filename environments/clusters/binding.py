"""The one way to reach an environment's Dask cluster: connect, then verify who answered."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from distributed import Client

    from environments.home import EnvironmentFolder
    from environments.profile import Profile

__all__ = ["connect"]


def connect(folder: EnvironmentFolder, profile: Profile, *, timeout: float = 30.0) -> Client:
    """Connect to the environment's cluster and verify the scheduler's identity.

    Raises:
        UnreachableError: no scheduler answers within `timeout` seconds.
        NotVerifiableError: what answers is not the scheduler that this environment recorded.
    """
    raise NotImplementedError
