"""`isthmus api`: the Prefect server's API for other machines, for systemd or a shell."""

from __future__ import annotations

from pathlib import Path

import click

from environments.home import Home
from flows.cli.options import example, home_option

__all__ = ["command"]

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.group(
    name="api",
    no_args_is_help=True,
    epilog=example("isthmus api listen --on 10.0.0.4:4443 --certificate api.pem --key api.key"),
)
def command() -> None:
    """Let other machines reach the Prefect server, by TLS."""


@command.command(
    epilog=example(
        "isthmus api listen --on 10.0.0.4:4443 --certificate api.pem --key api.key",
        "isthmus env invite cloud --api https://isthmus.example.org:4443/api",
    )
)
@home_option
@click.option("--on", "place", required=True, metavar="ADDRESS:PORT", help="An address of this machine.")
@click.option(
    "--certificate",
    required=True,
    type=_FILE,
    metavar="FILE",
    help="The certificate, PEM, then its signers'.",
)
@click.option("--key", required=True, type=_FILE, metavar="FILE", help="Its key, PEM, mode 0600 and yours.")
def listen(home: Home, place: str, certificate: Path, key: Path) -> None:
    """Listen with TLS on one address, and pass on what comes to the server on loopback.

    Run it in the home that has the server, beside `isthmus up`. It knows no credential: the server asks
    everybody for one. It runs until SIGTERM or Ctrl-C; after SIGHUP new connections see the certificate that
    is in the file by then. Which machines may connect at all is the firewall's to say.
    """
    from environments.embedded.listening import listen as stay
    from environments.embedded.listening import parse_place
    from environments.embedded.progress import notify_systemd

    where = parse_place(place)

    def ready() -> None:
        click.echo(f"the API answers at https://{place}/api; stop it with Ctrl-C", err=True)
        notify_systemd(f"READY=1\nSTATUS={place}")

    def tell(text: str) -> None:
        click.echo(text, err=True)

    raise click.exceptions.Exit(stay(home.check(), where, (certificate, key), ready, tell))
