"""From files to sealed chunks in a transit, and back.

Invariants:
1. Bytes are compared with their digest at the moment they are sealed, and again when they were opened:
   what was checked is what is sent, and what was sent is what is written.
2. Nothing is published for a crossing before everything that its manifest names lies in the transit.
3. Memory is one chunk at a time (and the list of contents), whatever the files' sizes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from data_contracts.digest import digest_bytes
from data_contracts.errors import NotVerifiableError
from environments.boundary.contents import Chunk, Contents
from environments.boundary.sealing import MAX_CHUNK, MAX_CONTENTS, OVERHEAD, Seal, chunk_address
from environments.boundary.transit import Transit, chunk_name, contents_name
from environments.private import disk_errors
from environments.stores import FileEntry
from environments.stores.record import CHUNK

__all__ = ["Packed", "fetch_contents", "intact", "list_contents", "pack", "unpack"]


@dataclass(frozen=True)
class Packed:
    """What lies in the transit for one crossing.

    Attributes:
        contents: digest of the sealed list of contents, and `contents_size` in bytes.
        size: bytes of everything.
        sealed: name to digest of every object, as it was put.
    """

    contents: str
    contents_size: int
    size: int
    sealed: Mapping[str, str]


def _pieces(path: Path, entry: FileEntry) -> list[tuple[int, int, str]]:
    """Return (offset, size, digest) of a file's chunks, as the store cut them."""
    sizes = [min(CHUNK, entry.size - offset) for offset in range(0, entry.size, CHUNK)]
    if len(sizes) != len(entry.chunks):
        raise NotVerifiableError(f"{path.name}: its list of chunks is not one of its size")
    return [
        (n * CHUNK, size, digest) for n, (size, digest) in enumerate(zip(sizes, entry.chunks, strict=True))
    ]


def _read(path: Path, offset: int, size: int, digest: str) -> bytes:
    with disk_errors(f"{path.name}: cannot be read"), path.open("rb") as file:
        file.seek(offset)
        data = file.read(size)
    if digest_bytes(data) != digest:
        raise NotVerifiableError(f"{path.name}: changed after it was checked")
    return data


def list_contents(files: Mapping[str, Path], entries: tuple[FileEntry, ...], pair_key: bytes) -> Contents:
    """Return the list of what will cross, with each distinct chunk's address.

    Raises:
        NotVerifiableError: a file is not what its entry says.
    """
    chunks: dict[str, Chunk] = {}
    for entry in entries:
        for offset, size, digest in _pieces(files[entry.path], entry):
            if digest not in chunks:
                plain = _read(files[entry.path], offset, size, digest)
                chunks[digest] = Chunk(digest, chunk_address(pair_key, plain), size)
    return Contents(entries, tuple(chunks.values()))


def pack(contents: Contents, files: Mapping[str, Path], seal: Seal, transit: Transit) -> Packed:
    """Seal every chunk and the list into the transit.

    Raises:
        NotVerifiableError: a file changed since it was listed.
        UnreachableError: the transit cannot be written.
    """
    where = {
        digest: (files[entry.path], offset, size)
        for entry in contents.files
        for offset, size, digest in _pieces(files[entry.path], entry)
    }
    total = 0
    put: dict[str, str] = {}
    for index, chunk in enumerate(contents.chunks):
        path, offset, size = where[chunk.digest]
        sealed = seal.close("chunk", index, _read(path, offset, size, chunk.digest))
        name = chunk_name(seal.crossing, chunk.address)
        transit.put(name, sealed)
        put[name] = digest_bytes(sealed)
        total += len(sealed)
    sealed = seal.close("contents", 0, contents.to_bytes())
    name = contents_name(seal.crossing)
    transit.put(name, sealed)
    put[name] = digest_bytes(sealed)
    return Packed(put[name], len(sealed), total + len(sealed), put)


def intact(sealed: Mapping[str, str], transit: Transit) -> bool:
    """Whether everything that was put still lies in the transit, bit for bit."""
    for name, digest in sealed.items():
        try:
            found = transit.get(name, limit=MAX_CONTENTS + OVERHEAD)
        except NotVerifiableError:
            return False
        if found is None or digest_bytes(found) != digest:
            return False
    return True


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


def unpack(
    contents: Contents, seal: Seal, transit: Transit, pair_key: bytes, folder: Path
) -> dict[str, Path]:
    """Open every chunk, verify it, and write the files below `folder`.

    Raises:
        NotVerifiableError: a chunk is missing, altered, of another place or crossing, or not the listed one.
        UnreachableError: the transit or the disk refuses.
    """
    written: dict[str, Path] = {}
    for entry in contents.files:
        path = folder / entry.path
        with disk_errors(f"{folder.name}: cannot be written"):
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with path.open("xb") as file:
                for index in contents.places(entry):
                    file.write(_open_chunk(contents.chunks[index], index, seal, transit, pair_key))
        written[entry.path] = path
    return written


def _open_chunk(chunk: Chunk, index: int, seal: Seal, transit: Transit, pair_key: bytes) -> bytes:
    sealed = transit.get(chunk_name(seal.crossing, chunk.address), limit=MAX_CHUNK + OVERHEAD)
    if sealed is None:
        raise NotVerifiableError(
            f"chunk {index} of this crossing is missing from the transit",
            remedy="run the egress again; if it stays so, find out who changes the transit",
        )
    plain = seal.open("chunk", index, sealed, limit=chunk.size)
    if digest_bytes(plain) != chunk.digest or chunk_address(pair_key, plain) != chunk.address:
        raise NotVerifiableError(f"chunk {index} of this crossing is not the one that was listed")
    return plain
