"""The one websocket that is taken: events of Prefect's own client, each filtered and posted.

The client says `{"type": "auth", "token": …}` first, as Prefect's server wants it, and then one event a
message. A socket that is not taken is refused with 403 before it opens: Prefect's client warns in its own log
and goes on.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from environments.apigate.checks import RefusedError
from environments.apigate.limits import SLOW
from environments.apigate.speaker import Speaker

__all__ = ["take_events"]

_POLICY = 1008


async def take_events(
    wanted: bool,
    who: Callable[[str], Speaker | None],
    forward: Callable[[str, Speaker], Awaitable[None]],
    receive: Callable[[], Awaitable[Mapping[str, Any]]],
    send: Callable[[dict[str, Any]], Awaitable[None]],
) -> None:
    """Serve one socket until its client goes."""
    await receive()  # websocket.connect
    if not wanted:
        await send({"type": "websocket.close", "code": _POLICY})
        return
    await send({"type": "websocket.accept", "subprotocol": "prefect"})
    try:
        async with asyncio.timeout(SLOW):
            first = _object((await receive()).get("text"))
    except TimeoutError:
        first = {}
    speaker = who(str(first.get("token") or "")) if first.get("type") == "auth" else None
    if speaker is None:
        reason = "not a credential of this gate's"
        await send({"type": "websocket.close", "code": _POLICY, "reason": reason})
        return
    await send({"type": "websocket.send", "text": '{"type": "auth_success"}'})
    while (message := await receive())["type"] == "websocket.receive":
        try:
            await forward(str(message.get("text") or ""), speaker)
        except RefusedError:
            await send({"type": "websocket.close", "code": _POLICY, "reason": "not an event"})
            return


def _object(text: object) -> dict[str, Any]:
    try:
        value = json.loads(text) if isinstance(text, str) else {}
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
