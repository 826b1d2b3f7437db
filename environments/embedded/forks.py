"""Children forked from one preloaded, single-threaded process: parts that stay, and questions that end.

Invariants:
1. No fork happens while this process has a second thread: a lock held by it would be held for ever in
   the child. It is an error, never a hang.
2. A child has its own session, no descriptor but those it was given, the default signals, and dies with
   its parent.
3. A child never returns into its parent's code: whatever happens, it ends in `os._exit`.
4. A question is answered in JSON by a child that opens what the asker must not, an environment's folder.

Example:
    >>> ask_all({"six": lambda: 6, "seven": lambda: 7})
    {'six': 6, 'seven': 7}
"""

from __future__ import annotations

import json
import os
import select
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from data_contracts.errors import DefectError, IsthmusError, UnreachableError
from environments.embedded.processes import ProcessId, die_with_parent, identify, send, threads

__all__ = ["Answer", "answers_of", "ask", "ask_all", "fork_part"]

_CATCHABLE = set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP}


def _check_single() -> None:
    count = threads()
    if count != 1:
        raise DefectError(f"a fork with {count} threads", remedy="report it: an import started a thread")


def _reset_signals() -> None:
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD, signal.SIGHUP, signal.SIGPIPE):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _CATCHABLE)


def _only(keep: Iterable[int]) -> None:
    wanted = {0, 1, 2, *keep}
    for name in [entry.name for entry in Path("/proc/self/fd").iterdir()]:
        if int(name) not in wanted:
            try:
                os.close(int(name))
            except OSError:  # the descriptor of the listing itself, closed by now
                continue


def _redirect(log: Path | None) -> None:
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    if log is not None:
        out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
        os.dup2(out, 1)
        os.dup2(out, 2)


def _finish(body: Callable[[], int | None]) -> NoReturn:
    code = 70
    try:
        code = body() or 0
    except IsthmusError as error:
        print(f"isthmus: {error}\n  what to do: {error.remedy}", file=sys.stderr)  # noqa: T201 - the part's log
        code = error.exit_code
    except SystemExit as stop:
        code = stop.code if isinstance(stop.code, int) else 70
    except BaseException:  # noqa: BLE001 - a child must end here whatever happened; its log keeps the reason
        traceback.print_exc()
    finally:
        try:
            sys.stdout.flush()
            sys.stderr.flush()
        finally:
            os._exit(code)


def fork_part(
    body: Callable[[], int | None],
    *,
    log: Path | Callable[[], Path] | None = None,
    keep: Iterable[int] = (),
    death_signal: int = signal.SIGKILL,
) -> int:
    """Fork a child that runs `body` and ends with its status; return its pid.

    Args:
        body: what the child does.
        log: where its stdout and stderr go (a callable is asked in the child: only the child may open an
            environment's folder); None leaves them as they are.
        keep: descriptors that it needs besides the standard ones.
        death_signal: what it gets when this process dies.
    """
    _check_single()
    sys.stdout.flush()
    sys.stderr.flush()
    parent = os.getpid()
    pid = os.fork()
    if pid:
        return pid

    def child() -> int | None:
        os.setsid()
        die_with_parent(death_signal, parent)
        _reset_signals()
        _only(keep)
        _redirect(log() if callable(log) else log)
        return body()

    _finish(child)


@dataclass
class Answer:
    """A question under way.

    Attributes:
        process: the child that works on it.
        descriptor: where its answer comes.
    """

    process: ProcessId | None
    pid: int
    descriptor: int
    _text: bytearray = field(default_factory=bytearray)

    def poll(self) -> bool:
        """Whether the answer is complete; never waits."""
        while self.descriptor >= 0 and select.select([self.descriptor], [], [], 0)[0]:
            chunk = os.read(self.descriptor, 1 << 16)
            if not chunk:
                os.close(self.descriptor)
                self.descriptor = -1
            self._text += chunk
        return self.descriptor < 0

    def value(self) -> Any:  # noqa: ANN401 - any JSON value
        """Return the complete answer.

        Raises:
            IsthmusError: what the child raised, in the same family.
            UnreachableError: the child died without a word.
        """
        try:
            document = json.loads(self._text)
        except ValueError:
            raise UnreachableError(
                "a child process ended without an answer", remedy="look into `isthmus logs`"
            ) from None
        if "error" in document:
            families = {family.exit_code: family for family in IsthmusError.__subclasses__()}
            family = families.get(document["exit_code"], DefectError)
            raise family(document["error"], remedy=document["remedy"])
        return document["value"]

    def cancel(self) -> None:
        """Give the question up."""
        if self.process is not None:
            send(self.process, signal.SIGKILL)
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1


def _respond(question: Callable[[], Any], descriptor: int) -> int:
    try:
        document = {"value": question()}
    except IsthmusError as error:
        document = {"error": str(error), "remedy": error.remedy, "exit_code": error.exit_code}
    except Exception as error:  # noqa: BLE001 - told to the asker as a defect, without the data it may hold
        traceback.print_exc()
        document = {"error": f"a defect of ours: {type(error).__name__}", "remedy": "", "exit_code": 70}
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(json.dumps(document).encode())
    return 0


def ask(question: Callable[[], Any]) -> Answer:
    """Put a question to a child of its own; poll it, then take its value."""
    reader, writer = os.pipe()
    try:
        pid = fork_part(lambda: _respond(question, writer), keep=[writer])
    finally:
        os.close(writer)
    return Answer(identify(pid), pid, reader)


def ask_all(
    questions: Mapping[str, Callable[[], Any]], *, timeout: float = 30.0
) -> dict[str, Any | IsthmusError]:
    """Put all questions at once; an answer that is an error stands in its place.

    For a process that has no other children to reap (a command, not the supervisor).
    """
    answers = {name: ask(question) for name, question in questions.items()}
    deadline = time.monotonic() + timeout
    result: dict[str, Any | IsthmusError] = {}
    for name, answer in answers.items():
        while not answer.poll() and time.monotonic() < deadline:
            select.select([answer.descriptor], [], [], max(0.0, deadline - time.monotonic()))
        if not answer.poll():
            answer.cancel()
        try:
            result[name] = answer.value()
        except IsthmusError as error:
            result[name] = error
        os.waitpid(answer.pid, 0)
    return result


def answers_of(questions: Mapping[str, Callable[[], Any]], *, timeout: float = 30.0) -> dict[str, Any]:
    """Put all questions at once, as `ask_all`, where nothing is said unless all are answered.

    Raises:
        IsthmusError: the first answer that is an error.
    """
    answers = ask_all(questions, timeout=timeout)
    for answer in answers.values():
        if isinstance(answer, IsthmusError):
            raise answer
    return answers
