"""What `isthmus media` says of each crossing, as text, as JSON, and as an exit code."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from environments.boundary.manifest import stamp
from environments.boundary.media import Closed, Taken, Written
from environments.boundary.result import EgressResult, GateRule

__all__ = ["Told", "exit_of", "media_json", "print_media"]

Told = Written | Taken | Closed | EgressResult
_SHORT = len("sha256:") + 12
_GRAVEST = (("failed", 4), ("half-written", 4), ("broken", 1), ("denied", 3))


def _outcome(told: Told) -> str:
    return told.state if isinstance(told, Written) else told.outcome


def _rules(told: Told) -> tuple[GateRule, ...]:
    return () if isinstance(told, Written) else told.rules


def exit_of(told: Sequence[Told]) -> int:
    """Return the exit code of design §4 that the gravest of them has."""
    outcomes = set(map(_outcome, told))
    return next((code for word, code in _GRAVEST if word in outcomes), 0)


def media_json(told: Told) -> dict[str, Any]:
    """Return one crossing as a JSON object."""
    value: dict[str, Any] = {"crossing": told.crossing, "outcome": _outcome(told)}
    if isinstance(told, Written):
        value |= {"name": told.name, "bytes": told.size, "expires": told.expires}
    if isinstance(told, Taken):
        value |= {"name": told.name, "members": list(map(str, told.members))}
    if isinstance(told, Taken | Closed):
        value |= {"version": told.version, "receipt": told.receipt}
    if isinstance(told, Closed):
        value |= {"cleared": told.cleared}
    if isinstance(told, Taken | EgressResult):
        value |= {"not_before": None if told.not_before is None else stamp(told.not_before)}
    if not isinstance(told, EgressResult):
        value |= {"why": told.why, "remedy": told.remedy}
    return value | {"rules": [rule.to_json() for rule in _rules(told)]}


def print_media(told: Sequence[Told]) -> None:
    """Print a line for each crossing, and why where something spoke against it."""
    for each in told:
        name = each.name if isinstance(each, Written | Taken) and each.name else ""
        click.echo(f"{_outcome(each):<12}  {each.crossing[:_SHORT]}  {name}{_more(each)}".rstrip())
        for rule in _rules(each):
            rows = f", {rule.unexpected_count} rows" if rule.unexpected_count else ""
            click.echo(f"  {rule.id}: {rule.reason}{rows}")
        if isinstance(each, EgressResult):
            continue
        if each.why:
            click.echo(f"  {each.why}")
        if each.remedy:
            click.echo(f"  what to do: {each.remedy}")
    if not told:
        click.echo("nothing to do: no crossing waits")


def _more(told: Told) -> str:
    if isinstance(told, Written) and told.expires:
        return f"  {told.size:,} bytes; the destination takes it until {told.expires}"
    if isinstance(told, Taken) and told.version:
        return f"  now {', '.join(map(str, told.members[:5]))}"
    if isinstance(told, Taken | EgressResult) and told.not_before is not None:
        return f"  it waits, and nothing is lost: the same command goes on from {stamp(told.not_before)}"
    return ""
