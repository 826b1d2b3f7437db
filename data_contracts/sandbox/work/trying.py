"""What a child may do, found out by trying: the tests of the locks, on the machine where they must hold.

Each attempt is what hostile code would do first. An answer is the attempt's own word for how it ended, so
that a lock that is missing shows as `done`.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from data_contracts.sandbox import kernel

__all__ = ["attempt", "echo"]

_SOCKET = {"x86_64": 41, "aarch64": 198}
_STREAM = 1


def echo(arguments: Any, stream: Any) -> Any:  # noqa: ANN401 - JSON values
    """Return the arguments."""
    del stream
    return arguments


def _read(path: str) -> None:
    Path(path).read_bytes()


def _write(path: str) -> None:
    Path(path).write_bytes(b"x" * 4096)


def _chmod(path: str) -> None:
    Path(path).chmod(0o777)


def _socket(family: str) -> None:
    """By number: Python's own module would add checks of its own."""
    answer = kernel.call(_SOCKET[kernel.machine()], int(family), _STREAM, 0)
    if answer < 0:
        raise OSError(-answer, "socket")


def _run(program: str) -> None:
    subprocess.run([program], check=True)


def _fork(_: str) -> None:
    if os.fork() == 0:
        os._exit(0)


def _signal(pid: str) -> None:
    os.kill(int(pid), 0)


def _unlimit(_: str) -> None:
    import resource

    resource.setrlimit(resource.RLIMIT_CPU, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


def _environment(name: str) -> None:
    if name not in os.environ:
        raise OSError(2, "environment")


def _memory(size: str) -> None:
    bytearray(int(size))


def _spin(_: str) -> None:
    while True:
        pass


def _sleep(seconds: str) -> None:
    time.sleep(float(seconds))


def _crash(_: str) -> None:
    ctypes.string_at(0)


def _garbage(_: str) -> None:
    """Write on whatever is open for writing, which is the pipe of answers."""
    for number in range(3, 16):
        try:
            os.write(number, b"\xff" * 100)
        except OSError:
            continue
    os._exit(0)


_ATTEMPTS: dict[str, Callable[[str], None]] = {
    "read": _read,
    "write": _write,
    "chmod": _chmod,
    "socket": _socket,
    "run": _run,
    "fork": _fork,
    "signal": _signal,
    "unlimit": _unlimit,
    "environment": _environment,
    "memory": _memory,
    "spin": _spin,
    "sleep": _sleep,
    "crash": _crash,
    "garbage": _garbage,
}


def attempt(arguments: dict[str, str], stream: Any) -> str:  # noqa: ANN401 - the arrow stream, unused
    """Try one thing: `done`, or `denied`."""
    del stream
    try:
        _ATTEMPTS[arguments["do"]](arguments.get("with", ""))
    except OSError:
        return "denied"
    except (ValueError, subprocess.SubprocessError):
        return "denied"
    return "done"
