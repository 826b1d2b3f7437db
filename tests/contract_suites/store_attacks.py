"""What an attacker does to a store, and that nothing outside of it is read, written or believed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from store_basis import LABELS, StoreBasis, contract

from data_contracts.errors import NotVerifiableError, UsageError
from environments.stores import AssetStore


class StoreAttacks(StoreBasis):
    """Duty 4 of `environments.stores.protocol`."""

    @pytest.mark.attack
    @pytest.mark.parametrize("name", ["../x", "a/b", "", ".", "A", "x" * 64, "a.b", "x\n"])
    def test_a_name_that_climbs_is_refused(self, store: AssetStore, folder: Path, name: str) -> None:
        for call in (store.begin, store.record, store.versions):
            with pytest.raises(UsageError):
                call(name)
        assert not folder.exists()

    @pytest.mark.attack
    @pytest.mark.parametrize("kind", ["symlink", "folder-symlink", "hardlink", "fifo"])
    def test_a_draft_with_anything_but_plain_files_is_refused(
        self, store: AssetStore, tmp_path: Path, kind: str
    ) -> None:
        secret = tmp_path / "secret"
        secret.write_bytes(b"secret")
        with store.begin("readings") as draft:
            place = draft.path / "part-00000.parquet"
            if kind == "symlink":
                place.symlink_to(secret)
            elif kind == "folder-symlink":
                place.symlink_to(tmp_path)
            elif kind == "hardlink":
                place.hardlink_to(secret)
            else:
                os.mkfifo(place)
            with pytest.raises(UsageError):
                draft.commit(contract(), LABELS)
        assert store.names() == ()
        assert secret.read_bytes() == b"secret"

    @pytest.mark.attack
    def test_a_committed_file_replaced_by_a_link_is_refused(self, store: AssetStore, tmp_path: Path) -> None:
        record = self.put(store)
        [path] = store.open(record)
        twin = tmp_path / "twin"
        twin.write_bytes(path.read_bytes())
        path.unlink()
        path.symlink_to(twin)
        with pytest.raises(NotVerifiableError):
            store.open(record)

    @pytest.mark.attack
    def test_a_folder_replaced_by_a_link_is_refused(self, store: AssetStore, tmp_path: Path) -> None:
        record = self.put(store)
        data = store.open(record)[0].parent
        data.rename(tmp_path / "moved")
        data.symlink_to(tmp_path / "moved")
        with pytest.raises(NotVerifiableError):
            store.open(record)
