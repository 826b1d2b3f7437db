"""`isthmus up`."""

from __future__ import annotations

import time

import click

from data_contracts.errors import UsageError
from environments.embedded.launch import become_supervisor, launch, running
from environments.embedded.progress import Event, render
from environments.home import Home
from environments.members import keep_only, read_membership
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
@click.option(
    "--only",
    multiple=True,
    metavar="NAME",
    help="An environment that lives in this home, remembered; others live elsewhere. Repeat it for more.",
)
@click.option("--foreground", is_flag=True, help="Stay, and be the supervisor: for systemd.")
@json_option
def command(
    *, home: Home, site: Site, port: int | None, only: tuple[str, ...], foreground: bool, as_json: bool
) -> None:
    """Start PostgreSQL, Prefect server and every environment; return when all is ready.

    One supervisor stays and restarts what dies. Doing it twice is one system; Ctrl-C undoes it. Environments
    that were invited to other machines (`isthmus env`) are not started here; in a home that joined another
    machine's, its one environment is, against that machine's API.

    \b
    Example:
      isthmus up
      isthmus --help             # what to do next
      isthmus up --only onprem   # the others will be invited: isthmus env invite cloud
      isthmus up --home /srv/isthmus --site /etc/isthmus --port 4300
    """  # noqa: D301 - click's own mark for lines that stay as they are
    _ = site.profiles, site.organisation  # every mistake in every file, before anything starts
    _settle(home, site, port, only)
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
    # A site of one's own has other environments: what ships may find no place in them.
    pipeline = "PIPELINE" if site.flow_files else "hospital"
    click.echo(f"Next: isthmus status · isthmus run {pipeline} --watch · isthmus down")


def _settle(home: Home, site: Site, port: int | None, only: tuple[str, ...]) -> None:
    """Remember what lives here, where that is said; refuse what a running system does otherwise."""
    if port is not None and read_membership(home) is not None:
        raise UsageError("--port: this home joined another machine's and has no API of its own")
    if not only:
        return
    state = running(home.create())
    if state is not None and set(state.get("environments") or []) != set(only):
        raise UsageError(
            "this home's system runs already, with other environments", remedy="run `isthmus down` first"
        )
    keep_only(home, only, site.profiles)
