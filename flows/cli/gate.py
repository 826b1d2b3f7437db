"""`isthmus gate`: one environment's gate for its API traffic, by itself, for systemd or a shell."""

from __future__ import annotations

import click

from environments.home import Home
from environments.site import Site
from flows.cli.options import env_option, example, home_option, site_option

__all__ = ["command"]


@click.group(name="gate", no_args_is_help=True, epilog=example("isthmus gate start --env edge"))
def command() -> None:
    """Run one environment's gate for its API traffic."""


@command.command(epilog=example("isthmus gate start --env edge", "isthmus gate start --env edge --port 4290"))
@env_option
@home_option
@site_option
@click.option(
    "--port", type=click.IntRange(1024, 65535), help="On loopback; else the last one, or a free one."
)
def start(env: str, home: Home, site: Site, port: int | None) -> None:
    """Stand between the environment and the Prefect server, and let only what is permitted pass.

    It reads the server's address and credential from HOME/system/api.json (in a home that joined another's:
    from what the admission brought), and gives the environment's own
    processes an address on loopback and a credential that only this gate knows. It runs until SIGTERM or
    Ctrl-C. `isthmus up` runs one for every environment by itself; start one here where the environment stands
    alone, before its worker (`isthmus worker start`).
    """
    site.profile(env)
    folder = home.check().environment(env).check()
    from environments.apigate.alone import stand_alone
    from environments.embedded.api import read_api
    from environments.embedded.progress import notify_systemd

    def ready(url: str) -> None:
        click.echo(f"the API gate of {env} answers at {url}; stop it with Ctrl-C", err=True)
        notify_systemd(f"READY=1\nSTATUS={url}")

    raise click.exceptions.Exit(stand_alone(folder, read_api(home), port, ready))
