"""Credentials of a transit or a store: read from files of ours alone, where they are used, and shown nowhere.

Invariants:
1. A file that others may read, that is a link, or that belongs to somebody else, is refused.
2. No message holds a value of the file.

Example:
    >>> read_credentials(path, S3_KEYS)["access_key_id"]
    'AKIA…'
"""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Mapping
from pathlib import Path

from data_contracts.errors import UsageError
from environments.private import read_private

__all__ = ["AZURE_KEYS", "S3_KEYS", "private_file", "read_credentials"]

S3_KEYS = (
    frozenset({"access_key_id", "secret_access_key"}),
    frozenset({"access_key_id", "secret_access_key", "session_token"}),
)
"""The sets of keys of which a file for S3 holds one."""
AZURE_KEYS = (frozenset({"account_key"}), frozenset({"sas_token"}))
"""The same for Azure Blob Storage."""


def private_file(path: Path, what: str) -> Path:
    """Return the path of a file that is there and ours alone.

    Raises:
        UsageError: it is not there.
        NotVerifiableError: others could read or replace it.
    """
    _read(path, what)
    return path


def _read(path: Path, what: str) -> bytes:
    try:
        return read_private(path)
    except FileNotFoundError:
        raise UsageError(
            f"{path}: no file here ({what})", remedy="write it, with mode 0600, or mend the declaration"
        ) from None


def read_credentials(path: Path, sets: Collection[frozenset[str]]) -> Mapping[str, str]:
    """Read a TOML file that holds one of the sets of keys, a text each.

    Raises:
        UsageError: it is not there, or not of that form.
        NotVerifiableError: others could read or replace it.
    """
    expected = " or ".join(", ".join(sorted(keys)) for keys in sets)
    refusal = UsageError(f"{path}: not the credentials that belong here", remedy=f"TOML with: {expected}")
    try:
        found = tomllib.loads(_read(path, "credentials").decode("utf-8"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError):
        raise refusal from None
    if frozenset(found) not in sets or not all(isinstance(value, str) and value for value in found.values()):
        raise refusal
    return found
