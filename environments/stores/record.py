"""What a store knows of one version: its files, contract, labels and where it came from.

Invariants:
1. A version is the SHA-256 of the RFC 8785 list of `{path, size, chunks}` of its files, sorted by
   path. It names the bytes, so the same bytes have the same version under any name or contract.
2. The chunks are those cut at the commit, and stay with the record together with their sizes: a later
   cutter changes no version. A record without sizes (format 1) was cut every `CHUNK` bytes.
3. A record is immutable; its digest covers every field.

Example:
    >>> entry = FileEntry("part-00000.parquet", 0, ())
    >>> version_of([entry])
    'sha256:a9e0e02636ebc1555f45abc5c59fc360e9e2eea484256588adef6125fb172eff'
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any

from data_contracts.digest import canonical, digest_bytes, is_digest
from data_contracts.errors import IsthmusError, NotVerifiableError, UsageError
from data_contracts.labels import Labels
from environments.ref import CONTRACT_REFERENCE, AssetRef, check_name

__all__ = [
    "CHUNK",
    "FORMAT",
    "FORMATS",
    "AssetRecord",
    "FileEntry",
    "canonical_list",
    "check_path",
    "record_bytes",
    "version_of",
]

_EXACT = 2**53
CHUNK = 4 * 1024 * 1024
"""Bytes of a chunk where no sizes are recorded, and of the largest that is cut."""
FORMAT = 2
"""Version of the store's own shape. 2 has sets, which a program that knows only 1 would not see."""
FORMATS = (1, 2)
"""Those that are read."""
_FIXED, _SIZED = 1, 2
_PART = r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}"
_PATH = re.compile(rf"{_PART}(?:/{_PART}){{0,7}}")
_KEYS = frozenset(
    {
        "format",
        "name",
        "version",
        "sequence",
        "contract",
        "contract_digest",
        "labels",
        "files",
        "rows",
        "created",
        "lineage",
    }
)
_SHAPES = [(str(_FIXED), set(_KEYS)), (str(_SIZED), {*_KEYS, "sizes"})]


def check_path(path: object) -> str:
    """Return a file's path inside a version if it is one: relative, plain, no dots that climb.

    Raises:
        UsageError: it is not.
    """
    if not isinstance(path, str) or not _PATH.fullmatch(path) or ".." in path:
        raise UsageError(
            "a file's path in an asset: not plain",
            remedy="use letters, digits, '.', '_' and '-', at most 8 parts, none that begins with a dot",
        )
    return path


@dataclass(frozen=True, order=True)
class FileEntry:
    """One file of a version.

    Attributes:
        path: relative, with `/`.
        size: bytes.
        chunks: digests of its chunks, in order; none for an empty file.
        sizes: bytes of each chunk; none where they are `CHUNK`. They say where to look, not what is there,
            and are no part of the version.
    """

    path: str
    size: int
    chunks: tuple[str, ...]
    sizes: tuple[int, ...] = ()

    def pieces(self) -> list[tuple[int, int, str]]:
        """Return (offset, size, digest) of each chunk.

        Raises:
            NotVerifiableError: sizes and chunks do not go together.
        """
        sizes = self.sizes or tuple(min(CHUNK, self.size - at) for at in range(0, self.size, CHUNK))
        if len(sizes) != len(self.chunks) or sum(sizes) != self.size or not _bounded(sizes):
            raise NotVerifiableError(f"{self.path}: its list of chunks is not one of its size")
        starts = accumulate(sizes, initial=0)
        return list(zip(starts, sizes, self.chunks, strict=False))

    def to_json(self) -> dict[str, Any]:
        """Return the entry as it stands in the list that a version is the digest of."""
        return {"path": self.path, "size": self.size, "chunks": list(self.chunks)}

    @classmethod
    def from_json(cls, value: Mapping[str, Any], sizes: Sequence[int] = ()) -> FileEntry:
        """Read what `to_json` wrote, beside which the chunks' sizes stand.

        Raises:
            UsageError: it is something else.
        """
        path, size, chunks = check_path(value.get("path")), value.get("size"), value.get("chunks")
        if not isinstance(size, int) or isinstance(size, bool) or size < 0:
            raise UsageError("a file's size: not a number of bytes")
        if not isinstance(chunks, list) or not all(map(is_digest, chunks)) or set(value) != _ENTRY_KEYS:
            raise UsageError("a file's chunks: not a list of digests")
        return cls(path, size, tuple(chunks), tuple(sizes))


def _bounded(sizes: tuple[int, ...]) -> bool:
    return all(0 < size <= 4 * CHUNK for size in sizes)


_ENTRY_KEYS = {"path", "size", "chunks"}


_ASCII = json.JSONEncoder(sort_keys=True, separators=(",", ":")).encode
_TEXT = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode
"""Made once: a crossing of a thousand small assets writes five thousand of these."""


def version_of(files: Iterable[FileEntry]) -> str:
    """Return the version digest of a set of files (design §4)."""
    ordered = sorted(files, key=lambda entry: entry.path)
    return digest_bytes(canonical_list([entry.to_json() for entry in ordered]))


def record_bytes(body: Mapping[str, Any]) -> bytes:
    """Return the RFC 8785 form of a record's JSON, quickly where nothing in it needs more."""
    if _whole(body.get("lineage")):
        text = _TEXT(body)
        if text.isascii():
            return text.encode("ascii")
    return canonical(body)


def _whole(value: object) -> bool:
    """Whether a JSON value holds no number but those that both writers write alike."""
    if isinstance(value, Mapping):
        return all(isinstance(key, str) and _whole(each) for key, each in value.items())
    if isinstance(value, list | tuple):
        return all(map(_whole, value))
    return value is None or isinstance(value, str | bool) or (type(value) is int and abs(value) < _EXACT)


def canonical_list(value: object) -> bytes:
    """Return the RFC 8785 form of what holds only lists, ASCII text, whole numbers and objects of these.

    For those the standard library writes the same bytes, and a list of 10,000 chunks fifty times faster.
    """
    return _ASCII(value).encode("ascii")


@dataclass(frozen=True)
class AssetRecord:
    """One committed version of one asset: the store's own word, which decisions read.

    Attributes:
        name: the asset's.
        version: `sha256:<hex>` of its files.
        sequence: 1-based place in the asset's history.
        contract_ref: `id@version`.
        contract_digest: of the contract's document, which the store keeps beside.
        labels: what sticks to it.
        files: sorted by path.
        rows: of data; None for what has no rows.
        created: UTC, ISO 8601 with `Z`.
        lineage: JSON: `inputs` (refs), `crossing`, and whatever else its maker recorded.
    """

    name: str
    version: str
    sequence: int
    contract_ref: str
    contract_digest: str
    labels: Labels
    files: tuple[FileEntry, ...]
    rows: int | None
    created: str
    lineage: Mapping[str, Any] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(entry.size for entry in self.files)

    @property
    def digest(self) -> str:
        """The digest of the whole record: what a ledger pins."""
        return digest_bytes(record_bytes(self.to_json()))

    def file(self, path: str) -> FileEntry:
        """Return one file's entry.

        Raises:
            UsageError: the version has no such file.
        """
        for entry in self.files:
            if entry.path == path:
                return entry
        names = ", ".join(entry.path for entry in self.files[:8])
        raise UsageError(f"{self.name}: this version has no file of that path", remedy=f"it has: {names}")

    def ref(self, environment: str) -> AssetRef:
        """Return the reference that flows pass around; its labels are for display."""
        return AssetRef(self.name, environment, self.version, self.contract_ref, self.labels.to_json())

    def to_json(self) -> dict[str, Any]:
        """Return the record as JSON values; without sizes it has its first form."""
        sized = any(entry.sizes for entry in self.files)
        beside = {"sizes": [list(entry.sizes) for entry in self.files]} if sized else {}
        return beside | {
            "format": _SIZED if sized else _FIXED,
            "name": self.name,
            "version": self.version,
            "sequence": self.sequence,
            "contract": self.contract_ref,
            "contract_digest": self.contract_digest,
            "labels": self.labels.to_json(),
            "files": [entry.to_json() for entry in self.files],
            "rows": self.rows,
            "created": self.created,
            "lineage": dict(self.lineage),
        }

    @classmethod
    def from_json(cls, value: object) -> AssetRecord:
        """Read what `to_json` wrote, and compute the version again.

        Raises:
            NotVerifiableError: a field is missing, unknown or wrong, or the version is not that of the files.
        """
        if not isinstance(value, Mapping) or (str(value.get("format")), set(value)) not in _SHAPES:
            raise NotVerifiableError(
                "an asset's record has not the shape that this version of Isthmus writes"
            )
        try:
            record = _read(value)
        except (IsthmusError, TypeError, AttributeError) as error:
            raise NotVerifiableError("an asset's record does not hold what it should") from error
        if version_of(record.files) != record.version or not record.files:
            raise NotVerifiableError(f"{record.name}: the record's version is not that of its files")
        return record


def _read(value: Mapping[str, Any]) -> AssetRecord:
    rows, sequence = value["rows"], value["sequence"]
    numbers = [sequence] if rows is None else [sequence, rows]
    if any(not isinstance(number, int) or isinstance(number, bool) or number < 0 for number in numbers):
        raise UsageError("a record's number: not a count")
    if not re.fullmatch(CONTRACT_REFERENCE, value["contract"]) or not is_digest(value["contract_digest"]):
        raise UsageError("a record's contract: not a reference")
    if not isinstance(value["created"], str) or not isinstance(value["lineage"], Mapping):
        raise UsageError("a record's origin: not as written")
    return AssetRecord(
        name=check_name(value["name"], "a record's name"),
        version=value["version"],
        sequence=sequence,
        contract_ref=value["contract"],
        contract_digest=value["contract_digest"],
        labels=Labels.from_json(value["labels"]),
        files=_files(value["files"], value.get("sizes", ())),
        rows=rows,
        created=value["created"],
        lineage=dict(value["lineage"]),
    )


def _files(entries: list[Mapping[str, Any]], sizes: object) -> tuple[FileEntry, ...]:
    if sizes == ():
        return tuple(map(FileEntry.from_json, entries))
    if not isinstance(sizes, list) or len(sizes) != len(entries):
        raise UsageError("a record's sizes: not those of its files")
    if any(type(size) is not int for each in sizes for size in each):
        raise UsageError("a record's sizes: not numbers of bytes")
    return tuple(map(FileEntry.from_json, entries, sizes))
