"""The list of what crosses: files, their chunks, and which of them are sent. It crosses encrypted.

Invariants:
1. Files and chunks agree: the chunks are those of the files, each once, in the order of the files, and each
   file's size is the sum of its chunks'.
2. The version is recomputed from the list (design §4); nobody's word is taken for it.
3. What is sent, in which parts and under which addresses, follows from the list: there is nothing to claim.
   A part is chunks that follow each other, of one file or, in a set, of several, up to `PART` bytes together,
   or one larger chunk.
4. A chunk that is `held` is not sent: the reader must have it, or refuse.
5. Of a set, the files are those of its members, one member after the other, and each member's version is
   recomputed from its own.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import accumulate
from typing import Any

from data_contracts.digest import is_digest
from data_contracts.errors import NotVerifiableError, UsageError
from environments.boundary.crossing import Member, set_digest
from environments.boundary.envelope import strict_json
from environments.boundary.members import MemberTerms, read_members
from environments.boundary.sealing import MAX_CHUNK, MAX_CHUNKS, chunk_address
from environments.boundary.shape import Fields
from environments.stores import FileEntry, version_of
from environments.stores.record import canonical_list

__all__ = ["PART", "Chunk", "Contents", "Part", "list_contents"]

PART = 4 * 1024 * 1024
"""Bytes up to which chunks are sealed together."""
_MAX_FILES = 100_000


@dataclass(frozen=True)
class Chunk:
    """One distinct chunk.

    Attributes:
        digest: of its plaintext; what the version is made of.
        size: of its plaintext, in bytes.
    """

    digest: str
    size: int


@dataclass(frozen=True)
class Part:
    """Chunks that are sealed together.

    Attributes:
        index: its place, which its seal is bound to.
        chunks: in order.
    """

    index: int
    chunks: tuple[Chunk, ...]

    @cached_property
    def size(self) -> int:
        """Bytes of its plaintext."""
        return sum(chunk.size for chunk in self.chunks)

    @cached_property
    def _digests(self) -> bytes:
        return bytes.fromhex("".join([chunk.digest.removeprefix("sha256:") for chunk in self.chunks]))

    def other_than(self, plain: memoryview) -> Chunk | None:
        """Return the first chunk that does not stand in these bytes, one after the other; None: all do.

        That there are no more bytes than these is for the caller to know.
        """
        sha256, digests, at = hashlib.sha256, self._digests, 0
        for number, chunk in enumerate(self.chunks):
            end = at + chunk.size
            if sha256(plain[at:end]).digest() != digests[32 * number : 32 * number + 32]:
                return chunk
            at = end
        return None

    def address(self, pair_key: bytes) -> str:
        """Return its name in the transit."""
        return chunk_address(pair_key, self._digests)


@dataclass(frozen=True)
class Contents:
    """Everything that one crossing carries.

    Attributes:
        files: sorted by path; of a set, each member's, in the order of the members.
        chunks: each distinct chunk once.
        held: indices of the chunks that are not sent, sorted.
        members: of a set; none for one asset.
    """

    files: tuple[FileEntry, ...]
    chunks: tuple[Chunk, ...]
    held: tuple[int, ...] = ()
    members: tuple[MemberTerms, ...] = ()

    @property
    def version(self) -> str:
        """The version digest of the files, or of the set."""
        if self.members:
            return set_digest(Member(member.name, member.version) for member in self.members)
        return version_of(self.files)

    def by_member(self) -> list[tuple[FileEntry, ...]]:
        """Return each member's files."""
        if not self.members:
            return [self.files]
        ends = list(accumulate(member.files for member in self.members))
        return [self.files[start:end] for start, end in zip([0, *ends[:-1]], ends, strict=True)]

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(entry.size for entry in self.files)

    def parts(self) -> tuple[Part, ...]:
        """Return the parts that are sent."""
        return self._parts

    @cached_property
    def _parts(self) -> tuple[Part, ...]:
        home: dict[str, int] = {}
        for number, entry in enumerate(self.files):
            for digest in entry.chunks:
                home.setdefault(digest, 0 if self.members else number)
        held, found = set(self.held), list[list[Chunk]]()
        before, room = -1, 0
        for index, chunk in enumerate(self.chunks):
            if index in held:
                before = -1
                continue
            if home[chunk.digest] != before or chunk.size > room:
                found.append([])
                before, room = home[chunk.digest], PART
            found[-1].append(chunk)
            room -= chunk.size
        return tuple(Part(number, tuple(chunks)) for number, chunks in enumerate(found))

    def to_bytes(self) -> bytes:
        """Return the canonical form."""
        chunks: list[list[Any]] = [[chunk.digest, chunk.size] for chunk in self.chunks]
        files = [entry.to_json() for entry in self.files]
        listed = {"files": files, "chunks": chunks, "held": list(self.held)}
        if self.members:
            listed["members"] = [member.to_json() for member in self.members]
        return canonical_list(listed)

    @classmethod
    def from_bytes(cls, raw: bytes) -> Contents:
        """Read the list strictly.

        Raises:
            NotVerifiableError: it is malformed, or breaks invariant 1.
        """
        what = "the list of contents"
        found = strict_json(raw, what)
        several = isinstance(found, dict) and "members" in found
        fields = Fields(found, {"files", "chunks", "held"} | ({"members"} if several else set()), what)
        files, chunks, held = fields.raw("files"), fields.raw("chunks"), fields.raw("held")
        if not isinstance(files, list) or not isinstance(chunks, list) or not isinstance(held, list):
            raise NotVerifiableError(f"{what}: not lists")
        if not 0 < len(files) <= _MAX_FILES or len(chunks) > MAX_CHUNKS:
            raise NotVerifiableError(f"{what}: no files, or more files or chunks than are taken")
        if any(type(n) is not int or not 0 <= n < len(chunks) for n in held) or sorted(set(held)) != held:
            raise NotVerifiableError(f"{what}: chunks that are not sent and that it does not list")
        listed = cls(
            tuple(_file(item, what) for item in files),
            tuple(_chunk(c, what) for c in chunks),
            tuple(held),
            read_members(fields.raw("members")) if several else (),
        )
        return listed.checked(what)

    def checked(self, what: str) -> Contents:
        """Return the list, its files with their chunks' sizes, if it agrees with itself.

        Raises:
            NotVerifiableError: it does not.
        """
        if self.members and sum(member.files for member in self.members) != len(self.files):
            raise NotVerifiableError(f"{what}: more or fewer files than its members have")
        for entries in self.by_member():
            paths = [entry.path for entry in entries]
            if paths != sorted(set(paths)) or _nested(paths):
                raise NotVerifiableError(f"{what}: paths that are unsorted, doubled or inside one another")
        for member, entries in zip(self.members, self.by_member(), strict=False):
            if member.version != version_of(entries):
                raise NotVerifiableError(f"{what}: a member whose version is not that of its files")
        used = list(dict.fromkeys(digest for entry in self.files for digest in entry.chunks))
        if used != [chunk.digest for chunk in self.chunks]:
            raise NotVerifiableError(f"{what}: chunks that are missing, doubled, out of order or of no file")
        sizes = {chunk.digest: chunk.size for chunk in self.chunks}
        files = tuple(replace(e, sizes=tuple(sizes[digest] for digest in e.chunks)) for e in self.files)
        if any(entry.size != sum(entry.sizes) for entry in files):
            raise NotVerifiableError(f"{what}: a file whose size is not that of its chunks")
        return replace(self, files=files)


def list_contents(
    entries: tuple[FileEntry, ...],
    held: frozenset[str] = frozenset(),
    members: tuple[MemberTerms, ...] = (),
) -> Contents:
    """Return the list of what will cross; chunks whose digests the destination holds are not sent.

    Raises:
        NotVerifiableError: an entry's chunks do not go with its size.
    """
    sizes = {digest: size for entry in entries for _, size, digest in entry.pieces()}
    chunks = tuple(Chunk(digest, size) for digest, size in sizes.items())
    kept = tuple(n for n, chunk in enumerate(chunks) if chunk.digest in held)
    return Contents(entries, chunks, kept, members)


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
    if not isinstance(item, list) or len(item) != 2:  # noqa: PLR2004 - digest, size
        raise NotVerifiableError(f"{what}: not a chunk")
    digest, size = item
    if not is_digest(digest) or type(size) is not int or not 1 <= size <= MAX_CHUNK:
        raise NotVerifiableError(f"{what}: not a chunk's digest and size")
    return Chunk(digest, size)
