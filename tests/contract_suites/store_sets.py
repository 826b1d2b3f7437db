"""What every store must do with sets and snapshots: duties 8 and 9 of `environments.stores.protocol`."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from store_basis import LABELS, StoreBasis, contract

from data_contracts.errors import NotVerifiableError, UsageError
from environments.stores import AssetRecord, AssetStore, FileEntry, SetMember, Written, version_of

THREE = ("model", "readings", "reference")
TWO = THREE[:2]
MANY = tuple(f"reading_{number}" for number in range(40))
OPERATIONS = st.lists(
    st.dictionaries(st.sampled_from(THREE), st.sampled_from([b"one", b"two", b"three"]), min_size=1),
    max_size=6,
)


def member(crossing: str | None = None, version: str = "1.0.0") -> SetMember:
    return SetMember(contract(version), LABELS, {} if crossing is None else {"crossing": crossing}, rows=1)


class StoreSets(StoreBasis):
    """Duties 8 and 9."""

    def put_set(
        self, store: AssetStore, bodies: Mapping[str, bytes], crossing: str | None = None
    ) -> tuple[AssetRecord, ...]:
        with store.begin_set(bodies) as draft:
            for name, body in bodies.items():
                (draft.path(name) / "part-00000.parquet").write_bytes(body)
            return draft.commit({name: member(crossing) for name in bodies})

    def bodies(self, store: AssetStore, records: Mapping[str, AssetRecord]) -> dict[str, bytes]:
        return {name: store.open(record)[0].read_bytes() for name, record in records.items()}

    # 8. one commit

    @pytest.mark.parametrize("names", [("readings",), THREE, MANY], ids=["one", "three", "many"])
    def test_a_set_that_was_committed_is_read_member_by_member(
        self, store: AssetStore, folder: Path, names: tuple[str, ...]
    ) -> None:
        records = self.put_set(store, {name: name.encode() for name in names}, "sha256:" + "a" * 64)
        again = self.open_store(folder)
        assert [record.name for record in records] == list(names)
        assert again.names() == tuple(sorted(names))
        for record in records:
            assert again.versions(record.name) == (record,)
            assert record.version == version_of(record.files)
            assert record.lineage == {"crossing": "sha256:" + "a" * 64}
            assert again.open(record)[0].read_bytes() == record.name.encode()
            again.verify(record)
            assert again.contract(record).digest == contract().digest

    def test_no_member_is_seen_before_the_commit(self, store: AssetStore) -> None:
        with store.begin_set(THREE) as draft:
            for name in THREE:
                (draft.path(name) / "part-00000.parquet").write_bytes(b"one")
            assert store.names() == ()
            assert store.snapshot().names() == ()
        assert store.names() == ()

    @pytest.mark.parametrize("names", [(), ("readings", "readings"), ("readings", "../x")])
    def test_a_set_of_none_or_of_one_asset_twice_is_refused(
        self, store: AssetStore, names: tuple[str, ...]
    ) -> None:
        with pytest.raises(UsageError):
            store.begin_set(names)

    @pytest.mark.parametrize("given_names", [THREE[:2], (*THREE, "more"), ("model", "readings", "other")])
    def test_a_member_missing_or_too_many_commits_nothing(
        self, store: AssetStore, folder: Path, given_names: tuple[str, ...]
    ) -> None:
        self.put(store)
        before = self.files(folder)
        with store.begin_set(THREE) as draft:
            for name in THREE:
                (draft.path(name) / "part-00000.parquet").write_bytes(b"two")
            with pytest.raises(UsageError):
                draft.path("other")
            with pytest.raises(UsageError):
                draft.commit({name: member() for name in given_names})
        assert self.files(folder) == before

    @pytest.mark.attack
    @pytest.mark.parametrize("kind", ["empty", "symlink", "hardlink", "unverified", "other", "gone"])
    def test_one_bad_member_keeps_all_out(
        self, store: AssetStore, folder: Path, tmp_path: Path, kind: str
    ) -> None:
        self.put(store)
        before = self.files(folder)
        secret = tmp_path / "secret"
        secret.write_bytes(b"secret")
        members = {name: member() for name in THREE}
        with store.begin_set(THREE) as draft:
            for name in THREE[:2]:
                (draft.path(name) / "part-00000.parquet").write_bytes(b"two")
            place = draft.path("reference") / "part-00000.parquet"
            if kind == "symlink":
                place.symlink_to(secret)
            elif kind == "hardlink":
                place.hardlink_to(secret)
            elif kind != "empty":
                place.write_bytes(b"two")
                entry = FileEntry("part-00000.parquet", 3, ("sha256:" + "0" * 64,), (3,))
                stamp = (0, 0, 3, 0, 0)
                written = () if kind == "unverified" else (Written(entry, stamp),)
                if kind == "gone":
                    place.rename(place.with_name("other.parquet"))
                members["reference"] = SetMember(contract(), LABELS, written=written)
            with pytest.raises((UsageError, NotVerifiableError)):
                draft.commit(members)
        assert self.files(folder) == before
        assert secret.read_bytes() == b"secret"

    def test_a_set_commits_once(self, store: AssetStore) -> None:
        with store.begin_set(["readings"]) as draft:
            (draft.path("readings") / "part-00000.parquet").write_bytes(b"one")
            draft.commit({"readings": member()})
            with pytest.raises(UsageError):
                draft.commit({"readings": member()})

    def test_killed_between_any_two_steps_all_members_are_there_or_none(self, tmp_path: Path) -> None:
        """A child commits a set, and is killed at its first, second, third … act on the disk."""
        seen, step = set(), 0
        while True:
            step += 1
            folder = tmp_path / str(step)
            self.put_set(self.open_store(folder), dict.fromkeys(TWO, b"one"))
            died = self.killed_at(step, folder)
            store = self.open_store(folder)
            versions = {len(store.versions(name)) for name in TWO}
            assert len(versions) == 1, f"killed at act {step}, a part of the set is there"
            seen |= versions
            self.put_set(store, dict.fromkeys(TWO, b"three"))
            view = store.snapshot()
            latest = {name: view.record(name) for name in TWO}
            assert self.bodies(store, latest) == dict.fromkeys(TWO, b"three")
            assert {record.sequence for record in latest.values()} == {versions.pop() + 1}
            for record in latest.values():
                store.verify(record)
            left = {path for path, body in self.files(folder).items() if body == b"two"}
            assert len(left) == (2 if len(store.versions("model")) == 3 else 0), "a killed set was not swept"
            if not died:
                break
        assert seen == {1, 2}
        assert step > 10

    def killed_at(self, step: int, folder: Path) -> bool:
        """Commit a set in a forked child that is killed at its `step`-th act; say whether it was."""
        child = os.fork()
        if child == 0:
            count = 0

            def look(event: str, _given: tuple[object, ...]) -> None:
                nonlocal count
                if event == "open" or event.startswith(("os.", "shutil.", "fcntl.", "ctypes.", "socket.")):
                    count += 1
                    if count == step:
                        os.kill(os.getpid(), signal.SIGKILL)

            code = 1
            try:
                sys.addaudithook(look)
                self.put_set(self.open_store(folder), dict.fromkeys(TWO, b"two"))
                code = 0
            finally:
                os._exit(code)
        _, status = os.waitpid(child, 0)
        if os.WIFSIGNALED(status):
            assert os.WTERMSIG(status) == signal.SIGKILL
            return True
        assert os.WEXITSTATUS(status) == 0
        return False

    def test_every_wrong_byte_of_a_set_is_found(self, store: AssetStore, folder: Path) -> None:
        self.put_set(store, {"model": b"the model", "readings": b"the readings"})
        keep = {"FORMAT", ".lock"}
        for path in [p for p in folder.rglob("*") if p.is_file() and p.name not in keep]:
            genuine = path.read_bytes()
            path.chmod(0o600)
            for place in {0, len(genuine) // 2, len(genuine) - 1}:
                changed = bytearray(genuine)
                changed[place] ^= 1
                path.write_bytes(changed)
                with pytest.raises(NotVerifiableError):
                    self.verify_all(folder)
            path.write_bytes(genuine)
        self.verify_all(folder)

    def verify_all(self, folder: Path) -> None:
        store = self.open_store(folder)
        for name in ("model", "readings"):
            store.verify(store.record(name))

    # 5. and 6. beside other writers, and again

    def test_sets_and_single_versions_are_numbered_in_one_order(
        self, store: AssetStore, folder: Path
    ) -> None:
        def write(number: int) -> None:
            if number % 2:
                self.put(self.open_store(folder), body=b"%d" % number)
            else:
                self.put_set(self.open_store(folder), {"readings": b"%d" % number, "model": b"%d" % number})

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(write, range(12)))
        assert [record.sequence for record in store.versions("readings")] == list(range(1, 13))
        assert [record.sequence for record in store.versions("model")] == list(range(1, 7))
        for record in store.versions("readings"):
            store.verify(record)

    def test_the_same_set_again_is_the_same_versions(self, store: AssetStore, folder: Path) -> None:
        first = self.put_set(store, dict.fromkeys(THREE, b"one"), "sha256:" + "a" * 64)
        self.put_set(store, dict.fromkeys(THREE, b"two"))
        before = self.files(folder)
        assert self.put_set(store, dict.fromkeys(THREE, b"one"), "sha256:" + "a" * 64) == first
        assert self.files(folder) == before

    def test_a_member_that_did_not_change_gets_no_second_version(self, store: AssetStore) -> None:
        first = self.put_set(store, {"model": b"one", "readings": b"one"})
        second = self.put_set(store, {"model": b"two", "readings": b"one"})
        assert second[1] == first[1]
        assert second[0].sequence == 2
        store.verify(second[0])
        store.verify(second[1])

    # 9. snapshots

    def test_what_is_not_in_a_snapshot_of_some_is_told_with_what_is_in_the_store(
        self, store: AssetStore
    ) -> None:
        self.put_set(store, {"readings": b"1"})
        with pytest.raises(UsageError, match="nothere") as caught:
            store.snapshot(["nothere"]).record("nothere")
        assert "readings" in (caught.value.remedy or "")

    def test_a_reader_keeps_its_snapshot(self, store: AssetStore) -> None:
        self.put_set(store, dict.fromkeys(THREE, b"one"))
        view, part = store.snapshot(), store.snapshot(["readings"])
        self.put_set(store, {**dict.fromkeys(THREE, b"two"), "more": b"two"})
        self.put(store, body=b"three")
        assert view.names() == tuple(sorted(THREE))
        latest = {name: view.record(name) for name in THREE}
        assert self.bodies(store, latest) == dict.fromkeys(THREE, b"one")
        assert [record.sequence for record in view.versions("readings")] == [1]
        assert part.names() == ("readings",)
        assert part.record("readings") == latest["readings"]
        assert part.versions("model") == ()
        newer = store.snapshot().record("more")
        for ask in (
            lambda: part.record("model"),
            lambda: view.record("more"),
            lambda: view.record("readings", newer.version),
            lambda: store.snapshot(["../x"]),
        ):
            with pytest.raises(UsageError):
                ask()

    def test_no_snapshot_holds_a_part_of_a_set(self, folder: Path) -> None:
        begun, over = time.monotonic(), threading.Event()
        self.put_set(self.open_store(folder), dict.fromkeys(THREE, b"0"))

        def write() -> None:
            store, number = self.open_store(folder), 0
            while not over.is_set():
                number += 1
                self.put_set(store, dict.fromkeys(THREE, b"%d" % number))

        def read() -> int:
            store, seen = self.open_store(folder), set[bytes]()
            # A slow store is watched longer: what is never seen to change proves nothing.
            while (passed := time.monotonic() - begun) < 1.5 or (len(seen) < 2 and passed < 30):
                view = store.snapshot(THREE)
                found = self.bodies(store, {name: view.record(name) for name in THREE})
                assert len(set(found.values())) == 1, "a snapshot holds a part of a set"
                seen |= set(found.values())
            return len(seen)

        with ThreadPoolExecutor(3) as pool:
            writer, readers = pool.submit(write), [pool.submit(read) for _ in range(2)]
            try:
                assert all(reader.result() > 1 for reader in readers)
            finally:
                over.set()
            writer.result()

    @settings(
        max_examples=25,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors],
    )
    @given(operations=OPERATIONS, watched=st.integers(0, 5))
    def test_whatever_is_committed_the_store_is_its_model(
        self, tmp_path: Path, operations: list[dict[str, bytes]], watched: int
    ) -> None:
        with tempfile.TemporaryDirectory(dir=tmp_path) as where:
            store = self.open_store(Path(where) / "store")
            model: dict[str, list[bytes]] = {}
            kept, pinned = store.snapshot(), dict[str, list[bytes]]()
            for number, bodies in enumerate(operations):
                if number == watched:
                    kept, pinned = store.snapshot(), {name: list(found) for name, found in model.items()}
                self.put_set(store, bodies)
                for name, body in bodies.items():
                    history = model.setdefault(name, [])
                    if history[-1:] != [body]:
                        history.append(body)
            for view, expected in ((store.snapshot(), model), (kept, pinned)):
                found = {
                    name: [store.open(record)[0].read_bytes() for record in view.versions(name)]
                    for name in view.names()
                }
                assert found == expected
