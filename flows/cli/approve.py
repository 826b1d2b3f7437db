"""`isthmus approve`: a second person's word for a crossing that waits for it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from data_contracts.errors import UsageError
from environments.home import EnvironmentFolder, Home
from environments.site import Site
from flows.cli.options import as_option, example, home_option, json_option, site_option
from flows.cli.report import emit_json

if TYPE_CHECKING:
    from environments.identity.signers import Signer

__all__ = ["command"]

_DAYS, _LONGEST = 7, 31
_FILE = click.Path(path_type=Path, dir_okay=False)


def _waiting(folder: EnvironmentFolder, site: Path | None) -> list[dict[str, Any]]:
    """Return what waits in one environment; run in a child that opens this one's folder only."""
    from environments.boundary import ASKING, approvers_of, open_environment, waiting
    from environments.ledger import find_entries

    env = open_environment(folder.check(), Site.load(site))
    entries = [entry for kind in ASKING for entry in find_entries(folder.ledger, kind=kind)]
    found = waiting(entries, folder.name)
    return [
        vars(one.wish)
        | {"request": one.request, "since": one.since, "approved_by": list(approvers_of(env, one.wish))}
        for one in found
    ]


def _record(folder: EnvironmentFolder, site: Path | None, crossing: str, token: str) -> str:
    from environments.boundary import open_environment, record_approval
    from environments.trust.tokens import read_token

    env = open_environment(folder.check(), Site.load(site))
    return record_approval(env, crossing, read_token(token)).approver


def _folders(home: Home, site: Site, env: str | None) -> Iterator[tuple[str, EnvironmentFolder]]:
    for name in [env] if env is not None else sorted(site.profiles):
        site.profile(name)
        folder = home.environment(name)
        if env is not None or folder.root.exists():
            yield name, folder


def _all_waiting(home: Home, site: Site, env: str | None) -> list[dict[str, Any]]:
    from environments.embedded.forks import answers_of

    home.check()
    folders = dict(_folders(home, site, env))
    told = answers_of({name: partial(_waiting, folder, site.root) for name, folder in folders.items()})
    return [waiting for answer in told.values() for waiting in answer]


@click.command(
    name="approve",
    epilog=example(
        "isthmus approve --list",
        "isthmus approve 1a2b3c4d5e6f --as bob",
        "isthmus approve 1a2b3c4d5e6f --as bob --key /media/bob/bob.key --days 2",
    ),
)
@click.argument("crossing", required=False)
@click.option("--list", "listing", is_flag=True, help="Show what waits, and who has approved it.")
@click.option(
    "--env", metavar="NAME", help="The environment where it waits; else all of the home are looked at."
)
@click.option("--key", type=_FILE, help="The approver's private key file, where it does not lie in the home.")
@click.option(
    "--days", type=click.IntRange(1, _LONGEST), default=_DAYS, show_default=True, help="How long it counts."
)
@as_option
@home_option
@site_option
@json_option
def command(  # noqa: PLR0913 - one argument for each option
    *,
    crossing: str | None,
    listing: bool,
    env: str | None,
    key: Path | None,
    days: int,
    who: str | None,
    home: Home,
    site: Site,
    as_json: bool,
) -> None:
    """Approve CROSSING, which waits for a second person, by its id or the beginning of it.

    Which crossings need that, of whom and how many, is `approval:` in the source's environment file; who may
    is in the trust document (`isthmus requester add bob --approves onprem`). Who asked cannot. What is signed
    is what is shown: the crossing, what, where to, what for, by whose wish, and the decision. Then the same
    `isthmus sync` goes on.
    """
    if listing == (crossing is not None):
        raise UsageError("say CROSSING, or --list", remedy="isthmus approve --list shows what waits")
    found = _all_waiting(home, site, env)
    if crossing is None:
        if as_json:
            emit_json({"waiting": found})
            return
        for line in _lines(found):
            click.echo(line)
        return
    _approve(home, site, _the_one(found, crossing), _approver(home, who, key), days, as_json=as_json)


def _lines(found: list[dict[str, Any]]) -> Iterator[str]:
    if not found:
        yield "nothing waits for approval"
    for one in found:
        by = ", ".join(one["approved_by"]) or "nobody yet"
        way = f"from {one['source']} to {one['destination']}"
        yield f"{one['crossing'][7:19]}  {one['asset']} {way} for {one['purpose']}"
        yield f"    asked by {one['requester']} at {one['since']}, version {one['version'][7:19]}"
        yield f"    approved by {by}"


def _the_one(found: list[dict[str, Any]], crossing: str) -> dict[str, Any]:
    wanted = crossing.removeprefix("sha256:")
    matching = [one for one in found if wanted and one["crossing"][7:].startswith(wanted)]
    if len(matching) != 1:
        raise UsageError(
            f"{crossing}: {len(matching)} crossings that wait begin so",
            remedy="isthmus approve --list shows them",
        )
    return matching[0]


def _approver(home: Home, who: str | None, key: Path | None) -> tuple[str, Signer]:
    from environments.embedded.requesters import requester_here, signer_of
    from environments.identity.signers import load_file_signer

    if key is not None:
        if who is None:
            raise UsageError("--key without --as", remedy="say whose key it is: --as NAME")
        return who, load_file_signer(key)
    name = requester_here(home, who)
    if name is None:
        raise UsageError(
            "nobody's key lies in this home",
            remedy="say --as NAME --key FILE, or `isthmus requester add` one",
        )
    return name, signer_of(home, name)


def _approve(
    home: Home, site: Site, one: dict[str, Any], approver: tuple[str, Signer], days: int, *, as_json: bool
) -> None:
    from environments.embedded.forks import answers_of
    from environments.trust.approvals import Wish, new_approval, sign_approval
    from environments.trust.tokens import write_token

    name, signer = approver
    wish = Wish(**{key: one[key] for key in Wish.__dataclass_fields__})
    statement = new_approval(name, wish, dt.datetime.now(dt.UTC), dt.timedelta(days=days))
    token = write_token(sign_approval(statement, signer))
    record = partial(_record, home.environment(wish.source), site.root, wish.crossing, token)
    answers_of({wish.source: record})
    told = {"crossing": wish.crossing, "environment": wish.source, "approver": name}
    if as_json:
        emit_json(told | {"expires": statement.expires.isoformat()})
        return
    click.echo(
        f"{name} approves {wish.asset} ({wish.version[7:19]}) from {wish.source} to {wish.destination} for "
        f"{wish.purpose}, asked by {wish.requester}; until {statement.expires:%Y-%m-%d %H:%M} UTC"
    )
    if wish.purpose == "recall":
        click.echo(f"  now the same again: isthmus recall {wish.asset}@{wish.version} --env {wish.source}")
        return
    click.echo(
        f"  now the same again: isthmus sync {wish.asset}@{wish.version} --from {wish.source} "
        f"--to {wish.destination} --purpose {wish.purpose}"
    )
