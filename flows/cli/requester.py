"""`isthmus requester`: who may ask for crossings, by which key, and what for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from data_contracts.errors import UsageError
from environments.home import Home
from environments.ref import check_name
from flows.cli.keys import announce, now
from flows.cli.options import example, home_option, json_option
from flows.cli.report import emit_json

if TYPE_CHECKING:
    from environments.embedded.requesters import Kind
    from environments.trust import Permission

__all__ = ["command"]

Function = TypeVar("Function", bound=Callable[..., object])
_FILE = click.Path(path_type=Path, dir_okay=False)
_ADD = (
    "isthmus requester add anna --from onprem --asset covid_tests --to cloud --purpose model-training",
    "isthmus requester add nightly --kind service --from onprem --asset '*' --to cloud --purpose '*'",
    "isthmus requester add bob --approves onprem",
)


@click.group(name="requester", no_args_is_help=True, epilog=example(*_ADD, "isthmus requester list"))
def command() -> None:
    """Name who may ask for crossings: a key each, and what it may ask, in the trust document.

    What is asked without such a key is `unattributed`; an environment's `requesters:` may deny that.
    """


def _names(_ctx: click.Context, param: click.Parameter, value: tuple[str, ...]) -> tuple[str, ...]:
    if "*" in value:
        if value != ("*",):
            raise UsageError(f"--{param.name}: '*' stands alone: it is all of them")
        return value
    return tuple(dict.fromkeys(check_name(one, f"--{param.name}") for one in value))


def _may_options(function: Function) -> Function:
    for name, key, text in (
        ("--approves", "approves", "An environment whose waiting crossings may be approved; '*' for all."),
        ("--purpose", "purposes", "What may be asked for; '*' for all. Repeat it for more."),
        ("--to", "destinations", "Where it may be asked to go; '*' for all."),
        ("--asset", "assets", "What may be asked for; '*' for all."),
        ("--from", "environments", "Where it lies; '*' for all."),
    ):
        function = click.option(name, key, multiple=True, callback=_names, metavar="NAME", help=text)(
            function
        )
    return function


def _permission(may: dict[str, tuple[str, ...]]) -> Permission:
    from environments.trust import Permission

    asks = {key: value for key, value in may.items() if key != "approves"}
    if any(asks.values()) != all(asks.values()) or not any(may.values()):
        raise UsageError(
            "what may be asked is not whole: nothing is permitted that is not listed",
            remedy="say --from, --asset, --to and --purpose, each at least once, or --approves alone",
        )
    return Permission(**may)


@command.command("add", epilog=example(*_ADD))
@click.argument("name")
@click.option(
    "--kind", type=click.Choice(["user", "service"]), default="user", help="A person, or a service."
)
@_may_options
@click.option("--public", type=_FILE, help="A public key made elsewhere (.pub); else one is made here.")
@click.option("--out", type=_FILE, metavar="FILE", help="A proposal's file (trust-VERSION.json).")
@home_option
@json_option
def add(
    *,
    name: str,
    kind: Kind,
    public: Path | None,
    out: Path | None,
    home: Home,
    as_json: bool,
    **may: tuple[str, ...],
) -> None:
    """Let NAME ask: make its key in this home, and name it in the trust document with what it may ask."""
    from environments.embedded import requesters
    from flows.cli.trust import read_public

    key = None if public is None else read_public(public)
    made = requesters.add(home, name, kind, _permission(may), now=now(), public=key)
    announce(made, out, as_json=as_json)


@command.command("allow", epilog=example("isthmus requester allow anna --from onprem --asset '*' --to cloud "
                                         "--purpose model-training"))  # fmt: skip
@click.argument("name")
@_may_options
@click.option("--out", type=_FILE, metavar="FILE", help="A proposal's file (trust-VERSION.json).")
@home_option
@json_option
def allow(*, name: str, out: Path | None, home: Home, as_json: bool, **may: tuple[str, ...]) -> None:
    """Change what NAME may ask; its keys stay. What is not listed now is not permitted any more."""
    from environments.embedded import requesters

    announce(requesters.allow(home, name, _permission(may), now=now()), out, as_json=as_json)


@command.command("revoke", epilog=example("isthmus requester revoke anna"))
@click.argument("name")
@click.option("--out", type=_FILE, metavar="FILE", help="A proposal's file (trust-VERSION.json).")
@home_option
@json_option
def revoke(*, name: str, out: Path | None, home: Home, as_json: bool) -> None:
    """Let no key of NAME count any more, for ever; `add` gives it a new one."""
    from environments.embedded import requesters

    announce(requesters.revoke_all(home, name, now=now()), out, as_json=as_json)


@command.command("list", epilog=example("isthmus requester list --json"))
@home_option
@json_option
def list_requesters(*, home: Home, as_json: bool) -> None:
    """List requesters: what each may ask, whether a key of it counts, and whether one lies in this home."""
    from environments.embedded import requesters
    from environments.embedded.trustwork import newest_here

    document = newest_here(home).document
    rows: list[dict[str, Any]] = [
        {
            "name": name,
            "kind": one.kind,
            "counts": any(key.window.accepts(now()) for key in one.keys),
            "here": requesters.has_key(home, name),
            "may": {key: list(value) for key, value in vars(one.may).items()},
        }
        for name, one in sorted(document.requesters.items())
    ]
    if as_json:
        emit_json({"version": document.version, "requesters": rows})
        return
    for row in rows:
        state = ("counts" if row["counts"] else "no key counts") + (", key here" if row["here"] else "")
        click.echo(f"{row['kind']:<8} {row['name']:<16} {state}")
        may = row["may"]
        if may["environments"]:
            words = {key: ", ".join(value) for key, value in may.items()}
            click.echo(
                f"    may ask {words['assets']} from {words['environments']} to {words['destinations']} "
                f"for {words['purposes']}"
            )
        if may["approves"]:
            click.echo(f"    may approve what waits in {', '.join(may['approves'])}")
