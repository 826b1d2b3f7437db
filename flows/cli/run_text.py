"""A pipeline's run as text for people, while it runs."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator

import click

from data_contracts.errors import DefectError
from flows.runtime.endings import INCIDENT
from flows.runtime.server import RunView, Server
from flows.runtime.watching import Change, watch

__all__ = ["follow", "started"]

_MARKS = {"COMPLETED": "✓", "FAILED": "✗", "CRASHED": "✗", "CANCELLED": "✗", "RUNNING": "▸"}
_QUIET = frozenset({"SCHEDULED", "PENDING"})
_REFUSED = frozenset({"Denied", "ContractBroken"})


def started(server: Server, run: RunView) -> Iterator[str]:
    """Yield what to say of a run that was just created."""
    yield f"run {run.name}  {run.id}"
    yield f"  {server.api.ui_url}/runs/flow-run/{run.id}"


def follow(server: Server, run_id: str, say: Callable[[str], None]) -> RunView:
    """Show every change until the run ends; Ctrl-C asks what to do with it.

    Raises:
        click.exceptions.Exit: the user left it running, or had it cancelled (130).
    """
    changes = watch(server, run_id)
    while True:
        try:
            for change in changes:
                for line in _lines(change):
                    say(line)
                if change.whole and change.view.final:
                    return change.view
            raise DefectError("the watch of a run ended before the run")
        except KeyboardInterrupt:
            _interrupted(server, run_id)
            changes = watch(server, run_id)


def _interrupted(server: Server, run_id: str) -> None:
    if not sys.stdin.isatty():
        # Nobody can answer: the run goes on, as it would without a watcher.
        click.echo(f"isthmus: no longer watching; the run goes on: isthmus logs --run {run_id}", err=True)
        raise click.exceptions.Exit(130)
    try:
        answer = click.prompt(
            "\n[c]ancel the run, [l]eave it running, or go on [w]atching",
            type=click.Choice(["c", "l", "w"]),
            default="l",
            show_choices=False,
            err=True,
        )
    except (click.Abort, KeyboardInterrupt):
        answer = "l"
    if answer == "c":
        server.cancel(run_id)
        click.echo("isthmus: cancelling; watching it end", err=True)
    elif answer == "l":
        click.echo(f"isthmus: it goes on: isthmus logs --run {run_id}", err=True)
        raise click.exceptions.Exit(130)


def _lines(change: Change) -> Iterator[str]:
    view = change.view
    clock = f"{change.seconds:6.1f} s"
    if change.waiting:
        yield f"{clock}  … no worker has taken the run yet: look at `isthmus status`"
        return
    if view.type in _QUIET:
        return
    mark = _MARKS.get(view.type, "·")
    if view.state in _REFUSED:
        mark = "✗"
    if change.whole and view.type == "RUNNING":
        return
    name = f"pipeline {view.name}" if change.whole else view.name
    took = f"  {view.seconds:.1f} s" if view.final else ""
    yield f"{clock}  {mark} {name:<24}  {view.state}{took}"
    if view.message and (view.type != "COMPLETED" or view.state in _REFUSED):
        yield f"{'':>10}    {view.message}"
    incident = view.labels.get(INCIDENT)
    if incident and not change.whole:
        environment = view.name.rpartition("@")[2]
        yield f"{'':>10}    isthmus incident show {incident} --env {environment}"
