"""Where drafts are made, and how one whose owner died is told from one that lives.

Invariants:
1. The owner of `staging/ID` holds an exclusive lock on `staging/ID.lock` as long as it, or a child that
   it forked, lives: the kernel lets go of it at death, however that came.
2. The folder is made after the lock is held and renamed or removed before it is let go, so a folder
   whose lock can be taken, or that has none, belongs to nobody.
3. Sweeping removes what belongs to nobody and nothing else, and follows no link.
"""

from __future__ import annotations

import fcntl
import os
import re
import secrets
import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from environments.private import make_private

__all__ = ["Staged", "abandoned", "stage", "sweep"]

_ID = re.compile(r"[0-9a-f]{16}")
_LOCK = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC


def _hold(path: Path) -> int | None:
    """Take the lock if nobody holds it and the file is still the one at `path`."""
    try:
        descriptor = os.open(path, _LOCK, 0o600)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if _same(descriptor, path):
            return descriptor
    except BlockingIOError:
        pass
    except BaseException:
        os.close(descriptor)
        raise
    os.close(descriptor)
    return None


def _same(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.lstat())
    except FileNotFoundError:
        return False


@dataclass
class Staged:
    """One draft's folder and the lock that says its owner lives.

    Attributes:
        folder: empty when made.
        lock: the open lock file; -1 once let go.
    """

    folder: Path
    lock: int

    def release(self) -> None:
        """Remove what is left of the draft and let go of the lock; may be called again."""
        if self.lock < 0:
            return
        try:
            _remove(self.folder)
            self.folder.with_suffix(".lock").unlink(missing_ok=True)
        finally:
            os.close(self.lock)
            self.lock = -1


def stage(staging: Path) -> Staged:
    """Make a folder for a draft and hold its lock.

    Raises:
        OSError: the disk refuses.
    """
    make_private(staging)
    while True:
        folder = staging / secrets.token_hex(8)
        lock = _hold(folder.with_suffix(".lock"))
        if lock is None:  # a sweeper was quicker than our lock: another id
            continue
        try:
            folder.mkdir(mode=0o700)
            folder.chmod(0o700)
        except BaseException:
            Staged(folder, lock).release()
            raise
        return Staged(folder, lock)


def abandoned(staging: Path) -> int:
    """Return how many drafts belong to nobody; nothing is removed.

    Raises:
        OSError: the disk refuses.
    """
    count = 0
    for folder in staging.iterdir() if staging.is_dir() else ():
        if folder.suffix or not _ID.fullmatch(folder.name):
            continue
        lock = _hold(folder.with_suffix(".lock"))
        if lock is not None:
            count += folder.exists()
            os.close(lock)
    return count


def _nothing(_folder: Path) -> None:
    """Forget nothing besides."""


def sweep(staging: Path, forget: Callable[[Path], None] = _nothing) -> int:
    """Remove the drafts that belong to nobody, each after `forget`; return how many there were."""
    swept = 0
    try:
        entries = [path for path in staging.iterdir() if _ID.fullmatch(path.stem)]
    except OSError:
        return 0
    for stem in {path.stem for path in entries}:
        folder = staging / stem
        lock = _hold(folder.with_suffix(".lock"))
        if lock is None:
            continue
        staged = Staged(folder, lock)
        try:
            if folder.exists():
                swept += 1
                forget(folder)
        except BaseException:
            os.close(staged.lock)
            raise
        staged.release()
    return swept


def _remove(folder: Path) -> None:
    if folder.is_symlink():
        folder.unlink()
        return
    with suppress(FileNotFoundError):
        shutil.rmtree(folder)
