"""`isthmus run`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from environments.embedded.api import read_api
from environments.home import Home
from environments.site import Site
from flows.cli.options import as_option, home_option, json_option, site_option
from flows.cli.parameters import param_option
from flows.cli.report import emit_json

if TYPE_CHECKING:
    from flows.runtime.pipeline import Pipeline

__all__ = ["command"]


@click.command(name="run")
@click.argument("pipeline")
@click.option("--watch", is_flag=True, help="Stay until it ends, and show each step where it runs.")
@param_option
@as_option
@home_option
@site_option
@json_option
def command(
    *,
    home: Home,
    site: Site,
    pipeline: str,
    watch: bool,
    params: dict[str, Any],
    who: str | None,
    as_json: bool,
) -> None:
    """Run PIPELINE in its home; with --watch, until it ends.

    Ctrl-C while watching asks whether to cancel the run or to leave it running; a second one, or one
    without a terminal, leaves it running (exit 130). The exit code says how the run ended: 0 done,
    1 data breaks its contract, 3 denied, 6 a step failed, or the run was cancelled or crashed. The request is
    signed where a requester's key lies in the home, for every crossing of this run and for as long as what it
    queues may wait; and so are the grants of steps that need one.

    \b
    Example:
      isthmus run hospital --watch
      isthmus run hospital --param tests=covid_tests@latest --json
    """  # noqa: D301 - click's own mark for lines that stay as they are
    from environments.embedded.requesters import sign_with
    from flows.cli.run_text import ask_to_run, follow, next_step, started
    from flows.runtime.catalogue import find_pipeline
    from flows.runtime.endings import exit_code_of
    from flows.runtime.granting import granted, needs_grant
    from flows.runtime.server import Server

    found = find_pipeline(site, pipeline)
    found.read(params)  # a wrong name is told whether or not a server runs
    params, grants = granted(home, site, found, params, who) if needs_grant(site, pipeline) else (params, "")
    with Server(read_api(home)) as server:
        now = dt.datetime.now(dt.UTC)
        signed = sign_with(home, who, "run", pipeline, now, lasts=_lasts(site, found, params))
        run = ask_to_run(server, site, pipeline, params, signed, grants)
        say: Callable[[str], None] = (lambda _: None) if as_json else click.echo
        for line in started(server, run):
            say(line)
        if not watch:
            if as_json:
                emit_json({"run": run.id, "name": run.name, "pipeline": pipeline, "state": run.state})
            return
        end = follow(server, run.id, say)
        if as_json:
            emit_json(
                {
                    "run": end.id,
                    "name": end.name,
                    "pipeline": pipeline,
                    "state": end.state,
                    "message": end.message,
                    "plan": end.labels.get("isthmus.plan"),
                    "seconds": round(end.seconds, 2),
                    "steps": [
                        {"name": part.name, "state": part.state, "seconds": round(part.seconds, 2)}
                        for part in server.parts(end.id)
                    ],
                }
            )
        elif next_step(end, pipeline):
            click.echo(next_step(end, pipeline), err=True)
        raise click.exceptions.Exit(exit_code_of(end))


def _lasts(site: Site, pipeline: Pipeline, params: dict[str, Any]) -> dt.timedelta | None:
    """Return for how long a run's signature must count: what it queues waits longer than it runs."""
    from flows.runtime.program import SyncNode, walk

    if not any(isinstance(node, SyncNode) and node.queued for node in walk(pipeline.trace(params).nodes)):
        return None
    return max(profile.outbox.lifetime for profile in site.profiles.values())
