"""What every store of assets does, whatever it stands on.

Duties of an implementation (the suite in `tests/contract_suites/store_suite.py` checks them):
1. One atomic commit for each version. A crash at any moment leaves the whole version or nothing of it;
   what it left of a draft is removed later, and never while the draft's owner lives.
2. Readers never see half: `names`, `versions` and `record` know committed versions only.
3. A wrong byte, wherever it stands, is found before a caller gets the path (`NotVerifiableError`).
4. Nothing outside the store is read or written through it: links and climbing paths are refused.
5. Two writers of one asset both get a version, in some order; the latest is the last that committed. Of
   those who expect the same latest version, one gets its version, and the others a conflict.
6. A commit of what already stands there under the same contract, labels and crossing, or as the
   latest, is that version again and not a second one: a retry changes nothing.
7. A store that may only be read is read without a lock and without a write.
8. A set is one commit: all its members become visible at once, or, after a crash at any moment, none.
9. A snapshot is the store as it was at one moment: what is committed afterwards does not change it, and it
   holds all members of a set or none.
10. What was erased is no version any more: no reader sees it, its number is not used again, and no byte of it
   is left but what another version holds too. Its record stays as a tombstone. A crash at any moment leaves
   the version, or a tombstone that a second `erase` makes good. The same commit again is a new version.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

from data_contracts.errors import ConflictError
from data_contracts.labels import Labels
from data_contracts.model import Contract
from environments.stores.cutting import Written
from environments.stores.record import AssetRecord

__all__ = [
    "NOTHING",
    "AssetStore",
    "Draft",
    "SetDraft",
    "SetMember",
    "Snapshot",
    "Tombstone",
    "check_expected",
]

NOTHING = "none"
"""What is expected of an asset that shall not be there yet."""


def check_expected(name: str, latest: str | None, expected: str | None) -> None:
    """Return if the latest version of an asset is the expected one, or nothing is expected.

    Raises:
        ConflictError: another writer came first.
    """
    if expected is None or expected == (latest or NOTHING):
        return
    found = f"its latest version is {latest}" if latest else "it has no version"
    raise ConflictError(
        f"{name}: another writer came first: {found}, and {expected} was expected; nothing was committed",
        remedy="look at what it wrote, make the version again on top of that, and expect that one",
    )


class Draft(Protocol):
    """A version in the making: files are written into `path`, then `commit` makes them one version."""

    @property
    def name(self) -> str:
        """The asset's name."""

    @property
    def path(self) -> Path:
        """The folder to write the version's files in; other processes of the environment may, too."""

    def commit(
        self,
        contract: Contract,
        labels: Labels,
        *,
        lineage: Mapping[str, Any] | None = None,
        rows: int | None = None,
        written: Iterable[Written] | None = None,
        expected: str | None = None,
    ) -> AssetRecord:
        """Make everything in `path` one durable version; the draft is over.

        Who verified every chunk while writing gives `written`: then the version is cut as those entries say,
        and what stands there must be those very files, no more, no fewer, unchanged.
        Whoever made the version on top of the latest one gives that one as `expected` (`NOTHING` where there
        was none): if another writer committed meanwhile, nothing is committed.

        Raises:
            NotVerifiableError: something else stands there than what was `written`.
            UsageError: the folder is empty, or holds a link, a special file or a path that is not plain.
            UnreachableError: the disk refuses; nothing was committed.
            ConflictError: another writer kept the asset locked for too long, or the latest version is another
                one than `expected`.
        """

    def abandon(self) -> None:
        """Throw the draft away; nothing happens after a commit."""

    def __enter__(self) -> Self:
        """Begin a block that abandons the draft unless it committed."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Abandon what was not committed."""


@dataclass(frozen=True)
class SetMember:
    """What a set's commit is told of one member; each field is as for `Draft.commit`."""

    contract: Contract
    labels: Labels
    lineage: Mapping[str, Any] = field(default_factory=dict)
    rows: int | None = None
    written: tuple[Written, ...] | None = None


class SetDraft(Protocol):
    """Versions of several assets in the making, one of each, which `commit` makes visible at once."""

    @property
    def names(self) -> tuple[str, ...]:
        """The assets' names, as they were asked for."""

    def path(self, name: str) -> Path:
        """Return the folder to write one member's files in.

        Raises:
            UsageError: the set has no member of that name.
        """

    def commit(self, members: Mapping[str, SetMember]) -> tuple[AssetRecord, ...]:
        """Make every member one durable version, all at once; return the records in the order of `names`.

        A member that only repeats what stands there (duty 6) is that version again.

        Raises:
            UsageError: `members` are not those of the draft, or one cannot be committed, see `Draft.commit`.
            NotVerifiableError: something else stands in a member's folder than what was written.
            UnreachableError: the disk refuses; nothing was committed.
            ConflictError: other writers kept the store locked for too long.
        """

    def abandon(self) -> None:
        """Throw the draft away; nothing happens after a commit."""

    def __enter__(self) -> Self:
        """Begin a block that abandons the draft unless it committed."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Abandon what was not committed."""


@dataclass(frozen=True)
class Tombstone:
    """What stays of a version that was erased.

    Attributes:
        record: its record, as it was.
        why: digest of the request by which it was erased.
        erased: when, UTC, ISO 8601 with `Z`.
    """

    record: AssetRecord
    why: str
    erased: str


class Snapshot(Protocol):
    """The store as it was at one moment; whoever reads several assets reads them through one.

    Its records are the store's own: `contract`, `open` and `materialise` of the store take them.
    """

    def names(self) -> tuple[str, ...]:
        """Return the names of all assets in it that had a version, sorted."""

    def versions(self, name: str) -> tuple[AssetRecord, ...]:
        """Return every version that an asset had, oldest first; see `AssetStore.versions`."""

    def record(self, name: str, version: str | None = None) -> AssetRecord:
        """Return one version's record; without a digest, the latest's then; see `AssetStore.record`."""


class AssetStore(Protocol):
    """The versioned assets of one environment."""

    def names(self) -> tuple[str, ...]:
        """Return the names of all assets that have a version, sorted."""

    def versions(self, name: str) -> tuple[AssetRecord, ...]:
        """Return every version of an asset, oldest first; none for an unknown name.

        Raises:
            NotVerifiableError: a record is damaged.
        """

    def record(self, name: str, version: str | None = None) -> AssetRecord:
        """Return one version's record; without a digest, the latest's.

        Raises:
            UsageError: there is no such asset or version; the text says which there are.
            NotVerifiableError: the record is damaged.
        """

    def contract(self, record: AssetRecord) -> Contract:
        """Return the contract that the version was committed under, as it was then.

        Raises:
            NotVerifiableError: the stored document is not the one of the record.
        """

    def begin(self, name: str) -> Draft:
        """Begin a version.

        Raises:
            UsageError: `name` is no name.
            UnreachableError: the disk refuses.
        """

    def begin_set(self, names: Iterable[str]) -> SetDraft:
        """Begin versions of several assets that shall become visible at once.

        Raises:
            UsageError: no names, a name that is none, or one that stands twice.
            UnreachableError: the disk refuses.
        """

    def snapshot(self, names: Iterable[str] | None = None) -> Snapshot:
        """Return the store as it is now, of these assets or of all.

        Raises:
            UsageError: a name is none.
            ConflictError: writers changed these assets faster than they can be looked at.
        """

    def materialise(self, record: AssetRecord, path: str) -> Path:
        """Return a local path of one file, every byte of it verified just now. Do not write to it.

        Raises:
            UsageError: the version has no such file.
            NotVerifiableError: the file is missing, is a link, or holds a wrong byte.
        """

    def locate(self, record: AssetRecord, path: str) -> Path:
        """Return a local path of one file, nothing of it verified: for who compares every chunk that is read.

        Raises:
            UsageError: the version has no such file.
            NotVerifiableError: a folder above it is a link.
        """

    def open(self, record: AssetRecord) -> tuple[Path, ...]:
        """Return the paths of all files, in the record's order, each verified as by `materialise`."""

    def verify(self, record: AssetRecord) -> None:
        """Read everything of a version (record, contract, files, nothing besides) and compare.

        Raises:
            NotVerifiableError: something is wrong, missing or too many.
        """

    def erase(self, record: AssetRecord, why: str) -> Tombstone:
        """Remove the bytes of one version and leave a tombstone; of what was erased before, what is left.

        What another version holds too stays. Whoever reads the version at that moment may lose it.

        Raises:
            UsageError: `why` is no digest.
            NotVerifiableError: the store has no such record, or it is another one by now.
            UnreachableError: the disk or the store refuses; run it again.
        """

    def alone(self, record: AssetRecord) -> AbstractContextManager[bool]:
        """Give whether nobody reads a version, and hold it alone in the block.

        An `erase` in it takes nothing from a reader or a writer. Where that cannot be known, it is false.
        """

    def tombstones(self, name: str) -> tuple[Tombstone, ...]:
        """Return what stays of an asset's erased versions, oldest first; none for an unknown name.

        Raises:
            NotVerifiableError: a tombstone is damaged.
        """

    def erased_names(self) -> tuple[str, ...]:
        """Return the names of all assets of which a version was erased, sorted."""
