"""What must hold once everything has ended: each crossing is one version or none, and both sides say so."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from netns_hosts import API_PORT, SFTP_PORT
from netns_story import ALARMS, CLEAR_PORT, Story

IN_THE_DARK = ("status in the dark", "down in the dark")
"""What is done at the hall while its wires swallow everything."""
OUTCOMES = {"permitted": 8, "broken": 1, "denied": 1}
"""The hospital's three and its two refusals, the factory's three (the last one queued), two more alarms."""


@dataclass
class Crossing:
    """What the ledgers hold of one crossing.

    Attributes:
        source: who was asked for it.
        destination: where to.
        outcome: how it ended by the source's last word.
        egress: bodies of the source's entries.
        ingress: bodies of the destination's.
        settle: bodies of the source's about the receipt.
    """

    source: str
    destination: str
    outcome: str = ""
    egress: list[dict[str, Any]] = field(default_factory=list)
    ingress: list[dict[str, Any]] = field(default_factory=list)
    settle: list[dict[str, Any]] = field(default_factory=list)


def crossings(story: Story) -> dict[str, Crossing]:
    """Return every crossing that a source's ledger holds, with what the others' hold of it."""
    found: dict[str, Crossing] = {}
    for name, entries in story.entries.items():
        for entry in entries:
            body = entry["body"]
            if entry["kind"] == "egress":
                crossing = found.setdefault(body["crossing"], Crossing(name, body["destination"]))
                crossing.egress.append(body)
                crossing.outcome = body["outcome"]
    for entries in story.entries.values():
        for entry in entries:
            if entry["kind"] in ("ingress", "settle"):
                getattr(found[entry["body"]["crossing"]], entry["kind"]).append(entry["body"])
    return found


def one_version_each(story: Story) -> list[str]:
    """Return what is wrong: a crossing without its one commit and receipt, a version without a crossing."""
    return [*_about_crossings(story), *_about_versions(story)]


def complaints(story: Story) -> list[str]:
    """Return everything that is not as it must be."""
    told = one_version_each(story)
    states = {name: [run["state"] for run in runs] for name, runs in story.runs.items()}
    if states != {"hospital": ["Completed"], "factory": ["Completed"]}:
        told.append(f"pipelines: {states}")
    outcomes = Counter(each.outcome for each in crossings(story).values())
    if outcomes != OUTCOMES:
        told.append(f"crossings: {dict(outcomes)}")
    if [one["state"] for one in story.outbox] != ["arrived"] * 3:
        told.append(f"the hall's outbox: {story.outbox}")
    if came(story, ALARMS)[1:] != [one["request"] for one in story.queued]:
        told.append(f"alarms came as {came(story, ALARMS)}")
    told += [f"{name}: the ledger does not verify" for name, well in story.verified.items() if not well]
    if set(story.states) - {"COMPLETED", "FAILED"}:
        told.append(f"runs go on: {story.states}")
    if story.left:
        told.append(f"{len(story.left)} files lie in transits")
    told += [f"{what}: {story.seconds[what]} s" for what in IN_THE_DARK if story.seconds[what] > 60]
    failing = {name for name, health in story.dark.items() if health != "ok"}
    if not {"server"} <= failing <= {"server", "gate@edge", "worker@edge"}:
        told.append(f"in the dark: {story.dark}")
    if story.share_down <= 0.5:
        told.append(f"the hall was away for {story.share_down:.0%} only")
    return [*told, *_about_values(story)]


def came(story: Story, asset: str) -> list[str]:
    """Return the requests by which versions of an asset came home, in order."""
    known = crossings(story)
    bodies = [entry["body"] for entry in story.entries["onprem"] if entry["kind"] == "ingress"]
    return [known[body["crossing"]].egress[0]["request"] for body in bodies if body["name"] == asset]


def _about_values(story: Story) -> Iterator[str]:
    for place, found in story.found.items():
        leaks = [leak for leak in found.leaks if place != "wires" or f"-{CLEAR_PORT} " not in leak]
        if leaks or not found.things:
            yield f"{found.place}: {leaks or 'nothing was searched'}"
    if not story.found["wires"].leaks:
        yield "what was sent in the clear was not found"
    if story.capture is None or story.capture.dropped or story.capture.segments < 1000:
        yield f"the wires were not all seen: {story.capture}"
    if story.ports != {API_PORT, SFTP_PORT, CLEAR_PORT}:
        yield f"called on ports {sorted(story.ports)}"


def _about_crossings(story: Story) -> Iterator[str]:
    for key, crossing in crossings(story).items():
        committed = [body for body in crossing.ingress if body["outcome"] == "permitted"]
        settled = [body for body in crossing.settle if body["outcome"] == "permitted"]
        wanted = 1 if crossing.outcome == "permitted" else 0
        if (len(committed), len(settled)) != (wanted, wanted):
            yield f"{key}: {crossing.outcome}, {len(committed)} commits, {len(settled)} settlements"


def _about_versions(story: Story) -> Iterator[str]:
    for name, assets in story.assets.items():
        came: dict[str, set[str]] = {}
        for crossing in crossings(story).values():
            if crossing.destination == name and crossing.outcome == "permitted":
                for body in crossing.ingress:
                    came.setdefault(body["name"], set()).add(body["version"])
        for asset in assets:
            known, seen = asset["versions"], came.get(asset["name"])
            if seen is not None and known != len(seen):
                yield f"{name}: {known} versions of {asset['name']}, and {len(seen)} came"
