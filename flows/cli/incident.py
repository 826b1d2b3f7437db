"""`isthmus incident`: the true error behind an id, where it happened."""

from __future__ import annotations

import click

from environments.home import Home
from environments.incidents import list_incidents, read_incident
from environments.site import Site
from flows.cli.options import env_option, example, home_option, json_option, site_option
from flows.cli.report import emit_json

__all__ = ["command"]


@click.group(
    name="incident", no_args_is_help=True, epilog=example("isthmus incident show 3f9a0c11d2e4 --env cloud")
)
def command() -> None:
    """Show the true error behind an incident id, where it happened.

    A run's state and log name an incident, never its content, since that may hold values of the data.
    """


@command.command("show", epilog=example("isthmus incident show 3f9a0c11d2e4 --env cloud"))
@click.argument("incident_id", metavar="ID")
@env_option
@home_option
@site_option
@json_option
def show(incident_id: str, *, env: str, home: Home, site: Site, as_json: bool) -> None:
    """Print one incident: time, step, error and traceback. It may hold values of the data."""
    site.profile(env)
    incident = read_incident(home.environment(env), incident_id)
    if as_json:
        emit_json({"environment": env, **incident.to_json()})
        return
    click.echo(f"incident {incident.id} in {env}, {incident.created}")
    for key, value in incident.context.items():
        click.echo(f"  {key}: {value}")
    click.echo(incident.traceback.rstrip())


@command.command("list", epilog=example("isthmus incident list --env cloud"))
@env_option
@home_option
@site_option
@json_option
def list_(*, env: str, home: Home, site: Site, as_json: bool) -> None:
    """List an environment's incidents, oldest first, by id, time and context; not their content."""
    site.profile(env)
    found = list_incidents(home.environment(env))
    if as_json:
        listed = [{"id": item.id, "created": item.created, "context": dict(item.context)} for item in found]
        emit_json({"environment": env, "incidents": listed})
        return
    for item in found:
        context = " ".join(f"{key}={value}" for key, value in item.context.items())
        click.echo(f"{item.id}  {item.created}  {context}".rstrip())
    if not found:
        click.echo(f"no incidents in {env}")
