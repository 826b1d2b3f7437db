"""`isthmus asset gc`: remove old versions that nothing needs, and what settled crossings left behind.

The environment itself decides, in a child process of its own; its peers are asked, each in a child of its
own, for the signed account that says which crossings they have settled.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import click

from data_contracts.errors import UsageError
from environments.home import Home
from environments.site import Site
from flows.cli.options import env_option, example, home_option, json_option, site_option
from flows.cli.report import emit_json

__all__ = ["gc"]

_TIMEOUT = 3600.0
_MAX_FILE = 1024 * 1024 * 1024


@click.command(
    "gc",
    epilog=example(
        "isthmus asset gc --env cloud --keep 10 --dry-run",
        "isthmus asset gc --env cloud --keep 3 --older-than 90",
    ),
)
@env_option
@click.option("--keep", type=click.IntRange(1), metavar="N", help="The newest N versions of each asset stay.")
@click.option(
    "--older-than", type=click.IntRange(0), metavar="DAYS", help="Only versions older than that go."
)
@click.option("--dry-run", is_flag=True, help="Say what would go, and change nothing.")
@click.option(
    "--against",
    multiple=True,
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="The account of a peer on another machine (`isthmus reconcile --tell` there).",
)
@home_option
@site_option
@json_option
def gc(  # noqa: PLR0913 - one parameter for each option
    *,
    env: str,
    keep: int | None,
    older_than: int | None,
    dry_run: bool,
    against: tuple[Path, ...],
    home: Home,
    site: Site,
    as_json: bool,
) -> None:
    """Remove old versions of every asset of an environment, each with an entry in its ledger and a tombstone.

    What something needs stays: the latest version, what an unfinished crossing sends, what the next crossing
    from its source may refer to, what a contract's retention asks for, what a legal hold (`holds` in the
    environment's file) or a regulatory duty keeps, what somebody reads at the moment. Of what goes the record
    stays, so that lineage and audit know it.
    """
    if keep is None and older_than is None:
        raise UsageError("which versions may go?", remedy="say --keep N, --older-than DAYS, or both")
    home.check()
    site.profile(env)
    told = {str(document["from"]): document for document in map(_account, against)}
    peers = [name for name in site.profiles if name != env and home.environment(name).root.is_dir()]
    for name, answer in _ask({peer: partial(_tell, home, site, peer, env) for peer in peers}).items():
        told.setdefault(name, answer)
    question = partial(_collect, home, site, env, keep, older_than, told, dry_run=dry_run)
    answer = _ask({env: question})[env]
    if as_json:
        emit_json({"environment": env, "dry_run": dry_run, **answer})
        return
    for each in answer["versions"]:
        if each["removed"]:
            click.echo(f"{'would go' if dry_run else 'removed'}: {each['asset']}  {each['bytes']:,} bytes")
    stay: dict[str, int] = {}
    for each in answer["versions"]:
        if not each["removed"]:
            stay[each["why"]] = stay.get(each["why"], 0) + 1
    for why, count in sorted(stay.items()):
        click.echo(f"{count} stay: {why}")
    for asset in answer["unverified"]:
        click.echo(
            f"all of {asset} stays, since something of it does not verify: isthmus asset verify --env {env}"
        )
    click.echo(f"{len(answer['leftovers'])} leftovers {'would go' if dry_run else 'went'}")


def _account(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as stream:
            told = json.loads(stream.read(_MAX_FILE))
        return {"from": str(told["from"]), "envelope": told["envelope"], "lists": told["lists"]}
    except (OSError, ValueError, KeyError, TypeError):
        raise UsageError(
            f"{path}: not an account", remedy="write it at the peer with `isthmus reconcile --tell`"
        ) from None


def _ask(questions: dict[str, Any]) -> dict[str, Any]:
    from environments.embedded.forks import answers_of

    return answers_of(questions, timeout=_TIMEOUT)


def _tell(home: Home, site: Site, name: str, peer: str) -> dict[str, Any]:
    from environments.boundary import open_environment
    from environments.consistency.reconciling import tell

    told = tell(open_environment(home.environment(name).check(), site), [peer])
    return {**told[peer], "from": name}


def _collect(
    home: Home,
    site: Site,
    name: str,
    keep: int | None,
    older_than: int | None,
    told: Mapping[str, Mapping[str, Any]],
    *,
    dry_run: bool,
) -> dict[str, Any]:
    from environments.boundary import open_environment
    from environments.consistency.collecting import collect, leftovers, plan
    from environments.consistency.keeping import Wish

    wish = Wish(keep, None if older_than is None else dt.timedelta(days=older_than))
    env = open_environment(home.environment(name).check(), site)
    unverified: list[str] = []
    decided = plan(env, wish, told, unverified.append)
    if not dry_run:
        decided = collect(env, decided)
    return {
        "versions": [
            {
                "asset": f"{each.record.name}@{each.record.version}",
                "bytes": each.record.size,
                "removed": not each.reason,
                "reason": each.reason,
                "why": each.why,
            }
            for each in decided
        ],
        "unverified": unverified,
        "leftovers": leftovers(env, dry_run=dry_run),
    }
