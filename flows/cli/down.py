"""`isthmus down`."""

from __future__ import annotations

import click

from environments.embedded.takedown import take_down
from environments.home import Home
from flows.cli.options import home_option, json_option
from flows.cli.report import emit_json, on_interrupt

__all__ = ["command"]


@click.command(name="down")
@home_option
@json_option
def command(home: Home, as_json: bool) -> None:
    """Stop the embedded system: workers, server, PostgreSQL. No process, port or socket stays; data does.

    \b
    Example:
      isthmus down
    """  # noqa: D301 - click's own mark for lines that stay as they are
    with on_interrupt(
        "interrupted: some of it may still be up", remedy="`isthmus down` again ends what is left"
    ):
        ran = take_down(home)
    if as_json:
        emit_json({"stopped": ran})
    else:
        click.echo("Down." if ran else f"Nothing runs in {home.root}.")
