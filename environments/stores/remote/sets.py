"""A set in a store on objects: versions of several assets that one mark lets count, all at once.

The order of a commit, each step of which may be the last that happens:
1. every file of every member is refused or cut;
2. what the store does not have of them is sent, and their contracts;
3. each member takes its asset's next number, in the order of the names, with a commit that names the set;
4. one create of the set's mark lets all of them count (see `marks`).
Before 4 no reader sees any member, after it every reader sees all. Writers that meet a set between 3 and 4
wait for it, and abandon it if it takes too long; then its writer takes other numbers.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TypeAlias

from data_contracts.errors import ConflictError
from environments.objects.bucket import Objects
from environments.private import make_private
from environments.stores.drafting import StagedSet
from environments.stores.files import kept_files
from environments.stores.protocol import SetMember
from environments.stores.record import AssetRecord
from environments.stores.remote.draft import Version
from environments.stores.remote.history import RemoteHistory
from environments.stores.remote.marks import Marks
from environments.stores.staging import Staged

__all__ = ["RemoteSetDraft"]

_TRIES = 20
Finish: TypeAlias = Callable[
    [Callable[[], dict[str, AssetRecord]], Callable[[str], Path]], dict[str, AssetRecord]
]
"""Runs a commit, and is told where the files of each member lie."""


class RemoteSetDraft(StagedSet):
    """A set of a store on objects."""

    def __init__(
        self,
        bucket: Objects,
        histories: tuple[RemoteHistory, ...],
        marks: Marks,
        staged: Staged,
        clock: Callable[[], datetime],
        finish: Finish,
        committing: Callable[[], AbstractContextManager[None]],
    ) -> None:
        """Take over a staged folder; `finish` holds off other writers if need be, and may keep the files.

        `committing` holds off who removes objects, as for a draft of one version.
        """
        super().__init__(tuple(history.name for history in histories), staged)
        self._bucket = bucket
        self._histories = {history.name: history for history in histories}
        self._marks = marks
        self._clock = clock
        self._finish = finish
        self._committing = committing
        data = make_private(staged.folder / "data")
        for name in self.names:
            make_private(data / name)

    def _commit(self, members: Mapping[str, SetMember]) -> tuple[AssetRecord, ...]:
        versions = {name: self._version(name, members[name]) for name in self.names}
        with self._committing():
            for name, version in versions.items():
                version.send(self._bucket, self._histories[name], self.path(name))
            found = self._finish(partial(self._publish, versions), self.path)
        return tuple(found[name] for name in self.names)

    def _version(self, name: str, member: SetMember) -> Version:
        files = kept_files(name, self.path(name), member.written)
        lineage = dict(member.lineage)
        return Version(member.contract, member.labels, files, lineage, member.rows, self._clock())

    def _publish(self, versions: Mapping[str, Version]) -> dict[str, AssetRecord]:
        for _ in range(_TRIES):
            set_id, found, claimed = secrets.token_hex(16), {}, []
            # One order for all writers: who has the first name of two sets gets the others, too.
            for name in sorted(versions):
                make = partial(versions[name].record, name)
                document, entry = self._histories[name].publish(make, set_id)
                found[name] = document.record
                claimed += [entry] if entry is not None else []
            if not claimed or self._marks.commit(set_id, claimed):
                return found
        raise ConflictError(
            f"a set of {len(versions)} assets: other writers abandoned it {_TRIES} times",
            remedy="look why this machine is slow to reach the store, then run it again",
        )
