"""One disk, as the transit of one pair of environments.

    FOLDER/SRC/DST/index        what is complete, written last
    FOLDER/SRC/DST/CROSSING/…   as in every transit in a directory

Invariants:
1. The folder on the disk stands before anything is written: a disk that is not mounted is told, and the
   machine's own disk is not written to in its place.
2. What was opened is what is used: when the disk is unplugged, nothing is taken for missing.
3. Links on the disk are not followed, on the way to the pair's folder either.
4. The index is a list and no proof: it says what the writer had completed, and which manifest that was.

Example:
    >>> disk = open_disk(stick, "onprem", "cloud")
    >>> disk.read_index()
    ()
"""

from __future__ import annotations

import errno
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data_contracts.digest import canonical
from data_contracts.errors import NotVerifiableError, UnreachableError, UsageError
from environments.boundary.shape import Fields
from environments.ref import NAME
from environments.transit import Capabilities, DirectoryTransit
from environments.trust.tokens import ONE_WORD, read_token

__all__ = ["FORMAT", "MAX_LISTED", "Disk", "Listed", "open_disk", "pairs_on"]

FORMAT = 1
MAX_LISTED = 10_000
"""Crossings on one disk."""
_INDEX = "index"
_MAX_INDEX = 64 * 1024 * 1024
_MAX_PAIRS = 1000
_AGAIN = "then run the same command again: it goes on where it stopped"
_REMEDIES = {
    errno.ENOSPC: f"make room on the disk, or take a larger one, {_AGAIN}",
    errno.EDQUOT: f"make room within this user's quota there, {_AGAIN}",
    errno.EROFS: f"mount it so that it can be written (some have a switch), {_AGAIN}",
    errno.EACCES: f"let this user read and write its folder (chown -R, or uid= when it is mounted), {_AGAIN}",
    errno.EPERM: f"let this user read and write its folder (chown -R, or uid= when it is mounted), {_AGAIN}",
    errno.ENODEV: f"plug it in and mount it where it was, {_AGAIN}",
    errno.EIO: "look at the system's log; if it is the disk that fails, take another and export again",
}


@dataclass(frozen=True)
class Listed:
    """One crossing that the index names.

    Attributes:
        crossing: its id.
        manifest: the digest of the envelope that was written for it.
        request: the signed statement of who asks, as a token; empty where it is nobody's.
    """

    crossing: str
    manifest: str
    request: str = ""

    @property
    def signed(self) -> bytes | None:
        """The statement, as `ingress` takes it."""
        return read_token(self.request) if self.request else None


class Disk(DirectoryTransit):
    """A folder on a disk; `environments.transit.Transit` for one pair."""

    capabilities = Capabilities("disk", one_writer_wins=False)

    def __init__(self, folder: Path, source: str, destination: str) -> None:
        """Name the folder; `open_disk` looks whether it stands."""
        super().__init__(folder)
        self.folder, self.source, self.destination = folder, source, destination
        with self._errors("read"):
            self._device = folder.stat().st_dev

    @contextmanager
    def _errors(self, verb: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            reason = error.strerror or type(error).__name__
            remedy = _REMEDIES.get(error.errno or 0, f"look at the disk, {_AGAIN}")
            raise UnreachableError(f"the disk cannot be {verb}: {reason}", remedy=remedy) from error

    def _flush(self, descriptor: int) -> None:
        """Put a file's bytes on the disk, and out of the cache: what is read back is what the disk has."""
        super()._flush(descriptor)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)

    def _make_root(self) -> None:
        """Make nothing: the folder stands, or the disk is not there."""

    @contextmanager
    def _folder(self, parts: list[str], *, make: bool) -> Iterator[int]:
        try:
            there = self.folder.stat().st_dev == self._device
        except FileNotFoundError:
            there = False
        if not there:
            raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))
        with super()._folder([self.source, self.destination, *parts], make=make) as folder:
            yield folder

    def read_index(self) -> tuple[Listed, ...] | None:
        """Return what the index names; None where there is no index.

        Raises:
            UsageError: another version of Isthmus wrote it.
            NotVerifiableError: it is damaged, or another pair's.
        """
        raw = self._load([], _INDEX, _MAX_INDEX)
        if raw is None:
            return None
        try:
            value = json.loads(raw)
        except (ValueError, RecursionError):
            value = None
        written = value.get("format") if isinstance(value, dict) else None
        if isinstance(written, int) and not isinstance(written, bool) and written != FORMAT:
            age = "an older" if written < FORMAT else "a newer"
            raise UsageError(
                f"{self.folder}: {age} Isthmus wrote this disk (format {written}; this one reads {FORMAT})",
                remedy="use that version here, or export again with this one; nothing here was changed",
            )
        try:
            return self._listed(value)
        except NotVerifiableError as error:
            raise NotVerifiableError(
                f"{self.folder}: {error}", remedy="export again onto it at the source: it writes a new index"
            ) from None

    def _listed(self, value: Any) -> tuple[Listed, ...]:  # noqa: ANN401 - what lay on the disk
        fields = Fields(value, {"format", "source", "destination", "crossings"}, "the disk's index")
        if (fields.count("format"), fields.name("source"), fields.name("destination")) != (
            FORMAT,
            self.source,
            self.destination,
        ):
            raise NotVerifiableError("the disk's index: of another source or destination than its folder")
        found = fields.raw("crossings")
        if not isinstance(found, list) or len(found) > MAX_LISTED:
            raise NotVerifiableError("the disk's index: no list of crossings, or too long a one")
        listed = []
        for each in found:
            one = Fields(each, {"crossing", "manifest", "request"}, "the disk's index")
            request = one.raw("request")
            if request != "" and not (isinstance(request, str) and re.fullmatch(ONE_WORD, request)):
                raise NotVerifiableError("the disk's index: a request that is none")
            listed.append(Listed(one.digest("crossing"), one.digest("manifest"), request))
        if len({each.crossing for each in listed}) != len(listed):
            raise NotVerifiableError("the disk's index: names a crossing twice")
        return tuple(listed)

    def write_index(self, listed: tuple[Listed, ...]) -> None:
        """Replace the index, durably and whole."""
        body = {
            "format": FORMAT,
            "source": self.source,
            "destination": self.destination,
            "crossings": [vars(each) for each in listed],
        }
        with self._errors("written"):
            self._write([], _INDEX, canonical(body), replace=True)

    def lying(self) -> tuple[str, ...]:
        """Return the ids of the crossings of which anything lies here, listed or not."""
        return tuple(f"sha256:{prefix}" for prefix in self.crossings())


def open_disk(folder: Path, source: str, destination: str) -> Disk:
    """Open a folder on a disk for one pair.

    Raises:
        UnreachableError: it is not there.
        UsageError: it is no folder.
    """
    where = folder.expanduser().resolve()
    if not where.exists():
        raise UnreachableError(
            f"{folder}: is not there", remedy="plug the disk in and mount it; on a new one, make this folder"
        )
    if not where.is_dir():
        raise UsageError(f"{folder}: is no folder", remedy="name a folder on the disk")
    return Disk(where, source, destination)


def pairs_on(folder: Path) -> tuple[str, ...]:
    """Return from where to where there is anything on a disk, as `SRC to DST`, for people."""
    found = []
    try:
        for path in sorted(folder.expanduser().glob(f"*/*/{_INDEX}"))[:_MAX_PAIRS]:
            source, destination = path.parts[-3:-1]
            if re.fullmatch(NAME, source) and re.fullmatch(NAME, destination):
                found.append(f"{source} to {destination}")
    except OSError:
        return ()
    return tuple(found)
