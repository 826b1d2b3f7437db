"""A crossing on a disk: there, taken in, its answer home; cut off anywhere and gone on with."""

from __future__ import annotations

import datetime as dt
import errno
import json
import os
import shutil
from pathlib import Path

import pytest
from asking_world import AskingWorld
from boundary_world import World, rows

from data_contracts.errors import NotVerifiableError, UnreachableError, UsageError
from environments.boundary import egress, ingress, settle
from environments.boundary.media import Disk, open_disk, take_home, take_in, waiting_for, write_disk
from environments.ledger import verify_ledger

POINTS = [
    "media.read", "media.write", "media.record", "media.publish", "media.index", "ingress.verify",
    "ingress.open", "ingress.commit", "ingress.receipt", "ingress.send", "ingress.done", "settle.record",
    "settle.clear", "media.clear",
]  # fmt: skip


class PowerCutError(BaseException):
    """Stands for the end of the process: nothing of ours may catch it."""


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.fixture
def stick(tmp_path: Path) -> Path:
    folder = tmp_path / "stick"
    folder.mkdir()
    return folder


def disk(stick: Path, destination: str = "cloud") -> Disk:
    return open_disk(stick, "onprem", destination)


def send(world: World, count: int = 60, request_id: str = "run-1/sync-1") -> str:
    request = world.request(world.add(rows(count)), request_id=request_id)
    return egress(world.env("onprem"), request).crossing


def sound(world: World) -> None:
    for name in ("onprem", "cloud"):
        assert verify_ledger(world.folder(name).ledger, world.env(name).identity.public).success


def objects(stick: Path) -> dict[str, int]:
    return {str(path): path.stat().st_mtime_ns for path in stick.rglob("*") if path.is_file()}


def test_there_and_back(world: World, stick: Path) -> None:
    crossing = send(world)
    [written] = write_disk(world.env("onprem"), disk(stick))
    assert (written.crossing, written.state, written.name) == (crossing, "written", "visits")
    assert written.size == sum(path.stat().st_size for path in stick.rglob("*") if path.name != "index"
                               and path.is_file())  # fmt: skip
    [taken] = take_in(world.env("cloud"), disk(stick))
    assert taken.outcome == "permitted"
    assert world.env("cloud").store.record("visits").version == taken.version
    assert not world.transit("cloud", "onprem").exists()
    [closed] = take_home(world.env("onprem"), disk(stick))
    assert (closed.outcome, closed.version, closed.cleared) == ("permitted", taken.version, True)
    assert waiting_for(world.env("onprem"), "cloud") == ()
    assert not (world.transit() / crossing[7:]).exists()
    assert disk(stick).read_index() == ()
    assert disk(stick).lying() == ()
    sound(world)


def test_the_ledger_says_once_that_it_was_written_to_a_disk(world: World, stick: Path) -> None:
    crossing = send(world)
    write_disk(world.env("onprem"), disk(stick))
    write_disk(world.env("onprem"), disk(stick))
    told = [entry.body for entry in world.env("onprem").ledger.entries() if entry.kind == "media"]
    assert [(body["crossing"], body["destination"]) for body in told] == [(crossing, "cloud")]


def test_several_are_taken_in_in_the_order_in_which_they_were_sent(world: World, stick: Path) -> None:
    sent = [send(world, 30 + number, f"run-{number}/sync-1") for number in range(4)]
    write_disk(world.env("onprem"), disk(stick))
    assert [one.crossing for one in take_in(world.env("cloud"), disk(stick))] == sent
    versions = world.env("cloud").store.versions("visits")
    assert [record.rows for record in versions] == [30, 31, 32, 33]
    assert [one.outcome for one in take_home(world.env("onprem"), disk(stick))] == ["permitted"] * 4


def test_one_is_chosen(world: World, stick: Path) -> None:
    first, second = send(world, 30, "run-1/a"), send(world, 31, "run-2/a")
    assert [one.crossing for one in write_disk(world.env("onprem"), disk(stick), [second])] == [second]
    assert disk(stick).lying() == (second,)
    with pytest.raises(UsageError, match="no crossing that waits"):
        write_disk(world.env("onprem"), disk(stick), ["sha256:" + "0" * 64])
    assert [one.state for one in write_disk(world.env("onprem"), disk(stick), [first, second])] == [
        "written",
        "there",
    ]


def test_imported_twice_is_the_same_version_and_the_same_receipt(world: World, stick: Path) -> None:
    send(world)
    write_disk(world.env("onprem"), disk(stick))
    [first] = take_in(world.env("cloud"), disk(stick))
    before = objects(stick).keys()
    assert take_in(world.env("cloud"), disk(stick)) == (first,)
    assert objects(stick).keys() == before
    assert len(world.env("cloud").store.versions("visits")) == 1


def test_settled_twice_is_settled_once(world: World, stick: Path, tmp_path: Path) -> None:
    crossing = send(world)
    write_disk(world.env("onprem"), disk(stick))
    take_in(world.env("cloud"), disk(stick))
    copy = tmp_path / "copy"
    shutil.copytree(stick, copy)
    assert [one.outcome for one in take_home(world.env("onprem"), disk(stick))] == ["permitted"]
    assert [one.outcome for one in take_home(world.env("onprem"), disk(copy))] == ["permitted"]
    ends = [entry for entry in world.env("onprem").ledger.entries() if entry.kind == "settle"]
    assert [entry.body["crossing"] for entry in ends] == [crossing]


def test_a_disk_that_nobody_answered_stays_as_it_is(world: World, stick: Path) -> None:
    send(world)
    write_disk(world.env("onprem"), disk(stick))
    before = objects(stick)
    assert [one.outcome for one in take_home(world.env("onprem"), disk(stick))] == ["unanswered"]
    assert objects(stick) == before
    assert "settle" not in {entry.kind for entry in world.env("onprem").ledger.entries()}


def test_a_refusal_comes_home_too(world: World, stick: Path) -> None:
    send(world)
    write_disk(world.env("onprem"), disk(stick))
    world.documents["cloud"] = []  # the destination knows no such contract any more
    [taken] = take_in(world.env("cloud"), disk(stick))
    assert (taken.outcome, taken.version) == ("denied", "")
    [closed] = take_home(world.env("onprem"), disk(stick))
    assert (closed.outcome, closed.rules) == ("denied", taken.rules)
    assert waiting_for(world.env("onprem"), "cloud") == ()


@pytest.mark.parametrize("point", POINTS)
def test_cut_off_anywhere_the_same_commands_go_on(world: World, stick: Path, point: str) -> None:
    crossing = send(world)

    def cut(passed: str) -> None:
        if passed == point:
            raise PowerCutError

    def all_of_it() -> None:
        write_disk(world.env("onprem", progress=cut), disk(stick))
        take_in(world.env("cloud", progress=cut), disk(stick))
        take_home(world.env("onprem", progress=cut), disk(stick))

    with pytest.raises(PowerCutError):
        all_of_it()
    if any(one.crossing == crossing for one in waiting_for(world.env("onprem"), "cloud")):
        [again] = write_disk(world.env("onprem"), disk(stick))
        assert again.state in {"written", "there"}
        take_in(world.env("cloud"), disk(stick))
    assert [one.outcome for one in take_home(world.env("onprem"), disk(stick))] == ["permitted"]
    assert len(world.env("cloud").store.versions("visits")) == 1
    assert waiting_for(world.env("onprem"), "cloud") == ()
    assert not (world.transit() / crossing[7:]).exists()
    assert disk(stick).lying() == ()
    sound(world)


def test_what_lies_on_the_disk_is_not_written_again(world: World, stick: Path) -> None:
    crossing = send(world, 3000)
    write_disk(world.env("onprem"), disk(stick))
    before = objects(stick)
    place = stick / "onprem" / "cloud" / crossing[7:]
    harmed = min((place / "chunks").iterdir())
    harmed.write_bytes(harmed.read_bytes()[:-1])
    [again] = write_disk(world.env("onprem"), disk(stick))
    assert again.state == "written"
    after = objects(stick)
    assert {path for path in before if before[path] != after[path]} == {str(harmed)}


def test_one_that_expired_is_told_and_not_written(world: World, stick: Path) -> None:
    send(world)
    world.now += dt.timedelta(days=8)
    [written] = write_disk(world.env("onprem"), disk(stick))
    assert (written.state, "expired" in written.why) == ("failed", True)
    assert disk(stick).lying() == ()
    egress(world.env("onprem"), world.request(world.env("onprem").store.record("visits")))
    assert [one.state for one in write_disk(world.env("onprem"), disk(stick))] == ["written"]


def test_one_that_is_settled_over_a_link_waits_no_more(world: World, stick: Path) -> None:
    crossing = send(world)
    write_disk(world.env("onprem"), disk(stick))
    ingress(world.env("cloud"), "onprem", crossing)
    settle(world.env("onprem"), "cloud", crossing)
    assert write_disk(world.env("onprem"), disk(stick)) == ()
    [taken] = take_in(world.env("cloud"), disk(stick))
    assert taken.outcome == "permitted"
    assert len(world.env("cloud").store.versions("visits")) == 1
    assert [one.outcome for one in take_home(world.env("onprem"), disk(stick))] == ["permitted"]


def test_who_asked_is_known_at_the_other_end_of_a_long_way(tmp_path: Path, stick: Path) -> None:
    world = AskingWorld(tmp_path)
    request = world.request(world.add(rows(30)))
    crossing = egress(world.env("onprem"), request, world.sync("anna", request)).crossing
    write_disk(world.env("onprem"), disk(stick))
    world.now += dt.timedelta(days=5)  # longer than the request itself counts
    assert [one.outcome for one in take_in(world.env("cloud"), disk(stick))] == ["permitted"]
    [entry] = [entry for entry in world.env("cloud").ledger.entries() if entry.kind == "ingress"]
    assert (entry.body["requester"], entry.body["attribution"]) == ("anna", "verified")
    take_home(world.env("onprem"), disk(stick))
    assert not (world.folder("onprem").outbox / crossing[7:] / "request").exists()


def test_who_asked_last_is_who_the_disk_names(tmp_path: Path, stick: Path) -> None:
    world = AskingWorld(tmp_path)
    request = world.request(world.add(rows(30)))
    for who in ("anna", "bob"):
        egress(world.env("onprem"), request, world.sync(who, request))
    write_disk(world.env("onprem"), disk(stick))
    take_in(world.env("cloud"), disk(stick))
    [entry] = [entry for entry in world.env("cloud").ledger.entries() if entry.kind == "ingress"]
    assert (entry.body["requester"], entry.body["attribution"]) == ("bob", "verified")


# What a disk does wrong.


class Full(Disk):
    """A disk that takes so many bytes."""

    room = 0

    def _write(self, parts: list[str], last: str, data: bytes, *, replace: bool) -> bool:  # type: ignore[override]
        self.room -= len(data)
        if self.room < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return super()._write(parts, last, data, replace=replace)


def test_a_full_disk_keeps_what_is_complete(world: World, stick: Path) -> None:
    first, second = send(world, 30, "run-1/a"), send(world, 31, "run-2/a")
    full = Full(stick, "onprem", "cloud")
    sent = world.transit() / first[7:]
    full.room = 2000 + sum(path.stat().st_size for path in sent.rglob("*") if path.is_file())
    with pytest.raises(UnreachableError, match="No space left") as caught:
        write_disk(world.env("onprem"), full)
    assert "make room on the disk" in caught.value.remedy
    assert [each.crossing for each in disk(stick).read_index() or ()] == [first]
    taken = take_in(world.env("cloud"), disk(stick))
    assert [(one.crossing, one.outcome) for one in taken] == [(first, "permitted"), (second, "half-written")]
    assert [one.state for one in write_disk(world.env("onprem"), disk(stick))] == ["there", "written"]


def test_an_unplugged_disk_is_not_taken_for_an_empty_one(world: World, stick: Path, tmp_path: Path) -> None:
    send(world)
    write_disk(world.env("onprem"), disk(stick))
    opened = disk(stick)
    stick.rename(tmp_path / "elsewhere")
    before = world.files("cloud")
    with pytest.raises(UnreachableError, match="No such device"):
        take_in(world.env("cloud"), opened)
    assert world.files("cloud") == before
    with pytest.raises(UnreachableError, match="is not there"):
        disk(stick)


def test_a_folder_of_the_machine_under_the_mount_point_is_another_device(world: World, stick: Path) -> None:
    send(world)
    write_disk(world.env("onprem"), disk(stick))
    opened = disk(stick)
    opened._device += 1
    with pytest.raises(UnreachableError, match="No such device"):
        take_in(world.env("cloud"), opened)


class Foreign(Disk):
    """A disk whose files are another user's (root, who runs some tests, could read them)."""

    def _entries(self, parts: list[str]) -> list[str]:
        return self._refuse() or super()._entries(parts)

    def _load(self, parts: list[str], last: str, limit: int) -> bytes | None:
        return self._refuse() or super()._load(parts, last, limit)

    def _refuse(self) -> None:
        with self._errors("read"):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


def test_a_disk_of_another_user(world: World, stick: Path) -> None:
    send(world)
    write_disk(world.env("onprem"), disk(stick))
    before = world.files("cloud")
    with pytest.raises(UnreachableError, match="Permission denied") as caught:
        take_in(world.env("cloud"), Foreign(stick, "onprem", "cloud"))
    assert "chown" in caught.value.remedy
    assert world.files("cloud") == before


def test_a_disk_for_another_destination(world: World, stick: Path) -> None:
    send(world)
    write_disk(world.env("onprem"), disk(stick))
    with pytest.raises(UsageError, match="nothing on it from onprem to edge") as caught:
        take_in(world.env("edge"), disk(stick, "edge"))
    assert caught.value.remedy == "it holds: onprem to cloud"


def test_a_foreign_disk(world: World, stick: Path) -> None:
    (stick / "holiday.jpg").write_bytes(b"x")
    with pytest.raises(UsageError, match="nothing on it") as caught:
        take_in(world.env("cloud"), disk(stick))
    assert "nothing on this one is of Isthmus" in caught.value.remedy


@pytest.mark.parametrize(("written", "age"), [(0, "an older"), (2, "a newer")])
def test_a_disk_of_another_format(world: World, stick: Path, written: int, age: str) -> None:
    send(world)
    write_disk(world.env("onprem"), disk(stick))
    index = stick / "onprem/cloud/index"
    index.write_text(json.dumps(json.loads(index.read_text()) | {"format": written}))
    before = objects(stick), world.files("cloud")
    with pytest.raises(UsageError, match=age):
        take_in(world.env("cloud"), disk(stick))
    with pytest.raises(UsageError, match=age):
        write_disk(world.env("onprem"), disk(stick))
    assert (objects(stick), world.files("cloud")) == before


def test_a_disk_that_was_never_completed(world: World, stick: Path) -> None:
    send(world)
    write_disk(world.env("onprem"), disk(stick))
    (stick / "onprem/cloud/index").unlink()
    before = world.files("cloud")
    with pytest.raises(NotVerifiableError, match="never completed"):
        take_in(world.env("cloud"), disk(stick))
    assert world.files("cloud") == before
    assert [one.state for one in write_disk(world.env("onprem"), disk(stick))] == ["there"]
    assert [one.outcome for one in take_in(world.env("cloud"), disk(stick))] == ["permitted"]
