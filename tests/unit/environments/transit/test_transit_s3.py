"""S3 as a transit, against a real server over HTTP that enforces conditional writes and checks signatures."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import boto3
import pytest
from boundary_world import World, rows
from faulty_transit import Faults, FaultyTransit, Weather
from s3_server import Server, running_s3
from stormy_crossing import storm_over
from transit_suite import CROSSING, TransitSuite

from data_contracts.errors import UnreachableError
from environments.boundary import egress, ingress, settle
from environments.transit import Transit, crossing_prefix, manifest_name, open_transit


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with running_s3() as running:
        yield running


class TestS3Transit(TransitSuite):
    @pytest.fixture(autouse=True)
    def _with_server(self, server: Server) -> None:
        self.server = server

    def open_transit(self, place: Path) -> Transit:
        prefix = hashlib.sha256(str(place).encode()).hexdigest()[:16]
        spec = self.server.spec(place.parent, prefix=prefix)
        return open_transit(place, "onprem", "cloud", spec)


class TestFaultyS3Transit(TestS3Transit):
    def open_transit(self, place: Path) -> Transit:
        return FaultyTransit(super().open_transit(place), Weather(Faults(duplicate=0.3, delay=0.2), 1))


def test_a_wrong_secret_is_refused_by_the_server(server: Server, tmp_path: Path) -> None:
    spec = server.spec(tmp_path)
    server.credentials(tmp_path, secret_access_key="wrong-secret")
    transit = open_transit(tmp_path, "onprem", "cloud", spec)
    for use in (
        lambda: transit.put(manifest_name(CROSSING), b"x"),
        lambda: transit.create(manifest_name(CROSSING), b"x"),
        lambda: transit.get(manifest_name(CROSSING), limit=9),
        lambda: list(transit.names(crossing_prefix(CROSSING))),
    ):
        with pytest.raises(UnreachableError, match="refuses our credentials") as caught:
            use()
        assert "wrong-secret" not in repr(caught.value.__cause__) + str(caught.value)
    server.credentials(tmp_path)
    assert open_transit(tmp_path, "onprem", "cloud", spec).get(manifest_name(CROSSING), limit=9) is None


def test_words_of_the_environment_change_nothing(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, word in {
        "AWS_ENDPOINT": "http://127.0.0.1:9",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
        "AWS_ACCESS_KEY_ID": "other",
        "AWS_SECRET_ACCESS_KEY": "other",
        "AWS_SESSION_TOKEN": "other",
        "AWS_REGION": "us-west-1",
        "AWS_BUCKET": "other",
        "AWS_SKIP_SIGNATURE": "true",
        "AWS_VIRTUAL_HOSTED_STYLE_REQUEST": "true",
    }.items():
        monkeypatch.setenv(name, word)
    transit = open_transit(tmp_path, "onprem", "cloud", server.spec(tmp_path, prefix="environment"))
    transit.put(manifest_name(CROSSING), b"x")
    assert transit.get(manifest_name(CROSSING), limit=9) == b"x"


def test_no_bucket_and_no_server_are_told(server: Server, tmp_path: Path) -> None:
    spec = server.spec(tmp_path)
    nowhere = open_transit(tmp_path, "onprem", "cloud", replace(spec, bucket="no-such-bucket"))
    with pytest.raises(UnreachableError, match="no such bucket"):
        nowhere.put(manifest_name(CROSSING), b"x")
    with pytest.raises(UnreachableError, match="no such bucket"):
        list(nowhere.crossings())
    silent = open_transit(tmp_path, "onprem", "cloud", replace(spec, endpoint="http://127.0.0.1:9"))
    with pytest.raises(UnreachableError, match="cannot be read: it does not answer"):
        silent.get(manifest_name(CROSSING), limit=9)


def test_pairs_and_directions_do_not_meet(server: Server, tmp_path: Path) -> None:
    spec = server.spec(tmp_path, prefix="pairs")
    there = open_transit(tmp_path, "onprem", "cloud", spec)
    back = open_transit(tmp_path, "cloud", "onprem", spec)
    there.put(manifest_name(CROSSING), b"there")
    assert back.get(manifest_name(CROSSING), limit=9) is None
    assert list(back.names(crossing_prefix(CROSSING))) == []


def test_junk_in_the_bucket_is_not_listed_and_is_cleared(server: Server, tmp_path: Path) -> None:
    spec = server.spec(tmp_path, prefix="junk")
    transit = open_transit(tmp_path, "onprem", "cloud", spec)
    s3 = boto3.client(
        "s3",
        endpoint_url=server.url,
        region_name="eu-central-1",
        aws_access_key_id=server.key,
        aws_secret_access_key=server.secret,
    )
    folder = f"junk/onprem/cloud/{crossing_prefix(CROSSING)}"
    for key in (f"{folder}/chunks/evil", f"{folder}/zzz", f"{folder}x/manifest"):
        s3.put_object(Bucket="exchange", Key=key, Body=b"junk")
    transit.put(manifest_name(CROSSING), b"x")
    assert list(transit.names(crossing_prefix(CROSSING))) == [manifest_name(CROSSING)]
    transit.clear(crossing_prefix(CROSSING))
    left = s3.list_objects_v2(Bucket="exchange", Prefix="junk/").get("Contents", [])
    assert [item["Key"] for item in left] == [f"{folder}x/manifest"]


@pytest.mark.parametrize("storm", ["all at once", "lost writes"])
def test_bad_weather_over_s3(server: Server, tmp_path: Path, storm: str) -> None:
    spec = server.spec(tmp_path, prefix=f"storm/{storm[:3]}")
    storm_over(tmp_path, spec, storm)


def test_a_crossing_over_s3(server: Server, tmp_path: Path) -> None:
    world = World(tmp_path / "world")
    world.meet(server.spec(tmp_path, prefix="crossing"))
    sent = egress(world.env("onprem"), world.request(world.add(rows())))
    assert ingress(world.env("cloud"), "onprem", sent.crossing).outcome == "permitted"
    assert settle(world.env("onprem"), "cloud", sent.crossing).outcome == "permitted"
    left = world.env("onprem").outgoing("cloud").names(crossing_prefix(sent.crossing))
    assert list(left) == []
    assert not world.transit().exists()
