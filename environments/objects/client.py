"""Opening an object store as a declaration says, and saying what went wrong with it.

Invariants:
1. Where requests go and who signs them comes from the declaration alone: words of the process's
   environment (`AWS_…`, `AZURE_…`) change neither.
2. What the store says when it refuses stays here: it may quote the request.

Example:
    >>> client = open_s3(spec, read_credentials(spec.credentials, S3_KEYS))
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol

from obstore import exceptions
from obstore.store import AzureStore, S3Store

from data_contracts.errors import UnreachableError

if TYPE_CHECKING:
    from obstore.store import AzureAccessKey, AzureSASToken, ClientConfig, RetryConfig, S3Credential

__all__ = ["MISSING", "AzurePlace", "S3Place", "open_azure", "open_s3", "store_errors"]

MISSING = (FileNotFoundError, exceptions.NotFoundError)
"""What a store raises for an object, a bucket or a container that is not there."""
_FORBIDDEN = (exceptions.PermissionDeniedError, exceptions.UnauthenticatedError)
_RETRIES: RetryConfig = {"max_retries": 3, "retry_timeout": timedelta(seconds=60)}


class S3Place(Protocol):
    """What a declaration says of a bucket."""

    @property
    def bucket(self) -> str:
        """Its name."""

    @property
    def region(self) -> str:
        """Its region."""

    @property
    def endpoint(self) -> str:
        """The server; empty for Amazon's in that region."""


class AzurePlace(Protocol):
    """What a declaration says of a container."""

    @property
    def account(self) -> str:
        """The storage account."""

    @property
    def container(self) -> str:
        """Its name."""

    @property
    def endpoint(self) -> str:
        """The server; empty for Azure's of that account."""


def _client(endpoint: str) -> ClientConfig:
    return {"connect_timeout": "10s", "timeout": "5m", "allow_http": endpoint.startswith("http://")}


def open_s3(spec: S3Place, credentials: Mapping[str, str]) -> S3Store:
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


def open_azure(spec: AzurePlace, credentials: Mapping[str, str]) -> AzureStore:
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
def store_errors(what: str) -> Iterator[None]:
    """Turn a store's errors into one that says what could not be done, and what to do.

    Raises:
        UnreachableError: any error of the store inside the block.
    """
    try:
        yield
    except (*MISSING, exceptions.BaseError) as error:
        raise _refusal(what, error) from None


def _refusal(what: str, error: Exception) -> UnreachableError:
    # What a listing is refused for, and that nobody answers, come without a class of their own: both are read
    # off the library's text, of which nothing is passed on.
    text = str(error)
    if isinstance(error, MISSING) or re.search(r"status code: 404\b", text):
        return UnreachableError(
            f"{what}: there is no such bucket or container", remedy="make it, or mend the declaration"
        )
    if isinstance(error, _FORBIDDEN) or re.search(r"status code: 40[13]\b", text):
        return UnreachableError(
            f"{what}: the store refuses our credentials, or what they may do",
            remedy="look at the file of credentials, and grant list, read, write and delete below the prefix",
        )
    why = "it does not answer" if "HTTP error: error sending request" in text else type(error).__name__
    return UnreachableError(
        f"{what}: {why}",
        remedy="look whether the store can be reached from here, then run it again",
    )
