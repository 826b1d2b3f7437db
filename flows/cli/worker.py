"""`isthmus worker`: one environment's sealed worker, by itself, for systemd or a shell.

It becomes the environment's host (`environments.workpools.host`) with the worker as its only part, so
nothing may be imported here that starts a thread.
"""

from __future__ import annotations

from functools import partial

import click

from environments.home import Home
from environments.site import Site
from flows.cli.options import env_option, example, home_option, site_option

__all__ = ["command"]


@click.group(name="worker")
def command() -> None:
    """Run one environment's sealed worker."""


@command.command(
    epilog=example(
        "isthmus worker start --env edge",
        "isthmus worker start --env edge --with-cluster   # and the environment's own Dask cluster",
    )
)
@env_option
@home_option
@site_option
@click.option("--with-cluster", is_flag=True, help="Run the environment's embedded Dask cluster as well.")
def start(env: str, home: Home, site: Site, with_cluster: bool) -> None:
    """Take the runs that the server offers this environment, and run those that its file lists.

    It runs until SIGTERM or Ctrl-C. `isthmus up` runs a worker for every environment by itself; start one
    here where the environment stands alone, as on an edge machine under systemd. The environment's API gate
    (`isthmus gate start`) must run: the worker has no credential of the server's. Where the
    environment's file declares `metrics`, its endpoint runs too.
    """
    profile = site.profile(env)
    folder = home.check().environment(env).check()
    from environments.apigate.address import read_gate
    from environments.embedded.api import ApiAddress
    from environments.workpools.host import preload, run_host

    api = ApiAddress(read_gate(folder).url, "")  # the worker reads its credential once it is forked
    preload()
    from flows.runtime.catalogue import build_catalogue

    parts = ("cluster", "worker", "metrics") if with_cluster else ("worker", "metrics")
    click.echo(
        f"the sealed worker of {env} asks the gate at {api.ui_url} for work; stop it with Ctrl-C", err=True
    )
    status = run_host(folder, profile, api, partial(build_catalogue, site), site=site, parts=parts)
    raise click.exceptions.Exit(status)
