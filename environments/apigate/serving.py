"""A gate as a process: a listening socket, the real credential, and one environment's folder.

Invariants:
1. It is called in a process of its own; the real credential is read in it, and given to no other.
2. It opens one environment's folder: its key, its incidents, its pulse.
3. It logs warnings of its own only, never a message's content.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from data_contracts.errors import ConflictError
from environments.apigate.address import read_gate
from environments.apigate.gate import Gate
from environments.apigate.message import Filter
from environments.apigate.pulse import Pulse
from environments.apigate.speaker import key_in
from environments.apigate.upstream import Upstream
from environments.embedded.api import ApiAddress
from environments.folder import EnvironmentFolder

__all__ = ["alone", "bind_gate", "gate_url", "run_gate", "serve"]

HOST = "127.0.0.1"
_BACKLOG, _AT_ONCE, _MOST_EVENT = 256, 512, 1024**2


def bind_gate(port: int = 0) -> socket.socket:
    """Bind and listen on loopback; port 0 takes a free one.

    Raises:
        OSError: the port is taken, or may not be bound.
    """
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # as in embedded.server
    try:
        listener.bind((HOST, port))
        listener.listen(_BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener


def gate_url(listener: socket.socket) -> str:
    """Return the address at which a gate on this socket answers."""
    return f"http://{HOST}:{listener.getsockname()[1]}/api"


def run_gate(folder: EnvironmentFolder, api: ApiAddress, listener: socket.socket) -> int:
    """Serve one environment until SIGTERM.

    Args:
        folder: the environment's; `write_gate` was called for it.
        api: the control plane, with the real credential.
        listener: where its own processes reach the gate.

    Raises:
        ConflictError: another gate of this environment runs.
        UnreachableError, NotVerifiableError: `write_gate` was not called, or its file was changed.
    """
    with alone(folder):
        return serve(folder, api, listener, lambda: None)


def serve(
    folder: EnvironmentFolder, api: ApiAddress, listener: socket.socket, on_ready: Callable[[], None]
) -> int:
    """Serve as `run_gate` does, for one who holds the lock; `on_ready` is called before it answers."""
    return asyncio.run(_serve(folder, api, listener, on_ready))


@contextmanager
def alone(folder: EnvironmentFolder) -> Iterator[None]:
    """Hold the environment's one lock of a gate.

    Raises:
        ConflictError: another gate holds it.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    file = os.open(folder.run / "gate.lock", flags, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(file)
        raise ConflictError(
            f"the API gate of {folder.name} runs already in this home",
            remedy="stop it first (`isthmus down`), or leave it running: one is enough",
        ) from None
    try:
        yield
    finally:
        os.close(file)


async def _serve(
    folder: EnvironmentFolder, api: ApiAddress, listener: socket.socket, on_ready: Callable[[], None]
) -> int:
    import uvicorn

    class Server(uvicorn.Server):
        """One that ends on a signal, and does not raise it again."""

        @contextmanager
        def capture_signals(self) -> Iterator[None]:
            loop = asyncio.get_running_loop()
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.add_signal_handler(number, setattr, self, "should_exit", True)
            on_ready()  # from here on a signal ends it in order
            yield

    own = read_gate(folder)
    pulse = Pulse(folder.run / "gate.json", own.url)
    async with Upstream(api) as upstream:
        gate = Gate(Filter(folder), key_in(own.auth_string) or "", upstream, pulse)
        config = uvicorn.Config(
            gate,
            log_level="warning",
            access_log=False,
            lifespan="off",
            loop="none",
            http="h11",
            ws="websockets-sansio",
            ws_max_size=_MOST_EVENT,
            limit_concurrency=_AT_ONCE,
            timeout_keep_alive=30,
            timeout_graceful_shutdown=2,
            server_header=False,
            date_header=False,
        )
        try:
            await Server(config).serve(sockets=[listener])
        finally:
            pulse.stopped()
    return 0
