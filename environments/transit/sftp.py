"""A transit in a folder behind an SSH server.

Invariants:
1. Nothing is said to a server before it has shown the one key that the declaration pins.
2. An object is written under a name that no reader knows, put on disk, then renamed over what was there; to
   create one it is renamed only if nothing is there, which OpenSSH's server does for one writer only.
3. A server without `posix-rename@openssh.com` or `fsync@openssh.com` is an error, not a weaker transit.
4. What the server says when it refuses stays here.

Example:
    >>> transit = SftpTransit(spec, "onprem/cloud")
    >>> transit.create(manifest_name(crossing), envelope)
    True
"""

from __future__ import annotations

import secrets
import stat
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress

import paramiko

from data_contracts.errors import NotVerifiableError, UnreachableError
from environments.transit.names import (
    MAX_NAMES,
    check_object,
    check_prefix,
    listed,
    listed_crossings,
)
from environments.transit.port import BytesOfItsOwn, Capabilities, Data, Put
from environments.transit.ssh import Line, sync, sync_folder
from environments.transits import SftpTransitSpec

__all__ = ["SftpTransit"]

_BLOCK = 32 * 1024
_ATTEMPTS = 5


@contextmanager
def _server_errors(what: str) -> Iterator[None]:
    try:
        yield
    except (OSError, EOFError, paramiko.SSHException) as error:
        raise UnreachableError(
            f"{what}: {type(error).__name__}",
            remedy="look at the server's log, its disk, and what our account may do there",
        ) from None


class SftpTransit(BytesOfItsOwn):
    """Objects as files below one folder of a server."""

    capabilities = Capabilities("sftp")

    def __init__(self, spec: SftpTransitSpec, below: str) -> None:
        """Name the folder; it is made by the first `put`, and the server is called by the first use."""
        self._root = spec.path.rstrip("/")
        self._below = below
        self._line = Line(spec)

    def _path(self, name: str) -> str:
        return f"{self._root}/{self._below}/{name}"

    def put(self, name: str, data: Data) -> None:
        """Store one object, durably and whole."""
        self._store(check_object(name), data, replace=True)

    def batch(self) -> AbstractContextManager[Put]:
        """Give a `put` for many objects: each is on its way by itself."""
        return nullcontext(self.put)

    def create(self, name: str, data: Data) -> bool:
        """Store one object, durably and whole, if there is none of the name."""
        return self._store(check_object(name), data, replace=False)

    def _store(self, name: str, data: Data, *, replace: bool) -> bool:
        with _server_errors("the transit cannot be written"), self._line.channel() as sftp:
            for _ in range(_ATTEMPTS - 1):
                # No folder yet, or the other side cleared it in the same moment.
                with suppress(FileNotFoundError):
                    return self._write(sftp, name, data, replace=replace)
                self._make_folders(sftp, name)
            return self._write(sftp, name, data, replace=replace)

    def _write(self, sftp: paramiko.SFTPClient, name: str, data: Data, *, replace: bool) -> bool:
        path = self._path(name)
        folder, _, _ = path.rpartition("/")
        staging = f"{folder}/.{secrets.token_hex(16)}"
        try:
            with sftp.open(staging, "wx") as file:
                _send(file, data)
                sync(file)
            if replace:
                sftp.posix_rename(staging, path)
            elif not _rename_new(sftp, staging, path):
                return False
            sync_folder(sftp, folder)
        except BaseException:
            with suppress(OSError, EOFError, paramiko.SSHException):
                sftp.remove(staging)
            raise
        return True

    def _make_folders(self, sftp: paramiko.SFTPClient, name: str) -> None:
        path = self._root
        for part in [*self._below.split("/"), *name.split("/")[:-1]]:
            parent, path = path, f"{path}/{part}"
            try:
                sftp.mkdir(path, 0o700)
                sync_folder(sftp, parent)
            except FileNotFoundError:
                if parent == self._root:
                    raise
                return  # cleared in the same moment: the caller tries again
            except OSError:
                # Made before, or by another writer at the same time; or something else is in its place.
                if not stat.S_ISDIR(sftp.lstat(path).st_mode or 0):
                    raise NotVerifiableError(
                        "something in the transit is a link or nothing that belongs there"
                    ) from None

    def get(self, name: str, *, limit: int) -> bytes | None:
        """Return one object of at most `limit` bytes; None where there is none."""
        path = self._path(check_object(name))
        with _server_errors("the transit cannot be read"), self._line.channel() as sftp:
            try:
                file = sftp.open(path, "rb")
            except FileNotFoundError:
                return None
            with file:
                return _receive(file, limit)

    def size(self, name: str) -> int | None:
        """Return an object's size in bytes; None where there is none."""
        path = self._path(check_object(name))
        with _server_errors("the transit cannot be read"), self._line.channel() as sftp:
            try:
                return sftp.lstat(path).st_size or 0
            except FileNotFoundError:
                return None

    def names(self, prefix: str, *, after: str = "") -> Iterator[str]:
        """Return the names of the objects of one crossing that sort after `after`, sorted."""
        check_prefix(prefix)
        with _server_errors("the transit cannot be read"), self._line.channel() as sftp:
            found = [
                f"{folder}/{name}"
                for folder in (prefix, f"{prefix}/chunks")
                for name in self._entries(sftp, folder)
            ]
        return listed(sorted(found), prefix, after)

    def crossings(self, *, after: str = "") -> Iterator[str]:
        """Return the prefixes of the crossings that lie here and sort after `after`, sorted."""
        with _server_errors("the transit cannot be read"), self._line.channel() as sftp:
            found = self._entries(sftp, "")
        return listed_crossings(sorted(found), after)

    def _entries(self, sftp: paramiko.SFTPClient, folder: str) -> list[str]:
        found: list[str] = []
        with suppress(FileNotFoundError):
            for item in sftp.listdir_iter(self._path(folder)):
                found.append(item.filename)
                if len(found) > MAX_NAMES:
                    raise NotVerifiableError(f"the transit lists more than {MAX_NAMES} names in one folder")
        return [name for name in found if "/" not in name and name not in {"", ".", ".."}]

    def delete(self, name: str) -> None:
        """Remove one object, if it is there."""
        path = self._path(check_object(name))
        with (
            _server_errors("the transit cannot be written"),
            self._line.channel() as sftp,
            suppress(FileNotFoundError),
        ):
            sftp.remove(path)

    def clear(self, prefix: str) -> None:
        """Remove everything of one crossing, also what a killed `put` left."""
        check_prefix(prefix)
        with _server_errors("the transit cannot be written"), self._line.channel() as sftp:
            for folder in (f"{prefix}/chunks", prefix):
                for name in self._entries(sftp, folder):
                    if name != "chunks":
                        with suppress(FileNotFoundError):
                            sftp.remove(self._path(f"{folder}/{name}"))
                # Gone already, or filled again by the other side: both are its right.
                with suppress(OSError):
                    sftp.rmdir(self._path(folder))


def _send(file: paramiko.SFTPFile, data: Data) -> None:
    with memoryview(data) as view:
        for start in range(0, view.nbytes, _BLOCK):
            # The last write waits for its own answer and for those of all before it.
            file.set_pipelined(pipelined=start + _BLOCK < view.nbytes)
            file.write(bytes(view[start : start + _BLOCK]))
        if (file.stat().st_size or 0) != view.nbytes:
            raise OSError("cut short")


def _receive(file: paramiko.SFTPFile, limit: int) -> bytes:
    told = file.stat().st_size or 0
    if told > limit:
        raise NotVerifiableError(f"an object in the transit is larger than {limit} bytes")
    if told:
        file.prefetch(told)
    pieces, size = [], 0
    while size <= told and (piece := file.read(min(told + 1 - size, 16 * _BLOCK))):
        pieces.append(piece)
        size += len(piece)
    if size > told:
        raise NotVerifiableError("an object in the transit grew while it was read")
    if size < told:
        raise OSError("cut short")
    return b"".join(pieces)


def _rename_new(sftp: paramiko.SFTPClient, staging: str, path: str) -> bool:
    """Rename if nothing is there; the protocol's own rename never replaces."""
    try:
        sftp.rename(staging, path)
    except FileNotFoundError:
        raise
    except OSError:
        # The server says no more than "failure": whether something is there tells why.
        with suppress(FileNotFoundError):
            sftp.lstat(path)
            sftp.remove(staging)
            return False
        raise
    return True
