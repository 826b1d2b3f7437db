"""Stores on objects, as far as an operator must know of them; asked in a child of the environment's own.

It writes nothing new: a store that was used holds a mark, and creating that very mark again tells what it
promises.
"""

from __future__ import annotations

from typing import Any

from environments.embedded.doctor.finding import Finding
from environments.home import EnvironmentFolder
from environments.profile import AzureStoreSpec, Profile, S3StoreSpec

__all__ = ["check_store", "is_remote"]


def is_remote(profile: Profile) -> bool:
    """Whether a profile's store lies on objects."""
    return isinstance(profile.store, (S3StoreSpec, AzureStoreSpec))


def check_store(folder: EnvironmentFolder, profile: Profile) -> list[dict[str, Any]]:
    """Return findings on a store: whether it can be reached, and whether one writer wins.

    Raises:
        UnreachableError: it cannot, or refuses the credentials.
    """
    from environments.stores.opening import open_store
    from environments.stores.remote import RemoteStore

    store = open_store(folder, profile)
    if not isinstance(store, RemoteStore):
        return []
    if store.is_new():
        what = f"{profile.name}: the store can be reached, and nothing was written there yet"
        return [vars(Finding("stores", "ok", what))]
    promised = store.capabilities()
    remedy = "let one machine only write to it, or take a server that refuses a second create (If-None-Match)"
    found = [
        Finding("stores", "warning", f"{profile.name}: {warning}", remedy) for warning in promised.warnings
    ]
    sound = Finding("stores", "ok", f"{profile.name}: {promised.medium}, one writer wins")
    return [vars(finding) for finding in found or [sound]]
