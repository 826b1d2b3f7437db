"""A hostile, slow or missing server, and hostile clients: the gate answers clearly, and nothing hangs.

The server here is a socket that says what no honest server says; gate, filter and connection are real.
"""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from environments.apigate import gate as gate_module
from environments.apigate import message as message_module
from environments.apigate import upstream as upstream_module
from environments.apigate.gate import Gate
from environments.apigate.limits import Bucket
from environments.apigate.message import Filter
from environments.apigate.pulse import Pulse
from environments.apigate.speaker import Kind, Speaker, run_credential
from environments.apigate.upstream import Upstream
from environments.embedded.api import ApiAddress
from environments.folder import EnvironmentFolder
from environments.incidents import list_incidents

pytestmark = pytest.mark.attack
RUN = "0f0e0d0c-0000-4000-8000-000000000000"
HONEST: dict[str, Any] = {"id": RUN, "name": "a", "flow_id": RUN}
Answer = Callable[[asyncio.StreamWriter], Awaitable[None]]


def says(body: Any, status: str = "200 OK", more: str = "") -> Answer:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()

    async def answer(writer: asyncio.StreamWriter) -> None:
        head = f"HTTP/1.1 {status}\r\ncontent-length: {len(raw)}\r\n{more}\r\n".encode()
        writer.write(head + raw)
        await writer.drain()

    return answer


async def silent(_writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(30)


async def drips(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n")
    while True:
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(0.05)


async def endless(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        writer.write(b" " * 65536)
        await writer.drain()


class Server:
    """What stands where the server should be; it keeps what it was told."""

    def __init__(self, answer: Answer) -> None:
        self.answer, self.heard = answer, b""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            self.heard += await reader.read(65536)
            await self.answer(writer)
        except (ConnectionError, asyncio.CancelledError):
            return
        finally:
            writer.close()


@asynccontextmanager
async def standing(folder: Path, answer: Answer, kind: Kind = "step") -> AsyncIterator[tuple[Any, Server]]:
    server = Server(answer)
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    environment = EnvironmentFolder(folder / "cloud").create()
    async with Upstream(ApiAddress(f"http://127.0.0.1:{port}/api", "isthmus:real")) as upstream:
        gate = Gate(Filter(environment), "key", upstream, Pulse(environment.run / "gate.json", "here"))
        user, _, password = run_credential("key", Speaker(kind, RUN)).partition(":")
        transport = httpx.ASGITransport(app=gate)  # type: ignore[arg-type]
        base = "http://gate/api"
        async with httpx.AsyncClient(transport=transport, base_url=base, auth=(user, password)) as client:
            yield client, server
    listening.close()


def ask(
    folder: Path, answer: Answer, method: str = "GET", path: str = f"/flow_runs/{RUN}", **more: Any
) -> Any:
    async def once() -> Any:
        async with standing(folder, answer) as (client, server):
            return await client.request(method, path, **more), server.heard

    return asyncio.run(once())


@pytest.mark.parametrize(
    ("answer", "status", "word"),
    [
        (says({}, "401 Unauthorized"), 502, "refuses the gate's credential"),
        (says({"detail": "Jane"}, "404 Not Found"), 404, "no such thing"),
        (says({}, "307 Temporary Redirect", "location: http://127.0.0.1:1/\r\n"), 502, "answered 307"),
        (says({}, "500 Oops"), 500, "answered 500"),
        (says({}, "503 Later"), 503, "answered 503"),
        (says(b"<html>"), 502, "no JSON"),
        (says([HONEST]), 502, "not what its schema says"),
        (says({**HONEST, "id": "../../etc"}), 502, "not what its schema says"),
        (says({**HONEST, "state": {"type": "PICKLED"}}), 502, "not what its schema says"),
        (says({**HONEST, "parameters": json.loads("[" * 50 + "]" * 50)}), 502, "not what its schema says"),
        (endless, 502, "too much of it"),
    ],
)
def test_a_lying_server_is_told_apart_and_its_words_go_no_further(
    tmp_path: Path, answer: Answer, status: int, word: str
) -> None:
    got, _ = ask(tmp_path, answer)
    assert (got.status_code, word in got.json()["detail"]) == (status, True), got.text
    assert "Jane" not in got.text


@pytest.mark.parametrize("answer", [silent, drips])
def test_a_slow_server_does_not_hang_who_asks(
    tmp_path: Path, answer: Answer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upstream_module, "PATIENCE", 1.0)
    began = time.monotonic()
    got, _ = ask(tmp_path, answer)
    assert got.status_code == 504
    assert time.monotonic() - began < 5


def test_a_server_that_is_away_is_said_to_be() -> None:
    async def once() -> Any:
        async with Upstream(ApiAddress("http://127.0.0.1:1/api", "isthmus:real")) as upstream:
            return await upstream.ask("GET", "/health", None)

    reply = asyncio.run(once())
    assert reply.status == 503
    assert "cannot be reached" in reply.value


def test_what_a_server_pushes_beside_a_run_comes_not_in(tmp_path: Path) -> None:
    pushed = {
        "job_variables": {"command": "sh"},
        "state": {"type": "COMPLETED", "data": {"type": "result", "storage_block_id": RUN}},
        "empirical_policy": {"retries": 9},
    }
    got, _ = ask(tmp_path, says({**HONEST, **pushed}))
    assert got.json() == {**HONEST, "state": {"type": "COMPLETED"}}


def test_what_goes_out_carries_the_gates_credential_and_nothing_of_the_callers(tmp_path: Path) -> None:
    headers = {"X-Patient": "Jane", "Cookie": "patient=Jane"}
    got, heard = ask(tmp_path, says(HONEST), headers=headers, params={"patient": "Jane"})
    assert got.status_code == 200
    assert b"Jane" not in heard
    assert b"Basic " + base64.b64encode(b"isthmus:real") in heard


@pytest.mark.parametrize(
    ("content", "status"),
    [(b"{", 403), (b"[" * 100_000, 403), (b'{"state": 3}', 403), (b"[" + b" " * 5_000_000 + b"]", 413)],
)
def test_a_body_that_is_none_goes_nowhere(tmp_path: Path, content: bytes, status: int) -> None:
    got, heard = ask(tmp_path, says({}), "POST", f"/flow_runs/{RUN}/set_state", content=content)
    assert got.status_code == status
    assert heard == b""
    assert list_incidents(EnvironmentFolder(tmp_path / "cloud")) == ()


def test_a_flood_is_slowed_down(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate_module, "_RATE", 0.0)
    monkeypatch.setattr(gate_module, "_BURST", 5.0)

    async def many() -> list[int]:
        async with standing(tmp_path, says(HONEST, more="connection: close\r\n")) as (client, _):
            return [(await client.get(f"/flow_runs/{RUN}")).status_code for _ in range(8)]

    codes = asyncio.run(many())
    assert codes[:5] == [200] * 5
    assert codes[5:] == [429] * 3


def test_when_too_much_is_withheld_it_is_withheld_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(message_module, "_INCIDENTS", Bucket(rate=0.0, burst=3))
    line = {"name": "x", "level": 20, "message": "Jane", "timestamp": "2026-01-01T00:00:00Z"}

    async def many() -> bytes:
        async with standing(tmp_path, says(b"", "201 Created", "connection: close\r\n")) as (client, server):
            for _ in range(5):
                assert (await client.post("/logs/", json=[line])).status_code == 201
            return server.heard

    heard = asyncio.run(many())
    assert b"Jane" not in heard
    assert b"[withheld: incident unrecorded]" in heard
    kept = list_incidents(EnvironmentFolder(tmp_path / "cloud"))
    assert len(kept) == 3
    assert all("log line: Jane" in incident.traceback for incident in kept)


def test_a_full_disk_withholds_as_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    line = {"name": "x", "level": 20, "message": "Jane", "timestamp": "2026-01-01T00:00:00Z"}
    monkeypatch.setattr(EnvironmentFolder, "incidents", property(lambda _self: Path("/proc/nowhere")))
    got, heard = ask(tmp_path, says(b"", "201 Created"), "POST", "/logs/", json=[line])
    assert got.status_code == 201
    assert b"Jane" not in heard
    assert b"[withheld: incident unrecorded]" in heard
