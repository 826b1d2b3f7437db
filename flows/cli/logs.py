"""`isthmus logs`."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

import click

from data_contracts.errors import IsthmusError, UsageError
from environments.embedded.api import read_api
from environments.embedded.client import Client
from environments.embedded.logs import RunLogs, Tail, environment_logs, system_logs
from environments.home import Home
from environments.site import Site
from flows.cli.options import home_option, json_option, site_option
from flows.cli.report import emit_json

__all__ = ["command"]

_PAUSE = 0.5


@click.command(name="logs")
@click.argument("env", required=False)
@home_option
@site_option
@click.option(
    "--run", "run", metavar="ID", help="Follow one run, and all that it started, across environments."
)
@click.option("--follow", "-f", is_flag=True, help="Go on until Ctrl-C; with --run, until the run ends.")
@click.option(
    "--lines", "-n", type=click.IntRange(min=0), default=50, show_default=True, help="Last lines of each."
)
@json_option
def command(
    env: str | None, home: Home, site: Site, run: str | None, follow: bool, lines: int, as_json: bool
) -> None:
    """Show the logs of the system, of one environment (ENV), or of one run. They never leave this machine.

    \b
    Example:
      isthmus logs
      isthmus logs cloud --follow
      isthmus logs --run 0f9c2d1e-…  --follow
    """  # noqa: D301 - click's own mark for lines that stay as they are
    home.check()
    if follow and as_json:
        raise UsageError("--follow never ends, --json is one document", remedy="leave one of them out")
    if run is not None:
        _one_run(home, [env] if env else sorted(site.profiles), run, follow=follow, as_json=as_json)
        return
    if env is None:
        sources = system_logs(home)
    else:
        site.profile(env)
        sources = environment_logs(home.environment(env))
    _tail(sources, lines, follow=follow, as_json=as_json)


def _tail(sources: Mapping[str, Path], lines: int, *, follow: bool, as_json: bool) -> None:
    tail = Tail(sources, lines=lines)
    if as_json:
        emit_json({"lines": [{"source": source, "line": line} for source, line in tail.read()]})
        return
    width = max((len(source) for source in sources), default=0)
    while True:
        for source, line in tail.read():
            click.echo(f"{source:<{width}} | {line}")
        if not follow:
            return
        time.sleep(_PAUSE)


def _one_run(home: Home, environments: list[str], run: str, *, follow: bool, as_json: bool) -> None:
    try:
        client: Client | None = Client(read_api(home))
    except IsthmusError:  # the system is down: its logs are still here
        client = None
    logs = RunLogs(home, environments, run, client)
    shown = 0
    while True:
        found = logs.read()
        if as_json:
            emit_json(
                {
                    "runs": [
                        {"run": log.run, "name": log.name, "environment": log.environment, "lines": log.lines}
                        for log in found
                    ]
                }
            )
            return
        for log in found:
            for line in log.lines:
                click.echo(f"{log.name} ({log.environment}) | {line}")
                shown += 1
        if not follow or logs.finished:
            break
        time.sleep(_PAUSE)
    if not shown:
        click.echo("Nothing was logged for this run on this machine.", err=True)
