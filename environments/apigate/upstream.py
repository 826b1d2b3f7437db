"""The gate's own connection to the control plane: the only place where the real credential is used.

Invariants:
1. Every request ends within `limits.PATIENCE` seconds, whatever the server does, and sooner where its link is
   down; an answer is read up to `limits.MOST_ANSWER` bytes.
2. A redirect is not followed; a proxy that the environment names is not used.
3. What the server says of an error goes no further: the gate has words of its own for each.

Example:
    >>> async with Upstream(api) as upstream:
    ...     await upstream.ask("GET", "/health", None)
    Reply(status=200, value=True)
"""

from __future__ import annotations

import asyncio
import base64
import json
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import urlsplit

import httpcore

from environments.apigate.limits import MOST_ANSWER, PATIENCE
from environments.embedded.api import ApiAddress, authorities
from environments.links import link_options

__all__ = ["Reply", "Upstream"]

_WORDS = {
    404: "the server knows no such thing",
    409: "there is one of that name",
    422: "the server does not take it",
}
_OK, _NEXT = 200, 300
_TIMEOUTS = {"timeout": {"connect": 5.0, "read": PATIENCE, "write": PATIENCE, "pool": PATIENCE}}


@dataclass(frozen=True)
class Reply:
    """What came of a request.

    Attributes:
        status: for the one who asked.
        value: JSON; the server's where the status is a success, else our word for it.
    """

    status: int
    value: Any = None

    @property
    def good(self) -> bool:
        """Whether the server did it."""
        return _OK <= self.status < _NEXT


class Upstream:
    """One gate's connections to one server."""

    def __init__(self, api: ApiAddress) -> None:
        """Prepare; nothing is sent."""
        credential = base64.b64encode(api.auth_string.encode()).decode("ascii")
        self._base = api.url.rstrip("/")
        self._headers = [
            (b"Host", urlsplit(api.url).netloc.encode()),
            (b"Authorization", f"Basic {credential}".encode()),
            (b"Accept", b"application/json"),
        ]
        # httpcore, not the httpx above it: half of the CPU of a call; nothing that it leaves out is needed.
        self._http = httpcore.AsyncConnectionPool(
            ssl_context=authorities(api) or None,
            socket_options=link_options(),
            max_connections=64,
            max_keepalive_connections=16,
            keepalive_expiry=4.0,  # the server closes what was idle for five seconds
        )
        self.problem = ""

    async def __aenter__(self) -> Self:
        """Use it in a block."""
        return self

    async def __aexit__(self, *_exception: object) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def ask(self, method: str, path: str, body: object) -> Reply:
        """Ask the server once."""
        content = None if body is None else json.dumps(body).encode()
        try:
            async with asyncio.timeout(PATIENCE):
                reply = await self._once(method, path, content)
        except (TimeoutError, httpcore.TimeoutException):
            reply = Reply(504, f"the Prefect server did not answer within {PATIENCE:.0f} s")
        except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.UnsupportedProtocol) as error:
            reply = Reply(503, f"the Prefect server cannot be reached ({type(error).__name__})")
        except ValueError:
            reply = Reply(502, "the Prefect server answered what is no JSON, or too much of it")
        self.problem = "" if reply.status < 500 else str(reply.value)  # noqa: PLR2004 - HTTP's border
        return reply

    async def _once(self, method: str, path: str, content: bytes | None) -> Reply:
        headers = self._headers
        if content is not None:
            length = (b"Content-Length", str(len(content)).encode())
            headers = [*headers, (b"Content-Type", b"application/json"), length]
        asked = self._http.stream(
            method, f"{self._base}{path}", headers=headers, content=content, extensions=_TIMEOUTS
        )
        async with asked as answer:
            status, parts, size = answer.status, [], 0
            async for part in answer.aiter_stream():
                size += len(part)
                if size > MOST_ANSWER:
                    raise ValueError
                parts.append(part)
        if _OK <= status < _NEXT:
            raw = b"".join(parts)
            return Reply(status, json.loads(raw) if raw else None)
        if status in _WORDS:
            return Reply(status, _WORDS[status])
        if status in (401, 403):
            return Reply(502, "the Prefect server refuses the gate's credential")
        # An error of the server's own is told apart from one that is away: nobody waits for it as long.
        return Reply(status if status in (500, 503) else 502, f"the Prefect server answered {status}")
