"""`isthmus contract diff`: two versions of a contract, for everyone who relies on it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from environments.site import Site
from flows.cli.contract_find import find_contract
from flows.cli.options import example, json_option, site_option
from flows.cli.report import emit_json

if TYPE_CHECKING:
    from data_contracts.evolution import Change, Difference

__all__ = ["command"]

_BREAKING, _OPENED = 1, 3


@click.command(
    name="diff",
    epilog=example(
        "isthmus contract diff old.odcs.yaml new.odcs.yaml",
        "isthmus contract diff clinic.readings@1.0.0 clinic.readings@1.1.0 --site my-site",
    ),
)
@click.argument("old", metavar="OLD")
@click.argument("new", metavar="NEW")
@site_option
@json_option
def command(old: str, new: str, *, site: Site, as_json: bool) -> None:
    """Compare two versions of a contract: files, ids or ID@VERSION.

    Readers rely on what it promises, producers have to keep it, and at every boundary of the site the
    arrival contract follows from it. Crossings that become possible are told apart: they break nobody, and
    `isthmus deploy` asks for each of them by name.

    Exit codes: 0 breaks nobody and opens nothing; 1 breaks somebody; 3 makes a crossing possible that was
    not (whether or not it breaks somebody).
    """
    from data_contracts.evolution import compare

    sides = [profile.destination() for profile in site.profiles.values()]
    found = compare(find_contract(old, site), find_contract(new, site), sides)
    if as_json:
        emit_json(found.to_json())
    else:
        for line in _lines(found):
            click.echo(line)
    if found.opened:
        raise click.exceptions.Exit(_OPENED)
    if found.breaking:
        raise click.exceptions.Exit(_BREAKING)


def _lines(found: Difference) -> Iterator[str]:
    yield f"{found.old} → {found.new}"
    if found.same:
        yield "the two say the same"
        return
    yield from _changes("where the data is", found.changes)
    for name, made in found.arrivals:
        yield from _changes(f"at the destination of {name}", made)
    if found.opened:
        yield "crossings that become possible:"
        for item in found.opened:
            yield f"  {item.passage.id}"
            yield from (f"    {reason}" for reason in item.reasons)
    if found.closed:
        yield "crossings that are no longer possible:"
        yield from (f"  {name}" for name in found.closed)
    yield f"breaks: {', '.join(found.broken) or 'nobody'}"
    enough = "enough" if found.version_suffices else f"not enough: it needs a new {found.needs} version"
    yield f"version: {_stepped(found.step)}, {enough}"


def _stepped(step: str) -> str:
    return {"none": "the same", "back": "lower than before"}.get(step, f"a new {step} version")


def _changes(title: str, changes: tuple[Change, ...]) -> Iterator[str]:
    if changes:
        yield f"{title}:"
    for change in changes:
        tail = f"  [breaks {' and '.join(change.breaks)}]" if change.breaks else ""
        yield f"  {change.path}: {change.message}{tail}"
