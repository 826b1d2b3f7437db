"""A wire that swallows everything: our clients find out in seconds, and wait longer for a slow server."""

from __future__ import annotations

import asyncio
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "contract_suites"))

from netns import Net, inside, network, why_not

from environments.apigate.upstream import Upstream
from environments.embedded.api import ApiAddress
from environments.links import watch_link
from environments.transit import ssh
from environments.workpools.control import ControlPlane
from flows.runtime.server import Server

if why_not():
    pytest.skip(why_not(), allow_module_level=True)
pytestmark = [
    pytest.mark.long,
    pytest.mark.system,
    pytest.mark.xdist_group("links"),
    pytest.mark.timeout(120),
]

PORT = 5000
AWAY_S, SOON_S = 2, 10.0


@pytest.fixture(scope="module")
def net() -> Iterator[Net]:
    with network(("here", "there")) as net:
        yield net


@pytest.fixture
def silent(net: Net) -> Iterator[threading.Semaphore]:
    """A server at the other end that takes every connection, acknowledges and says nothing; tells of each."""
    came, kept = threading.Semaphore(0), list[socket.socket]()
    server = inside(net.space("there"), lambda: socket.create_server((net.address("there"), PORT)))

    def take() -> None:
        while True:
            try:
                connection, _ = server.accept()
                kept.append(connection)
                connection.recv(1)
            except OSError:
                return
            came.release()

    thread = threading.Thread(target=take)
    thread.start()
    yield came
    server.shutdown(socket.SHUT_RDWR)
    server.close()
    thread.join(10)
    for connection in kept:
        connection.close()


def by_gate(api: ApiAddress) -> str:
    async def ask() -> str:
        async with Upstream(api) as upstream:
            reply = await upstream.ask("GET", "/health", None)
            return f"{reply.status} {reply.value}"

    return asyncio.run(ask())


def by_worker(api: ApiAddress) -> str:
    async def ask() -> str:
        async with ControlPlane(api) as plane:
            try:
                return str(await plane.queues("edge"))
            except Exception as error:  # noqa: BLE001 - what it says is looked at
                return str(error)

    return asyncio.run(ask())


def by_run(api: ApiAddress) -> str:
    with Server(api, patience=0) as server:
        try:
            return str(server.run("x"))
        except Exception as error:  # noqa: BLE001 - what it says is looked at
            return str(error)


def by_hand(api: ApiAddress) -> str:
    """As the SFTP transit's line does."""
    assert ssh.watch_link is watch_link
    host, port = api.url.removeprefix("http://").removesuffix("/api").split(":")
    with socket.create_connection((host, int(port)), timeout=60) as connection:
        watch_link(connection)
        connection.sendall(b"x")
        try:
            return repr(connection.recv(1))
        except OSError as error:
            return type(error).__name__


SAYS: dict[Callable[[ApiAddress], str], str] = {
    by_gate: "cannot be reached",
    by_worker: "ReadError",
    by_run: "cannot be reached",
    by_hand: "TimeoutError",
}


def test_a_wire_that_swallows_is_found_out(
    net: Net, silent: threading.Semaphore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("environments.links.AWAY_S", AWAY_S)
    api = ApiAddress(f"http://{net.address('there')}:{PORT}/api", "me:secret")
    with ThreadPoolExecutor(len(SAYS)) as pool:
        asking = {ask: pool.submit(inside, net.space("here"), partial(ask, api)) for ask in SAYS}
        for _ in SAYS:
            assert silent.acquire(timeout=20)
        # A server that is there may be as slow as it likes.
        time.sleep(2 * AWAY_S)
        early = [ask.__name__ for ask, one in asking.items() if one.done()]
        net.cut("here", "there", "swallow")
        began = time.monotonic()
        said = {ask: str(one.result(60)) for ask, one in asking.items()}
        assert time.monotonic() - began < SOON_S
    assert early == []
    assert {ask.__name__: said[ask] for ask, word in SAYS.items() if word not in said[ask]} == {}
