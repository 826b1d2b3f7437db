"""The API for other machines: TLS or nothing, and no wait without an end."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "contract_suites"))

from https_server import Authority

from data_contracts.errors import NotVerifiableError, UnreachableError, UsageError
from environments.embedded.api import ApiAddress, write_api
from environments.embedded.listening import Listener, listen, load_certificate, open_context, parse_place
from environments.home import Home

HOST = "127.0.0.1"


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path, "authority")


@pytest.fixture
def near() -> Iterator[int]:
    """A server on loopback that says in capitals what it hears, and closes after a `.`."""

    def serve(connection: socket.socket) -> None:
        with connection:
            while data := connection.recv(4096):
                connection.sendall(data.upper())
                if data.endswith(b"."):
                    return

    with socket.create_server((HOST, 0)) as listener:

        def accept() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                threading.Thread(target=serve, args=(connection,), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)


def client(authority: Authority) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(authority.path))


@asynccontextmanager
async def listening(authority: Authority, port: Callable[[], int], **bounds: Any) -> AsyncIterator[int]:
    listener = Listener(port, **bounds)
    server = await listener.start((HOST, 0), open_context(*authority.issue("api")))
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await listener.close()


def test_what_comes_is_passed_on_and_what_is_answered_comes_back(authority: Authority, near: int) -> None:
    async def talk() -> None:
        async with listening(authority, lambda: near) as port:
            reader, writer = await asyncio.open_connection(HOST, port, ssl=client(authority))
            version = writer.get_extra_info("ssl_object").version()
            writer.write(b"one")
            assert await reader.readexactly(3) == b"ONE"
            large = b"x" * 3_000_000
            writer.write(large)
            assert await reader.readexactly(len(large)) == large.upper()
            writer.write(b"end.")
            assert await reader.read() == b"END."
            writer.close()
            assert version == "TLSv1.3"

    asyncio.run(asyncio.wait_for(talk(), 30))


def test_in_the_clear_and_with_older_tls_nothing_is_answered(authority: Authority, near: int) -> None:
    async def talk() -> None:
        async with listening(authority, lambda: near) as port:
            reader, writer = await asyncio.open_connection(HOST, port)
            writer.write(b"GET /api/health HTTP/1.1\r\n\r\n")
            assert b"HTTP" not in await reader.read()
            writer.close()
            older = client(authority)
            older.maximum_version = ssl.TLSVersion.TLSv1_2
            with pytest.raises(OSError):  # noqa: PT011 - an alert, or a reset
                await asyncio.open_connection(HOST, port, ssl=older)

    asyncio.run(asyncio.wait_for(talk(), 30))


def test_whoever_says_nothing_is_let_go(authority: Authority, near: int) -> None:
    async def talk() -> None:
        async with listening(authority, lambda: near, idle=0.3, handshake=0.3) as port:
            began = time.monotonic()
            silent, _ = await asyncio.open_connection(HOST, port)  # never begins to speak TLS
            assert await silent.read() == b""
            reader, writer = await asyncio.open_connection(HOST, port, ssl=client(authority))
            writer.write(b"one")
            assert await reader.readexactly(3) == b"ONE"
            assert await reader.read() == b""
            assert time.monotonic() - began < 10

    asyncio.run(asyncio.wait_for(talk(), 30))


def test_one_too_many_is_closed_and_the_others_go_on(authority: Authority, near: int) -> None:
    async def talk() -> None:
        async with listening(authority, lambda: near, most=1) as port:
            first, writer = await asyncio.open_connection(HOST, port, ssl=client(authority))
            writer.write(b"one")
            assert await first.readexactly(3) == b"ONE"
            second, _ = await asyncio.open_connection(HOST, port, ssl=client(authority))
            assert await second.read() == b""
            writer.write(b"two")
            assert await first.readexactly(3) == b"TWO"

    asyncio.run(asyncio.wait_for(talk(), 30))


def test_a_server_that_is_away_is_looked_up_anew_by_each_connection(authority: Authority, near: int) -> None:
    ports: list[int] = []

    def port() -> int:
        if not ports:
            raise UnreachableError("no system runs here")
        return ports[-1]

    async def talk() -> None:
        async with listening(authority, port) as own:
            for _ in range(2):
                reader, _ = await asyncio.open_connection(HOST, own, ssl=client(authority))
                assert await reader.read() == b""
                with socket.create_server((HOST, 0)) as free:
                    ports[:] = [free.getsockname()[1]]  # nobody there
            ports[:] = [near]
            reader, writer = await asyncio.open_connection(HOST, own, ssl=client(authority))
            writer.write(b"one")
            assert await reader.readexactly(3) == b"ONE"

    asyncio.run(asyncio.wait_for(talk(), 30))


def test_an_address_is_this_machines_or_refused(authority: Authority) -> None:
    async def start() -> None:
        await Listener(lambda: 1).start(("192.0.2.1", 4443), open_context(*authority.issue("api")))

    with pytest.raises(UnreachableError, match=r"192\.0\.2\.1 port 4443"):
        asyncio.run(start())


@pytest.mark.parametrize(
    "text",
    ["", "4443", "host:4443", "10.0.0.4", "10.0.0.4:0", "10.0.0.4:65536", "fd00::4:4443", "[10.0.0.4]x:1"],
)
def test_a_place_is_an_address_and_a_port(text: str) -> None:
    with pytest.raises(UsageError, match="not an address and a port"):
        parse_place(text)


def test_places_that_are_ones() -> None:
    assert parse_place("10.0.0.4:4443") == ("10.0.0.4", 4443)
    assert parse_place("[fd00::4]:1") == ("fd00::4", 1)


def test_without_a_certificate_that_counts_nothing_opens(authority: Authority, tmp_path: Path) -> None:
    certificate, key = authority.issue("api")
    _, other = authority.issue("other")
    nothing = tmp_path / "nothing"
    for files in ((nothing, key), (certificate, nothing), (certificate, other), (key, key)):
        with pytest.raises(UsageError):
            open_context(*files)
    later = dt.datetime.now(dt.UTC) + dt.timedelta(hours=3)
    with pytest.raises(UsageError, match="and not now"):
        open_context(certificate, key, now=later)
    key.chmod(0o644)
    with pytest.raises(NotVerifiableError):
        open_context(certificate, key)


def test_a_certificate_that_does_not_count_leaves_the_one_before(authority: Authority, near: int) -> None:
    certificate, key = authority.issue("api")
    context = open_context(certificate, key)
    certificate.write_bytes(b"half-written")
    with pytest.raises(UsageError):
        load_certificate(context, certificate, key)

    async def talk() -> None:
        listener = Listener(lambda: near)
        server = await listener.start((HOST, 0), context)
        port = server.sockets[0].getsockname()[1]
        _, writer = await asyncio.open_connection(HOST, port, ssl=client(authority))
        writer.close()
        server.close()
        await listener.close()

    asyncio.run(asyncio.wait_for(talk(), 30))


def test_a_home_without_a_system_listens_to_nobody(authority: Authority, tmp_path: Path) -> None:
    home = Home(tmp_path / "home").create()
    with pytest.raises(UnreachableError, match="no system runs"):
        listen(home, (HOST, 0), authority.issue("api"), print, print)


def test_the_command_serves_reads_its_certificate_again_and_ends(
    authority: Authority, near: int, tmp_path: Path
) -> None:
    home = Home(tmp_path / "home").create()
    write_api(home, ApiAddress(f"http://{HOST}:{near}/api", "isthmus:secret"))
    certificate, key = authority.issue("api")
    with socket.create_server((HOST, 0)) as free:
        port = free.getsockname()[1]
    words = ("--on", f"{HOST}:{port}", "--certificate", str(certificate), "--key", str(key))
    command = [sys.executable, "-P", "-c", "from flows.cli.main import main; main()", "api", "listen", *words]
    environment = {**os.environ, "ISTHMUS_HOME": str(home.root)}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as running:
        assert running.stderr is not None
        assert "the API answers at" in running.stderr.readline()
        before = shown(authority, port)
        for new, old in zip(authority.issue("renewed"), (certificate, key), strict=True):
            new.replace(old)
        running.send_signal(signal.SIGHUP)
        assert "read again" in running.stderr.readline()
        assert shown(authority, port) != before
        certificate.write_bytes(b"")
        running.send_signal(signal.SIGHUP)
        assert "of before is kept" in running.stderr.readline()
        shown(authority, port)
        running.terminate()
        assert running.wait(20) == 0


def shown(authority: Authority, port: int) -> bytes | None:
    """Return the certificate that is shown; talk, too."""
    with (
        socket.create_connection((HOST, port), timeout=10) as raw,
        client(authority).wrap_socket(raw, server_hostname=HOST) as talking,
    ):
        talking.sendall(b"one.")
        assert talking.recv(4) == b"ONE."
        return talking.getpeercert(binary_form=True)


def test_every_client_of_ours_believes_this_machines_authorities(authority: Authority) -> None:
    """A house's own authority, in the file that SSL_CERT_FILE names: gate, worker and commands alike."""
    code = (
        "import asyncio, json, sys\n"
        "from environments.apigate.upstream import Upstream\n"
        "from environments.embedded.api import ApiAddress\n"
        "from environments.embedded.client import Client\n"
        "from environments.workpools.control import ControlPlane\n"
        "from flows.runtime.server import Server\n"
        "api = ApiAddress(sys.argv[1], 'me:secret')\n"
        "async def ask():\n"
        "    async with Upstream(api) as gate, ControlPlane(api) as plane:\n"
        "        return [(await gate.ask('GET', '/x', None)).status, await plane._ask('GET', 'x')]\n"
        "with Server(api, patience=0) as server:\n"
        "    told = [*asyncio.run(ask()), server.ask('GET', '/x'), Client(api).get('/x')]\n"
        "print(json.dumps(told))\n"
    )

    def answer(connection: ssl.SSLSocket) -> None:
        with connection:
            connection.recv(4096)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nConnection: close\r\n\r\n7")

    context = open_context(*authority.issue("api"))
    with socket.create_server((HOST, 0)) as plain, context.wrap_socket(plain, server_side=True) as listener:
        url = f"https://{HOST}:{listener.getsockname()[1]}/api"
        environment = {**os.environ, "SSL_CERT_FILE": str(authority.path)}
        with subprocess.Popen(
            [sys.executable, "-P", "-c", code, url], stdout=subprocess.PIPE, text=True, env=environment
        ) as asking:
            listener.settimeout(30)
            for _ in range(4):
                answer(listener.accept()[0])
            assert asking.stdout is not None
            assert json.loads(asking.stdout.read()) == [200, 7, 7, 7]
