"""A transit in an object store: S3, or Azure Blob Storage.

Invariants:
1. Every object is sent in one request, so a reader sees it whole or not at all; a create is a put that the
   store refuses if the name is taken (`If-None-Match: *`).
2. Where requests go and who signs them comes from the declaration alone: words of the process's
   environment (`AWS_…`, `AZURE_…`) change neither.
3. What the store says when it refuses stays here: it may quote the request.

Example:
    >>> transit = ObjectTransit(open_s3(spec, credentials), "clinic/onprem/cloud", Capabilities("s3"))
    >>> transit.create(manifest_name(crossing), envelope)
    True
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import TYPE_CHECKING

import obstore
from obstore import exceptions
from obstore.store import AzureStore, S3Store

from data_contracts.errors import NotVerifiableError, UnreachableError
from environments.boundary.transit.names import MAX_NAMES, check_object, check_prefix, listed
from environments.boundary.transit.port import Capabilities, Data
from environments.transits import AzureTransitSpec, S3TransitSpec

if TYPE_CHECKING:
    from obstore.store import (
        AzureAccessKey,
        AzureSASToken,
        ClientConfig,
        ObjectStore,
        RetryConfig,
        S3Credential,
    )

__all__ = ["ObjectTransit", "open_azure", "open_s3"]

_MISSING = (FileNotFoundError, exceptions.NotFoundError)
_FORBIDDEN = (exceptions.PermissionDeniedError, exceptions.UnauthenticatedError)
_PAGE = 1000
_PIECE = 1024 * 1024
_RETRIES: RetryConfig = {"max_retries": 3, "retry_timeout": timedelta(seconds=60)}


def _client(endpoint: str) -> ClientConfig:
    return {"connect_timeout": "10s", "timeout": "5m", "allow_http": endpoint.startswith("http://")}


def open_s3(spec: S3TransitSpec, credentials: Mapping[str, str]) -> S3Store:
    """Return the bucket that a declaration names, opened with the keys of its file."""
    endpoint = spec.endpoint or f"https://s3.{spec.region}.amazonaws.com"

    def keys() -> S3Credential:
        return {
            "access_key_id": credentials["access_key_id"],
            "secret_access_key": credentials["secret_access_key"],
            "token": credentials.get("session_token"),
            "expires_at": None,
        }

    return S3Store(
        spec.bucket,
        region=spec.region,
        endpoint=endpoint,
        virtual_hosted_style_request=False,
        skip_signature=False,
        credential_provider=keys,
        client_options=_client(endpoint),
        retry_config=_RETRIES,
    )


def open_azure(spec: AzureTransitSpec, credentials: Mapping[str, str]) -> AzureStore:
    """Return the container that a declaration names, opened with the key of its file."""
    endpoint = spec.endpoint or f"https://{spec.account}.blob.core.windows.net"

    def keys() -> AzureAccessKey | AzureSASToken:
        if "account_key" in credentials:
            return {"access_key": credentials["account_key"], "expires_at": None}
        return {"sas_token": credentials["sas_token"], "expires_at": None}

    return AzureStore(
        container_name=spec.container,
        account_name=spec.account,
        endpoint=endpoint,
        skip_signature=False,
        use_emulator=False,
        credential_provider=keys,
        client_options=_client(endpoint),
        retry_config=_RETRIES,
    )


@contextmanager
def _store_errors(what: str) -> Iterator[None]:
    try:
        yield
    except (*_MISSING, exceptions.BaseError) as error:
        raise _refusal(what, error) from None


def _refusal(what: str, error: Exception) -> UnreachableError:
    if isinstance(error, _MISSING):
        return UnreachableError(
            f"{what}: there is no such bucket or container", remedy="make it, or mend the declaration"
        )
    # A listing that is refused comes without a class of its own; its status is read off the library's text.
    if isinstance(error, _FORBIDDEN) or re.search(r"status code: 40[13]\b", str(error)):
        return UnreachableError(
            f"{what}: the store refuses our credentials, or what they may do",
            remedy="look at the file of credentials, and grant list, read, write and delete below the prefix",
        )
    return UnreachableError(
        f"{what}: {type(error).__name__}",
        remedy="look whether the store can be reached from here, then run it again",
    )


class ObjectTransit:
    """Objects of a store, below one root."""

    def __init__(self, store: ObjectStore, root: str, capabilities: Capabilities) -> None:
        """Name what every name begins with (no `/` at its ends)."""
        self._store = store
        self._root = root
        self.capabilities = capabilities

    def _key(self, name: str) -> str:
        return f"{self._root}/{name}"

    def put(self, name: str, data: Data) -> None:
        """Store one object whole."""
        key = self._key(check_object(name))
        with _store_errors("the transit cannot be written"):
            obstore.put(self._store, key, data, use_multipart=False)

    def create(self, name: str, data: Data) -> bool:
        """Store one object whole, if there is none of the name."""
        key = self._key(check_object(name))
        with _store_errors("the transit cannot be written"):
            try:
                obstore.put(self._store, key, data, mode="create", use_multipart=False)
            except (exceptions.AlreadyExistsError, exceptions.PreconditionError):
                return False
        return True

    def get(self, name: str, *, limit: int) -> bytes | None:
        """Return one object of at most `limit` bytes; None where there is none."""
        key = self._key(check_object(name))
        with _store_errors("the transit cannot be read"):
            try:
                found = obstore.get(self._store, key)
            except _MISSING:
                return None
            told = found.meta["size"]
            if told > limit:
                raise _too_large(limit)
            pieces, size = [], 0
            for piece in found.stream(min_chunk_size=max(1, min(told, _PIECE))):
                pieces.append(bytes(piece))
                size += len(pieces[-1])
                if size > limit:
                    raise _too_large(limit)
        if size != told:
            raise UnreachableError("the transit cannot be read: an object was cut short", remedy="try again")
        return b"".join(pieces)

    def size(self, name: str) -> int | None:
        """Return an object's size in bytes; None where there is none."""
        key = self._key(check_object(name))
        with _store_errors("the transit cannot be read"):
            try:
                return obstore.head(self._store, key)["size"]
            except _MISSING:
                return None

    def names(self, prefix: str, *, after: str = "") -> Iterator[str]:
        """Return the names of the objects of one crossing that sort after `after`, sorted."""
        found = (key.removeprefix(f"{self._root}/") for key in self._keys(check_prefix(prefix), after))
        return listed(found, prefix, after)

    def _keys(self, prefix: str, after: str = "") -> Iterator[str]:
        with _store_errors("the transit cannot be read"):
            offset = self._key(after) if after else None
            for page in obstore.list(self._store, self._key(prefix), offset=offset, chunk_size=_PAGE):
                yield from (item["path"] for item in page)

    def delete(self, name: str) -> None:
        """Remove one object, if it is there."""
        self._delete([self._key(check_object(name))])

    def clear(self, prefix: str) -> None:
        """Remove everything of one crossing."""
        # A listing that never ends is left for the next clear.
        page: list[str] = []
        for count, key in enumerate(self._keys(check_prefix(prefix))):
            page.append(key)
            if len(page) == _PAGE or count == MAX_NAMES:
                self._delete(page)
                page = []
            if count == MAX_NAMES:
                return
        self._delete(page)

    def _delete(self, keys: list[str]) -> None:
        if not keys:
            return
        with _store_errors("the transit cannot be written"):
            try:
                obstore.delete(self._store, keys)
            except _MISSING:
                # Some stores stop at the first that is gone already: the rest one by one.
                for key in keys:
                    with suppress(*_MISSING):
                        obstore.delete(self._store, key)


def _too_large(limit: int) -> NotVerifiableError:
    return NotVerifiableError(f"an object in the transit is larger than {limit} bytes")
