"""From sealed parts to the files of a draft, in two threads.

Invariants:
1. A chunk is written only after it was opened in its own place and is the listed one; also one that comes
   from this side's own store.
2. What the source says that this side holds is looked for only among versions of the very assets that cross
   which this very source sent: a source learns nothing of what came from elsewhere.
3. Files grow only by verified chunks: nothing is allocated on a peer's word.
4. What is given back are the files as they stand, each with the stamp that a commit compares.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from data_contracts.errors import NotVerifiableError
from environments.boundary.contents import Chunk, Contents, Part
from environments.boundary.economy import lanes_of
from environments.boundary.fetched import Fetched
from environments.boundary.sealing import OVERHEAD, Room, Seal
from environments.bulk import write_all
from environments.private import disk_errors
from environments.stores import AssetStore, FileEntry, Written
from environments.stores.cutting import read_chunk, stamped, written_whole
from environments.stores.lanes import LANES, flushing, in_lanes
from environments.transit import Transit, chunk_name

__all__ = ["Held", "NotHeldError", "find_held", "unpack"]

_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
_WRITE = os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC
_DRAFT = "the draft of what arrives: cannot be written"
_LARGE = 64 * 1024 * 1024
_NEW = _WRITE | os.O_CREAT | os.O_EXCL
_NOTHING_KEPT = Fetched(None)


class NotHeldError(NotVerifiableError):
    """Chunks that were not sent do not stand here, or not whole.

    Attributes:
        count: how many, at least.
    """

    def __init__(self, count: int) -> None:
        """Say so."""
        super().__init__(
            f"{count} chunks were not sent, and are not held here",
            remedy="let the source settle and send again: it then sends everything",
        )
        self.count = count


@dataclass(frozen=True)
class Held:
    """Where a chunk stands in this side's own store."""

    path: Path
    offset: int


def find_held(
    store: AssetStore, names: Iterable[str], source: str, wanted: Collection[str]
) -> dict[str, Held]:
    """Return where chunks stand in the versions of some assets that a source sent, the latest first.

    Raises:
        NotHeldError: some stand nowhere there.
        NotVerifiableError: a record is damaged.
    """
    missing, found = set(wanted), dict[str, Held]()
    for record in (each for name in names if missing for each in reversed(store.versions(name))):
        inputs = record.lineage.get("inputs") or [{}]
        if not record.lineage.get("crossing") or inputs[0].get("environment") != source:
            continue
        for entry in record.files:
            for offset, _, digest in entry.pieces():
                if digest in missing:
                    missing.remove(digest)
                    found[digest] = Held(store.locate(record, entry.path), offset)
        if not missing:
            break
    if missing:
        raise NotHeldError(len(missing))
    return found


def unpack(
    contents: Contents,
    seal: Seal,
    transit: Transit,
    pair_key: bytes,
    paths: Sequence[Path],
    *,
    held: Mapping[str, Held] | None = None,
    kept: Fetched = _NOTHING_KEPT,
) -> tuple[Written, ...]:
    """Open every part, verify its chunks, and write the files to `paths`, which are new, in the list's order.

    What `kept` holds of an earlier call is not fetched again.

    Raises:
        NotVerifiableError: a part is missing, altered, of another place or crossing, or not the listed one.
        NotHeldError: a chunk of the own store is not what its record says.
        UnreachableError: the transit or the disk refuses.
    """
    there = _Files(contents, paths)
    here = [(contents.chunks[index], (held or {})[contents.chunks[index].digest]) for index in contents.held]

    def lane() -> Callable[[Part | tuple[Chunk, Held]], None]:
        room = Room()

        def take(item: Part | tuple[Chunk, Held]) -> None:
            if isinstance(item, Part):
                plain, chunks = _taken(item, seal, transit, pair_key, room, kept), item.chunks
            else:
                plain, chunks = _own(*item, room), (item[0],)
            with disk_errors(_DRAFT):
                there.write(plain, chunks)

        return take

    items: list[Part | tuple[Chunk, Held]] = [*contents.parts(), *here]
    large = [p for entry, p in zip(contents.files, paths, strict=True) if entry.size >= _LARGE]
    with disk_errors(_DRAFT), flushing(large):
        in_lanes(items, lane, lanes=lanes_of(transit, LANES))
    with disk_errors(_DRAFT):
        return there.stamped()


def _taken(
    part: Part, seal: Seal, transit: Transit, pair_key: bytes, room: Room, kept: Fetched
) -> memoryview:
    sealed = kept.read(part.index, limit=part.size + OVERHEAD)
    if sealed is not None:
        with suppress(NotVerifiableError):  # torn, or of an earlier attempt
            return _opened(part, memoryview(sealed), seal, room)
    name = chunk_name(seal.crossing, part.address(pair_key))
    found = transit.get_into(name, room.sealed(part.size + OVERHEAD))
    if found is None:
        raise NotVerifiableError(
            f"chunk {part.index} of this crossing is missing from the transit",
            remedy="run the egress again; if it stays so, find out who changes the transit",
        )
    plain = _opened(part, found, seal, room)
    kept.keep(part.index, found)
    return plain


def _opened(part: Part, sealed: memoryview, seal: Seal, room: Room) -> memoryview:
    plain = seal.open_in("chunk", part.index, sealed, room, limit=part.size)
    if len(plain) != part.size or part.other_than(plain) is not None:
        raise NotVerifiableError(f"chunk {part.index} of this crossing is not the one that was listed")
    return plain


def _own(chunk: Chunk, held: Held, room: Room) -> memoryview:
    plain = room.plain(chunk.size)
    try:
        descriptor = os.open(held.path, _READ)
    except OSError:
        raise NotHeldError(1) from None
    try:
        if not read_chunk(descriptor, held.offset, chunk.digest, plain):
            raise NotHeldError(1)
    finally:
        os.close(descriptor)
    return plain


class _Files:
    """The files that are written. One of a single chunk is made when that is there, the others before all."""

    def __init__(self, contents: Contents, paths: Sequence[Path]) -> None:
        """Make the folders, and the files that grow chunk by chunk."""
        self._files = list(zip(contents.files, paths, strict=True))
        self._whole: dict[Path, FileEntry] = {}
        self._written: dict[Path, Written] = {}
        self._places: dict[str, list[tuple[Path, int]]] = {}
        self._alone: dict[Path, Lock] = {}
        with disk_errors(_DRAFT):
            for folder in {path.parent for path in paths}:
                if not os.path.isdir(folder):  # noqa: PTH112 - thousands, where a set was begun
                    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            for entry, path in self._files:
                if len(entry.chunks) == 1:
                    self._whole[path] = entry
                else:
                    os.close(os.open(path, _NEW, 0o600))
                    self._alone[path] = Lock()
                for offset, _, digest in entry.pieces():
                    self._places.setdefault(digest, []).append((path, offset))

    def write(self, plain: memoryview, chunks: tuple[Chunk, ...]) -> None:
        """Write a part's chunks where they stand; those that follow each other in one piece."""
        at, runs = 0, list[tuple[Path, int, int, int]]()
        for chunk in chunks:
            for path, offset in self._places[chunk.digest]:
                entry = self._whole.get(path)
                if entry is not None:
                    self._written[path] = written_whole(path, entry, plain[at : at + chunk.size])
                    continue
                before = runs[-1] if runs else None
                if before and (before[0], before[1] + before[3], before[2] + before[3]) == (path, offset, at):
                    runs[-1] = (path, before[1], before[2], before[3] + chunk.size)
                else:
                    runs.append((path, offset, at, chunk.size))
            at += chunk.size
        for path, offset, start, size in runs:
            # The kernel lets one thread write to a file, and has the others spin meanwhile.
            with self._alone[path]:
                _write_at(path, offset, plain[start : start + size])

    def stamped(self) -> tuple[Written, ...]:
        """Return every file as it stands, read-only; in the list's order."""
        return tuple(self._written.get(path) or stamped(path, entry) for entry, path in self._files)


def _write_at(path: Path, offset: int, data: memoryview) -> None:
    descriptor = os.open(path, _WRITE)
    try:
        write_all(descriptor, data, offset)
    finally:
        os.close(descriptor)
