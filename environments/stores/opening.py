"""From a profile's store to the store itself: the one place that knows which kinds there are.

Invariants:
1. A store that cannot be opened is an error, never another store.
2. A store on objects has the environment's name in the name of every object: two environments that declare
   one bucket do not meet in it.
3. A medium's library is imported by whoever declares that medium.
"""

from __future__ import annotations

from data_contracts.errors import UsageError
from environments.home import EnvironmentFolder
from environments.objects.credentials import AZURE_KEYS, S3_KEYS, read_credentials
from environments.profile import AzureStoreSpec, Profile, S3StoreSpec
from environments.stores.local import LocalStore
from environments.stores.protocol import AssetStore

__all__ = ["open_store"]


def open_store(folder: EnvironmentFolder, profile: Profile) -> AssetStore:
    """Return an environment's store; nothing is written.

    Raises:
        UsageError: another version of Isthmus wrote it, or a file of credentials is not what it should be.
        NotVerifiableError: others could read or replace such a file.
    """
    spec = profile.store
    if isinstance(spec, (S3StoreSpec, AzureStoreSpec)):
        return _objects(folder, profile.name, spec)
    return LocalStore(spec.path or folder.store)


def _objects(folder: EnvironmentFolder, name: str, spec: S3StoreSpec | AzureStoreSpec) -> AssetStore:
    from environments.objects.bucket import Bucket
    from environments.objects.client import open_azure, open_s3
    from environments.stores.remote import RemoteStore

    if folder.name != name:
        raise UsageError(f"{name}: its store is opened from its own folder, not from that of {folder.name}")
    if isinstance(spec, S3StoreSpec):
        medium = "s3"
        client = open_s3(spec, read_credentials(spec.credentials, S3_KEYS))
        bucket = Bucket(client, _root(spec.prefix, name), "the store")
    else:
        medium = "azure"
        container = open_azure(spec, read_credentials(spec.credentials, AZURE_KEYS))
        bucket = Bucket(container, _root(spec.prefix, name), "the store")
    return RemoteStore(bucket, folder.store / "copies", medium=medium, limit=spec.cache)


def _root(prefix: str, name: str) -> str:
    return f"{prefix}/{name}" if prefix else name
