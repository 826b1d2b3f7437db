"""`isthmus plan`."""

from __future__ import annotations

from typing import Any

import click

from data_contracts.destination import UNATTRIBUTED
from environments.home import Home
from environments.site import Site
from flows.cli.options import as_option, home_option, json_option, site_option
from flows.cli.parameters import param_option
from flows.cli.report import emit_json

__all__ = ["command"]


@click.command(name="plan")
@click.argument("pipeline")
@param_option
@as_option
@home_option
@site_option
@json_option
def command(
    *, home: Home, site: Site, pipeline: str, params: dict[str, Any], who: str | None, as_json: bool
) -> None:
    """Show what PIPELINE would do, before anything runs.

    Steps and where each runs, crossings with terms and obligations for each column, and for every
    environment not chosen the rule or the number that excluded it. Needs no running system.

    \b
    Example:
      isthmus plan hospital
      isthmus plan hospital --param tests=covid_tests@latest --json
    """  # noqa: D301 - click's own mark for lines that stay as they are
    from environments.embedded.requesters import requester_here
    from flows.cli.plan_text import lines_of
    from flows.runtime.catalogue import find_pipeline
    from flows.runtime.facts import ask_stores
    from flows.runtime.planning import make_plan

    found = find_pipeline(site, pipeline)
    sources, _ = found.read(params)
    requester = requester_here(home, who) or UNATTRIBUTED
    plan = make_plan(found, site, ask_stores(home, site, sources), params, requester=requester)
    if as_json:
        emit_json(plan.to_json())
        return
    for line in lines_of(plan):
        click.echo(line)
