"""What the simulated schedules found at the gate, one test for each fault, without the simulation."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from boundary_world import World, rows

from data_contracts.errors import UnreachableError
from environments import private
from environments.boundary import egress, ingress, settle
from environments.ledger import Head, check_head, shown, witness, witness_head, witnessed_head
from environments.ledger import ledger as ledgers
from environments.stores import LocalStore, drafting
from environments.transit import crossing_prefix


def beside(work: Callable[[], object]) -> None:
    """Do something in another process, which holds nothing of ours: an inherited lock would never end."""
    if os.fork():
        time.sleep(_LONG_ENOUGH_S)
        return
    os.closerange(3, 1 << 16)
    try:
        work()
    except BaseException:  # noqa: BLE001 - whatever it is, the other process has not done it
        os._exit(1)
    os._exit(0)


_LONG_ENOUGH_S = 1.0
"""Whoever need not wait is done by then."""


class PowerCutError(BaseException):
    """Stands for the end of the process."""


def test_the_output_in_clear_of_a_killed_egress_goes_with_the_next_step(tmp_path: Path) -> None:
    """It stayed: the next egress found the manifest sent, and did not come to where the folder is emptied."""
    world = World(tmp_path)
    record = world.add(rows())
    sent = egress(world.env("onprem"), world.request(record))
    work = world.folder("onprem").outbox / sent.crossing[7:] / "work"
    kept = sorted(path.name for path in work.parent.iterdir())
    private.make_private(work)
    (work / "part-00000.parquet").write_bytes(b"in clear")
    (work.parent / ".receipt.4711.0123abcd").write_bytes(b"half")
    egress(world.env("onprem"), world.request(record))
    assert sorted(path.name for path in work.parent.iterdir()) == kept
    assert {"listed", "lock", "manifest", "sealed"} <= set(kept)
    assert "work" not in kept


def test_a_larger_manifest_in_the_transit_is_written_over(tmp_path: Path) -> None:
    """An older one that came late was larger than the kept one: each egress failed, for ever."""
    world = World(tmp_path)
    record = world.add(rows())
    sent = egress(world.env("onprem"), world.request(record))
    lies = world.transit() / sent.crossing[7:] / "manifest"
    lies.write_bytes(lies.read_bytes() + b" ")
    assert egress(world.env("onprem"), world.request(record)).manifest == sent.manifest
    assert ingress(world.env("cloud"), "onprem", sent.crossing).outcome == "permitted"
    assert settle(world.env("onprem"), "cloud", sent.crossing).outcome == "permitted"


def test_two_processes_that_show_heads_forget_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One wrote over what the other had written down: the peer refused every later head."""
    world = World(tmp_path)
    ledger = world.env("onprem").ledger
    cloud, onprem = world.folder("cloud").ledger, world.env("onprem").identity.public
    real = os.fsync

    def seen(head: Head) -> None:
        check_head(cloud, onprem, head)
        witness_head(cloud, onprem, head)

    def another() -> None:
        other = world.env("onprem").ledger
        other.append("note", {})
        seen(other.show("cloud"))

    def meanwhile(descriptor: int) -> None:
        """In the middle of one `show`, another process shows a head: it must wait, or both must be kept."""
        monkeypatch.setattr(os, "fsync", real)
        beside(another)
        real(descriptor)

    seen(ledger.show("cloud"))
    ledger.append("note", {})
    monkeypatch.setattr(os, "fsync", meanwhile)
    ledger.show("cloud")
    assert os.wait()[1] == 0
    ledger.append("note", {})
    seen(ledger.show("cloud"))


def test_of_two_first_heads_shown_at_once_neither_is_one_that_no_trail_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seed 3594: the slower one showed the earlier head last, and its crossing was refused for ever."""
    world = World(tmp_path)
    ledger = world.env("onprem").ledger
    cloud, onprem = world.folder("cloud").ledger, world.env("onprem").identity.public
    real, faster = shown.changing, list[Head]()

    def overtaken(folder: Path) -> AbstractContextManager[None]:
        monkeypatch.setattr(ledgers, "changing", real)
        world.env("onprem").ledger.append("note", {})
        faster.append(world.env("onprem").ledger.show("cloud"))
        return real(folder)

    ledger.append("note", {})
    monkeypatch.setattr(ledgers, "changing", overtaken)
    slower = ledger.show("cloud")
    for head in (*faster, slower):
        check_head(cloud, onprem, head)
        witness_head(cloud, onprem, head)
    assert [head.sequence for head in (*faster, slower)] == [2, 2]


def test_two_processes_that_keep_heads_keep_the_newest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The older one was written last, by whoever had looked before the newer one was kept."""
    world = World(tmp_path)
    ledger = world.env("onprem").ledger
    older = ledger.show("cloud")
    ledger.append("note", {})
    newer = ledger.show("cloud")
    cloud, onprem = world.folder("cloud").ledger, world.env("onprem").identity.public
    real = witness.write_private

    def meanwhile(path: Path, raw: bytes) -> None:
        monkeypatch.setattr(witness, "write_private", real)
        beside(lambda: witness_head(cloud, onprem, newer))
        real(path, raw)

    monkeypatch.setattr(witness, "write_private", meanwhile)
    witness_head(cloud, onprem, older)
    assert os.wait()[1] == 0
    kept = witnessed_head(cloud, "onprem")
    assert kept is not None
    assert kept.sequence == newer.sequence


def test_a_draft_that_cannot_be_begun_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its folder stayed, locked for as long as the process lived: no later draft could remove it."""
    store = LocalStore(private.make_private(tmp_path / "environment") / "store")
    store.begin("tests").abandon()

    def full(_path: Path) -> Path:
        raise UnreachableError(os.strerror(errno.ENOSPC))

    monkeypatch.setattr(drafting, "make_private", full)
    with pytest.raises(UnreachableError):
        store.begin("tests")
    assert list((store.folder / "staging").iterdir()) == []


class Refusals:
    """A disk that refuses to flush one crossing's folder once a name stands in it; then it is well."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: Path, name: str) -> None:
        self.folder, self.name, self.flushed = folder, name, list[str]()
        self._armed, self._real = True, os.fsync
        monkeypatch.setattr(os, "fsync", self)

    def __call__(self, descriptor: int) -> None:
        path = Path(f"/proc/self/fd/{descriptor}").readlink()
        if self._armed and path == self.folder and (path / self.name).exists():
            self._armed = False
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        self._real(descriptor)
        if path.parent == self.folder:
            self.flushed.append(path.name.split(".")[1])
        elif path == self.folder and self.flushed:
            self.flushed.append("the folder")


def test_a_receipt_whose_flush_was_refused_is_flushed_before_it_goes_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seed 5742: the next call sent it as it stood; the source closed, and a power cut lost it here."""
    world = World(tmp_path)
    sent = egress(world.env("onprem"), world.request(world.add(rows())))
    disk = Refusals(monkeypatch, world.folder("cloud").outbox / sent.crossing[7:], "receipt")
    with pytest.raises(UnreachableError):
        ingress(world.env("cloud"), "onprem", sent.crossing)
    assert not (world.transit() / sent.crossing[7:] / "receipt").exists()
    disk.flushed.clear()
    assert ingress(world.env("cloud"), "onprem", sent.crossing).outcome == "permitted"
    assert disk.flushed == ["manifest", "the folder", "receipt", "the folder"]
    assert (world.transit() / sent.crossing[7:] / "receipt").exists()


def test_a_manifest_whose_flush_was_refused_is_flushed_before_it_goes_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same at the source: a manifest that it published and forgot would be sealed anew beside it."""
    world = World(tmp_path)
    request = world.request(world.add(rows()))
    crossing = egress(world.env("onprem"), request).crossing
    folder = world.folder("onprem").outbox / crossing[7:]
    for name in ("manifest", "sealed"):
        (folder / name).unlink()
    world.env("onprem").outgoing("cloud").clear(crossing_prefix(crossing))
    disk = Refusals(monkeypatch, folder, "manifest")
    with pytest.raises(UnreachableError):
        egress(world.env("onprem"), request)
    assert (folder / "manifest").exists()
    assert not (world.transit() / crossing[7:] / "manifest").exists()
    disk.flushed.clear()
    assert egress(world.env("onprem"), request).outcome == "permitted"
    assert disk.flushed[:2] == ["manifest", "the folder"]
    assert (world.transit() / crossing[7:] / "manifest").exists()
