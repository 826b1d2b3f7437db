"""`isthmus shell-env`."""

from __future__ import annotations

import shlex

import click

from environments.embedded.api import client_settings, read_api
from environments.home import Home
from flows.cli.options import home_option, json_option
from flows.cli.report import emit_json

__all__ = ["command"]


@click.command(name="shell-env")
@home_option
@json_option
def command(home: Home, as_json: bool) -> None:
    """Print the exports with which plain `prefect` talks to this system. They hold the credential.

    \b
    Example:
      eval "$(isthmus shell-env)"
      prefect deployment run hospital/onprem
    """  # noqa: D301 - click's own mark for lines that stay as they are
    settings = client_settings(read_api(home), prefect_home=home.system / "prefect")
    if as_json:
        emit_json(settings)
        return
    for name, value in settings.items():
        click.echo(f"export {name}={shlex.quote(value)}")
