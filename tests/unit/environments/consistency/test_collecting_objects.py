"""`asset gc` over stores on objects: real servers, the same promises; and nobody loses an object he needs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import obstore.store
import pytest
from azure_server import ACCOUNT, AZURITE, CONTAINER, MISSING, running_azurite
from boundary_world import World, rows
from gc_history import NEWEST, collected, nothing_is_lost
from s3_server import running_s3

from environments.consistency.collecting import collect, plan
from environments.holds import Hold
from environments.objects.bucket import Bucket, Objects
from environments.objects.client import open_azure, open_s3
from environments.objects.credentials import AZURE_KEYS, S3_KEYS, read_credentials
from environments.profile import AzureStoreSpec, S3StoreSpec
from environments.stores.remote import RemoteStore
from environments.stores.remote.cache import Cache

LIMIT = 1 << 30
Bucketing = Callable[[str], Objects]


def s3(folder: Path, stack: ExitStack) -> Bucketing:
    server = stack.enter_context(running_s3())
    spec = S3StoreSpec("exchange", "eu-central-1", server.credentials(folder), endpoint=server.url)
    client = open_s3(spec, read_credentials(spec.credentials, S3_KEYS))
    return lambda prefix: Bucket(client, prefix, "the store")


def azure(folder: Path, stack: ExitStack) -> Bucketing:
    if AZURITE is None:
        pytest.skip(MISSING)
    server = stack.enter_context(running_azurite(folder))
    spec = AzureStoreSpec(ACCOUNT, CONTAINER, server.credentials(folder), endpoint=server.url)
    client = open_azure(spec, read_credentials(spec.credentials, AZURE_KEYS))
    return lambda prefix: Bucket(client, prefix, "the store")


def directory(folder: Path, stack: ExitStack) -> Bucketing:
    del stack
    place = obstore.store.LocalStore(folder / "objects", mkdir=True)
    return lambda prefix: Bucket(place, prefix, "the store")


@pytest.fixture(scope="module", params=[directory, s3, azure], ids=lambda medium: medium.__name__)
def buckets(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bucketing]:
    with ExitStack() as stack:
        yield request.param(tmp_path_factory.mktemp("medium"), stack)


@pytest.fixture
def world(tmp_path: Path, buckets: Bucketing) -> World:
    made = World(tmp_path)
    for name in ("onprem", "cloud"):

        def opened(name: str = name) -> RemoteStore:
            copies = made.folder(name).store / "copies"
            Cache(copies, LIMIT).release()  # what another process was given, which has ended
            return RemoteStore(buckets(f"{tmp_path.name}-{name}"), copies, medium="test", limit=LIMIT)

        made.stores[name] = opened
    return made


def test_old_versions_go_with_their_objects_and_the_latest_still_verifies(world: World) -> None:
    records = [world.add(rows(3000 + number)) for number in range(3)]
    store = world.store("onprem")
    assert isinstance(store, RemoteStore)
    before = set(store._bucket.names("data"))
    assert collected(world, "onprem") == {1: "", 2: "", 3: "latest"}
    assert store.versions("visits") == (records[2],)
    assert [stone.record for stone in store.tombstones("visits")] == records[:2]
    assert set(store._bucket.names("data")) < before
    world.store("onprem").verify(records[2])
    assert collected(world, "onprem") == {3: "latest"}
    kinds = [entry.kind for entry in world.env("onprem").ledger.entries()]
    assert kinds.count("removed") == 2


def test_a_legal_hold_is_kept_on_objects_too(world: World) -> None:
    first, second = world.add(rows(60)), world.add(rows(61))
    world.profiles["onprem"] = replace(world.profiles["onprem"], holds=(Hold("*", "audit 7"),))
    env = world.env("onprem")
    whys = [each.why for each in collect(env, plan(env, NEWEST, {}))]
    assert whys == ["legal hold: audit 7", "it is the latest version"]
    assert world.store("onprem").versions("visits") == (first, second)


def test_what_somebody_reads_stays_until_it_is_read(world: World) -> None:
    record = world.add(rows(60))
    world.add(rows(61))
    env = world.env("onprem")
    paths = env.store.open(record)
    told = collect(env, plan(env, NEWEST, {}))
    assert [each.reason for each in told] == ["read", "latest"]
    assert all(path.read_bytes() for path in paths)
    assert env.ledger.find("removed") is None, "what stays is not said to go"
    assert collected(world, "onprem")[1] == ""


@pytest.mark.parametrize("seed", [3])
def test_random_histories_lose_nothing_that_is_needed(world: World, seed: int) -> None:
    nothing_is_lost(world, seed, 16)
