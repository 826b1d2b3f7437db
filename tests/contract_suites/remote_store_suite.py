"""What every store on objects must do beyond `StoreSuite`: one writer wins, damage, local copies.

```python
class TestMyObjects(RemoteStoreSuite):
    def bucket(self, folder: Path) -> Objects:
        return Bucket(client, folder.name, "the store")
```
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from remote_sets import LIMIT, RemoteSets
from store_basis import LABELS, contract
from store_suite import StoreSuite

from data_contracts.errors import NotVerifiableError, UnreachableError
from environments.objects.bucket import Data, Objects
from environments.stores import AssetRecord, AssetStore
from environments.stores.remote import RemoteStore
from environments.stores.remote.cache import Cache
from environments.stores.remote.documents import entry_name

GUARD = threading.Lock()


class RemoteStoreSuite(RemoteSets, StoreSuite):
    """What `RemoteSets` asks for, and what is asked of every store."""

    # one writer wins

    def test_one_create_wins(self, folder: Path) -> None:
        bucket = self.bucket(folder)
        with ThreadPoolExecutor(8) as pool:
            won = list(pool.map(lambda number: bucket.create("assets/x/1", b"%d" % number), range(8)))
        assert sum(won) == 1
        assert bucket.get("assets/x/1", limit=9) == b"%d" % won.index(True)
        assert not bucket.create("assets/x/1", b"late")

    def test_a_store_that_refuses_a_second_create_is_told_from_one_that_does_not(
        self, folder: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        assert self.open_store(folder).capabilities().one_writer_wins
        assert not caplog.records
        careless = RemoteStore(Careless(self.bucket(folder)), folder, medium="suite", limit=LIMIT)
        with careless.begin("readings") as draft:
            (draft.path / "part-00000.parquet").write_bytes(b"one")
            draft.commit(contract(), LABELS)
        assert not careless.capabilities().one_writer_wins
        assert [record.getMessage() for record in caplog.records] == list(careless.capabilities().warnings)
        assert "single-writer mode" in caplog.text

    def test_writers_on_one_machine_without_one_winner(self, folder: Path) -> None:
        def write(number: int) -> AssetRecord:
            store = RemoteStore(Careless(self.bucket(folder)), folder, medium="suite", limit=LIMIT)
            return self.put(store, body=b"%d" % number)

        with ThreadPoolExecutor(4) as pool:
            records = list(pool.map(write, range(6)))
        assert sorted(record.sequence for record in records) == list(range(1, 7))
        assert {record.version for record in self.open_store(folder).versions("readings")} == {
            record.version for record in records
        }

    def test_an_old_listing_only_says_where_to_begin(self, store: AssetStore, folder: Path) -> None:
        self.put(store)
        old = RemoteStore(OldListing(self.bucket(folder)), folder, medium="suite", limit=LIMIT)
        self.put(store, body=b"two")
        back = self.put(old)
        assert back.sequence == 3, "the first version's bytes are the latest again, and no repetition of it"
        assert store.record("readings") == back

    def test_a_commit_that_the_store_lost_is_no_version(self, store: AssetStore, folder: Path) -> None:
        first = self.put(store)
        losing = RemoteStore(Losing(self.bucket(folder)), folder, medium="suite", limit=LIMIT)
        with pytest.raises(UnreachableError, match="does not have it"):
            self.put(losing, body=b"two")
        assert store.versions("readings") == (first,)

    # damage and other hands

    def test_a_commit_moved_to_another_place_is_refused(self, store: AssetStore, folder: Path) -> None:
        self.put(store)
        bucket = self.bucket(folder)
        body = bucket.get(entry_name("readings", 1), limit=LIMIT)
        assert body is not None
        for name, sequence in (("readings", 2), ("other", 1)):
            bucket.put(entry_name(name, sequence), body)
            with pytest.raises(NotVerifiableError):
                self.open_store(folder).record(name)
            bucket.delete([entry_name(name, sequence)])
        store.verify(store.record("readings"))

    def test_a_record_that_nobody_committed_opens_nothing(self, store: AssetStore, folder: Path) -> None:
        record = self.put(store)
        self.forget(folder)
        entry = replace(record.files[0], size=2, chunks=("sha256:" + "0" * 64,), sizes=(2,))
        with pytest.raises(NotVerifiableError):
            store.open(replace(record, files=(entry,)))

    # removing

    def test_an_object_that_a_writer_found_there_is_not_removed_before_its_commit(self, folder: Path) -> None:
        """Between a writer's look at an object and its commit, another version comes and the old one goes."""
        body = os.urandom(12_000_000)
        first = self.put(self.open_store(folder), body=body)
        self.ended(folder)
        held: list[bool] = []

        def overtake() -> None:
            other = self.open_store(folder)
            self.put(other, body=b"another")
            self.ended(folder)
            with other.alone(first) as free:
                held.append(free)
                if free:
                    other.erase(first, "sha256:" + "a" * 64)

        looking = Looking(self.bucket(folder), overtake)
        writer = RemoteStore(looking, folder, medium="suite", limit=LIMIT)
        record = self.put(writer, body=body + b"appended")
        assert held == [False]
        self.forget(folder)
        self.open_store(folder).verify(record)
        self.open_store(folder).verify(first)

    # local copies

    def test_another_machine_reads_what_was_committed(self, store: AssetStore, folder: Path) -> None:
        body = os.urandom(11_000_000)
        record = self.put(store, body=body)
        self.forget(folder)
        elsewhere = self.open_store(folder)
        [path] = elsewhere.open(elsewhere.record("readings"))
        assert path.read_bytes() == body
        assert path.stat().st_mode & 0o777 == 0o400
        elsewhere.verify(record)

    def test_a_local_copy_that_changed_is_fetched_again(
        self, store: AssetStore, caplog: pytest.LogCaptureFixture
    ) -> None:
        record = self.put(store, body=b"genuine")
        [path] = store.open(record)
        path.chmod(0o600)
        path.write_bytes(b"changed")
        assert [found.read_bytes() for found in store.open(record)] == [b"genuine"]
        assert "fetched again" in caplog.text

    def test_an_appended_version_sends_what_is_new(self, folder: Path) -> None:
        body = os.urandom(12_000_000)
        counting = Counting(self.bucket(folder))
        store = RemoteStore(counting, folder, medium="suite", limit=LIMIT)
        self.put(store, body=body)
        before = counting.sent
        record = self.put(store, body=body + os.urandom(1000))
        assert record.sequence == 2
        assert counting.sent - before < 0.85 * len(body)
        self.forget(folder)
        store.verify(record)

    def test_copies_stay_within_their_limit_and_what_is_in_use_stays(self, folder: Path) -> None:
        small = RemoteStore(self.bucket(folder), folder, medium="suite", limit=25_000)
        records = [self.put(self.open_store(folder), name, body=os.urandom(10_000)) for name in "abc"]
        self.forget(folder)
        for path in folder.glob("*.lock"):
            path.unlink()
        [first] = small.open(records[0])
        [second] = small.open(records[1])
        with pytest.raises(UnreachableError, match="do not fit"):
            small.open(records[2])
        assert first.exists()
        assert second.exists()
        Cache(folder, 25_000).release()
        os.utime(folder / f"{records[0].version[7:]}.lock")
        [third] = small.open(records[2])
        assert third.exists()
        assert first.exists(), "the least lately used goes first"
        assert not second.exists()

    def test_a_version_larger_than_the_limit_is_committed_and_not_kept(self, folder: Path) -> None:
        small = RemoteStore(self.bucket(folder), folder, medium="suite", limit=5_000)
        record = self.put(small, body=os.urandom(10_000))
        small.verify(record)
        with pytest.raises(UnreachableError, match="do not fit"):
            small.open(record)


class Careless:
    """Objects of a store that takes a second create."""

    def __init__(self, inner: Objects) -> None:
        self.inner = inner

    def __getattr__(self, name: str) -> object:
        return getattr(self.inner, name)

    def create(self, name: str, data: Data) -> bool:
        self.inner.put(name, data)
        return True


class OldListing:
    """Objects whose listings stay as they were."""

    def __init__(self, inner: Objects) -> None:
        self.inner, self.listed = inner, list(inner.names("assets"))

    def __getattr__(self, name: str) -> object:
        return getattr(self.inner, name)

    def names(self, prefix: str, *, after: str = "") -> Iterator[str]:
        return (name for name in self.listed if name.startswith(prefix) and name > after)


class Losing:
    """Objects of a store that says that it created what it did not."""

    def __init__(self, inner: Objects) -> None:
        self.inner = inner

    def __getattr__(self, name: str) -> object:
        return getattr(self.inner, name)

    def create(self, name: str, data: Data) -> bool:
        return not name.startswith("assets/") and self.inner.create(name, data)


class Looking:
    """Objects, the first of which that is looked for and found lets something else happen."""

    def __init__(self, inner: Objects, then: Callable[[], None]) -> None:
        self.inner, self.then, self.done = inner, then, False

    def __getattr__(self, name: str) -> object:
        return getattr(self.inner, name)

    def size(self, name: str) -> int | None:
        found = self.inner.size(name)
        with GUARD:
            first = found is not None and name.startswith("data/") and not self.done
            self.done = self.done or first
        if first:
            self.then()
        return found


class Counting:
    """Objects, and how many bytes of data were put."""

    def __init__(self, inner: Objects) -> None:
        self.inner, self.sent = inner, 0

    def __getattr__(self, name: str) -> object:
        return getattr(self.inner, name)

    def put(self, name: str, data: Data) -> None:
        if name.startswith("data/"):
            self.sent += len(data)
        self.inner.put(name, data)
