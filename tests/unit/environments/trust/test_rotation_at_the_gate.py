"""Keys exchanged and revoked while environments send to one another: what still arrives, and what no more."""

from __future__ import annotations

import datetime as dt
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[3] / "contract_suites"))
from boundary_world import NAMES, START, World, rows

from data_contracts.errors import NotVerifiableError
from environments.boundary import CrossingFailedError, egress, ingress, settle
from environments.identity import add_generation, load_identity, pending
from environments.stores import AssetRecord
from environments.trust import Authority, SignedTrust, TrustDocument, adopt_document, load_pinned
from environments.trust.changing import revoked, rotated

DAY = dt.timedelta(days=1)


class Trusted(World):
    """A world whose environments share a trust document."""

    def __post_init__(self) -> None:
        super().__post_init__()
        publics = {name: load_identity(self.folder(name)).public for name in NAMES}
        self.share(self.authority.settle(publics, {}, self.now))

    @property
    def authority(self) -> Authority:
        return Authority(self.home.secrets / "trust")

    def issue(self, document: TrustDocument) -> SignedTrust:
        issued = self.authority.issue(document, self.now)
        assert isinstance(issued, SignedTrust)
        return issued

    def share(self, issued: SignedTrust, *names: str) -> None:
        for name in names or NAMES:
            adopt_document(self.folder(name), issued.raw, self.now)

    def rotate(self, name: str) -> SignedTrust:
        fresh = add_generation(self.folder(name))
        return self.issue(rotated(self.authority.need().document, fresh, self.now))

    def revoke(self, name: str, key_id: str) -> SignedTrust:
        return self.issue(revoked(self.authority.need().document, name, key_id, self.now))

    def key(self, name: str) -> str:
        return load_identity(self.folder(name)).public.key_id

    def cross(self, record: AssetRecord, request: str) -> str:
        crossing = egress(self.env("onprem"), self.request(record, request_id=request)).crossing
        assert ingress(self.env("cloud"), "onprem", crossing).outcome == "permitted"
        assert settle(self.env("onprem"), "cloud", crossing).outcome == "permitted"
        return crossing


@pytest.fixture
def world(tmp_path: Path) -> Trusted:
    return Trusted(tmp_path)


@pytest.fixture
def record(world: Trusted) -> AssetRecord:
    return world.add(rows(60))


@pytest.mark.parametrize("name", ["onprem", "cloud"])
def test_crossings_go_on_before_during_and_after_a_rotation(
    world: Trusted, record: AssetRecord, name: str
) -> None:
    old = world.key(name)
    world.cross(record, "before")
    issued = world.rotate(name)
    assert pending(world.folder(name)) is not None
    world.cross(record, "issued, and nobody knows")
    assert world.key(name) == old
    world.share(issued)
    assert world.key(name) != old
    world.cross(record, "during")
    world.share(world.revoke(name, old))
    world.cross(record, "after the old one was revoked")


def test_what_was_sent_before_a_rotation_arrives_after_it(world: Trusted, record: AssetRecord) -> None:
    """Signed and sealed under old keys; both sides rotate while it lies in the transit."""
    crossing = egress(world.env("onprem"), world.request(record)).crossing
    for name in ("onprem", "cloud"):
        world.share(world.rotate(name))
    assert ingress(world.env("cloud"), "onprem", crossing).outcome == "permitted"
    assert settle(world.env("onprem"), "cloud", crossing).outcome == "permitted"


def test_a_rotation_while_a_crossing_is_made(world: Trusted, record: AssetRecord) -> None:
    """Processes that were opened before it go on: their ledger was written to under the new key meanwhile."""
    source, destination = world.env("onprem"), world.env("cloud")
    for name in ("onprem", "cloud"):
        world.share(world.rotate(name))
    crossing = egress(source, world.request(record)).crossing
    for name in ("onprem", "cloud"):
        world.share(world.rotate(name))
    assert ingress(destination, "onprem", crossing).outcome == "permitted"
    assert settle(source, "cloud", crossing).outcome == "permitted"


def test_the_old_key_ends_with_the_overlap(world: Trusted, record: AssetRecord) -> None:
    stolen = load_identity(world.folder("onprem"))
    world.share(world.rotate("onprem"))
    cloud = world.env("cloud")
    cloud.peer_identity("onprem").verify(b"word", stolen.sign(b"word"), key_id=stolen.public.key_id)
    world.now = START + 31 * DAY
    with pytest.raises(NotVerifiableError):
        cloud.peer_identity("onprem").verify(b"word", stolen.sign(b"word"))
    world.cross(record, "after the overlap")


def test_a_stolen_key_is_revoked_and_what_it_signed_is_refused(world: Trusted, record: AssetRecord) -> None:
    """The thief sent in the source's name; once the key is revoked, nothing of it is taken."""
    kept = world.cross(record, "genuine")
    old = world.key("onprem")
    stolen = egress(world.env("onprem"), world.request(record, request_id="by the thief")).crossing
    world.share(world.rotate("onprem"))
    world.share(world.revoke("onprem", old))
    before = world.files("cloud")
    store = str(world.folder("cloud").store)
    with pytest.raises(CrossingFailedError) as error:
        ingress(world.env("cloud"), "onprem", stolen)
    assert error.value.rule == "manifest"
    after = world.files("cloud")
    assert {path: after[path] for path in after if path.startswith(store)} == {
        path: before[path] for path in before if path.startswith(store)
    }
    # What was committed before stays, and crossings under the new key go on.
    assert kept != world.cross(record, "by the owner")


def test_a_key_revoked_where_the_news_has_not_arrived(world: Trusted, record: AssetRecord) -> None:
    """Until the document arrives the thief is that peer; from then on no more."""
    crossing = egress(world.env("onprem"), world.request(record)).crossing
    old = world.key("onprem")
    rotated_ = world.rotate("onprem")
    world.share(rotated_)
    issued = world.revoke("onprem", old)
    world.share(issued, "onprem", "edge")
    assert ingress(world.env("cloud"), "onprem", crossing).outcome == "permitted"
    world.share(issued, "cloud")
    with pytest.raises(NotVerifiableError):
        world.env("cloud").peer_identity("onprem").verify(b"", b"0" * 64, key_id=old)


def test_a_peer_that_was_not_told_yet_refuses_the_new_key(world: Trusted, record: AssetRecord) -> None:
    world.share(world.rotate("onprem"), "onprem")
    crossing = egress(world.env("onprem"), world.request(record)).crossing
    with pytest.raises(CrossingFailedError, match="another key"):
        ingress(world.env("cloud"), "onprem", crossing)
    world.share(world.authority.need())
    assert ingress(world.env("cloud"), "onprem", crossing).outcome == "permitted"


def test_an_environment_whose_only_key_was_revoked_is_believed_in_nothing(
    world: Trusted, record: AssetRecord
) -> None:
    crossing = egress(world.env("onprem"), world.request(record)).crossing
    world.share(world.revoke("onprem", world.key("onprem")))
    with pytest.raises(CrossingFailedError):
        ingress(world.env("cloud"), "onprem", crossing)


def test_an_expired_document_stops_both_sides(world: Trusted, record: AssetRecord) -> None:
    crossing = egress(world.env("onprem"), world.request(record)).crossing
    pinned = load_pinned(world.folder("cloud"))
    assert pinned is not None
    world.now = pinned.document.expires
    before = world.files("cloud", "onprem")
    with pytest.raises(NotVerifiableError, match="expired"):
        egress(world.env("onprem"), world.request(record, request_id="another"))
    with pytest.raises(CrossingFailedError, match="expired"):
        ingress(world.env("cloud"), "onprem", crossing)
    stores = [str(world.folder(name).store) for name in ("cloud", "onprem")]
    after = world.files("cloud", "onprem")
    assert all(after[path] == before[path] for path in before if path.startswith(tuple(stores)))
