"""`isthmus cancel`."""

from __future__ import annotations

import click

from environments.embedded.api import read_api
from environments.home import Home
from flows.cli.options import home_option, json_option
from flows.cli.report import emit_json

__all__ = ["command"]


@click.command(name="cancel")
@click.argument("run", metavar="RUN")
@home_option
@json_option
def command(home: Home, run: str, as_json: bool) -> None:
    """Stop RUN, a pipeline's run by its id, and the steps of it that still run.

    What was committed stays; nothing is half-written. A crossing that this cuts off is gone on with by the
    next run, or by `isthmus sync`. A run that has ended is left as it is.

    \b
    Example:
      isthmus cancel 0f9c2d1e-3b7a-4a52-9d0e-5a1f6c3b8e21
    """  # noqa: D301 - click's own mark for lines that stay as they are
    from flows.runtime.server import Server
    from flows.runtime.stopping import stop

    with Server(read_api(home)) as server:
        stopped = stop(server, run)
        end = server.run(stopped.id)
    if as_json:
        emit_json({"run": end.id, "name": end.name, "state": end.state, "stopped": stopped.asked})
    elif stopped.asked:
        click.echo(f"{end.name}: {end.state}; {stopped.steps} steps were stopped with it")
    else:
        click.echo(f"{end.name} had ended already: {end.state}")
