"""The endpoint that Prometheus scrapes: `GET /metrics`, on the address that the environment's file declares.

Invariants:
1. Two paths, `/metrics` and `/healthz`, by GET and HEAD; nothing that is sent changes anything.
2. One look at a time, in a thread: scrapes at once wait for each other, and more than a few are refused.
3. On loopback it answers only to a name of loopback (`Host`): a web page cannot read it through a
   name that was made to lead here.
4. Where the address cannot be used, it says so in `run/metrics.json` and tries again; nothing else stops.

It is a part of the environment's host with a process of its own, and has no credential.

Example:
    >>> run_metrics(folder, profile, site.profiles)   # until SIGTERM
    0
"""

from __future__ import annotations

import asyncio
import ipaddress
import json
import os
import signal
import socket
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from environments.folder import EnvironmentFolder
from environments.metrics.collect import Collector
from environments.metrics.text import Exposition, exposition
from environments.private import write_private
from environments.profile import MetricsSpec, Profile

__all__ = ["FILE", "Endpoint", "run_metrics"]

FILE = "metrics.json"
_BACKLOG, _AT_ONCE, _AGAIN_S = 16, 16, 5.0
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})

Scope = Mapping[str, Any]
Send = Callable[[dict[str, Any]], Awaitable[None]]


class Endpoint:
    """The endpoint as an ASGI application."""

    def __init__(self, look: Callable[[str], Exposition], *, loopback: bool) -> None:
        """Answer with what `look` gives for an `Accept`."""
        self._look, self._loopback = look, loopback
        self._turn = asyncio.Lock()

    async def __call__(self, scope: Scope, _receive: object, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        status, said = await self._answer(scope)
        headers = [(b"content-type", said.content_type.encode()), (b"cache-control", b"no-store")]
        headers.append((b"content-length", str(len(said.body)).encode()))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else said.body})

    async def _answer(self, scope: Scope) -> tuple[int, Exposition]:
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        if self._loopback and _host(headers.get(b"host", "")) not in _LOOPBACK:
            return 421, _plain("this address answers to 127.0.0.1 and localhost only\n")
        if scope["path"] not in {"/metrics", "/healthz"}:
            return 404, _plain("there is /metrics\n")
        if scope["method"] not in {"GET", "HEAD"}:
            return 405, _plain("GET only\n")
        if scope["path"] == "/healthz":
            return 200, _plain("ok\n")
        async with self._turn:
            return 200, await asyncio.to_thread(self._look, headers.get(b"accept", ""))


def _host(header: str) -> str:
    name, _, port = header.rpartition(":")
    return (name if name and port.isdecimal() else header).lower()


def _plain(text: str) -> Exposition:
    return Exposition(text.encode(), "text/plain; charset=utf-8")


def run_metrics(folder: EnvironmentFolder, profile: Profile, profiles: Mapping[str, Profile]) -> int:
    """Serve one environment's metrics until SIGTERM or SIGINT; return the exit status."""
    spec = profile.metrics
    if spec is None:
        return 0
    collector = Collector(folder, profile, profiles)
    return asyncio.run(_serve(folder, spec, collector))


async def _serve(folder: EnvironmentFolder, spec: MetricsSpec, collector: Collector) -> int:
    import uvicorn

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)

    class Server(uvicorn.Server):
        """One that leaves the signals to us."""

        @contextmanager
        def capture_signals(self) -> Iterator[None]:
            yield

    path = folder.run / FILE
    try:
        listener = await _listen(folder, spec, stop)
        if listener is None:
            return 0
        _say(folder, address=_address(listener))
        endpoint = Endpoint(
            lambda accept: exposition(collector.collect(), accept),
            loopback=ipaddress.ip_address(spec.host).is_loopback,
        )
        config = uvicorn.Config(
            endpoint,
            log_level="warning",
            access_log=False,
            lifespan="off",
            loop="none",
            http="h11",
            ws="none",
            limit_concurrency=_AT_ONCE,
            timeout_keep_alive=30,
            timeout_graceful_shutdown=2,
            server_header=False,
        )
        server = Server(config)
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        stopped = asyncio.create_task(stop.wait())
        await asyncio.wait({serving, stopped}, return_when=asyncio.FIRST_COMPLETED)
        server.should_exit = True
        stopped.cancel()
        await serving
    finally:
        path.unlink(missing_ok=True)
    return 0


async def _listen(folder: EnvironmentFolder, spec: MetricsSpec, stop: asyncio.Event) -> socket.socket | None:
    """Bind, however long the address is taken by something else; None: told to stop meanwhile."""
    family = socket.AF_INET6 if ":" in spec.host else socket.AF_INET
    while not stop.is_set():
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((spec.host, spec.port))
            listener.listen(_BACKLOG)
        except OSError as error:
            listener.close()
            _say(folder, problem=f"port {spec.port} of {spec.host} cannot be used: {error.strerror}")
        else:
            return listener
        try:
            await asyncio.wait_for(stop.wait(), _AGAIN_S)
        except TimeoutError:
            continue
    return None


def _address(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}/metrics" if ":" in host else f"http://{host}:{port}/metrics"


def _say(folder: EnvironmentFolder, *, address: str = "", problem: str = "") -> None:
    document = {"pid": os.getpid(), "address": address, "problem": problem, "started": time.time()}
    write_private(folder.run / FILE, json.dumps(document).encode())
