"""A pipeline's run as text for people, while it runs."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any

import click

from data_contracts.errors import DefectError
from environments.site import Site
from flows.cli.report import Interrupted, on_interrupt
from flows.runtime.endings import INCIDENT
from flows.runtime.server import RunView, Server
from flows.runtime.starting import start
from flows.runtime.stopping import stop
from flows.runtime.watching import Change, watch

__all__ = ["ask_to_run", "follow", "next_step", "started"]

_MARKS = {"COMPLETED": "✓", "FAILED": "✗", "CRASHED": "✗", "CANCELLED": "✗", "RUNNING": "▸"}
_CUT_OFF = frozenset({"CRASHED", "CANCELLED"})
_QUIET = frozenset({"SCHEDULED", "PENDING"})
_REFUSED = frozenset({"Denied", "ContractBroken"})


def started(server: Server, run: RunView) -> Iterator[str]:
    """Yield what to say of a run that was just created."""
    yield f"run {run.name}  {run.id}"
    yield f"  {server.api.ui_url}/runs/flow-run/{run.id}"


def ask_to_run(
    server: Server,
    site: Site,
    pipeline: str,
    params: Mapping[str, Any],
    signed: str | None = None,
    grants: str = "",
) -> RunView:
    """Create the run; `signed` says who asks, `grants` who grants its steps.

    Raises:
        UsageError: as `start`.
        Interrupted: it may have begun, and nobody waited for the answer.
    """
    with on_interrupt(
        "interrupted while the run was asked for: it may have begun",
        remedy="`isthmus status` shows the last run of every pipeline, `isthmus cancel ID` stops one",
    ):
        return start(server, site, pipeline, params, signed, grants)


def next_step(end: RunView, pipeline: str) -> str:
    """Return what to do about a run that was cut off; empty where its own state says it."""
    if end.type not in _CUT_OFF and "crashed" not in end.message:
        return ""
    return (
        f"isthmus: nothing is half-written; `isthmus run {pipeline} --watch` runs it again, "
        f"`isthmus logs --run {end.id}` shows what happened"
    )


def follow(server: Server, run_id: str, say: Callable[[str], None]) -> RunView:
    """Show every change until the run ends; Ctrl-C asks what to do with it.

    Raises:
        Interrupted: the user left it running, or nobody could answer.
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
    """Ask what to do; a second Ctrl-C, or nobody to answer, leaves the run to go on without a watcher."""
    answer = "l"
    if sys.stdin.isatty():
        with suppress(click.Abort, KeyboardInterrupt):
            answer = click.prompt(
                "\n[c]ancel the run, [l]eave it running, or go on [w]atching",
                type=click.Choice(["c", "l", "w"]),
                default="l",
                show_choices=False,
                err=True,
            )
    if answer == "l":
        raise Interrupted(
            f"no longer watching; the run goes on: {run_id}",
            remedy=f"`isthmus logs --run {run_id} --follow` follows it, `isthmus cancel {run_id}` stops it",
        )
    if answer == "c":
        click.echo("isthmus: cancelling; watching it end", err=True)
        stop(server, run_id)


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
