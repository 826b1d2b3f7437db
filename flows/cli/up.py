"""`isthmus up`."""

from __future__ import annotations

import time

import click

from environments.embedded.launch import become_supervisor, launch
from environments.embedded.progress import Event, render
from environments.home import Home
from environments.site import Site
from flows.cli.options import home_option, json_option, site_option
from flows.cli.report import emit_json

__all__ = ["command"]


@click.command(name="up")
@home_option
@site_option
@click.option(
    "--port", type=click.IntRange(1, 65535), help="The API's port on 127.0.0.1; else a free one, kept."
)
@click.option("--foreground", is_flag=True, help="Stay, and be the supervisor: for systemd.")
@json_option
def command(home: Home, site: Site, port: int | None, foreground: bool, as_json: bool) -> None:
    """Start PostgreSQL, Prefect server and every environment; return when all is ready.

    One supervisor stays and restarts what dies. Doing it twice is one system; Ctrl-C undoes it.

    \b
    Example:
      isthmus up
      isthmus --help             # what to do next
      isthmus up --home /srv/isthmus --site /etc/isthmus --port 4300
    """  # noqa: D301 - click's own mark for lines that stay as they are
    _ = site.profiles, site.organisation  # every mistake in every file, before anything starts
    if foreground:
        become_supervisor(home, site, port)
    began = time.monotonic()

    def tell(event: Event) -> None:
        if not as_json and event.kind != "ready":
            click.echo(render(event))

    if not as_json:
        click.echo(f"Starting the embedded system in {home.root}")
    state = launch(home, site, port, tell)
    url = str(state["url"]).removesuffix("/api")
    seconds = round(time.monotonic() - began, 1)
    if as_json:
        emit_json(
            {"url": url, "api": state["url"], "environments": state["environments"], "seconds": seconds}
        )
        return
    click.echo(f"Ready in {seconds} s: {url} (credential: `isthmus shell-env`)")
    click.echo("Next: isthmus status · isthmus run hospital --watch · isthmus down")
