"""`isthmus deploy`."""

from __future__ import annotations

import click

from environments.home import Home
from environments.site import Site
from flows.cli.options import home_option, json_option, site_option
from flows.cli.report import emit_json

__all__ = ["command"]


@click.command(name="deploy")
@click.option("--reset-schedules", is_flag=True, help="Set schedules that were edited in the UI back.")
@click.option(
    "--acknowledge",
    multiple=True,
    metavar="CROSSING",
    help="CONTRACT:ENVIRONMENT:PURPOSE that became possible, and is meant to be; once for each.",
)
@home_option
@site_option
@json_option
def command(
    home: Home, site: Site, reset_schedules: bool, acknowledge: tuple[str, ...], as_json: bool
) -> None:
    """Register pipelines, steps, forms and schedules with the server.

    Doing it again changes nothing that is as it should be. A schedule that somebody edited in the
    Prefect UI is kept and told, unless --reset-schedules.

    If a contract or an environment's file now lets something cross that could not at the last deploy,
    nothing is registered (exit 3) until each such crossing is acknowledged by its name.

    \b
    Example:
      isthmus deploy
      isthmus deploy --site /etc/isthmus --reset-schedules
      isthmus deploy --acknowledge clinic.readings:cloud:statistics
    """  # noqa: D301 - click's own mark for lines that stay as they are
    from flows.deployment import register
    from flows.deployment.openings import guard, remember

    openings = guard(home, site, acknowledge)
    report = register(home, site, reset_schedules=reset_schedules)
    remember(home, openings)
    if as_json:
        emit_json(report.to_json() | {"acknowledged": sorted(acknowledge)})
        return
    width = max((len(item.name) for item in report.deployments), default=0)
    for item in report.deployments:
        schedules = "; ".join(item.schedules)
        note = "  (edited in the UI, kept; --reset-schedules sets it back)" if item.edited else ""
        click.echo(f"{item.name:<{width}}  {item.change:<9}  {schedules}{note}".rstrip())
    for name in report.absent:
        click.echo(f"{name}: not registered, no environment's file lists it (its home must)", err=True)
    for name in report.keyless:
        click.echo(
            f"{name}: signs for runs, says site.toml, and its key does not lie here: they are nobody's "
            f"(isthmus requester add {name} --kind service …, then deploy again)",
            err=True,
        )
    click.echo(f"{len(report.deployments)} deployments. Next: isthmus plan PIPELINE · isthmus run PIPELINE")
