"""The store on a local disk: the suite, and what only a disk can do."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
import textwrap
from datetime import UTC, datetime
from pathlib import Path

import pytest
from store_basis import LABELS, contract
from store_sets import StoreSets
from store_suite import StoreSuite

from data_contracts.errors import NotVerifiableError, UnreachableError, UsageError
from environments.stores import LocalStore


class TestLocalStore(StoreSuite, StoreSets):
    def open_store(self, folder: Path) -> LocalStore:
        return LocalStore(folder)


def put(store: LocalStore, body: bytes = b"one") -> None:
    with store.begin("readings") as draft:
        (draft.path / "part-00000.parquet").write_bytes(body)
        draft.commit(contract(), LABELS, rows=1)


def test_everything_is_the_owners_alone(tmp_path: Path) -> None:
    before = os.umask(0o000)
    try:
        put(LocalStore(tmp_path / "store"))
    finally:
        os.umask(before)
    for path in (tmp_path / "store").rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


def test_the_clock_is_injected(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "store", clock=lambda: datetime(2031, 2, 3, 4, 5, 6, tzinfo=UTC))
    put(store)
    assert store.record("readings").created == "2031-02-03T04:05:06Z"


def test_looking_at_a_store_writes_nothing(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "store")
    assert store.names() == ()
    assert not (tmp_path / "store").exists()


def test_a_store_of_another_format_is_left_alone(tmp_path: Path) -> None:
    put(LocalStore(tmp_path / "store"))
    (tmp_path / "store" / "FORMAT").write_text("3\n")
    with pytest.raises(UsageError, match="another Isthmus"):
        LocalStore(tmp_path / "store")


@pytest.mark.attack
def test_a_record_moved_to_another_asset_or_place_is_refused(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "store")
    put(store)
    put(store, b"two")
    first, second = sorted((tmp_path / "store" / "assets" / "readings").glob("0*"))
    (tmp_path / "store" / "assets" / "other").mkdir()
    (tmp_path / "store" / "assets" / "other" / first.name).mkdir()
    (tmp_path / "store" / "assets" / "other" / first.name / "record.json").write_bytes(
        (first / "record.json").read_bytes()
    )
    with pytest.raises(NotVerifiableError, match="another place"):
        store.record("other")
    first.rename(first.with_name(first.name.replace("00000001", "00000003")))
    with pytest.raises(NotVerifiableError, match="another place"):
        store.record("readings")
    assert second.exists()


@pytest.mark.attack
def test_labels_lowered_on_disk_are_refused(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "store")
    put(store)
    [record] = (tmp_path / "store").rglob("record.json")
    record.chmod(0o600)
    text = record.read_text()
    assert '"confidential"' in text
    record.write_text(text.replace('"confidential"', '"public"'))
    with pytest.raises(NotVerifiableError):
        store.record("readings")


# A commit that dies at each of its steps: the process is killed inside the n-th call of fsync, rename or
# chmod, as a power cut would, and afterwards the store holds one whole version or nothing of it.
KILLED = """
    import os, sys
    from pathlib import Path
    sys.path.insert(0, {suites!r})
    from store_basis import LABELS, contract
    from environments.stores import LocalStore
    left = [int(sys.argv[2])]
    def dying(name):
        real = getattr(os, name)
        def call(*args, **kwargs):
            if left[0] == 0:
                os.kill(os.getpid(), 9)
            left[0] -= 1
            return real(*args, **kwargs)
        setattr(os, name, call)
    for name in ("fsync", "rename", "fchmod"):
        dying(name)
    with LocalStore(Path(sys.argv[1])).begin("readings") as draft:
        (draft.path / "part-00000.parquet").write_bytes(b"three")
        draft.commit(contract(), LABELS, rows=1)
    print("done")
"""


def test_killed_at_every_step_it_is_the_whole_version_or_nothing(tmp_path: Path) -> None:
    suites = str(Path(__file__).parents[3] / "contract_suites")
    code = textwrap.dedent(KILLED.format(suites=suites))
    outcomes = []
    for step in range(40):
        folder = tmp_path / str(step)
        store = LocalStore(folder)
        put(store)
        result = subprocess.run(
            [sys.executable, "-c", code, str(folder), str(step)], capture_output=True, check=False
        )
        versions = store.versions("readings")
        for record in versions:
            store.verify(record)
        outcomes.append(len(versions))
        put(store, b"three")
        assert len(store.versions("readings")) == 2, "the same commit again does not end in one version"
        assert list((folder / "staging").iterdir()) == []
        if result.stdout == b"done\n":
            break
    else:
        pytest.fail("the commit never came to its end")
    assert outcomes == sorted(outcomes), "a version came and went"
    assert {1, 2} == set(outcomes)
    assert len(outcomes) >= 8


def test_all_is_durable_before_the_rename_and_the_rename_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The order of fsync and rename, watched at the system calls: a power cut obeys no exit handler."""
    calls: list[str] = []
    fsync, rename = os.fsync, Path.rename

    def watched(descriptor: int) -> None:
        path = Path(f"/proc/self/fd/{descriptor}").readlink()
        calls.append(path.name if path.parent.name != "staging" else "DRAFT")
        fsync(descriptor)

    def renamed(self: Path, target: Path) -> Path:
        calls.append("RENAME")
        return rename(self, target)

    store = LocalStore(tmp_path / "store")
    with store.begin("readings") as draft:
        (draft.path / "deep").mkdir()
        (draft.path / "deep" / "part-00000.parquet").write_bytes(b"two")
        monkeypatch.setattr(os, "fsync", watched)
        monkeypatch.setattr(Path, "rename", renamed)
        draft.commit(contract(), LABELS)
    monkeypatch.undo()
    assert calls == [
        "part-00000.parquet",
        "deep",
        "data",
        "contract.json",
        "store",
        "assets",
        "record.json",
        "DRAFT",
        "RENAME",
        "readings",
    ]


def test_a_full_disk_is_said_plainly_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = LocalStore(tmp_path / "store")
    put(store)

    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with store.begin("readings") as draft:
        (draft.path / "part-00000.parquet").write_bytes(b"two")
        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(UnreachableError, match="No space left") as caught:
            draft.commit(contract(), LABELS)
    monkeypatch.undo()
    assert "free space" in caught.value.remedy
    assert len(store.versions("readings")) == 1
    assert list((tmp_path / "store" / "staging").iterdir()) == []


def test_a_read_only_store_reads_and_refuses_to_write(tmp_path: Path) -> None:
    """On a real read-only file system, in a mount namespace of its own."""
    put(LocalStore(tmp_path / "store"))
    code = textwrap.dedent(
        """
        import sys
        from pathlib import Path
        from environments.stores import LocalStore
        from data_contracts.errors import UnreachableError
        store = LocalStore(Path(sys.argv[1]))
        store.verify(store.record("readings"))
        try:
            store.begin("readings")
        except UnreachableError as error:
            print("refused", error.exit_code, error, "|", error.remedy)
        """
    )
    shell = 'mount --bind "$1" "$1" && mount -o remount,ro,bind "$1" && exec "$2" -c "$3" "$1"'
    result = subprocess.run(
        [
            "unshare",
            "--mount",
            "--map-root-user",
            "sh",
            "-c",
            shell,
            "sh",
            tmp_path / "store",
            sys.executable,
            code,
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    if "Operation not permitted" in result.stderr or "unshare" in result.stderr:
        pytest.skip("mount namespaces are not permitted here")
    assert result.stdout.startswith("refused 5 "), result.stderr
    assert "Read-only file system" in result.stdout
