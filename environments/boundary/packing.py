"""From files to sealed parts in a transit, and the list of them back.

Invariants:
1. Bytes are compared with their digest at the moment they are sealed, and again when they were opened:
   what was checked is what is sent, and what was sent is what is written.
2. Nothing is published for a crossing before everything that its manifest names lies in the transit.
3. Memory is a few parts at a time (and the list of contents), whatever the files' sizes.
4. Of an interrupted attempt, what lies intact in the transit under the same key is not sealed again.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from data_contracts.digest import digest_bytes
from data_contracts.errors import NotVerifiableError
from environments.boundary.contents import Contents, Part
from environments.boundary.economy import lanes_of
from environments.boundary.outbox import Attempt
from environments.boundary.sealing import MAX_CONTENTS, OVERHEAD, Room, Seal
from environments.private import disk_errors
from environments.stores import FileEntry
from environments.stores.cutting import read_at
from environments.stores.lanes import LANES, in_lanes
from environments.transit import Transit, chunk_name, contents_name

__all__ = ["Packed", "fetch_contents", "intact", "pack"]

_LANES = 3
"""Of a network: one more than compute, which waits. What goes to a folder is put on disk behind its lanes."""
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True)
class Packed:
    """What lies in the transit for one crossing.

    Attributes:
        contents: digest of the sealed list of contents, and `contents_size` in bytes.
        size: bytes of everything.
        sealed: how many parts were sealed now; the others lay there.
    """

    contents: str
    contents_size: int
    size: int
    sealed: int


def pack(
    contents: Contents,
    files: Sequence[Path],
    seal: Seal,
    transit: Transit,
    pair_key: bytes,
    *,
    again: bool = False,
) -> Packed:
    """Seal every part and the list into the transit; `again`: parts may lie there under this very key.

    `files` are the paths of the list's files, in its order.

    Raises:
        NotVerifiableError: a file changed since it was listed.
        UnreachableError: the transit cannot be written.
    """
    where = _places(contents.files)
    sizes: list[int] = []
    kept: list[int] = []

    def lane() -> Callable[[Part], None]:
        room = Room()

        def send(part: Part) -> None:
            name = chunk_name(seal.crossing, part.address(pair_key))
            found = lies(name, part.index, part.size, seal, transit, room) if again else None
            if found is not None:
                kept.append(found)
                return
            _fill(part, where, files, room.plain(part.size))
            sealed = seal.close_in("chunk", part.index, room, part.size)
            put(name, sealed)
            sizes.append(len(sealed))

        return send

    usual = LANES if transit.capabilities.near else _LANES
    with transit.batch() as put:
        in_lanes(contents.parts(), lane, lanes=lanes_of(transit, usual))
    sealed = seal.close("contents", 0, contents.to_bytes())
    transit.put(contents_name(seal.crossing), sealed)
    total = sum(sizes) + sum(kept) + len(sealed)
    return Packed(digest_bytes(sealed), len(sealed), total, len(sizes))


def _places(files: tuple[FileEntry, ...]) -> dict[str, tuple[int, int]]:
    """Return, for each distinct chunk, the number of one file and the offset where it stands."""
    return {
        digest: (number, offset)
        for number, entry in reversed(list(enumerate(files)))
        for offset, _, digest in entry.pieces()
    }


def _fill(part: Part, where: Mapping[str, tuple[int, int]], files: Sequence[Path], into: memoryview) -> None:
    filled, open_number, descriptor = 0, -1, -1
    try:
        for number, offset, size in _runs(part, where):
            with disk_errors(f"{files[number].name}: cannot be read"):
                if number != open_number:  # one at a time: a part may be of a thousand files
                    _close(descriptor)
                    descriptor = -1
                    descriptor, open_number = os.open(files[number], _READ), number
                read = read_at(descriptor, offset, into[filled : filled + size])
            if read < size:  # the room still holds what stood there before
                raise _changed(files[number])
            filled += size
    finally:
        _close(descriptor)
    other = part.other_than(into)
    if other is not None:
        raise _changed(files[where[other.digest][0]])


def _changed(file: Path) -> NotVerifiableError:
    return NotVerifiableError(f"{file.name}: changed after it was checked")


def _runs(part: Part, where: Mapping[str, tuple[int, int]]) -> list[tuple[int, int, int]]:
    """Return where a part's chunks stand: file, offset and bytes; those that follow each other as one."""
    runs, file, end = list[tuple[int, int, int]](), -1, 0
    for chunk in part.chunks:
        number, offset = where[chunk.digest]
        if number == file and offset == end:
            _, start, size = runs[-1]
            runs[-1] = number, start, size + chunk.size
        else:
            runs.append((number, offset, chunk.size))
        file, end = number, offset + chunk.size
    return runs


def _close(descriptor: int) -> None:
    if descriptor >= 0:
        os.close(descriptor)


def lies(name: str, index: int, size: int, seal: Seal, transit: Transit, room: Room) -> int | None:
    """Return the size of a sealed part that lies intact in the transit; None where it does not."""
    try:
        found = transit.get_into(name, room.sealed(size + OVERHEAD))
        if found is None:
            return None
        seal.open_in("chunk", index, found, room, limit=size)
    except NotVerifiableError:
        return None
    return len(found)


def intact(attempt: Attempt, crossing: str, transit: Transit) -> bool:
    """Whether everything that was put still lies in the transit: each part opens, in its place."""
    if not attempt.contents:
        return False
    seal = Seal(attempt.key, crossing, len(attempt.parts))
    missing: list[int] = []

    def lane() -> Callable[[tuple[int, tuple[str, int]]], None]:
        room = Room()

        def look(item: tuple[int, tuple[str, int]]) -> None:
            index, (address, size) = item
            name = chunk_name(crossing, address)
            if not missing and lies(name, index, size, seal, transit, room) is None:
                missing.append(index)

        return look

    try:
        found = transit.get(contents_name(crossing), limit=MAX_CONTENTS + OVERHEAD)
    except NotVerifiableError:
        return False
    if found is None or digest_bytes(found) != attempt.contents:
        return False
    in_lanes(enumerate(attempt.parts), lane)
    return not missing


def fetch_contents(seal: Seal, transit: Transit, *, digest: str, size: int) -> Contents:
    """Read the list of contents that a manifest names.

    Raises:
        NotVerifiableError: it is missing, altered, or not what the manifest names.
    """
    sealed = transit.get(contents_name(seal.crossing), limit=size)
    if sealed is None or digest_bytes(sealed) != digest:
        raise NotVerifiableError(
            "the list of contents is missing from the transit, or is not the signed one",
            remedy="run the egress again; if it stays so, find out who changes the transit",
        )
    return Contents.from_bytes(seal.open("contents", 0, sealed, limit=MAX_CONTENTS))
