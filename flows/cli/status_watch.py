"""`isthmus status --watch`: parts, and each environment's numbers, again and again until Ctrl-C.

Invariants:
1. Each environment is looked at in a child process of its own, which opens that environment and no other;
   what is shown is what its endpoint for Prometheus gives out, whether one is declared or not.
2. With `--json` each look is one document on one line, and so is what ends the watching.
3. On a terminal a look is drawn in the place of the one before, cut to its height; elsewhere it follows it.

Example:
    >>> look(home)["environments"]["onprem"]["metrics"]["isthmus_ledger_entries"]
    [{'value': 1204.0}]
"""

from __future__ import annotations

import datetime as dt
import json
import shutil
import sys
import time
from functools import partial
from importlib import import_module
from typing import Any, NoReturn

import click

from data_contracts.errors import IsthmusError
from environments.embedded.status import system_status
from environments.home import EnvironmentFolder, Home
from environments.site import Site
from flows.cli.report import INTERRUPTED
from flows.cli.status_text import shown

__all__ = ["look", "watch"]

_TIMEOUT = 60.0
_DRAWN_ANEW = "\x1b[H\x1b[2J"


def look(home: Home) -> dict[str, Any]:
    """Look once at everything.

    Raises:
        UnreachableError: there is no such home.
        DeclarationError: the site that runs does not load any more.
    """
    from environments.embedded.forks import ask_all
    from environments.embedded.launch import running

    # Before the children are forked: they share it, and no look pays for it again.
    import_module("environments.metrics.collect")
    status = system_status(home)
    state = running(home) or {}
    site = Site.load(state.get("site"))
    questions = {
        name: partial(_numbers, home.environment(name), site)
        for name in state.get("environments") or []
        if name in site.profiles
    }
    answers = ask_all(questions, timeout=_TIMEOUT)
    environments = {
        name: {"error": str(answer)} if isinstance(answer, IsthmusError) else {"metrics": answer}
        for name, answer in answers.items()
    }
    now = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
    return {"time": now, **status.to_json(), "environments": environments}


def _numbers(folder: EnvironmentFolder, site: Site) -> dict[str, Any]:
    """Look at one environment; runs in a child of its own."""
    from environments.metrics.collect import Collector

    collector = Collector(folder.check(), site.profile(folder.name), site.profiles)
    return collector.collect().to_json()


def watch(home: Home, every: float, *, as_json: bool) -> NoReturn:
    """Show a look, wait, and again, until Ctrl-C.

    Raises:
        click.exceptions.Exit: with `--json`, what ended it was written as a line.
        KeyboardInterrupt: told by the command line, as elsewhere.
        IsthmusError: what a look raises.
    """
    try:
        while True:
            document = look(home)
            if as_json:
                _line(document)
            else:
                _draw(shown(document))
            time.sleep(every)
    except KeyboardInterrupt:
        if not as_json:
            click.echo()
            raise
        _end("interrupted", "", INTERRUPTED, "Interrupted")
    except IsthmusError as error:
        if not as_json:
            raise
        _end(str(error), error.remedy, error.exit_code, type(error).__name__)


def _line(value: Any) -> None:  # noqa: ANN401 - any JSON value
    click.echo(json.dumps(value, ensure_ascii=False, allow_nan=False))
    sys.stdout.flush()


def _end(error: str, remedy: str, code: int, kind: str) -> NoReturn:
    _line({"error": error, "remedy": remedy, "exit_code": code, "kind": kind})
    raise click.exceptions.Exit(code)


def _draw(lines: list[str]) -> None:
    if not sys.stdout.isatty():
        click.echo("\n".join([*lines, ""]))
        sys.stdout.flush()
        return
    height = shutil.get_terminal_size().lines - 1
    if len(lines) > height:
        lines = [*lines[: height - 1], f"  … {len(lines) - height + 1} lines more"]
    click.echo(_DRAWN_ANEW + "\n".join(lines))
