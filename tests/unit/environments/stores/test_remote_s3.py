"""The store on S3, against a real server that enforces conditional writes and checks signatures."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[3] / "contract_suites"))
from boundary_world import World, rows
from remote_store_suite import RemoteStoreSuite
from s3_server import Server, running_s3
from store_basis import LABELS, contract
from stormy_store import storm_over

from data_contracts.errors import NotVerifiableError, UnreachableError, UsageError
from environments.boundary import egress, ingress, settle
from environments.embedded.doctor.stores import check_store
from environments.objects.bucket import Bucket, Objects
from environments.objects.client import open_s3
from environments.objects.credentials import S3_KEYS, read_credentials
from environments.profile import S3StoreSpec
from environments.stores import AssetStore, open_store
from environments.stores.remote import RemoteStore

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with running_s3() as running:
        yield running


def declared(folder: Path, prefix: str) -> S3StoreSpec:
    url = (folder / "server.txt").read_text()
    return S3StoreSpec("exchange", "eu-central-1", folder / "s3.toml", prefix=prefix, endpoint=url)


def objects(folder: Path, prefix: str) -> Objects:
    spec = declared(folder, prefix)
    return Bucket(open_s3(spec, read_credentials(spec.credentials, S3_KEYS)), spec.prefix, "the store")


class TestS3Objects(RemoteStoreSuite):
    # Hundreds of commits each: over the directory alone.
    test_whatever_is_committed_the_store_is_its_model = None
    test_killed_between_any_two_steps_all_members_are_there_or_none = None

    @pytest.fixture(autouse=True)
    def _with_server(self, server: Server, tmp_path: Path) -> None:
        # A suite's child process opens the same store: what it needs stands beside.
        server.credentials(tmp_path)
        (tmp_path / "server.txt").write_text(server.url)

    def bucket(self, folder: Path) -> Objects:
        return objects(folder.parent, hashlib.sha256(str(folder).encode()).hexdigest()[:16])


def test_bad_weather_over_s3(server: Server, tmp_path: Path) -> None:
    server.credentials(tmp_path)
    (tmp_path / "server.txt").write_text(server.url)
    storm_over(objects(tmp_path, "storm"), tmp_path, "all at once")


def opened(world: World, name: str, server: Server, folder: Path) -> AssetStore:
    """Declare and open the store of one environment in the one bucket."""
    spec = S3StoreSpec("exchange", "eu-central-1", server.credentials(folder), "clinics", server.url)
    world.profiles[name] = replace(world.profiles[name], store=spec)
    return open_store(world.folder(name), world.profiles[name])


def test_a_crossing_from_a_store_on_s3_to_a_store_on_s3(server: Server, tmp_path: Path) -> None:
    world = World(tmp_path / "world")
    local = world.add(rows())
    source, destination = (opened(world, name, server, tmp_path) for name in ("onprem", "cloud"))
    with source.begin("visits") as draft:
        for entry, path in zip(local.files, world.env("onprem").store.open(local), strict=True):
            (draft.path / entry.path).write_bytes(path.read_bytes())
        record = draft.commit(world.env("onprem").store.contract(local), local.labels, rows=local.rows)
    assert destination.names() == (), "two environments of one bucket do not meet in it"
    onprem, cloud = replace(world.env("onprem"), store=source), replace(world.env("cloud"), store=destination)
    sent = egress(onprem, world.request(record))
    assert ingress(cloud, "onprem", sent.crossing).outcome == "permitted"
    assert ingress(cloud, "onprem", sent.crossing).outcome == "permitted", "and again: the same version"
    assert settle(onprem, "cloud", sent.crossing).outcome == "permitted"
    [arrived] = destination.versions("visits")
    assert arrived.lineage["crossing"] == sent.crossing
    destination.verify(arrived)
    assert source.names() == destination.names() == ("visits",)


def test_a_declared_store_is_opened_and_its_credentials_are_checked(server: Server, tmp_path: Path) -> None:
    world = World(tmp_path / "world")
    store = opened(world, "cloud", server, tmp_path)
    with store.begin("readings") as draft:
        (draft.path / "part-00000.parquet").write_bytes(b"one")
        draft.commit(contract(), LABELS)
    copies = world.folder("cloud").store / "copies"
    assert [path.name for path in copies.rglob("*.parquet")] == ["part-00000.parquet"]
    server.credentials(tmp_path, secret_access_key="wrong-secret")
    wrong = open_store(world.folder("cloud"), world.profiles["cloud"])
    for use in (wrong.names, lambda: wrong.begin("readings"), lambda: wrong.record("readings")):
        with pytest.raises(UnreachableError, match="refuses our credentials") as caught:
            use()
        assert "wrong-secret" not in str(caught.value) + repr(caught.value.__cause__)
    (tmp_path / "s3.toml").chmod(0o644)
    with pytest.raises(NotVerifiableError):
        open_store(world.folder("cloud"), world.profiles["cloud"])


def test_another_isthmus_wrote_it(server: Server, tmp_path: Path) -> None:
    server.credentials(tmp_path)
    (tmp_path / "server.txt").write_text(server.url)
    bucket = objects(tmp_path, "other-format")
    bucket.put("FORMAT", b"7\n")
    store = RemoteStore(bucket, tmp_path / "copies", medium="s3", limit=1 << 30)
    for use in (store.names, lambda: store.begin("readings")):
        with pytest.raises(UsageError, match="another Isthmus"):
            use()
    assert bucket.get("FORMAT", limit=9) == b"7\n"


def test_doctor_says_whether_one_writer_wins(server: Server, tmp_path: Path) -> None:
    world = World(tmp_path / "world")
    store = opened(world, "edge", server, tmp_path)
    folder, profile = world.folder("edge"), world.profiles["edge"]
    [new] = check_store(folder, profile)
    assert (new["severity"], "nothing was written" in new["what"]) == ("ok", True)
    store.begin("readings").abandon()
    assert [found["what"] for found in check_store(folder, profile)] == ["edge: s3, one writer wins"]
    server.credentials(tmp_path, secret_access_key="wrong-secret")
    with pytest.raises(UnreachableError, match="refuses our credentials"):
        check_store(folder, profile)
