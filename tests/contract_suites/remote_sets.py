"""What the suites of stores on objects share, and what they must do with sets when a writer dies."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from store_sets import THREE, TWO, StoreSets, member

from data_contracts.errors import NotVerifiableError, UsageError
from environments.objects.bucket import Data, Objects
from environments.stores import AssetRecord
from environments.stores.remote import RemoteStore
from environments.stores.remote.cache import Cache

LIMIT = 64 * 1024 * 1024


class RemoteSets(StoreSets):
    COMMITS = "assets/"

    def bucket(self, folder: Path) -> Objects:
        """Return the objects of the store whose local folder is `folder`."""
        raise NotImplementedError

    def around(self, bucket: Objects) -> Objects:
        """Return a bucket as the store shall see it; suites of faults wrap it."""
        return bucket

    def open_store(self, folder: Path) -> RemoteStore:
        return RemoteStore(self.around(self.bucket(folder)), folder, medium="suite", limit=LIMIT)

    def objects(self, folder: Path) -> dict[str, bytes]:
        bucket = self.bucket(folder)
        kinds = ("assets", "sets", "erased", "records", "contracts", "data")
        names = [name for kind in kinds for name in bucket.names(kind)]
        return {name: bucket.get(name, limit=LIMIT) or b"" for name in names}

    def files(self, folder: Path) -> dict[str, bytes]:
        local = {name: body for name, body in super().files(folder).items() if not name.endswith(".lock")}
        return local | {f"bucket:{name}": body for name, body in self.objects(folder).items()}

    def stored(self, folder: Path, record: AssetRecord) -> dict[str, bytes]:
        assert record.name == "readings"
        return self.objects(folder)

    def tamper(self, folder: Path, name: str, body: bytes | None) -> None:
        bucket = self.bucket(folder)
        bucket.delete([name])
        if body is not None:
            bucket.put(name, body)
        self.forget(folder)

    def ended(self, folder: Path) -> None:
        """Let go of what this process was given, as if it had ended."""
        Cache(folder, LIMIT).release()

    def forget(self, folder: Path) -> None:
        """Remove the local copies, as on another machine."""
        self.ended(folder)
        for path in folder.glob("*.lock"):
            for file in path.with_suffix("").rglob("*"):
                if file.is_file():
                    file.unlink()

    # sets: as for every store, and what dies between two requests

    def test_killed_between_any_two_steps_all_members_are_there_or_none(self, tmp_path: Path) -> None:
        """A writer sends its first, second, third … request, and no more. (Threads do not outlive a fork.)"""
        seen, step, died = set[int](), 0, True
        while died:
            step += 1
            folder = tmp_path / str(step) / "store"
            store = self.hasty(self.bucket(folder), folder)
            self.put_set(store, dict.fromkeys(TWO, b"one"))
            died = self.died_at(step, folder)
            versions = {len(self.hasty(self.bucket(folder), folder).versions(name)) for name in TWO}
            assert len(versions) == 1, f"died at request {step}, a part of the set is there"
            seen |= versions
            self.put_set(store, dict.fromkeys(TWO, b"three"))
            view = store.snapshot()
            latest = {name: view.record(name) for name in TWO}
            assert self.bodies(store, latest) == dict.fromkeys(TWO, b"three")
            assert len(store.versions("model")) == versions.pop() + 1, "a set that died came back"
            for record in latest.values():
                store.verify(record)
        assert seen == {1, 2}
        assert step > 10

    def hasty(self, bucket: Objects, folder: Path) -> RemoteStore:
        return RemoteStore(bucket, folder, medium="suite", limit=LIMIT, patience=0.1)

    def died_at(self, step: int, folder: Path) -> bool:
        store = self.hasty(Dying(self.bucket(folder), step), folder)
        try:
            self.put_set(store, dict.fromkeys(TWO, b"two"))
        except DiedError:
            return True
        return False

    def test_a_slow_writers_set_is_abandoned_once_and_comes_again(self, folder: Path) -> None:
        """Between the claims and the mark another writer lost its patience: the set takes other numbers."""
        slow = Slow(self.bucket(folder))
        slow.before_mark = lambda: self.put(self.hasty(self.bucket(folder), folder), body=b"quick")
        records = self.put_set(self.hasty(slow, folder), dict.fromkeys(THREE, b"slow"))
        store = self.hasty(self.bucket(folder), folder)
        assert [record.sequence for record in records] == [2, 3, 2]
        assert [record.sequence for record in store.versions("readings")] == [2, 3]
        for record in records:
            assert store.record(record.name) == record
            store.verify(record)

    def test_every_wrong_byte_of_a_set_is_found(self, store: RemoteStore, folder: Path) -> None:
        self.put_set(store, {"model": b"the model", "readings": b"the readings"})
        found = self.objects(folder)
        assert any(name.startswith("sets/") for name in found)
        for name, genuine in found.items():
            for place in {0, len(genuine) // 2, len(genuine) - 1}:
                changed = bytearray(genuine)
                changed[place] ^= 1
                self.tamper(folder, name, bytes(changed))
                with pytest.raises(NotVerifiableError):
                    self.verify_all(folder)
            self.tamper(folder, name, genuine)
        self.verify_all(folder)

    @pytest.mark.attack
    def test_a_member_that_the_mark_does_not_list_is_refused(self, store: RemoteStore, folder: Path) -> None:
        self.put_set(store, dict.fromkeys(TWO, b"one"))
        with store.begin_set(["other"]) as draft:
            (draft.path("other") / "part-00000.parquet").write_bytes(b"one")
            draft.commit({"other": member()})
        bucket = self.bucket(folder)
        first, second = (bucket.get(name, limit=LIMIT) for name in bucket.names("sets"))
        assert first is not None
        assert second is not None
        names = list(bucket.names("sets"))
        for name, other in ((names[0], second), (names[1], first)):
            self.tamper(folder, name, other)
        for name in (*TWO, "other"):
            with pytest.raises(NotVerifiableError):
                self.open_store(folder).record(name)

    def test_a_mark_that_is_gone_takes_all_members_with_it(self, store: RemoteStore, folder: Path) -> None:
        """Rather none of a set than a part of it: what is missing there is a matter of the ledger."""
        self.put_set(store, dict.fromkeys(TWO, b"one"))
        [mark] = self.bucket(folder).names("sets")
        self.tamper(folder, mark, None)
        assert self.open_store(folder).names() == ()
        with pytest.raises(UsageError):
            self.open_store(folder).record("model")


class DiedError(BaseException):
    """The writer is dead: it sends nothing more."""


class Dying:
    """Objects whose writer dies at one of its requests."""

    def __init__(self, inner: Objects, step: int) -> None:
        self.inner, self.left = inner, step

    def _live(self) -> None:
        self.left -= 1
        if self.left <= 0:
            raise DiedError

    def put(self, name: str, data: Data) -> None:
        self._live()
        self.inner.put(name, data)

    def create(self, name: str, data: Data) -> bool:
        self._live()
        return self.inner.create(name, data)

    def get(self, name: str, *, limit: int) -> bytes | None:
        self._live()
        return self.inner.get(name, limit=limit)

    def size(self, name: str) -> int | None:
        self._live()
        return self.inner.size(name)

    def names(self, prefix: str, *, after: str = "") -> Iterator[str]:
        self._live()
        return self.inner.names(prefix, after=after)

    def delete(self, names: object) -> None:
        raise AssertionError(f"a store removes nothing, not {names}")


class Slow:
    """Objects whose writer is overtaken once, just before it lets a set count."""

    def __init__(self, inner: Objects) -> None:
        self.inner = inner
        self.before_mark: Callable[[], object] | None = None

    def __getattr__(self, name: str) -> object:
        return getattr(self.inner, name)

    def create(self, name: str, data: Data) -> bool:
        if name.startswith("sets/") and self.before_mark is not None:
            overtake, self.before_mark = self.before_mark, None
            overtake()
        return self.inner.create(name, data)
