"""What every command shares: one JSON document with --json, one clear message on error, exit codes.

Invariants:
1. With `--json`, stdout holds one JSON document and nothing else, on success and on error alike.
2. An error is one message on stderr: what, where, what to do. Never a traceback, unless
   `ISTHMUS_TRACEBACK=1` asks for one.
3. Colours appear only on a terminal (rich and click decide by `isatty` and `NO_COLOR`).
"""

from __future__ import annotations

import errno
import json
import os
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import click

from data_contracts.errors import DeclarationError, DefectError, IsthmusError, UnreachableError, UsageError

__all__ = ["Interrupted", "emit_json", "interrupted", "on_interrupt", "run_reporting"]

INTERRUPTED = 130
READER_GONE = 141  # 128 + SIGPIPE, as a shell shows it
_MACHINE = frozenset(
    {
        errno.ENOSPC,
        errno.EDQUOT,
        errno.EROFS,
        errno.EACCES,
        errno.EPERM,
        errno.EMFILE,
        errno.ENFILE,
        errno.EIO,
    }
)


class Interrupted(IsthmusError):  # noqa: N818 - its name is the `kind` that scripts see
    """Ctrl-C, told with what it leaves behind."""

    exit_code = INTERRUPTED


@contextmanager
def on_interrupt(message: str, *, remedy: str) -> Iterator[None]:
    """Tell an interrupt of this block by `message`: what goes on or stays, and what to do about it."""
    try:
        yield
    except KeyboardInterrupt:
        raise Interrupted(message, remedy=remedy) from None


def emit_json(value: Any) -> None:  # noqa: ANN401 - any JSON value
    """Print one JSON document to stdout."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False))


def _wants_json(arguments: Sequence[str]) -> bool:
    return "--json" in arguments


def _report(error: IsthmusError, *, as_json: bool) -> int:
    if as_json:
        document: dict[str, Any] = {
            "error": str(error),
            "remedy": error.remedy,
            "exit_code": error.exit_code,
            "kind": type(error).__name__,
        }
        if isinstance(error, DeclarationError):
            document["problems"] = [vars(problem) for problem in error.problems]
        emit_json(document)
    else:
        click.echo(f"isthmus: {error}", err=True)
        if error.remedy:
            click.echo(f"  what to do: {error.remedy}", err=True)
    return error.exit_code


def _usage(error: click.ClickException, *, as_json: bool) -> int:
    if as_json:
        return _report(UsageError(error.format_message()), as_json=True)
    error.show()
    return UsageError.exit_code


def interrupted(*, as_json: bool) -> int:
    """Tell an interrupt that left nothing behind, and return its status."""
    return _report(Interrupted("interrupted"), as_json=as_json)


def _reader_gone() -> int:
    """Stop as a program that SIGPIPE ends: no message, and no status that could pass for a verdict."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return READER_GONE


def _from_machine(error: OSError) -> IsthmusError | None:
    """Return what the machine refuses (disk, rights, descriptors) as an error for its operator, else None."""
    if error.errno not in _MACHINE:
        return None
    where = f"{error.filename}: " if error.filename else ""
    return UnreachableError(
        f"{where}{os.strerror(error.errno)}", remedy="`isthmus doctor` looks at disk, rights and limits"
    )


def _defect(error: Exception) -> IsthmusError:
    """Name the type only: the text of an error that nobody foresaw may hold a value from the data."""
    return DefectError(
        f"a defect of ours: {type(error).__name__}",
        remedy="run it again with ISTHMUS_TRACEBACK=1 and report what it prints",
    )


def run_reporting(root: click.Command, arguments: Sequence[str]) -> int:
    """Run a command and return its exit status; every error leaves through here.

    A command's own status is what it gives to `click.exceptions.Exit`; what it returns is not looked at,
    except that click, run inside another program, hands the status of `Exit` back as an integer.
    """
    as_json, stdout = _wants_json(arguments), sys.stdout
    try:
        result = root.main(args=list(arguments), prog_name="isthmus", standalone_mode=False)
        sys.stdout.flush()
    except (click.Abort, KeyboardInterrupt):
        return interrupted(as_json=as_json)
    except click.ClickException as error:
        return _usage(error, as_json=as_json)
    except SystemExit:
        # click wraps stdout and exits with 1 when the reader went away (`| head`); 1 is ours for broken data.
        if sys.stdout is stdout:
            raise
        return _reader_gone()
    except BrokenPipeError:
        return _reader_gone()
    except Exception as error:  # noqa: BLE001 - the last line of defence: nothing leaves as a traceback
        if os.environ.get("ISTHMUS_TRACEBACK") == "1":
            traceback.print_exc()
        known = error if isinstance(error, IsthmusError) else None
        machine = _from_machine(error) if isinstance(error, OSError) else None
        return _report(known or machine or _defect(error), as_json=as_json)
    return result if isinstance(result, int) else 0
