"""`isthmus recall`."""

from __future__ import annotations

import datetime as dt
from functools import partial
from pathlib import Path
from typing import Any

import click

from data_contracts.errors import UsageError
from environments.embedded.api import read_api
from environments.home import EnvironmentFolder, Home
from environments.ref import parse_asset
from environments.site import Site
from flows.cli.options import as_option, example, home_option, json_option, site_option
from flows.cli.report import emit_json, on_interrupt

__all__ = ["command"]

_CODES = {"erased": 0, "refused": 3, "waiting": 5}
_WAIT, _LONGEST = 60, 86_400


def _preview(folder: EnvironmentFolder, site: Path | None, name: str, version: str) -> list[dict[str, Any]]:
    """Return whom a recall would ask; run in a child that opens this environment's folder only."""
    from environments.boundary import open_environment
    from environments.boundary.recall import preview

    env = open_environment(folder.check(), Site.load(site))
    return [
        {
            "environment": sent.destination,
            "crossings": len(sent.crossings),
            "open": len(sent.open),
            "versions": [f"{name}@{version}" for name, version in sent.arrived],
        }
        for sent in preview(env, name, version)
    ]


def _report(folder: EnvironmentFolder, site: Path | None, name: str, version: str) -> dict[str, Any]:
    from environments.boundary import open_environment
    from environments.boundary.recall import report

    return report(open_environment(folder.check(), Site.load(site)), name, version)


def _asked(source: str, question: Any) -> Any:  # noqa: ANN401 - any JSON value
    from environments.embedded.forks import answers_of

    return answers_of({source: question})[source]


@click.command(
    name="recall",
    epilog=example(
        "isthmus recall covid_tests@sha256:… --env onprem --dry-run",
        "isthmus recall covid_tests@sha256:… --env onprem --as anna",
    ),
)
@click.argument("asset", metavar="NAME@VERSION")
@click.option("--env", "source", required=True, metavar="ENV", help="The environment that sent it.")
@click.option("--dry-run", is_flag=True, help="Show whom it would ask about what; ask nobody.")
@click.option(
    "--again", is_flag=True, help="Ask also those that have answered: what is there by now goes too."
)
@click.option(
    "--wait",
    type=click.IntRange(1, _LONGEST),
    default=_WAIT,
    show_default=True,
    metavar="SECONDS",
    help="How long answers are waited for; who is away answers later.",
)
@as_option
@home_option
@site_option
@json_option
def command(  # noqa: PLR0913 - one argument for each option
    *,
    home: Home,
    site: Site,
    asset: str,
    source: str,
    dry_run: bool,
    again: bool,
    wait: int,
    who: str | None,
    as_json: bool,
) -> None:
    """Ask every environment that a version went to for the erasure of it and of what was derived from it.

    Asks whomever the source's ledger names, and where these sent it on to; each answers under its signature.
    What may lawfully stay stays, with its reason. The source's own copy is not touched. The request must be
    signed by a requester who may ask for purpose `recall`. Run it again to ask those that have not answered.
    Exit code: 0 all is erased, 3 denied here or lawfully refused there, 5 somebody has not answered yet.
    """
    from environments.embedded.requesters import requester_here, sign_with
    from environments.trust.requests import recall_asks
    from flows.runtime.recalling import RecallAsk, Recaller, recall_caller
    from flows.runtime.server import Server

    name, version = parse_asset(asset)
    site.profile(source)
    if version is None:
        raise UsageError("recall needs one version", remedy=f"isthmus asset show {name} --env {source}")
    home.check()
    folder = home.environment(source)
    planned = _asked(source, partial(_preview, folder, site.root, name, version))
    if dry_run:
        _show_plan(name, version, planned, as_json=as_json)
        return
    signer = requester_here(home, who)
    with Server(read_api(home)) as server:
        caller = recall_caller(server, site, None if as_json else click.echo)
        recaller = Recaller(caller, patience=wait)
        asks = recall_asks(source, name, version)
        signed = sign_with(home, signer, "recall", name, dt.datetime.now(dt.UTC), asks)
        with on_interrupt(
            "no longer watching; what was asked for, the environments answer by themselves",
            remedy="the same command reads the answers that came, and asks the others again",
        ):
            end = recaller.run(RecallAsk(source, name, version, again, signed))
    if end.outcome != "permitted":
        rules = [rule.to_json() for rule in end.rules]
        _denied(name, version, rules, as_json=as_json)
    told = _asked(source, partial(_report, folder, site.root, name, version))
    for environment, error in (end.failed or {}).items():
        click.echo(f"{environment}: {error}", err=True)
    _show(told, as_json=as_json)
    outcomes = {each["outcome"] for each in told["destinations"]}
    first = next(word for word in ("waiting", "refused", "erased") if word in outcomes)
    raise click.exceptions.Exit(_CODES[first])


def _denied(name: str, version: str, rules: list[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        told = {"recall": None, "name": name, "version": version, "rules": rules, "destinations": []}
        emit_json(told)
    else:
        click.echo(f"recall of {name}@{version}: denied, and nobody was asked")
        for rule in rules:
            click.echo(f"  {rule['id']}: {rule['reason']}")
    raise click.exceptions.Exit(_CODES["refused"])


def _show_plan(name: str, version: str, planned: list[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        emit_json({"name": name, "version": version, "dry_run": True, "destinations": planned})
        return
    click.echo(f"a recall of {name}@{version} would ask:")
    for one in planned:
        under_way = f", {one['open']} of them not settled" if one["open"] else ""
        many = "1 crossing" if one["crossings"] == 1 else f"{one['crossings']} crossings"
        click.echo(f"  {one['environment']}: {many}{under_way}")
        for arrived in dict.fromkeys(one["versions"]):
            click.echo(f"    {arrived}, and what was derived from it there")


def _show(told: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        emit_json(told)
        return
    click.echo(f"recall of {told['name']}@{told['version']}")
    for one in told["destinations"]:
        reason = f": {one['reason']}" if one["reason"] else ""
        click.echo(f"  {one['environment']}: {one['outcome']}{reason}")
        for erased in one["erased"]:
            click.echo(f"    erased    {erased}")
        for left in one["remaining"]:
            click.echo(f"    remains   {left['asset']} in {left['environment']}: {left['reason']}")
        if one["shared_chunks"]:
            click.echo(f"    {one['shared_chunks']} chunks stay, as other versions there hold the same bytes")
