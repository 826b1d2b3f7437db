"""Taking in what is on a disk, at its destination.

Invariants:
1. Every crossing that the index names goes through `ingress`, in the index's order, with the disk as its
   transit; what does not verify is told of that one, and the others go on.
2. What lies on the disk and is not in its index was never completed: it is told, and not touched.
3. The receipts lie on the disk when this returns.

Example:
    >>> [(one.name, one.outcome) for one in take_in(env, disk)]
    [('covid_tests', 'permitted')]
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace

from data_contracts.digest import digest_bytes
from data_contracts.errors import NotVerifiableError, UsageError
from environments.boundary.context import EnvironmentContext
from environments.boundary.crossing import Member
from environments.boundary.envelope import MAX_ENVELOPE
from environments.boundary.ingress import ingress
from environments.boundary.media.disk import Disk, Listed, pairs_on
from environments.boundary.result import CrossingFailedError, GateRule
from environments.transit import manifest_name

__all__ = ["Taken", "index_of", "take_in"]


@dataclass(frozen=True)
class Taken:
    """What became of one crossing.

    Attributes:
        crossing: its id.
        outcome: `permitted`, `denied`, `broken`; `failed`, where it does not verify; `half-written`, where
            it was never completed.
        name: the asset, or `set`; empty where it is not known.
        version: of the commit.
        members: what was committed, one by one.
        rules: those that spoke against it.
        receipt: the digest of the answer that lies on the disk; empty where there is none.
        not_before: when it can go, where the boundary holds it back.
        why: of a failure.
        remedy: what to do about it.
    """

    crossing: str
    outcome: str
    name: str = ""
    version: str = ""
    members: tuple[Member, ...] = ()
    rules: tuple[GateRule, ...] = ()
    receipt: str = ""
    not_before: dt.datetime | None = None
    why: str = ""
    remedy: str = ""


def index_of(disk: Disk) -> tuple[Listed, ...]:
    """Return what the disk's index names.

    Raises:
        UsageError: there is no index for this pair, or another version wrote it.
        NotVerifiableError: it is damaged.
    """
    listed = disk.read_index()
    if listed is not None:
        return listed
    pair = f"{disk.source} to {disk.destination}"
    if disk.lying():
        raise NotVerifiableError(
            f"{disk.folder}: the disk was never completed: it has no index for {pair}",
            remedy=f"run `isthmus media export` again in {disk.source}: it goes on where it stopped",
        )
    there = ", ".join(pairs_on(disk.folder))
    raise UsageError(
        f"{disk.folder}: nothing on it from {pair}",
        remedy=f"it holds: {there}"
        if there
        else "name the folder that `isthmus media export` wrote; nothing on this one is of Isthmus",
    )


def take_in(env: EnvironmentContext, disk: Disk) -> tuple[Taken, ...]:
    """Run ingress for every crossing on the disk.

    Raises:
        UsageError: the source is no declared peer; the disk is none of ours, or for another destination.
        NotVerifiableError: the disk's index is damaged or was never written.
        UnreachableError: the disk, or this environment's own, refuses; run it again.
    """
    env.peer(disk.source)
    listed = index_of(disk)
    there = replace(env, disk=disk)
    taken = [_take(there, disk, each) for each in listed]
    half = set(disk.lying()) - {each.crossing for each in listed}
    return (*taken, *(_half(crossing) for crossing in sorted(half)))


def _half(crossing: str) -> Taken:
    return Taken(
        crossing,
        "half-written",
        why="it lies on the disk and was never completed",
        remedy="run the export onto this disk again at the source: it goes on where it stopped",
    )


def _take(env: EnvironmentContext, disk: Disk, listed: Listed) -> Taken:
    try:
        raw = disk.get(manifest_name(listed.crossing), limit=MAX_ENVELOPE)
    except NotVerifiableError:
        raw = b""
    if raw is None:
        return _half(listed.crossing)
    if digest_bytes(raw) != listed.manifest:
        return Taken(
            listed.crossing,
            "failed",
            rules=(GateRule("media", "not_verifiable"),),
            why="its manifest is not the one that the disk's index names",
            remedy="export again at the source; if it stays so, find out who changes the disk",
        )
    try:
        found = ingress(env, disk.source, listed.crossing, listed.signed)
    except CrossingFailedError as error:
        rules = (GateRule(error.rule, "not_verifiable"),)
        return Taken(listed.crossing, "failed", rules=rules, why=str(error), remedy=error.remedy)
    return Taken(
        found.crossing,
        found.outcome,
        found.name,
        found.version,
        found.members,
        found.rules,
        found.receipt,
        found.not_before,
    )
