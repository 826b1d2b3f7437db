"""What is asked of every store that erases (duty 10 of `environments.stores.protocol`)."""

from __future__ import annotations

from pathlib import Path

import pytest
from store_basis import LABELS, StoreBasis, contract

from data_contracts.digest import digest_bytes
from data_contracts.errors import NotVerifiableError, UnreachableError, UsageError
from environments.stores import AssetStore, SetMember

WHY = digest_bytes(b"a request")
BODY = b"a body that stands nowhere else" * 40


class StoreErasing(StoreBasis):
    """A version goes, its tombstone stays, and everything else is as it was."""

    def test_what_was_erased_is_gone_and_its_tombstone_stays(self, store: AssetStore, folder: Path) -> None:
        first = self.put(store, body=BODY, lineage={"crossing": "sha256:" + "a" * 64})
        assert any(BODY in body for body in self.files(folder).values())
        stone = store.erase(first, WHY)
        again = self.open_store(folder)
        assert not any(BODY in body for body in self.files(folder).values())
        assert (again.names(), again.versions("readings")) == ((), ())
        assert again.snapshot().names() == ()
        assert (stone.record, stone.why) == (first, WHY)
        assert again.tombstones("readings") == (stone,)
        assert again.erased_names() == ("readings",)
        with pytest.raises(UsageError):
            again.record("readings")
        with pytest.raises(NotVerifiableError):
            again.open(first)

    def test_erasing_again_changes_nothing(self, store: AssetStore, folder: Path) -> None:
        first = self.put(store, body=BODY)
        stone = store.erase(first, WHY)
        before = self.files(folder)
        assert self.open_store(folder).erase(first, digest_bytes(b"another request")) == stone
        assert self.files(folder) == before

    def test_the_number_is_not_used_again_and_the_same_commit_is_a_new_version(
        self, store: AssetStore
    ) -> None:
        lineage = {"crossing": "sha256:" + "a" * 64}
        store.erase(self.put(store, body=BODY, lineage=lineage), WHY)
        again = self.put(store, body=BODY, lineage=lineage)
        assert again.sequence == 2
        store.verify(again)
        assert store.versions("readings") == (again,)

    def test_the_latest_is_then_the_one_before(self, store: AssetStore) -> None:
        first, second = self.put(store, body=b"one"), self.put(store, body=b"two")
        store.erase(second, WHY)
        assert store.record("readings") == first
        assert self.put(store, body=b"three", expected=first.version).sequence == 3

    def test_what_another_version_holds_too_stays(self, store: AssetStore) -> None:
        first, other = self.put(store, body=BODY), self.put(store, "other", body=BODY)
        later = self.put(store, body=b"two")
        store.erase(first, WHY)
        for record in (other, later):
            store.verify(record)
            assert store.open(record)

    def test_one_member_of_a_set_goes_and_the_others_stay(self, store: AssetStore, folder: Path) -> None:
        with store.begin_set(["one", "two"]) as draft:
            (draft.path("one") / "part.bin").write_bytes(BODY)
            (draft.path("two") / "part.bin").write_bytes(b"stays")
            one, two = draft.commit({name: SetMember(contract(), LABELS) for name in ("one", "two")})
        store.erase(one, WHY)
        again = self.open_store(folder)
        assert again.names() == ("two",)
        again.verify(two)
        assert not any(BODY in body for body in self.files(folder).values())

    def test_a_version_that_is_not_there_is_not_erased(self, store: AssetStore, folder: Path) -> None:
        record = self.put(store)
        with pytest.raises(UsageError):
            store.erase(record, "no digest")
        other = self.put(store, "other")
        before = self.files(folder)
        strange = type(record)(**{**vars(other), "rows": 7})
        with pytest.raises(NotVerifiableError):
            store.erase(strange, WHY)
        assert self.files(folder) == before

    def test_a_damaged_tombstone_is_found(self, store: AssetStore, folder: Path) -> None:
        store.erase(self.put(store), WHY)
        places = {name: body for name, body in self.files(folder).items() if WHY.encode() in body}
        assert len(places) == 1
        for name, body in places.items():
            self.tamper(folder, name.removeprefix("bucket:"), body.replace(b"readings", b"writings"))
        with pytest.raises(NotVerifiableError):
            self.open_store(folder).tombstones("readings")

    def test_what_is_read_is_not_held_alone_and_what_is_held_alone_is_erased_whole(
        self, store: AssetStore, folder: Path
    ) -> None:
        record = self.put(store, body=BODY)
        self.ended(folder)
        reader = self.open_store(folder)
        [path] = reader.open(record)
        with store.alone(record) as free:
            assert not free
        assert path.read_bytes() == BODY
        del reader
        self.ended(folder)
        with store.alone(record) as free:
            assert free
            store.erase(record, WHY)
        with pytest.raises((NotVerifiableError, UnreachableError)):
            self.open_store(folder).open(record)
        assert not any(BODY in body for body in self.files(folder).values())
