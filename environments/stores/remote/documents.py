"""What a store on objects writes beside the data: commits, records, contracts.

Invariants:
1. A commit is one small object whose name is the asset's and its number: whoever creates it has that version.
2. A commit names its record by the digest of the record's bytes, a record its contract likewise: none of
   them can be another one unnoticed.
3. A commit carries a mark of its writer, so that a writer whose own request was repeated knows its own.

Example:
    >>> entry = Entry("visits", 1, "sha256:" + "0" * 64, "sha256:" + "1" * 64, "2" * 32)
    >>> Entry.from_bytes(entry.to_bytes(), "visits", 1) == entry
    True
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from data_contracts.digest import canonical, digest_bytes, digest_json, is_digest
from data_contracts.errors import NotVerifiableError
from environments.ref import NAME
from environments.signed import is_canonical, strict_json
from environments.stores.record import FORMAT, AssetRecord
from environments.stores.remote.pieces import ALTERED, Piece, groups, pieces_of

__all__ = [
    "ENTRY",
    "ERASED",
    "Document",
    "Entry",
    "contract_name",
    "entry_name",
    "erased_name",
    "is_set",
    "record_name",
]

ENTRY = re.compile(rf"assets/(?P<name>{NAME})/(?P<sequence>[0-9]{{8}})\.json")
ERASED = re.compile(rf"erased/(?P<name>{NAME})/(?P<sequence>[0-9]{{8}})\.json")
_KEYS = {"format", "name", "sequence", "version", "record", "writer", "set"}


def is_set(value: object) -> bool:
    """Whether this is the id of a set."""
    return isinstance(value, str) and re.fullmatch(r"[0-9a-f]{32}", value) is not None


def entry_name(name: str, sequence: int) -> str:
    """Return the name of a commit."""
    return f"assets/{name}/{sequence:08d}.json"


def erased_name(name: str, sequence: int) -> str:
    """Return the name of the tombstone of a version that was erased."""
    return f"erased/{name}/{sequence:08d}.json"


def record_name(digest: str) -> str:
    """Return the name of a record by the digest of its bytes."""
    return f"records/{digest.removeprefix('sha256:')}.json"


def contract_name(digest: str) -> str:
    """Return the name of a contract by its digest."""
    return f"contracts/{digest.removeprefix('sha256:')}.json"


@dataclass(frozen=True)
class Entry:
    """One commit.

    Attributes:
        name: the asset's.
        sequence: 1-based.
        version: of its files.
        record: digest of the record's bytes.
        writer: 32 hexadecimal digits, drawn for this commit.
        set: the set that it is a member of, 32 hexadecimal digits; None if it counts by itself.
    """

    name: str
    sequence: int
    version: str
    record: str
    writer: str
    set: str | None = None

    def to_bytes(self) -> bytes:
        """Return the one form of it."""
        commit = {"format": FORMAT, **vars(self)}
        return canonical({"commit": commit, "digest": digest_json(commit)})

    @classmethod
    def from_bytes(cls, raw: bytes, name: str, sequence: int) -> Entry:
        """Read the commit that stands at a place.

        Raises:
            NotVerifiableError: it is none, or belongs elsewhere.
        """
        what = f"{name}: commit {sequence}"
        document = strict_json(raw, what)
        refusal = NotVerifiableError(f"{what}: not what was written", remedy=ALTERED)
        value = document.get("commit") if isinstance(document, dict) else None
        if not isinstance(value, dict) or set(value) != _KEYS or not is_canonical(document, raw):
            raise refusal
        if document != {"commit": value, "digest": digest_json(value)}:
            raise refusal
        if value.pop("format") != FORMAT or not is_digest(value["version"]) or not is_digest(value["record"]):
            raise refusal
        if not isinstance(value["writer"], str) or not (value["set"] is None or is_set(value["set"])):
            raise refusal
        entry = cls(**value)
        if (entry.name, entry.sequence) != (name, sequence):
            raise NotVerifiableError(f"{what}: belongs to another place", remedy=ALTERED)
        return entry


@dataclass(frozen=True)
class Document:
    """A record, and how many chunks each object of each of its files takes."""

    record: AssetRecord
    counts: tuple[tuple[int, ...], ...]

    @classmethod
    def of(cls, record: AssetRecord) -> Document:
        """Group the files of a new version."""
        return cls(record, tuple(groups(entry) for entry in record.files))

    def pieces(self, path: str) -> list[Piece]:
        """Return the objects of one file.

        Raises:
            NotVerifiableError: they are not those of its chunks.
        """
        index = next(at for at, entry in enumerate(self.record.files) if entry.path == path)
        return pieces_of(self.record.files[index], self.counts[index])

    def to_bytes(self) -> bytes:
        """Return the one form of it."""
        pieces = [list(counts) for counts in self.counts]
        return canonical({"record": self.record.to_json(), "pieces": pieces})

    @classmethod
    def from_bytes(cls, raw: bytes, entry: Entry) -> Document:
        """Read the record of a commit.

        Raises:
            NotVerifiableError: it is not that one.
        """
        what = f"{entry.name}: the record of version {entry.sequence}"
        if digest_bytes(raw) != entry.record:
            raise NotVerifiableError(f"{what}: does not match its digest", remedy=ALTERED)
        value = strict_json(raw, what)
        if not isinstance(value, Mapping) or set(value) != {"record", "pieces"}:
            raise NotVerifiableError(f"{what}: not what was written", remedy=ALTERED)
        record = AssetRecord.from_json(value["record"])
        if (record.name, record.sequence, record.version) != (entry.name, entry.sequence, entry.version):
            raise NotVerifiableError(f"{what}: belongs to another place", remedy=ALTERED)
        return cls(record, _counts(value["pieces"], len(record.files), what))


def _counts(value: Any, files: int, what: str) -> tuple[tuple[int, ...], ...]:  # noqa: ANN401 - any JSON value
    sound = isinstance(value, list) and len(value) == files and all(isinstance(one, list) for one in value)
    if not sound or any(type(count) is not int for one in value for count in one):
        raise NotVerifiableError(f"{what}: not what was written", remedy=ALTERED)
    return tuple(tuple(one) for one in value)
