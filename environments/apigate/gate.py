"""The gate itself, as an ASGI application: everything that an environment tells or asks the control plane.

Invariants, in order:
1. Who asks has a credential of this gate's; else 401, before anything of the body is read.
2. The request has a line in the table that this speaker may use; else 403.
3. It is not more than a speaker may ask in a second (429), not larger (413) nor slower (408) than the limits.
4. Its body is made anew of checked fields; texts without a permitted form are kept here and marked.
5. The server's answer is made anew of checked fields as well; what it says of an error is our word for it.

A websocket is refused but for `/events/in`, whose events are filtered and posted one by one; Prefect's client
goes on without the others.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import time
from collections.abc import Awaitable, Callable, Mapping
from importlib.metadata import version
from typing import Any

from environments.apigate.checks import RefusedError
from environments.apigate.events import take_events
from environments.apigate.fields import event
from environments.apigate.limits import MOST_BODY, SLOW, Buckets
from environments.apigate.message import Filter, parsed
from environments.apigate.pulse import Pulse
from environments.apigate.routes import find
from environments.apigate.speaker import Speaker, speaker_of
from environments.apigate.upstream import Reply, Upstream

__all__ = ["Gate"]

Scope = Mapping[str, Any]
Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
_PREFIX = "/api"
_RATE, _BURST = 100.0, 400.0


class _Ended(Exception):  # noqa: N818 - no error: the answer is known
    def __init__(self, reply: Reply) -> None:
        super().__init__()
        self.reply = reply


class Gate:
    """One environment's gate."""

    def __init__(self, filtering: Filter, key: str, upstream: Upstream, pulse: Pulse) -> None:
        """Wire the parts."""
        self._filter, self._key, self._upstream, self._pulse = filtering, key, upstream, pulse
        self._buckets = Buckets(_RATE, _BURST)
        self._version = version("prefect")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request or one socket."""
        if scope["type"] == "websocket":
            path = str(scope["path"])
            await take_events(path == f"{_PREFIX}/events/in", self._speaker_in, self._event, receive, send)
            return
        try:
            reply = await self._reply(scope, receive)
        except _Ended as ended:
            reply = ended.reply
        except RefusedError as refusal:
            self._pulse.count("refused")
            reply = Reply(403, f"refused by the API gate of {self._filter.folder.name}: {refusal}")
        self._pulse.asked(self._upstream.problem, self._filter.withheld)
        await _send(reply, send)

    # The order of things.

    async def _reply(self, scope: Scope, receive: Receive) -> Reply:
        method, path = str(scope["method"]), str(scope["path"]).removeprefix(_PREFIX)
        if method == "GET" and path.rstrip("/") in ("/health", "/ready"):
            return Reply(200, value=True)
        speaker = self._speaker(scope["headers"])
        if method == "GET" and path.rstrip("/") == "/admin/version":
            return Reply(200, self._version)
        match = find(method, path, speaker.kind)
        if match is None:
            raise RefusedError(f"{method} of this address is not among what passes")
        self._filter.admit(match, speaker)
        if not self._buckets.take(speaker.run or speaker.kind, now=time.monotonic()):
            raise _Ended(Reply(429, "more requests than the API gate lets pass; slow down"))
        raw = await _body(receive)
        value = self._filter.told(match.route.body, parsed(raw), speaker) if match.route.body else None
        reply = await self._upstream.ask(method, match.path, value)
        if not reply.good:
            return reply
        try:
            return Reply(reply.status, self._filter.heard(match, reply.value, speaker))
        except RefusedError as refusal:
            return Reply(502, f"the Prefect server's answer is not what its schema says: {refusal}")

    async def _event(self, raw: str, speaker: Speaker) -> None:
        """Forward what may be known of an event."""
        if not self._buckets.take(speaker.run or speaker.kind, now=time.monotonic()):
            self._pulse.count("refused")
            return
        told = self._filter.told(event, parsed(raw.encode()), speaker)
        await self._upstream.ask("POST", "/events", [told])
        self._pulse.asked(self._upstream.problem, self._filter.withheld)

    # Who it is.

    def _speaker(self, headers: list[tuple[bytes, bytes]]) -> Speaker:
        found = [value for name, value in headers if name == b"authorization"]
        credential = ""
        if len(found) == 1 and found[0].lower().startswith(b"basic "):
            try:
                credential = base64.b64decode(found[0][6:], validate=True).decode()
            except (binascii.Error, UnicodeDecodeError):
                credential = ""
        speaker = self._speaker_in(credential)
        if speaker is None:
            raise _Ended(Reply(401, f"not a credential of the API gate of {self._filter.folder.name}"))
        return speaker

    def _speaker_in(self, credential: str) -> Speaker | None:
        try:
            speaker = speaker_of(self._key, credential)
        except (ValueError, KeyError, TypeError):
            speaker = None
        if speaker is None:
            self._pulse.count("strangers")
        return speaker


async def _body(receive: Receive) -> bytes:
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(SLOW):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise _Ended(Reply(408, "the request ended before it was whole"))
                parts.append(message.get("body", b""))
                size += len(parts[-1])
                if size > MOST_BODY:
                    raise _Ended(Reply(413, f"larger than {MOST_BODY} bytes"))
                if not message.get("more_body"):
                    return b"".join(parts)
    except TimeoutError:
        raise _Ended(Reply(408, f"the request did not arrive within {SLOW:.0f} s")) from None


async def _send(reply: Reply, send: Send) -> None:
    value = reply.value if reply.good else {"detail": reply.value}
    body = b"" if value is None else json.dumps(value).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    if reply.status in (429, 503):
        headers.append((b"retry-after", b"1"))
    if reply.status in (408, 413):
        headers.append((b"connection", b"close"))
    status = 200 if reply.status == 204 and body else reply.status  # noqa: PLR2004 - no content has none
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
