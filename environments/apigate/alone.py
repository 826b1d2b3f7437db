"""A gate that no supervisor started: it finds its own port and key again, and hides its memory.

Invariants:
1. Port and key are those of the last start where they can be had, so that a worker goes on after a restart.
2. Other processes of the same user cannot read its memory or environment (`PR_SET_DUMPABLE`): it alone holds
   the server's credential. Root can.

Example:
    >>> stand_alone(folder, api, None, print)   # until SIGTERM
    0
"""

from __future__ import annotations

import ctypes
import os
import socket
from collections.abc import Callable
from urllib.parse import urlsplit

from data_contracts.errors import IsthmusError, UnreachableError
from environments.apigate.address import read_gate, write_gate
from environments.apigate.serving import alone, bind_gate, gate_url, serve
from environments.apigate.speaker import key_in
from environments.embedded.api import ApiAddress
from environments.folder import EnvironmentFolder

__all__ = ["stand_alone"]

_PR_SET_DUMPABLE = 4


def stand_alone(
    folder: EnvironmentFolder, api: ApiAddress, port: int | None, ready: Callable[[str], None]
) -> int:
    """Serve one environment until SIGTERM or Ctrl-C; return the exit status.

    Raises:
        ConflictError: a gate of this environment runs already.
        UnreachableError: the port that was named cannot be used.
    """
    with alone(folder):
        _hide_memory()
        last_port, key = _last(folder)
        with _bound(port, last_port) as listener:
            own = write_gate(folder, gate_url(listener), key=key)
            return serve(folder, api, listener, lambda: ready(own.url))


def _last(folder: EnvironmentFolder) -> tuple[int, str | None]:
    try:
        own = read_gate(folder)
    except IsthmusError:  # none yet, or one that was damaged: a new one is written
        return 0, None
    return urlsplit(own.url).port or 0, key_in(own.auth_string)


def _bound(port: int | None, last: int) -> socket.socket:
    try:
        return bind_gate(port or last)
    except OSError as error:
        if port is None and last:
            return bind_gate(0)
        raise UnreachableError(
            f"port {port} on loopback cannot be used: {error.strerror}",
            remedy="stop what uses it, or name a free one with --port, or leave --port out",
        ) from None


def _hide_memory() -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_DUMPABLE)")
    os.umask(0o077)
