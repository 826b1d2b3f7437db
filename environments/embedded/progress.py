r"""What the supervisor tells whoever waits for it: one JSON line for each event, over a pipe.

Invariants:
1. The last event is `ready` or `failed`; a pipe that ends without one means that the supervisor died.
2. Whoever waits may go away: before `ready` that is a wish to undo, after it nobody cares.

Example:
    >>> Event("part", "postgresql", "18, unix socket only", 0.41).line()
    '{"kind": "part", "name": "postgresql", "detail": "18, unix socket only", "seconds": 0.41}\n'
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Literal

__all__ = ["Event", "Kind", "Reporter", "notify_systemd", "pipe_reporter", "text_reporter"]

Kind = Literal["part", "note", "ready", "failed", "running"]


@dataclass(frozen=True)
class Event:
    """One thing that happened.

    Attributes:
        kind: a `part` became ready; a `note` for people; all is `ready`; it `failed`; another system of
            this home is `running` already.
        name: the part, or the exit code of a failure.
        detail: one phrase: an address, a version, what went wrong.
        seconds: since the start.
        remedy: what to do about a failure.
    """

    kind: Kind
    name: str
    detail: str = ""
    seconds: float = 0.0
    remedy: str = ""

    def line(self) -> str:
        """Return the event as one line of JSON."""
        return json.dumps({key: value for key, value in asdict(self).items() if value != ""}) + "\n"

    @classmethod
    def parse(cls, line: str) -> Event:
        """Read one line."""
        return cls(**json.loads(line))


Reporter = Callable[[Event], None]


def pipe_reporter(descriptor: int) -> Reporter:
    """Report to a pipe.

    The reporter raises BrokenPipeError when the reader went away.
    """

    def report(event: Event) -> None:
        os.write(descriptor, event.line().encode())
        if event.kind in {"ready", "failed", "running"}:
            os.close(descriptor)

    return report


def render(event: Event) -> str:
    """Return the event as people read it."""
    if event.kind == "part":
        return f"  {event.seconds:5.1f} s  {event.name:<22} {event.detail}"
    if event.kind == "ready":
        return f"  {event.seconds:5.1f} s  ready                  {event.detail}"
    if event.kind == "failed":
        return f"isthmus: {event.detail}" + (f"\n  what to do: {event.remedy}" if event.remedy else "")
    return f"           {event.detail}"


def text_reporter(event: Event) -> None:
    """Report to stdout as text, and to systemd where it started us."""
    print(render(event), file=sys.stderr if event.kind == "failed" else sys.stdout, flush=True)
    if event.kind == "ready":
        notify_systemd(f"READY=1\nSTATUS={event.detail}")


def notify_systemd(message: str) -> None:
    """Tell systemd (sd_notify(3)); nothing where no systemd waits."""
    import socket

    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.sendto(message.encode(), "\0" + address[1:] if address.startswith("@") else address)
