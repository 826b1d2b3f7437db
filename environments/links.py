"""Connections over links that go down: the kernel finds a dead one in seconds, however patient we are.

A request's time limit must suit a server that is busy. A wire that swallows everything looks the same from
here, but not to the kernel: a peer that is there acknowledges, a link that is down does not.

Invariants:
1. A connection whose peer has acknowledged nothing for `AWAY_S` seconds is closed, whether something was sent
   on it (TCP_USER_TIMEOUT, RFC 5482) or it only waits (probes).
2. A peer that acknowledges is never given up for being slow.

Example:
    >>> len(link_options())
    5
"""

from __future__ import annotations

import socket

__all__ = ["AWAY_S", "link_options", "watch_link"]

AWAY_S = 10
"""Seconds without a sign of life."""
_PROBES = 3


def link_options() -> list[tuple[int, int, int]]:
    """Return options of a TCP socket, as (level, name, value): Linux has all of them."""
    every = max(1, AWAY_S // (_PROBES + 1))
    return [
        (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
        (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, every),
        (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, every),
        (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, _PROBES),
        (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, AWAY_S * 1000),
    ]


def watch_link(connection: socket.socket) -> None:
    """Have the kernel close a connection whose link is down."""
    for level, name, value in link_options():
        connection.setsockopt(level, name, value)
