"""`isthmus sync`."""

from __future__ import annotations

import datetime as dt
import secrets
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from data_contracts.errors import UsageError
from environments.embedded.api import read_api
from environments.home import Home
from environments.private import disk_errors
from environments.ref import MAX_SET, parse_asset
from environments.site import Site
from flows.cli.options import as_option, home_option, json_option, site_option
from flows.cli.report import emit_json, on_interrupt
from flows.cli.sync_terms import Terms, queue_options

if TYPE_CHECKING:
    from flows.cli.sync_watch import Watcher
    from flows.runtime.crossing import CrossingEnd
    from flows.runtime.standalone import Rehearsed

__all__ = ["command"]

_SHOWN = 5
_CODES = {"permitted": 0, "denied": 3, "broken": 1}


@click.command(name="sync")
@click.argument("assets", metavar="NAME[@VERSION] [NAME…]", nargs=-1)
@click.option(
    "--set",
    "listed",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="A file that names members of the set, NAME[@VERSION] in each line.",
)
@click.option("--from", "source", required=True, metavar="ENV", help="The environment that has it.")
@click.option("--to", "destination", required=True, metavar="ENV", help="The environment it shall go to.")
@click.option(
    "--purpose", required=True, help="What for, as a contract's terms name it; exit 2 if nothing does."
)
@click.option("--request", help="The request id: the same one again is the same crossing.")
@click.option("--dry-run", is_flag=True, help="Decide, check and transform at the source, and send nothing.")
@click.option("--watch", is_flag=True, help="Show bytes, rate and time left while they move.")
@queue_options
@as_option
@home_option
@site_option
@json_option
def command(  # noqa: PLR0913 - one argument for each option
    *,
    home: Home,
    site: Site,
    assets: tuple[str, ...],
    listed: Path | None,
    source: str,
    destination: str,
    purpose: str,
    request: str | None,
    dry_run: bool,
    watch: bool,
    terms: Terms | None,
    who: str | None,
    as_json: bool,
) -> None:
    """Move one asset, or several as one set, across one boundary, if their terms permit.

    Asks the source to send it and the destination to take it in; this command itself opens neither. An
    unfinished crossing of the same asset, destination and purpose is gone on with, unless --request. So
    after Ctrl-C (exit 130), or whatever else cut it off, the same command ends what it began. The request is
    signed where a requester's key lies in the home (`isthmus requester add`); else it is unattributed.
    A set is one crossing: every member must be permitted, and at the destination all become visible at
    once, or none. Exit code: 0 permitted, 1 the data breaks its contract, 2 a member is missing, 3 denied.
    With --queue it waits in the source's outbox (`isthmus outbox`), however long its link is down, and is
    decided when it is sent; no server and no worker need run. 3 then says that the outbox is full.

    \b
    Example:
      isthmus sync covid_tests --from onprem --to cloud --purpose model-training
      isthmus sync covid_tests --from onprem --to cloud --purpose model-training --dry-run
      isthmus sync covid_tests --from onprem --to cloud --purpose model-training --watch
      isthmus sync model@sha256:… --from cloud --to edge --purpose batch-inference --json
      isthmus sync model machines bands --from cloud --to edge --purpose batch-inference
      isthmus sync alarms --from edge --to onprem --purpose monitoring --queue --expires 30d
    """  # noqa: D301 - click's own mark for lines that stay as they are
    from environments.boundary import CrossingRequest, Member
    from environments.embedded.requesters import requester_here, sign_with
    from environments.trust.requests import sync_asks
    from flows.cli.sync_queue import put_in_line
    from flows.runtime.catalogue import load_pipelines
    from flows.runtime.crossing import CrossingAsk
    from flows.runtime.purposes import check_purpose
    from flows.runtime.server import Server
    from flows.runtime.standalone import StandaloneCrossing

    asked = _asked(assets, listed)
    site.profile(source)
    site.profile(destination)
    check_purpose(site, purpose, lambda: load_pipelines(site).values())
    if source == destination:
        raise UsageError("--from and --to are one environment", remedy="name two; nothing needs to cross")
    if terms is not None:
        put_in_line(home, site, source, asked, destination, purpose, who, terms, as_json=as_json)
        return
    signer = requester_here(home, who)
    with Server(read_api(home)) as server:
        # With --json nothing is shown on the way: the one document is all of stdout.
        watcher = _watcher() if watch and not as_json else None
        say = None if as_json else click.echo if watcher is None else watcher.say
        crossing = StandaloneCrossing(server, site, say=say, hear=watcher.hear if watcher else None)
        ref, *more = crossing.pin_all(source, asked)
        members = [Member(each.name, each.version) for each in (ref, *more)]
        wanted = CrossingRequest.of(members, destination, purpose, "sync")
        asks = sync_asks(source, wanted.name, wanted.version, destination, purpose, rehearsal=dry_run)
        signed = sign_with(home, signer, "sync", wanted.name, dt.datetime.now(dt.UTC), asks)
        if dry_run:
            _rehearse(
                site,
                crossing.rehearse(ref, destination, purpose, signed, more),
                destination,
                purpose,
                as_json=as_json,
            )
            return
        # The source alone knows what it sent: it goes on with that, or begins under the fresh id.
        fresh = request or f"sync-{secrets.token_hex(8)}"
        with on_interrupt(
            f"no longer watching; what {source} and {destination} were asked for, they end by themselves",
            remedy="the same command goes on with this crossing; it gives one version or none",
        ):
            ask = CrossingAsk(
                "sync", ref, destination, purpose, fresh, request is None, signed, more=tuple(more)
            )
            end = crossing.run(ask)
    _end(end, destination, as_json=as_json)


def _end(end: CrossingEnd, destination: str, *, as_json: bool) -> NoReturn:
    from flows.runtime.crossing import moment_of

    if as_json:
        emit_json(end.to_json())
    else:
        _show(end.title, end.outcome, end.request)
        for rule in end.rules:
            rows = f", {rule.unexpected_count} rows" if rule.unexpected_count else ""
            click.echo(f"  {rule.id}: {rule.reason}{rows}")
        if end.not_before:
            click.echo(
                f"  it waits, and nothing is lost: the same command goes on from {moment_of(end.not_before)}"
            )
        if end.members:
            now = ", ".join(map(str, end.members[:_SHOWN])) + (" …" if len(end.members) > _SHOWN else "")
            click.echo(f"  {end.size:,} bytes, now {now} in {destination}")
    if end.outcome in _CODES:
        raise click.exceptions.Exit(_CODES[end.outcome])
    error = end.refusal()
    if as_json:
        raise click.exceptions.Exit(error.exit_code)
    raise error


def _watcher() -> Watcher:
    from flows.cli.sync_watch import Watcher

    def write(text: str) -> None:
        click.echo(text, nl=False)

    return Watcher(write, terminal=sys.stdout.isatty())


def _asked(assets: tuple[str, ...], listed: Path | None) -> list[str]:
    """Return what shall cross, each asset once."""
    asked = list(assets)
    if listed is not None:
        with disk_errors(f"{listed}: cannot be read"):
            asked += [
                line.strip() for line in listed.read_text(encoding="utf-8").splitlines() if line.strip()
            ]
    names = [parse_asset(asset)[0] for asset in asked]
    if not 1 <= len(names) <= MAX_SET:
        raise UsageError(
            f"{len(names)} assets: 1 to {MAX_SET} cross at once",
            remedy="name them as arguments, or one a line in the file of --set; more are several sets",
        )
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UsageError(f"named twice: {', '.join(twice)}", remedy="a set holds one version of each asset")
    return asked


def _rehearse(site: Site, told: Rehearsed, destination: str, purpose: str, *, as_json: bool) -> None:
    from flows.cli.sync_rehearsal import lines_of, rehearsal_json

    document = rehearsal_json(site, told, destination, purpose)
    if as_json:
        emit_json(document)
    else:
        verb = "would be permitted" if told.outcome == "permitted" else f"would be {told.outcome}"
        names = ", ".join(ref.name for ref in told.refs)
        click.echo(f"{names} from {told.refs[0].environment} to {destination} for {purpose}: {verb}")
        for line in lines_of(document):
            click.echo(line)
    raise click.exceptions.Exit(_CODES[told.outcome])


def _show(title: str, outcome: str, request: str) -> None:
    click.echo(f"{title}: {outcome}" + (f"  (request {request})" if request else ""))
