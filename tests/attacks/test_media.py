"""Attacks with a disk: whoever has it on its way can write what they like onto it.

What is refused leaves nothing in the store, and does not keep the other crossings on the disk from arriving.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "contract_suites"))
from asking_world import AskingWorld
from boundary_forgery import changed
from boundary_world import World, rows

from data_contracts.digest import digest_bytes
from data_contracts.errors import NotVerifiableError, UnreachableError
from environments.boundary import egress
from environments.boundary.media import Taken, open_disk, take_home, take_in, write_disk
from environments.ledger import verify_ledger
from environments.trust.tokens import write_token

pytestmark = pytest.mark.attack
LEDGER = {"ledger.db", "ledger.db-journal"}


class Carried:
    """Two crossings on a disk, on their way to the cloud."""

    def __init__(self, folder: Path) -> None:
        self.world = World(folder)
        self.stick = folder / "stick"
        self.stick.mkdir()
        self.harmed, self.other = (self.send(name) for name in ("run-1/a", "run-2/a"))
        write_disk(self.world.env("onprem"), self.disk())
        self.place = self.stick / "onprem" / "cloud"

    def send(self, request_id: str) -> str:
        request = self.world.request(self.world.add(rows(40)), request_id=request_id)
        return egress(self.world.env("onprem"), request).crossing

    def disk(self):  # noqa: ANN201 - what the function says
        return open_disk(self.stick, "onprem", "cloud")

    def object(self, what: str, crossing: str = "") -> Path:
        return self.place / (crossing or self.harmed)[7:] / what

    def chunk(self) -> Path:
        return min(self.object("chunks").iterdir())

    def relist(self) -> None:
        """Make the index agree with what lies there: it is no proof, and a forger writes it too."""
        index = json.loads((self.place / "index").read_text())
        for each in index["crossings"]:
            each["manifest"] = digest_bytes(self.object("manifest", each["crossing"]).read_bytes())
        (self.place / "index").write_text(json.dumps(index))

    def arrive(self) -> tuple[Taken, Taken]:
        first, second = take_in(self.world.env("cloud"), self.disk())
        return first, second


@pytest.fixture
def carried(tmp_path: Path) -> Carried:
    return Carried(tmp_path)


def flip(path: Path, at: int = -1) -> None:
    raw = bytearray(path.read_bytes())
    raw[at] ^= 1
    path.write_bytes(raw)


def refused(carried: Carried, rule: str) -> None:
    """The harmed one leaves nothing but a line in the ledger; the other arrives."""
    first, second = carried.arrive()
    assert (first.outcome, first.rules[0].id) == ("failed", rule), first
    assert (second.crossing, second.outcome) == (carried.other, "permitted")
    assert len(carried.world.env("cloud").store.versions("visits")) == 1
    assert not carried.object("receipt").exists()
    cloud = carried.world.env("cloud")
    assert verify_ledger(carried.world.folder("cloud").ledger, cloud.identity.public).success


def test_a_changed_chunk_on_a_disk(carried: Carried) -> None:
    flip(carried.chunk())
    refused(carried, "chunks")


def test_a_chunk_that_is_gone_from_a_disk(carried: Carried) -> None:
    carried.chunk().unlink()
    refused(carried, "chunks")


def test_chunks_of_another_crossing_on_the_disk(carried: Carried) -> None:
    shutil.rmtree(carried.object("chunks"))
    shutil.copytree(carried.object("chunks", carried.other), carried.object("chunks"))
    refused(carried, "chunks")


def test_a_changed_manifest_on_a_disk(carried: Carried) -> None:
    flip(carried.object("manifest"), 40)
    refused(carried, "media")
    carried.relist()
    first, _ = carried.arrive()
    assert (first.outcome, first.rules[0].id) == ("failed", "manifest")


def test_the_manifest_of_another_crossing_on_a_disk(carried: Carried) -> None:
    shutil.copy(carried.object("manifest", carried.other), carried.object("manifest"))
    carried.relist()
    refused(carried, "manifest")


def test_a_crossing_that_another_source_signed(carried: Carried, tmp_path: Path) -> None:
    """A genuine one, of a stranger who calls himself onprem: the pinned key is another."""
    stranger = Carried(tmp_path / "stranger")
    carried.place.rename(tmp_path / "genuine")
    shutil.copytree(stranger.place, carried.place)
    before = carried.world.files("cloud")
    assert [one.outcome for one in carried.arrive()] == ["failed", "failed"]
    assert changed(before, carried.world.files("cloud")) <= LEDGER
    assert carried.world.env("cloud").store.names() == ()


def test_a_crossing_for_another_destination_under_our_name(carried: Carried) -> None:
    shutil.copytree(carried.place, carried.stick / "onprem" / "edge")
    index = carried.stick / "onprem" / "edge" / "index"
    edge = open_disk(carried.stick, "onprem", "edge")
    with pytest.raises(NotVerifiableError, match="of another source or destination"):
        take_in(carried.world.env("edge"), edge)
    index.write_text(json.dumps(json.loads(index.read_text()) | {"destination": "edge"}))
    before = carried.world.files("edge")
    assert {(one.outcome, one.rules[0].id) for one in take_in(carried.world.env("edge"), edge)} == {
        ("failed", "manifest")
    }
    assert changed(before, carried.world.files("edge")) <= LEDGER


@pytest.mark.parametrize(
    "index",
    [
        b"",
        b"[" * 100_000,
        b'{"format": true}',
        b'{"format": 1, "source": "onprem", "destination": "cloud", "crossings": [{"crossing": "../x"}]}',
        b'{"format": 1, "source": "onprem", "destination": "cloud", "crossings": {}}',
        b'{"crossings": [], "destination": "cloud", "format": 1, "more": 1, "source": "onprem"}',
        b" " * (64 * 1024 * 1024 + 1),
    ],
)
def test_an_index_that_is_none(carried: Carried, index: bytes) -> None:
    (carried.place / "index").write_bytes(index)
    before = carried.world.files("cloud", "onprem")
    for use in (
        lambda: take_in(carried.world.env("cloud"), carried.disk()),
        lambda: take_home(carried.world.env("onprem"), carried.disk()),
    ):
        with pytest.raises(NotVerifiableError):
            use()
    assert carried.world.files("cloud", "onprem") == before


def test_an_index_that_names_what_was_never_sent(carried: Carried) -> None:
    index = json.loads((carried.place / "index").read_text())
    index["crossings"][0]["crossing"] = "sha256:" + "0" * 64
    (carried.place / "index").write_text(json.dumps(index))
    outcomes = {one.outcome for one in take_in(carried.world.env("cloud"), carried.disk())}
    assert outcomes == {"half-written", "permitted"}
    assert len(carried.world.env("cloud").store.versions("visits")) == 1


@pytest.mark.parametrize("given", ["", "bob's"])
def test_a_request_that_was_taken_away_or_exchanged_earns_no_name(tmp_path: Path, given: str) -> None:
    world, stick = AskingWorld(tmp_path), tmp_path / "stick"
    stick.mkdir()
    request = world.request(world.add(rows(30)))
    egress(world.env("onprem"), request, world.sync("anna", request))
    write_disk(world.env("onprem"), open_disk(stick, "onprem", "cloud"))
    path = stick / "onprem/cloud/index"
    index = json.loads(path.read_text())
    index["crossings"][0]["request"] = given and write_token(world.sync("bob", request))
    path.write_text(json.dumps(index))
    [taken] = take_in(world.env("cloud"), open_disk(stick, "onprem", "cloud"))
    assert taken.outcome == "denied"  # the lines of this destination are for whoever signed
    assert world.env("cloud").store.names() == ()


@pytest.mark.parametrize("below", ["onprem", "onprem/cloud"])
def test_a_link_on_the_disk_leads_nowhere(carried: Carried, tmp_path: Path, below: str) -> None:
    outside = tmp_path / "outside"
    (carried.stick / below).rename(outside)
    (carried.stick / below).symlink_to(outside)
    before = carried.world.files("cloud", "onprem")
    kept = sorted(path.name for path in outside.rglob("*"))
    for use in (
        lambda: take_in(carried.world.env("cloud"), carried.disk()),
        lambda: take_home(carried.world.env("onprem"), carried.disk()),
    ):
        with pytest.raises(NotVerifiableError, match="link"):
            use()
    written = write_disk(carried.world.env("onprem"), carried.disk())
    assert {(one.state, "link" in one.why) for one in written} == {("failed", True)}
    assert sorted(path.name for path in outside.rglob("*")) == kept
    assert carried.world.files("cloud", "onprem") == before


@pytest.mark.parametrize("answer", ["another's", "changed"])
def test_a_forged_answer_settles_nothing(carried: Carried, answer: str) -> None:
    take_in(carried.world.env("cloud"), carried.disk())
    if answer == "changed":
        flip(carried.object("receipt"), 40)
    else:
        shutil.copy(carried.object("receipt", carried.other), carried.object("receipt"))
    sent = carried.world.transit() / carried.harmed[7:]
    first, second = take_home(carried.world.env("onprem"), carried.disk())
    assert (first.outcome, first.cleared) == ("failed", False)
    assert sent.exists()
    assert (second.outcome, second.cleared) == ("permitted", True)
    assert [each.crossing for each in carried.disk().read_index() or ()] == [carried.harmed]


def test_a_disk_that_does_not_keep_what_is_written_to_it(tmp_path: Path) -> None:
    carried = Carried(tmp_path)
    shutil.rmtree(carried.stick / "onprem")
    disk = carried.disk()
    real = disk.put

    def lossy(name: str, data: bytes) -> None:
        real(name, data if name.endswith("contents") else data[:-1] + bytes([data[-1] ^ 1]))

    disk.put = lossy
    written = write_disk(carried.world.env("onprem"), disk)
    assert {(one.state, one.why) for one in written} == {
        ("failed", "what the disk gives back is not what was written to it")
    }
    assert carried.disk().read_index() is None
    assert not list(carried.stick.rglob("manifest"))


def test_a_pipe_on_the_disk_hangs_nobody(carried: Carried) -> None:
    import os

    (carried.place / "index").unlink()
    os.mkfifo(carried.place / "index")
    with pytest.raises((NotVerifiableError, UnreachableError)):
        take_in(carried.world.env("cloud"), carried.disk())
