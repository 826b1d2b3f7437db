"""What every command shares: one JSON document with --json, one clear message on error, exit codes.

Invariants:
1. With `--json`, stdout holds one JSON document and nothing else, on success and on error alike.
2. An error is one message on stderr: what, where, what to do. Never a traceback, unless
   `ISTHMUS_TRACEBACK=1` asks for one.
3. Colours appear only on a terminal (rich and click decide by `isatty` and `NO_COLOR`).
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Sequence
from typing import Any

import click

from data_contracts.errors import DeclarationError, DefectError, IsthmusError

__all__ = ["emit_json", "run_reporting"]

INTERRUPTED = 130
_USAGE = 2


def emit_json(value: Any) -> None:  # noqa: ANN401 - any JSON value
    """Print one JSON document to stdout."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False, sort_keys=False))


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


def run_reporting(root: click.Command, arguments: Sequence[str]) -> int:
    """Run a command and return its exit status; every error leaves through here."""
    as_json = _wants_json(arguments)
    try:
        result = root.main(args=list(arguments), prog_name="isthmus", standalone_mode=False)
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("isthmus: interrupted", err=True)
        return INTERRUPTED
    except click.ClickException as error:
        if as_json:
            emit_json(
                {"error": error.format_message(), "remedy": "", "exit_code": _USAGE, "kind": "UsageError"}
            )
        else:
            error.show()
        return _USAGE
    except IsthmusError as error:
        if os.environ.get("ISTHMUS_TRACEBACK") == "1":
            traceback.print_exc()
        return _report(error, as_json=as_json)
    except BrokenPipeError:
        # The reader of our output went away (`| head`): not an error of anyone's.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:  # noqa: BLE001 - the last line of defence: a defect of ours, said plainly
        if os.environ.get("ISTHMUS_TRACEBACK") == "1":
            traceback.print_exc()
        defect = DefectError(
            f"a defect of ours: {type(error).__name__}",
            remedy="run it again with ISTHMUS_TRACEBACK=1 and report what it prints",
        )
        return _report(defect, as_json=as_json)
    return result if isinstance(result, int) else 0
