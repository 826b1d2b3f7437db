"""Key files: what `environments.private` gives, and two duties more.

Invariants:
1. A key file is written once: of two writers one wins, and both then read the winner's.
2. A missing key file is told apart from a damaged one; neither is ever replaced in silence.
"""

from __future__ import annotations

import secrets
from contextlib import suppress
from pathlib import Path

from data_contracts.errors import NotVerifiableError, UsageError
from environments.private import disk_errors, read_private, sync_folder, write_private

__all__ = ["read_key", "write_once"]

_MAX_BYTES = 64 * 1024


def write_once(path: Path, data: bytes) -> None:
    """Write a file of mode 0600 whole and durably, unless one stands there.

    Raises:
        UnreachableError: the disk refuses.
    """
    staging = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    write_private(staging, data)
    with disk_errors(f"{path}: cannot be written"):
        try:
            # A hard link appears only where no name stands: of two writers exactly one wins.
            with suppress(FileExistsError):
                path.hardlink_to(staging)
        finally:
            staging.unlink()
        sync_folder(path.parent)


def read_key(path: Path) -> bytes:
    """Read one of the environment's key files.

    Raises:
        UsageError: there is none.
        NotVerifiableError: others could have read or replaced it, or it is no key file by its size.
    """
    try:
        data = read_private(path)
    except FileNotFoundError:
        raise UsageError(
            f"{path.name}: no such file in this environment", remedy="run `isthmus up` once"
        ) from None
    if len(data) > _MAX_BYTES:
        raise NotVerifiableError(f"{path.name}: larger than {_MAX_BYTES} bytes")
    return data
