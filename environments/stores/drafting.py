"""What every draft on this machine's disk does alike, whatever store it is committed to.

Invariants:
1. A draft ends once: after a commit, a failed one too, and after `abandon`, nothing more happens with it.
2. What was staged is released however the draft ends.

Example:
    >>> class Mine(StagedDraft):
    ...     def _commit(self, contract, labels, lineage, rows, written, expected):
    ...         return store(kept_files(self.name, self.path, written))
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from data_contracts.errors import UsageError
from data_contracts.labels import Labels
from data_contracts.model import Contract
from environments.private import disk_errors, make_private
from environments.stores.cutting import Written
from environments.stores.protocol import SetMember
from environments.stores.record import AssetRecord
from environments.stores.staging import Staged

__all__ = ["StagedDraft", "StagedSet"]


class _Ends:
    """A staged folder that is released when its block ends."""

    _staged: Staged
    _what: str

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.abandon()

    def abandon(self) -> None:
        """Throw the draft away; nothing happens after a commit."""
        with disk_errors(f"{self._what} cannot be removed"):
            self._staged.release()


class StagedDraft(_Ends, ABC):
    """See `environments.stores.protocol.Draft`.

    Attributes:
        name: the asset's name.
        path: where the version's files are written.
    """

    def __init__(self, name: str, staged: Staged) -> None:
        """Take over a staged folder."""
        self.name = name
        self.path = make_private(staged.folder / "data")
        self._staged, self._what = staged, f"{self.path}: the draft"

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
        """Make everything in `path` one durable version; see the protocol."""
        if self._staged.lock < 0:
            raise UsageError(f"{self.name}: this draft is over", remedy="begin another one")
        try:
            with disk_errors(f"{self.name}: the version cannot be committed"):
                return self._commit(contract, labels, dict(lineage or {}), rows, written, expected)
        finally:
            self.abandon()

    @abstractmethod
    def _commit(
        self,
        contract: Contract,
        labels: Labels,
        lineage: dict[str, Any],
        rows: int | None,
        written: Iterable[Written] | None,
        expected: str | None,
    ) -> AssetRecord:
        """Commit what lies in `path`."""


class StagedSet(_Ends, ABC):
    """See `environments.stores.protocol.SetDraft`.

    Attributes:
        names: the assets' names, as they were asked for.
    """

    def __init__(self, names: tuple[str, ...], staged: Staged) -> None:
        """Take over a staged folder."""
        self.names = names
        data = staged.folder / "data"
        self._folders = {name: data / name for name in names}
        self._staged, self._what = staged, "the draft of a set"

    def path(self, name: str) -> Path:
        """Return the folder to write one member's files in."""
        folder = self._folders.get(name)
        if folder is None:
            raise UsageError("the set has no member of that name", remedy="begin it with all its members")
        return folder

    def commit(self, members: Mapping[str, SetMember]) -> tuple[AssetRecord, ...]:
        """Make every member one durable version, all at once; see the protocol."""
        if self._staged.lock < 0:
            raise UsageError("this draft of a set is over", remedy="begin another one")
        try:
            if set(members) != set(self._folders):
                raise UsageError("a set's commit: not its members", remedy="give each member, and no other")
            with disk_errors("the set cannot be committed"):
                return self._commit(members)
        finally:
            self.abandon()

    @abstractmethod
    def _commit(self, members: Mapping[str, SetMember]) -> tuple[AssetRecord, ...]:
        """Commit exactly these members."""
