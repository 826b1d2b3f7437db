"""The child's side: lock, import the work, then answer requests until the parent closes its pipe.

Run as `python -P -I -m data_contracts.sandbox.child`. Its standard input gives frames, its standard output
takes them; whatever libraries print goes nowhere.

Invariants:
1. The first frame (trusted: from the parent's own code) names the work and the locks, which are put on and
   told to the parent before any other frame is read.
2. An answer is one JSON value or one reason code out of `frames.CODES`: no text of an error leaves.
"""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Callable
from typing import Any, BinaryIO

from data_contracts.sandbox import kernel
from data_contracts.sandbox.frames import ARROW, END, ERROR, HEAD, JSON, PIECE, head, parse_head
from data_contracts.sandbox.locking import Locks

__all__ = ["ArrowStream", "main"]


def _exactly(pipe: BinaryIO, size: int) -> bytes:
    found = pipe.read(size)
    if len(found) != size:
        raise EOFError
    return found


def _receive(pipe: BinaryIO) -> tuple[bytes, bytes]:
    kind, size = parse_head(_exactly(pipe, HEAD))
    return kind, _exactly(pipe, size)


def _answer(pipe: BinaryIO, kind: bytes, body: bytes) -> None:
    pipe.write(head(kind, len(body)) + body)
    pipe.flush()


class ArrowStream(io.RawIOBase):
    """The Arrow bytes that follow a request, as a file that is read once, from its beginning to its end."""

    def __init__(self, pipe: BinaryIO) -> None:
        """Read frames from the pipe."""
        self._pipe = pipe
        self._rest = memoryview(b"")
        self._ended = False

    def readable(self) -> bool:
        """Say yes."""
        return True

    def readinto(self, target: Any) -> int:  # noqa: ANN401 - any writable buffer
        """Fill the target as far as the frame at hand goes; 0 at the end."""
        while not self._rest and not self._ended:
            kind, body = _receive(self._pipe)
            self._ended = kind == END
            if kind not in {ARROW, END}:
                raise EOFError
            self._rest = memoryview(body)
        taken = min(len(target), len(self._rest))
        target[:taken] = self._rest[:taken]
        self._rest = self._rest[taken:]
        return taken

    def finish(self) -> None:
        """Throw away what the work did not read."""
        while not self._ended:
            kind, _ = _receive(self._pipe)
            self._ended = kind == END


_LEFT_OUT = ("numpy", "cloudpickle")
"""What a bare child goes without: to Python, it is not installed."""


def _work(name: str) -> Callable[[Any, BinaryIO | None], Any]:
    import importlib

    module, _, attribute = name.partition(":")
    found = getattr(importlib.import_module(module), attribute)
    # A class keeps what one request learned for the next.
    made: Callable[[Any, BinaryIO | None], Any] = found() if isinstance(found, type) else found
    return made


def _code(error: BaseException) -> str:
    from data_contracts.errors import IsthmusError

    if isinstance(error, MemoryError) or "OutOfMemory" in type(error).__name__:
        return "memory"
    return "refused" if isinstance(error, IsthmusError) else "failed"


def _serve(given: BinaryIO, taken: BinaryIO) -> None:
    _, raw = _receive(given)
    start = json.loads(raw)
    if sys.platform == "linux" and not kernel.die_with_parent(start["parent"]):
        return
    locks = Locks(start["limits"], start["read"], start["write"], start["without"])
    locks.before_imports()
    if start["bare"]:
        sys.modules.update(dict.fromkeys(_LEFT_OUT))  # type: ignore[arg-type]
    work = _work(start["work"])
    locks.after_imports()
    _answer(taken, JSON, json.dumps(" ".join(sorted(locks.done))).encode())
    while True:
        try:
            _, raw = _receive(given)
        except EOFError:
            return
        request = json.loads(raw)
        stream = ArrowStream(given) if request["tables"] else None
        # Buffered: a reader of Arrow takes a short answer for the end.
        buffered = None if stream is None else io.BufferedReader(stream, PIECE)
        try:
            answer = json.dumps(work(request["arguments"], buffered), allow_nan=False).encode()
            if stream is not None:
                stream.finish()
        except Exception as error:  # noqa: BLE001 - whatever it is, only its code may leave
            _answer(taken, ERROR, _code(error).encode())
            return
        _answer(taken, JSON, answer)


def main() -> None:
    """Serve the parent on standard input and output."""
    given = os.fdopen(os.dup(0), "rb")
    taken = os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(nothing, number)
    os.close(nothing)
    _serve(given, taken)
    # At once: what libraries registered for the end of the process is none of ours.
    taken.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
