"""What `isthmus outbox list` shows."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from typing import Any

import click

from environments.folder import EnvironmentFolder
from environments.outbox import ENDS, has_outbox, open_outbox

__all__ = ["describe", "print_outbox"]

_MOST = 40
_UNITS = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))


def describe(folder: EnvironmentFolder, *, ended: bool) -> dict[str, Any]:
    """Return what waits in one environment, as JSON values; metadata only."""
    if not folder.root.exists() or not has_outbox(folder):
        return {"destinations": [], "crossings": []}
    with open_outbox(folder.check()) as outbox:
        lines = {name: outbox.line(name, "send") for name in outbox.waits()}
        destinations = [
            {
                "destination": name,
                "waiting": one.entries,
                "sent": one.sent,
                "bytes": one.bytes,
                "oldest": _stamp(one.oldest),
                "rests_until": _stamp(lines[name].due),
                "failures": lines[name].failures,
                "reason": lines[name].reason,
            }
            for name, one in outbox.waits().items()
        ]
        crossings = [entry.to_json() for entry in outbox.entries(ended=ended)]
    return {"destinations": destinations, "crossings": crossings}


def _stamp(moment: dt.datetime | None) -> str | None:
    return None if moment is None else moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def print_outbox(found: Mapping[str, Mapping[str, Any]]) -> None:
    """Print what waits, by environment."""
    now, empty = dt.datetime.now(dt.UTC), True
    for name, one in found.items():
        if "error" in one:
            click.echo(f"{name}: cannot be read: {one['error']}", err=True)
        for line in one.get("destinations", ()):
            click.echo(f"{name} to {line['destination']}: {_summary(line, now)}")
            empty = False
        for text in _rows(one.get("crossings", ()), now):
            click.echo(text)
            empty = False
    if empty:
        click.echo("nothing waits")


def _summary(line: Mapping[str, Any], now: dt.datetime) -> str:
    text = f"{line['waiting']:,} wait, {line['bytes']:,} bytes, the oldest for {_age(line['oldest'], now)}"
    if line["rests_until"] and line["reason"]:
        text += f"\n  tried again at {line['rests_until']}: {line['reason']}"
    return text


def _rows(crossings: Any, now: dt.datetime) -> Iterator[str]:  # noqa: ANN401 - a list of JSON objects
    shown = sorted(crossings, key=lambda one: (one["state"] in ENDS, -one["priority"]))[:_MOST]
    for one in shown:
        what = one["name"] if one["members"] == 1 else f"{one['members']} assets"
        line = (
            f"  {one['state']:<10}  {one['request']}  {what} for {one['purpose']}, {one['bytes']:,} bytes, "
            f"queued {_age(one['queued'], now)} ago"
        )
        if one["state"] not in ENDS:
            line += f", until {one['expires']}"
        if one["behind_earlier_versions"]:
            line += ", behind an earlier version"
        elif one["attempts"] and one["next_attempt"]:
            times = "once" if one["attempts"] == 1 else f"{one['attempts']} times"
            line += f", tried {times}, next {one['next_attempt']}"
        yield line
        if one["reason"]:
            yield f"    {one['reason']}"
    if len(crossings) > len(shown):
        yield f"  and {len(crossings) - len(shown):,} more (--json has all)"


def _age(since: str, now: dt.datetime) -> str:
    seconds = max(0.0, (now - dt.datetime.fromisoformat(since)).total_seconds())
    size, unit = next((pair for pair in _UNITS if seconds >= pair[0]), _UNITS[-1])
    return f"{seconds // size:.0f} {unit}"
