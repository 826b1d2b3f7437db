"""The list of what crosses: files, their chunks, and where each chunk lies. It crosses encrypted.

Invariants:
1. Files and chunks agree: every chunk of every file is listed, every listed chunk is used, and each
   file's size is the sum of its chunks'.
2. The version is recomputed from the list (design §4); nobody's word is taken for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from data_contracts.digest import canonical
from data_contracts.errors import NotVerifiableError, UsageError
from environments.boundary.envelope import strict_json
from environments.boundary.sealing import MAX_CHUNK, MAX_CHUNKS
from environments.boundary.shape import Fields
from environments.stores import FileEntry, version_of

__all__ = ["Chunk", "Contents"]

_MAX_FILES = 100_000


@dataclass(frozen=True)
class Chunk:
    """One distinct chunk.

    Attributes:
        digest: of its plaintext; what the version is made of.
        address: its keyed name in the transit.
        size: of its plaintext, in bytes.
    """

    digest: str
    address: str
    size: int


@dataclass(frozen=True)
class Contents:
    """Everything that one crossing carries.

    Attributes:
        files: sorted by path.
        chunks: each distinct chunk once; its place is the index that its seal is bound to.
    """

    files: tuple[FileEntry, ...]
    chunks: tuple[Chunk, ...]

    @property
    def version(self) -> str:
        """The version digest of the files."""
        return version_of(self.files)

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(entry.size for entry in self.files)

    def places(self, entry: FileEntry) -> Iterator[int]:
        """Give the indices of a file's chunks, in the file's order."""
        index = {chunk.digest: number for number, chunk in enumerate(self.chunks)}
        return (index[digest] for digest in entry.chunks)

    def to_bytes(self) -> bytes:
        """Return the canonical form."""
        chunks: list[list[Any]] = [[chunk.digest, chunk.address, chunk.size] for chunk in self.chunks]
        return canonical({"files": [entry.to_json() for entry in self.files], "chunks": chunks})

    @classmethod
    def from_bytes(cls, raw: bytes) -> Contents:
        """Read the list strictly.

        Raises:
            NotVerifiableError: it is malformed, or breaks invariant 1.
        """
        what = "the list of contents"
        fields = Fields(strict_json(raw, what), {"files", "chunks"}, what)
        files, chunks = fields.raw("files"), fields.raw("chunks")
        if not isinstance(files, list) or not isinstance(chunks, list):
            raise NotVerifiableError(f"{what}: not lists")
        if not 0 < len(files) <= _MAX_FILES or len(chunks) > MAX_CHUNKS:
            raise NotVerifiableError(f"{what}: no files, or more files or chunks than are taken")
        contents = cls(tuple(_file(item, what) for item in files), tuple(_chunk(c, what) for c in chunks))
        contents.check(what)
        return contents

    def check(self, what: str) -> None:
        """Return if the list agrees with itself.

        Raises:
            NotVerifiableError: it does not.
        """
        paths = [entry.path for entry in self.files]
        sizes = {chunk.digest: chunk.size for chunk in self.chunks}
        used = {digest for entry in self.files for digest in entry.chunks}
        addresses = {chunk.address for chunk in self.chunks}
        if paths != sorted(set(paths)) or _nested(paths):
            raise NotVerifiableError(f"{what}: paths that are unsorted, doubled or inside one another")
        if used != set(sizes) or len(sizes) != len(self.chunks) or len(addresses) != len(self.chunks):
            raise NotVerifiableError(f"{what}: chunks that are missing, doubled or of no file")
        if any(entry.size != sum(sizes[digest] for digest in entry.chunks) for entry in self.files):
            raise NotVerifiableError(f"{what}: a file whose size is not that of its chunks")


def _nested(paths: list[str]) -> bool:
    known = set(paths)
    return any(
        "/".join(parts[:n]) in known for parts in (p.split("/") for p in paths) for n in range(1, len(parts))
    )


def _file(item: object, what: str) -> FileEntry:
    if not isinstance(item, dict):
        raise NotVerifiableError(f"{what}: not a file")
    try:
        return FileEntry.from_json(item)
    except UsageError as error:
        raise NotVerifiableError(f"{what}: {error}") from None


def _chunk(item: object, what: str) -> Chunk:
    if not isinstance(item, list) or len(item) != 3:  # noqa: PLR2004 - digest, address, size
        raise NotVerifiableError(f"{what}: not a chunk")
    named = dict(zip(("digest", "address", "size"), item, strict=True))
    fields = Fields({**named, "address": f"sha256:{named['address']}"}, {"digest", "address", "size"}, what)
    return Chunk(
        fields.digest("digest"),
        fields.digest("address").removeprefix("sha256:"),
        fields.count("size", least=1, most=MAX_CHUNK),
    )
