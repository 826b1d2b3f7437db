"""A set of one asset, over a draft of it: for a store that commits one version at a time."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from data_contracts.errors import UsageError
from environments.stores.protocol import Draft, SetMember
from environments.stores.record import AssetRecord

__all__ = ["SetOfOne"]


class SetOfOne:
    """See `environments.stores.protocol.SetDraft`."""

    def __init__(self, draft: Draft) -> None:
        """Take over a draft."""
        self._draft = draft

    @property
    def names(self) -> tuple[str, ...]:
        """The asset's name."""
        return (self._draft.name,)

    def path(self, name: str) -> Path:
        """Return the folder to write the member's files in."""
        if name != self._draft.name:
            raise UsageError("the set has no member of that name", remedy="begin it with all its members")
        return self._draft.path

    def commit(self, members: Mapping[str, SetMember]) -> tuple[AssetRecord, ...]:
        """Make the member one durable version."""
        if set(members) != {self._draft.name}:
            raise UsageError("a set's commit: not its members", remedy="give each member, and no other")
        [said] = members.values()
        record = self._draft.commit(
            said.contract, said.labels, lineage=said.lineage, rows=said.rows, written=said.written
        )
        return (record,)

    def abandon(self) -> None:
        """Throw the draft away; nothing happens after a commit."""
        self._draft.abandon()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.abandon()
