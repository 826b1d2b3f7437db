"""Files that a command hands to a person: new ones, whole, and theirs alone."""

from __future__ import annotations

import os
from pathlib import Path

from data_contracts.errors import UsageError
from environments.private import disk_errors

__all__ = ["read_bounded", "write_new"]

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def write_new(path: Path, raw: bytes) -> None:
    """Write a file of mode 0600 where none stands.

    Raises:
        UsageError: one stands there.
        UnreachableError: the disk refuses; no file is left.
    """
    with disk_errors(f"{path}: cannot be written"):
        try:
            descriptor = os.open(path, _NEW, 0o600)
        except FileExistsError:
            raise UsageError(f"{path}: stands there already", remedy="name another with --out") from None
        try:
            with os.fdopen(descriptor, "wb") as file:
                os.fchmod(descriptor, 0o600)
                file.write(raw)
                file.flush()
                os.fsync(descriptor)
        except BaseException:
            path.unlink(missing_ok=True)
            raise


def read_bounded(path: Path, limit: int) -> bytes:
    """Return a file's first `limit` bytes and one more: a reader of it refuses what is longer.

    Raises:
        UsageError: there is no such file.
        UnreachableError: it cannot be read.
    """
    with disk_errors(f"{path}: cannot be read"):
        try:
            with path.open("rb") as file:
                return file.read(limit + 1)
        except FileNotFoundError:
            raise UsageError(f"{path}: no such file") from None
