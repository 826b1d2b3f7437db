"""A control plane that answers what a test lays out, over real HTTP."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from environments.embedded.api import ApiAddress


class Plane(ThreadingHTTPServer):
    """A control plane that answers what a test lays out, in order, and keeps what it was sent."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers: list[tuple[int, Any]] = []
        self.heard: list[tuple[str, str, Any, str | None]] = []

    @property
    def api(self) -> ApiAddress:
        return ApiAddress(f"http://127.0.0.1:{self.server_port}/api", "me:secret")


class Handler(BaseHTTPRequestHandler):
    server: Plane

    def _answer(self) -> None:
        size = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(size)) if size else None
        self.server.heard.append((self.command, self.path, body, self.headers.get("Authorization")))
        status, document = self.server.answers.pop(0)
        payload = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)

    do_GET = do_POST = do_PATCH = _answer  # noqa: N815 - names of the standard library

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the standard library's name
        del format, args


@pytest.fixture
def plane() -> Iterator[Plane]:
    made = Plane()
    thread = threading.Thread(target=made.serve_forever, daemon=True)
    thread.start()
    yield made
    made.shutdown()
    made.server_close()
    thread.join()
