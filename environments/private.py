"""Files and folders that belong to their owner alone: made, checked and replaced in one step.

Invariants:
1. A folder is made with mode 0700 and a file with 0600 whatever the umask; the modes of folders
   that already stand, parents above all, never change.
2. A check fails closed: a symbolic link, another owner, or a mode that lets others in is an error.
3. A file is replaced whole (write, fsync, rename, fsync of the folder): a reader sees old or new. What a
   killed writer left of a draft is removed by the next one in the same folder; a living one's is locked.
4. A folder with something in it has a durable name: one that is found empty may be that of a maker who was
   killed or whose disk refused, and its name is flushed before anything is put there.

Example:
    >>> import tempfile
    >>> folder = make_private(Path(tempfile.mkdtemp()) / "keys")
    >>> write_private(folder / "note.json", b"{}")
    >>> oct((folder / "note.json").stat().st_mode & 0o777)
    '0o600'
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from data_contracts.errors import NotVerifiableError, UnreachableError

__all__ = [
    "check_private",
    "disk_errors",
    "is_draft",
    "make_private",
    "read_private",
    "remove_drafts",
    "sync_folder",
    "write_private",
]

_OTHERS = 0o077
_DRAFT = re.compile(r"\..+\.[0-9]+\.[0-9a-f]{8}")
_REMEDIES = {
    errno.ENOSPC: "free space on this disk, then run it again; nothing was left half-written",
    errno.EDQUOT: "free space within this user's quota, then run it again",
    errno.EROFS: "the file system is read-only: mount it writable, or choose another --home",
    errno.EACCES: "run as the user who owns this folder, or choose another --home",
    errno.EPERM: "run as the user who owns this folder, or choose another --home",
    errno.EIO: "the disk reports errors: look at the system's log before anything else",
    errno.EMFILE: "raise the limit of open files (ulimit -n)",
}


@contextmanager
def disk_errors(what: str) -> Iterator[None]:
    """Turn the operating system's errors into one that says what could not be done, and what to do.

    Raises:
        UnreachableError: any OSError inside the block.
    """
    try:
        yield
    except OSError as error:
        reason = error.strerror or type(error).__name__
        remedy = _REMEDIES.get(error.errno or 0, "look at the disk and at this folder's owner and mode")
        raise UnreachableError(f"{what}: {reason}", remedy=remedy) from error


def make_private(path: Path) -> Path:
    """Make a folder of our own (and missing parents, private too), or check the one that stands.

    Raises:
        NotVerifiableError: what stands there is not ours alone.
        UnreachableError: the disk refuses.
    """
    missing: list[Path] = []
    probe = path
    while not os.path.lexists(probe):
        missing.append(probe)
        probe = probe.parent
    with disk_errors(f"{path}: cannot be made"):
        if probe != probe.parent and _empty(probe):
            _sync_name(probe)
        for folder in reversed(missing):
            # Another process of ours may make the same folder at the same time.
            with suppress(FileExistsError):
                folder.mkdir(mode=0o700)
                folder.chmod(0o700)  # a umask may only have taken bits away
                _sync_name(folder)
    check_private(path)
    return path


def _empty(folder: Path) -> bool:
    try:
        with os.scandir(folder) as found:
            return next(found, None) is None
    except (PermissionError, NotADirectoryError):  # not ours to look into, or for `check_private` to refuse
        return False


def _sync_name(folder: Path) -> None:
    with suppress(PermissionError):  # a parent that we may enter and not read, as /home may be
        sync_folder(folder.parent)


def check_private(path: Path) -> None:
    """Refuse a folder or file that others could read, write or have put there.

    Raises:
        NotVerifiableError: a link, another owner, or a mode that lets others in.
        UnreachableError: it is not there or cannot be looked at.
    """
    with disk_errors(f"{path}: cannot be opened"):
        found = path.lstat()
    if stat.S_ISLNK(found.st_mode):
        raise NotVerifiableError(f"{path}: is a symbolic link", remedy="remove the link, name the real one")
    if found.st_uid != os.geteuid():
        raise NotVerifiableError(
            f"{path}: belongs to user {found.st_uid}, not to user {os.geteuid()}",
            remedy="run as the user who made it, or choose another --home",
        )
    if stat.S_IMODE(found.st_mode) & _OTHERS:
        mode = "700" if stat.S_ISDIR(found.st_mode) else "600"
        raise NotVerifiableError(
            f"{path}: others may open it (mode {stat.S_IMODE(found.st_mode):04o})",
            remedy=f"find out why, then: chmod {mode} {path}",
        )


def sync_folder(path: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_private(path: Path, data: bytes) -> None:
    """Replace (or make) a file of mode 0600 in one durable step.

    Raises:
        UnreachableError: the disk refuses; what stood there before still stands, or the new file does and a
            power cut may undo it: whoever acts on what it finds there writes it again first.
    """
    with disk_errors(f"{path}: cannot be written"):
        remove_drafts(path.parent)
        draft, descriptor = _draft(path)
        try:
            with os.fdopen(descriptor, "wb") as stream:  # open, and so locked, until it has its name
                stream.write(data)
                stream.flush()
                os.fsync(stream.fileno())
                draft.replace(path)
            sync_folder(path.parent)
        except BaseException:
            draft.unlink(missing_ok=True)
            raise


def _draft(path: Path) -> tuple[Path, int]:
    """Make a locked file beside `path`; another name where somebody took the new one for a dead writer's."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    while True:
        draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
        descriptor = os.open(draft, flags, 0o600)
        with suppress(FileNotFoundError, BlockingIOError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(descriptor), draft.lstat()):
                return draft, descriptor
        os.close(descriptor)


def is_draft(name: str) -> bool:
    """Whether a file of this name is one that `write_private` has not finished."""
    return _DRAFT.fullmatch(name) is not None


def remove_drafts(folder: Path) -> None:
    """Remove what writers of `write_private` left in a folder when they were killed.

    Raises:
        OSError: the disk refuses.
    """
    for name in os.listdir(folder):  # noqa: PTH208 - names only, in one call
        if not is_draft(name):
            continue
        with suppress(FileNotFoundError):
            descriptor = os.open(folder / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                (folder / name).unlink()
            except BlockingIOError:
                continue
            finally:
                os.close(descriptor)


def read_private(path: Path) -> bytes:
    """Read a file of ours, after `check_private` on the very file that is read.

    Raises:
        FileNotFoundError: it is not there.
        NotVerifiableError: it is a link, or others may open it.
        UnreachableError: the disk refuses.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        raise
    except OSError:
        check_private(path)
        with disk_errors(f"{path}: cannot be read"):
            raise
    with os.fdopen(descriptor, "rb") as stream:
        found = os.fstat(stream.fileno())
        if found.st_uid != os.geteuid() or stat.S_IMODE(found.st_mode) & _OTHERS:
            check_private(path)
        with disk_errors(f"{path}: cannot be read"):
            return stream.read()
