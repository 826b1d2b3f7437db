"""The parent's side: start a child, send requests, believe nothing of its answers but their form.

Invariants:
1. A child starts with no secret: an environment of fixed words, an empty private folder of its own as its
   place, no open file but its two pipes. It is of a fresh interpreter: nothing of the parent's memory.
2. Whatever the child does, a call ends by the wall limit: every read and write waits for the pipe and the
   clock together, and the child is then killed.
3. What comes back is one JSON value within the size limit, or a `SandboxError` with a reason code.
4. A child is used by the thread that made it: the kernel kills it when that thread ends.

Example:
    >>> run_limited("data_contracts.sandbox.work.trying:echo", {"a": 1})
    {'a': 1}
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from data_contracts.errors import DataBreaksContractError, DefectError
from data_contracts.sandbox.frames import ARROW, CODES, END, ERROR, HEAD, JSON, PIECE, head, parse_head
from data_contracts.sandbox.limits import Limits
from data_contracts.sandbox.pipes import Ended, Late, Pipes

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Child", "SandboxError", "run_limited"]

_ENVIRONMENT = {
    "LANG": "C.UTF-8",
    "LC_ALL": "C.UTF-8",
    "MALLOC_ARENA_MAX": "1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "POLARS_MAX_THREADS": "1",
    "ARROW_DEFAULT_MEMORY_POOL": "system",
    "PYTHONDONTWRITEBYTECODE": "1",
}
_MODULE = "data_contracts.sandbox.child"
_SAYS = {
    "memory": "it needs more memory than the limit",
    "cpu": "it needs more processor time than the limit",
    "wall": "it takes longer than the limit",
    "file": "it writes more than the limit",
    "crash": "the process that read it crashed",
    "answer": "the process that read it gave no lawful answer",
    "failed": "the process that read it failed",
    "refused": "it was refused",
    "locks": "the process could not be locked in",
}
_SIGNALS = {signal.SIGXCPU: "cpu", signal.SIGXFSZ: "file"}


class SandboxError(DataBreaksContractError):
    """Work in a child did not end well.

    Attributes:
        code: `memory`, `cpu`, `wall`, `file`, `crash`, `answer`, `failed`, `refused` or `locks`.
    """

    def __init__(self, code: str) -> None:
        """Say what the code means; nothing that the child said."""
        super().__init__(
            f"not evaluated in the sandbox ({code}): {_SAYS[code]}",
            remedy="if the data is what it should be, raise the limit; else refuse it",
        )
        self.code = code


class Child:
    """One child process; a context manager.

    Attributes:
        locks: what took effect in the child, once it is ready: words such as `landlock`.
    """

    def __init__(
        self,
        work: str,
        limits: Limits | None = None,
        *,
        read: Sequence[Path] = (),
        write: bool = False,
        bare: bool = False,
        without: str = "",
    ) -> None:
        """Start it; it imports and locks while the caller goes on.

        Args:
            work: `module:name` of a function (or class of callables) of ours: takes arguments and a stream.
            limits: what it may use.
            read: files that it may open by their absolute names.
            write: it may write in its private folder.
            bare: the work needs neither NumPy nor cloudpickle, which pyarrow loads where they are: without
                them it starts in two thirds of the time, and there is less code for hostile bytes to meet.
            without: leave locks out; for tests.
        """
        self.limits = limits or Limits()
        self.locks: frozenset[str] | None = None
        self._folder = tempfile.mkdtemp(prefix="isthmus-box-")
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-I", "-m", _MODULE],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=self._folder,
            env={**_ENVIRONMENT, "HOME": self._folder, "TMPDIR": self._folder},
            start_new_session=True,
            bufsize=0,
        )
        if self._process.stdin is None or self._process.stdout is None:
            raise DefectError("a child without its pipes")
        ends = self._process.stdin.fileno(), self._process.stdout.fileno()
        self._pipes = Pipes(*ends, time.monotonic() + self.limits.wall_seconds)
        start = {
            "parent": os.getpid(),
            "work": work,
            "limits": self.limits.to_json(),
            "read": [str(path.resolve()) for path in read],
            "write": self._folder if write else None,
            "bare": bare,
            "without": without,
        }
        self._send(JSON, json.dumps(start).encode())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __del__(self) -> None:
        # Only where nobody closed it: a child must not outlive what asked for it.
        with contextlib.suppress(AttributeError, OSError):
            self.close()

    def ready(self) -> frozenset[str]:
        """Wait until the child is locked in, and return what took effect.

        Raises:
            SandboxError: it did not come so far.
        """
        if self.locks is None:
            words = self._receive()
            if not isinstance(words, str):
                raise self._broken("answer")
            self.locks = frozenset(words.split())
            if not {"resources", "memory"} <= self.locks:
                raise self._broken("locks")
        return self.locks

    def call(self, arguments: Any, tables: Iterable[pa.Table] | None = None) -> Any:  # noqa: ANN401 - JSON values
        """Send one request, with the tables' rows if there are some, and return the answer.

        Raises:
            SandboxError: it crashed, met a limit, or gave no answer.
        """
        self.ask(arguments, tables is not None)
        if tables is not None:
            self.ready()
            self._stream(tables)
        return self.answer()

    def ask(self, arguments: Any, tables: bool = False) -> None:  # noqa: ANN401 - a JSON value
        """Send one request and do not wait; the child may still be starting."""
        self._pipes.deadline = time.monotonic() + self.limits.wall_seconds
        self._send(JSON, json.dumps({"arguments": arguments, "tables": tables}).encode())

    def answer(self) -> Any:  # noqa: ANN401 - a JSON value
        """Wait for the answer to the last request.

        Raises:
            SandboxError: as `call`.
        """
        self.ready()
        return self._receive()

    def close(self) -> None:
        """End the child, whatever it does, and remove its folder."""
        process = self._process
        if process.poll() is None:
            process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _stream(self, tables: Iterable[pa.Table]) -> None:
        import pyarrow as pa

        writer: Any = None
        sink = pa.PythonFile(_Sink(self), mode="w")
        for table in tables:
            if writer is None:
                writer = pa.ipc.new_stream(sink, table.schema)
            writer.write_table(table)
        if writer is not None:
            writer.close()
        self._send(END, b"")

    def _send(self, kind: bytes, body: bytes) -> None:
        try:
            self._pipes.write(head(kind, len(body)) + body)
        except Late:
            raise self._broken("wall") from None
        except Ended:
            # The child ended before it read all: why, it has said, or its end says.
            self._receive()
            raise self._broken("answer") from None

    def _receive(self) -> Any:  # noqa: ANN401 - a JSON value
        try:
            kind, size = parse_head(self._pipes.read(HEAD))
            if size > self.limits.answer_bytes or kind not in {JSON, ERROR}:
                raise self._broken("answer")
            body = self._pipes.read(size)
            if kind == ERROR:
                code = body.decode("ascii", "replace")
                raise self._broken(code if code in CODES else "answer")
            return json.loads(body)
        except Late:
            raise self._broken("wall") from None
        except Ended:
            raise self._broken(self._ended()) from None
        except (ValueError, RecursionError):
            raise self._broken("answer") from None

    def _ended(self) -> str:
        """Say why the child ended by itself."""
        try:
            status = self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            return "answer"
        # It closed its pipe without an answer; whatever its status says, that is none.
        return _SIGNALS.get(signal.Signals(-status), "crash") if status < 0 else "answer"

    def _broken(self, code: str) -> SandboxError:
        self.close()
        return SandboxError(code)


class _Sink(io.RawIOBase):
    """What pyarrow writes a stream to: frames of bounded size."""

    def __init__(self, child: Child) -> None:
        self._child = child

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:  # noqa: ANN401 - any buffer
        view = memoryview(data).cast("B")
        for start in range(0, len(view), PIECE):
            self._child._send(ARROW, bytes(view[start : start + PIECE]))  # noqa: SLF001 - one module, two classes
        return len(view)


def run_limited(
    work: str,
    arguments: Any,  # noqa: ANN401 - a JSON value
    *,
    limits: Limits | None = None,
    read: Sequence[Path] = (),
    tables: Iterable[pa.Table] | None = None,
) -> Any:  # noqa: ANN401 - a JSON value
    """Run one function in a child of its own, and return its answer.

    Args:
        work: `module:name` of a function of ours, called with the arguments and the stream of tables.
        arguments: a JSON value.
        limits: what it may use.
        read: files that it may open by their absolute names.
        tables: rows that it gets as an Arrow stream.

    Raises:
        SandboxError: it crashed, met a limit, or gave no answer; `code` says which.
    """
    with Child(work, limits, read=read) as child:
        return child.call(arguments, tables)
