"""Messages between the zygote and the parts that it started: small JSON objects, with open files.

Invariants:
1. One message is one packet (SOCK_SEQPACKET): it arrives whole or not at all.
2. Whoever does not read is not waited for: a full socket is an error of the reader's.
3. Only processes that the zygote forked hold an end of a channel; it has no name in any file system.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Sequence
from typing import Any

__all__ = ["LIMIT", "make_channel", "receive", "send"]

LIMIT = 65536
_MOST_FILES = 4


def make_channel() -> tuple[socket.socket, socket.socket]:
    """Return the two ends of a new channel, both non-blocking."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.setblocking(False)
    theirs.setblocking(False)
    return ours, theirs


def send(channel: socket.socket, message: dict[str, Any], files: Sequence[int] = ()) -> None:
    """Send one message.

    Raises:
        ValueError: it is longer than a packet may be.
        OSError: the other end is gone, or does not read.
    """
    data = json.dumps(message).encode()
    if len(data) > LIMIT:
        raise ValueError("the message is too long for one packet")
    socket.send_fds(channel, [data], list(files))


def receive(channel: socket.socket) -> tuple[dict[str, Any], list[int]] | None:
    """Return the next message and its files; None when the other end is gone.

    Raises:
        BlockingIOError: there is none yet.
    """
    try:
        data, files, _flags, _address = socket.recv_fds(channel, LIMIT, _MOST_FILES)
    except ConnectionError:
        return None
    if not data:
        return None
    message: dict[str, Any] = json.loads(data)
    return message, files
