"""Somebody on the network answers in the server's place."""

from __future__ import annotations

import asyncio
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "contract_suites"))

from https_server import Authority

from data_contracts.errors import UnreachableError
from environments.apigate.upstream import Upstream
from environments.embedded.api import ApiAddress
from environments.embedded.client import Client
from environments.embedded.listening import open_context
from environments.workpools.control import ControlPlane
from flows.runtime.server import Server

pytestmark = pytest.mark.attack


@pytest.fixture
def impostor(tmp_path: Path) -> Iterator[tuple[ApiAddress, list[bytes]]]:
    """A server with a certificate of an authority that this machine does not believe; what it was told."""
    context = open_context(*Authority(tmp_path, "stranger").issue("api"))
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with suppress(OSError), context.wrap_socket(connection, server_side=True) as talking:
                    heard.append(talking.recv(4096))

        thread = threading.Thread(target=serve)
        thread.start()
        yield ApiAddress(f"https://127.0.0.1:{listener.getsockname()[1]}/api", "isthmus:secret"), heard
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(10)


def by_gate(api: ApiAddress) -> None:
    async def ask() -> int:
        async with Upstream(api) as upstream:
            return (await upstream.ask("GET", "/health", None)).status

    assert asyncio.run(ask()) == 503
    raise UnreachableError("told as such")


def by_worker(api: ApiAddress) -> None:
    async def ask() -> None:
        async with ControlPlane(api) as plane:
            await plane.queues("edge")

    asyncio.run(ask())


def by_run(api: ApiAddress) -> None:
    with Server(api, patience=0) as server:
        server.run("x")


def by_command(api: ApiAddress) -> None:
    Client(api).get("/health")


@pytest.mark.parametrize("ask", [by_gate, by_worker, by_run, by_command])
def test_a_server_that_another_authority_certified_hears_nothing(
    impostor: tuple[ApiAddress, list[bytes]], ask: Callable[[ApiAddress], None]
) -> None:
    api, heard = impostor
    with pytest.raises(UnreachableError):
        ask(api)
    assert not any(heard), "not a byte, and not the credential"
