"""What every `AssetStore` must do; each implementation's test subclasses `StoreSuite`.

```python
class TestMyStore(StoreSuite):
    def open_store(self, folder: Path) -> AssetStore:
        return MyStore(folder)
```
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from store_attacks import StoreAttacks
from store_basis import LABELS, contract
from store_erasing import StoreErasing

from data_contracts.errors import ConflictError, NotVerifiableError, UsageError
from environments.stores import AssetRecord, AssetStore, version_of
from environments.stores.protocol import NOTHING


class StoreSuite(StoreErasing, StoreAttacks):
    """The duties of `environments.stores.protocol`, each with the test that would see it broken."""

    # 1. one atomic commit

    def test_what_was_committed_is_what_is_read(self, store: AssetStore, folder: Path) -> None:
        with store.begin("readings") as draft:
            (draft.path / "part-00000.parquet").write_bytes(b"a" * 9_000_000)
            (draft.path / "deep").mkdir()
            (draft.path / "deep" / "empty.bin").write_bytes(b"")
            lineage = {"inputs": ["x"], "crossing": None}
            record = draft.commit(contract(), LABELS, lineage=lineage, rows=7)
        again = self.open_store(folder).record("readings")
        assert again == record
        assert (again.rows, again.labels, again.lineage, again.sequence) == (7, LABELS, lineage, 1)
        assert [(entry.path, entry.size, len(entry.chunks)) for entry in again.files] == [
            ("deep/empty.bin", 0, 0),
            ("part-00000.parquet", 9_000_000, 3),
        ]
        assert again.version == version_of(again.files)
        assert [path.stat().st_size for path in store.open(again)] == [0, 9_000_000]
        store.verify(again)
        assert store.contract(again).digest == contract().digest

    def test_a_draft_is_seen_by_nobody_until_it_commits(self, store: AssetStore) -> None:
        with store.begin("readings") as draft:
            (draft.path / "part-00000.parquet").write_bytes(b"one")
            assert store.names() == ()
            assert store.versions("readings") == ()

    def test_what_was_abandoned_leaves_nothing(self, store: AssetStore, folder: Path) -> None:
        self.put(store)
        before = self.files(folder)
        with store.begin("readings") as draft:
            (draft.path / "part-00000.parquet").write_bytes(b"two")
        assert self.files(folder) == before

    def test_a_block_that_fails_commits_nothing(self, store: AssetStore) -> None:
        def fail() -> None:
            with store.begin("readings") as draft:
                (draft.path / "part-00000.parquet").write_bytes(b"two")
                raise RuntimeError

        with pytest.raises(RuntimeError):
            fail()
        assert store.names() == ()

    def test_a_killed_writer_leaves_nothing_and_is_swept(self, store: AssetStore, folder: Path) -> None:
        self.put(store)
        before = self.files(folder)
        writer = self.writer(folder)
        assert self.files(folder) != before, "the writer's draft stands while it lives"
        with store.begin("other"):
            pass
        assert any(b"half" in body for body in self.files(folder).values()), "a living draft was swept"
        os.kill(writer.pid, signal.SIGKILL)
        writer.communicate()
        with store.begin("other"):
            pass
        assert self.files(folder) == before

    def writer(self, folder: Path) -> subprocess.Popen[bytes]:
        """Start a process that holds a half-written draft."""
        code = f"""
            import time
            from pathlib import Path
            from {type(self).__module__.rpartition(".")[2]} import {type(self).__name__} as Suite
            with Suite().open_store(Path({str(folder)!r})).begin("readings") as draft:
                (draft.path / "part-00000.parquet").write_bytes(b"half")
                print("ready", flush=True)
                time.sleep(600)
        """
        paths = [str(Path(sys.modules[type(self).__module__].__file__ or "").parent), *sys.path]
        process = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(code)],
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        )
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        return process

    # 2. readers

    def test_readers_see_whole_versions_while_writers_write(self, folder: Path) -> None:
        done = time.monotonic() + 1.0

        def write(number: int) -> None:
            while time.monotonic() < done:
                self.put(self.open_store(folder), body=os.urandom(2000 + number))

        def read() -> int:
            seen, reader = 0, self.open_store(folder)
            while time.monotonic() < done or (not seen and time.monotonic() < done + 30):
                for record in reader.versions("readings")[-3:]:
                    reader.verify(record)
                    seen += 1
            return seen

        with ThreadPoolExecutor(4) as pool:
            writers = [pool.submit(write, number) for number in range(2)]
            readers = [pool.submit(read) for _ in range(2)]
            for writer in writers:
                writer.result()
            assert all(reader.result() > 0 for reader in readers)

    # 3. a wrong byte

    def test_every_wrong_byte_is_found(self, store: AssetStore, folder: Path) -> None:
        record = self.put(store, body=b"content of the asset")
        stored = self.stored(folder, record)
        assert len(stored) >= 3, "the record, the contract, the file"
        for name, genuine in stored.items():
            for place in {0, len(genuine) // 2, len(genuine) - 1}:
                changed = bytearray(genuine)
                changed[place] ^= 1
                self.tamper(folder, name, bytes(changed))
                with pytest.raises(NotVerifiableError):
                    self.read_all(folder)
                with pytest.raises(NotVerifiableError):
                    self.open_store(folder).verify(record)
            self.tamper(folder, name, genuine + b" ")
            if not name.endswith(".json"):  # a blank after a JSON document is no change of it
                with pytest.raises(NotVerifiableError):
                    self.read_all(folder)
            self.tamper(folder, name, None)
            with pytest.raises(UsageError if name.startswith(self.COMMITS) else NotVerifiableError):
                self.read_all(folder)
            self.tamper(folder, name, genuine)
        self.read_all(folder)

    def read_all(self, folder: Path) -> None:
        store = self.open_store(folder)
        record = store.record("readings")
        store.contract(record)
        store.open(record)

    def test_a_file_too_many_is_found(self, store: AssetStore) -> None:
        record = self.put(store)
        (store.open(record)[0].parent / "more.parquet").write_bytes(b"")
        with pytest.raises(NotVerifiableError):
            store.verify(record)

    # 5. two writers

    def test_two_writers_of_one_asset_both_get_a_version(self, store: AssetStore, folder: Path) -> None:
        def write(number: int) -> AssetRecord:
            return self.put(self.open_store(folder), body=b"%d" % number)

        with ThreadPoolExecutor(8) as pool:
            records = list(pool.map(write, range(16)))
        assert sorted(record.sequence for record in records) == list(range(1, 17))
        assert {record.version for record in store.versions("readings")} == {r.version for r in records}

    # 6. retries

    def test_the_same_commit_again_is_the_same_version(self, store: AssetStore) -> None:
        assert self.put(store) == self.put(store)
        assert len(store.versions("readings")) == 1

    def test_a_crossing_again_is_the_same_version_even_when_others_came_between(
        self, store: AssetStore
    ) -> None:
        first = self.put(store, lineage={"crossing": "sha256:" + "a" * 64})
        self.put(store, body=b"two")
        assert self.put(store, lineage={"crossing": "sha256:" + "a" * 64}) == first
        assert len(store.versions("readings")) == 2

    def test_going_back_to_earlier_bytes_makes_them_the_latest(self, store: AssetStore) -> None:
        first = self.put(store)
        self.put(store, body=b"two")
        back = self.put(store)
        assert (back.version, back.sequence) == (first.version, 3)
        assert store.record("readings").sequence == 3

    def test_the_same_bytes_under_another_contract_are_another_entry(self, store: AssetStore) -> None:
        first = self.put(store)
        with store.begin("readings") as draft:
            (draft.path / "part-00000.parquet").write_bytes(b"one")
            second = draft.commit(contract("1.1.0"), LABELS)
        assert first.version == second.version
        assert store.record("readings", first.version).contract_ref == "suite.readings@1.1.0"

    # what is not there

    def test_an_unknown_asset_or_version_is_named_with_what_there_is(self, store: AssetStore) -> None:
        with pytest.raises(UsageError):
            store.record("readings")
        record = self.put(store)
        with pytest.raises(UsageError) as caught:
            store.record("other")
        assert "readings" in caught.value.remedy
        with pytest.raises(UsageError):
            store.record("readings", "sha256:" + "0" * 64)
        with pytest.raises(UsageError):
            store.materialise(record, "../record.json")

    def test_an_empty_draft_is_refused(self, store: AssetStore) -> None:
        with store.begin("readings") as draft, pytest.raises(UsageError):
            draft.commit(contract(), LABELS)

    def test_a_draft_commits_once(self, store: AssetStore) -> None:
        with store.begin("readings") as draft:
            (draft.path / "part-00000.parquet").write_bytes(b"one")
            draft.commit(contract(), LABELS)
            with pytest.raises(UsageError):
                draft.commit(contract(), LABELS)

    def test_who_expects_the_latest_version_gets_the_next_one(self, store: AssetStore) -> None:
        first = self.put(store, body=b"one", expected=NOTHING)
        second = self.put(store, body=b"two", expected=first.version)
        with pytest.raises(ConflictError, match="another writer came first"):
            self.put(store, body=b"three", expected=first.version)
        with pytest.raises(ConflictError, match="another writer came first"):
            self.put(store, body=b"three", expected=NOTHING)
        assert [record.version for record in store.versions("readings")] == [first.version, second.version]
        again = self.put(store, body=b"two", expected=first.version)  # a retry of what was committed
        assert again == second
