"""From a profile's store to the store itself: the one place that knows which kinds there are."""

from __future__ import annotations

from environments.home import EnvironmentFolder
from environments.profile import Profile
from environments.stores.local import LocalStore
from environments.stores.protocol import AssetStore

__all__ = ["open_store"]


def open_store(folder: EnvironmentFolder, profile: Profile) -> AssetStore:
    """Return an environment's store; nothing is written.

    Raises:
        UsageError: another version of Isthmus wrote it.
    """
    return LocalStore(profile.store.path or folder.store)
