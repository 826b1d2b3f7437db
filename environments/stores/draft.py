"""A draft of the local store: from a folder of files to one durable version.

The order of a commit, each step of which may be the last that happens:
1. every file is refused or cut (or found to be the one that was verified as it was written), made read-only
   and durable;
2. under the asset's lock, the record is written beside them and made durable, folder by folder;
3. one rename puts the whole into the asset's history;
4. the history's folder is made durable.
Before 3 there is nothing, after it everything; the rename cannot replace another version, since its
target holds the sequence number that the lock gave.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from data_contracts.digest import canonical, digest_json
from data_contracts.labels import Labels
from data_contracts.model import Contract
from environments.bulk import write_all
from environments.private import sync_folder
from environments.stores.cutting import Written
from environments.stores.drafting import StagedDraft
from environments.stores.files import kept_files
from environments.stores.history import History
from environments.stores.protocol import check_expected
from environments.stores.record import AssetRecord, check_path, version_of
from environments.stores.staging import Staged

__all__ = ["LocalDraft", "write_document"]


class LocalDraft(StagedDraft):
    """A draft of the local store."""

    def __init__(self, history: History, staged: Staged, clock: Callable[[], datetime]) -> None:
        """Take over a staged folder."""
        super().__init__(history.name, staged)
        self._history = history
        self._clock = clock

    def _commit(
        self,
        contract: Contract,
        labels: Labels,
        lineage: dict[str, Any],
        rows: int | None,
        written: Iterable[Written] | None,
        expected: str | None,
    ) -> AssetRecord:
        files = kept_files(self.name, self.path, written)
        write_document(self._staged.folder / "contract.json", canonical(contract.document))
        with self._history.lock():
            record = AssetRecord(
                name=self.name,
                version=version_of(files),
                sequence=self._history.next_sequence(),
                contract_ref=contract.reference,
                contract_digest=contract.digest,
                labels=labels,
                files=files,
                rows=rows,
                created=self._clock().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
                lineage=lineage,
            )
            same = self._history.find_same(record)
            if same is not None:
                return same
            check_expected(self.name, self._history.latest(), expected)
            body = record.to_json()
            document = canonical({"record": body, "digest": digest_json(body)})
            write_document(self._staged.folder / "record.json", document)
            sync_folder(self._staged.folder)
            self._staged.folder.rename(self._history.folder / self._history.version_name(record))
            sync_folder(self._history.folder)
        return record


def write_document(path: Path, data: bytes, *, durable: bool = True) -> None:
    """Write one read-only document of a draft.

    Raises:
        OSError: the disk refuses.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(path, flags, 0o400)
    try:
        write_all(descriptor, data)
        if durable:
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def copy_into(draft_path: Path, source: Path, path: str) -> Path:
    """Copy one file into a draft (a link would let its other name change the version).

    Raises:
        UsageError: `path` is not plain.
        OSError: the disk refuses.
    """
    target = draft_path / check_path(path)
    shutil.copyfile(source, target)
    return target
