"""The Prefect server, in one process: API, UI and services under uvicorn, on a socket bound before the fork.

Invariants:
1. The socket is loopback's and belongs to the supervisor: the port cannot be lost between two starts, and
   a client that calls while the server restarts waits instead of being refused.
2. Every request but health needs the credential; no browser page of another origin may call.
3. It calls nobody: analytics, promotional content and the second UI (which calls out even when told not
   to) are off.
4. It logs warnings only, and never a request's body.

Example:
    >>> sorted(preload_settings(Path("/home/x/system/prefect")))[0]
    'DO_NOT_TRACK'
"""

from __future__ import annotations

import http.client
import os
import socket
import time
from pathlib import Path

from environments.embedded.api import ApiAddress, use_api
from environments.embedded.postgres import Postgres, is_ready

__all__ = ["bind_loopback", "preload_settings", "run_server", "server_answers"]

HOST = "127.0.0.1"
FIRST_PORT = 4281
_PORTS_TRIED = 100
_BACKLOG = 256


def bind_loopback(port: int) -> socket.socket:
    """Bind and listen on loopback; port 0 takes the first free one from FIRST_PORT on.

    Raises:
        OSError: the port is taken, or may not be bound.
    """
    wanted = [port] if port else [*range(FIRST_PORT, FIRST_PORT + _PORTS_TRIED), 0]
    for candidate in wanted:
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Accepted connections inherit it; without it every answer in two writes waits 40 ms for an ACK
        # (asyncio sets it only on sockets that were made with a protocol number).
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            listener.bind((HOST, candidate))
            listener.listen(_BACKLOG)
        except OSError:
            listener.close()
            if candidate == wanted[-1]:
                raise
            continue
        return listener
    raise OSError("no port")  # unreachable: the last candidate returns or raises


def preload_settings(prefect_home: Path) -> dict[str, str]:
    """Return the settings that hold before any fork; none of them is a secret."""
    return {
        "PREFECT_HOME": str(prefect_home),
        "PREFECT_PROFILES_PATH": str(prefect_home / "profiles.toml"),
        "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "false",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_UI_V2_ENABLED": "false",
        "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
        "PREFECT_LOGGING_TO_API_ENABLED": "false",
        "PREFECT_SERVER_LOGGING_LEVEL": "WARNING",
        "DO_NOT_TRACK": "1",
    }


def _settings(system: Path, api: ApiAddress, database_url: str) -> dict[str, str]:
    port = api.ui_url.rpartition(":")[2]
    return preload_settings(system / "prefect") | {
        "PREFECT_API_URL": api.url,
        "PREFECT_UI_API_URL": api.url,
        "PREFECT_SERVER_API_HOST": HOST,
        "PREFECT_SERVER_API_PORT": port,
        "PREFECT_SERVER_API_AUTH_STRING": api.auth_string,
        "PREFECT_API_AUTH_STRING": api.auth_string,
        "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": f"{api.ui_url},http://localhost:{port}",
        "PREFECT_API_DATABASE_CONNECTION_URL": database_url,
        "PREFECT_SERVER_UI_STATIC_DIRECTORY": str(system / "ui"),
        "PREFECT_RESULTS_PERSIST_BY_DEFAULT": "false",
        "PREFECT_RESULTS_LOCAL_STORAGE_PATH": str(system / "prefect" / "results"),
        # As many as a burst uses at once stay open: what overflows is closed again, and the next burst
        # pays for new processes, passwords and prepared statements.
        "PREFECT_SERVER_DATABASE_SQLALCHEMY_POOL_SIZE": "20",
        "PREFECT_SERVER_DATABASE_SQLALCHEMY_MAX_OVERFLOW": "10",
    }


def run_server(system: Path, api: ApiAddress, postgres: Postgres, listener: socket.socket) -> int:
    """Serve until SIGTERM; call it in a forked child that keeps `listener`.

    Its own modules are imported here, not before the fork: no other part would share them, and meanwhile
    PostgreSQL and the hosts start.
    """
    import uvicorn
    from prefect.context import refresh_global_settings_context
    from prefect.server.api.server import create_app

    while not is_ready(postgres.data):
        time.sleep(0.02)
    folder = os.open(postgres.data, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    use_api(_settings(system, api, postgres.url(folder)))
    refresh_global_settings_context()
    config = uvicorn.Config(
        create_app(final=True),
        log_level="warning",
        access_log=False,
        lifespan="on",
        timeout_graceful_shutdown=2,
        server_header=False,
    )
    uvicorn.Server(config).run(sockets=[listener])
    return 0


def server_answers(port: int, *, timeout: float = 1.0) -> bool:
    """Whether the server says that it and its database are ready."""
    connection = http.client.HTTPConnection(HOST, port, timeout=timeout)
    try:
        connection.request("GET", "/api/ready")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
