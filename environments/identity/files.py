"""Private files, written whole or not at all, and read only where nobody else could have touched them.

Invariants:
1. A file appears under its name only after its bytes and its folder entry are on disk (`fsync` both).
2. A private file has mode 0600 from its first byte; there is no moment when others may read it.
3. Reading refuses a symbolic link, a file that is no regular file, another owner's, or one that group
   or others may read or write: a key that others could have replaced is no key.

Example:
    >>> write_private(folder / "signing.key", secret)
    >>> read_private(folder / "signing.key") == secret
    True
"""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path

from data_contracts.errors import NotVerifiableError, UnreachableError, UsageError

__all__ = ["MAX_PRIVATE_BYTES", "make_private_folder", "read_private", "sync_folder", "write_private"]

MAX_PRIVATE_BYTES = 1024 * 1024
_OTHERS = 0o077


def sync_folder(folder: Path) -> None:
    """Put a folder's entries on disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_private_folder(folder: Path) -> None:
    """Make a folder of mode 0700 if it is missing; parents' modes never change."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)


def _place(staging: Path, path: Path) -> bool:
    staging.replace(path)
    return True


def _place_once(staging: Path, path: Path) -> bool:
    # A hard link is created only where no name stands: of two writers exactly one wins.
    try:
        path.hardlink_to(staging)
    except FileExistsError:
        return False
    finally:
        staging.unlink()
    return True


def write_private(path: Path, data: bytes, *, once: bool = False) -> bool:
    """Write a file of mode 0600 whole, durably; a reader sees the old bytes or the new ones.

    With `once`, an existing file stays as it is. Returns whether these bytes are the file's now.

    Raises:
        UnreachableError: the disk is full, read-only or gone.
    """
    staging = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        descriptor = os.open(staging, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        try:
            view = memoryview(data)
            while view:
                view = view[os.write(descriptor, view) :]
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        written = _place_once(staging, path) if once else _place(staging, path)
        sync_folder(path.parent)
    except OSError as error:
        staging.unlink(missing_ok=True)
        raise UnreachableError(
            f"{path.name}: cannot be written: {error.strerror}", remedy="look at the disk that holds the home"
        ) from None
    return written


def read_private(path: Path, *, limit: int = MAX_PRIVATE_BYTES) -> bytes:
    """Read a private file of at most `limit` bytes.

    Raises:
        UsageError: there is no such file.
        NotVerifiableError: it breaks invariant 3, or is larger than `limit`.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        raise UsageError(
            f"{path.name}: no such file in this environment", remedy="run `isthmus up` once"
        ) from None
    except OSError as error:
        raise NotVerifiableError(f"{path.name}: refused: {error.strerror}", remedy=_REMEDY) from None
    with os.fdopen(descriptor, "rb") as file:
        facts = os.fstat(descriptor)
        if not stat.S_ISREG(facts.st_mode) or facts.st_uid != os.geteuid() or facts.st_mode & _OTHERS:
            raise NotVerifiableError(f"{path.name}: others could read or replace it", remedy=_REMEDY)
        data = file.read(limit + 1)
    if len(data) > limit:
        raise NotVerifiableError(f"{path.name}: larger than {limit} bytes", remedy=_REMEDY)
    return data


_REMEDY = "find out who changed it; the file must be yours, regular and of mode 0600"
