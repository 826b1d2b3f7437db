"""Writing waiting crossings onto a disk, at their source.

Invariants, in order:
1. Only what this source published and nobody settled is written, and only while its manifest counts.
2. An object that lies on the disk as it should is not written again. The manifest is written after what it
   names, and the index names the crossing after everything was read back and opened.
3. The ledger says that a crossing was written to a disk, and under which manifest.
4. What cannot be written of one crossing is told of that one; a disk that refuses ends it, and what the index
   names until then counts.

Example:
    >>> [(one.crossing[:10], one.state) for one in write_disk(env, disk)]
    [('sha256:7f3', 'written')]
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from data_contracts.digest import digest_bytes
from data_contracts.errors import NotVerifiableError, UsageError
from environments.boundary.context import EnvironmentContext
from environments.boundary.crossing import Member, check_crossing
from environments.boundary.manifest import Manifest, open_manifest, stamp
from environments.boundary.media.disk import MAX_LISTED, Disk, Listed
from environments.boundary.outbox import Attempt, Outbox, working_on
from environments.boundary.packing import intact
from environments.boundary.sealing import MAX_CONTENTS, OVERHEAD
from environments.transit import Transit, chunk_name, contents_name, manifest_name
from environments.trust.tokens import write_token

__all__ = ["Waiting", "Written", "waiting_for", "write_disk"]


@dataclass(frozen=True)
class Waiting:
    """A crossing that was published and not settled.

    Attributes:
        crossing: its id.
        name: the asset, or `set`.
        version: the source's.
        purpose: what for.
        request: under which request id.
        members: of a set, as the ledger names them.
    """

    crossing: str
    name: str
    version: str
    purpose: str
    request: str
    members: tuple[Member, ...] = ()


@dataclass(frozen=True)
class Written:
    """What became of one crossing.

    Attributes:
        crossing: its id.
        name: the asset, or `set`.
        state: `written`; `there`, where all of it lay on the disk; `failed`, where it could not be.
        size: bytes that were written.
        expires: until when the destination takes it.
        why: of a failure.
        remedy: what to do about it.
    """

    crossing: str
    name: str
    state: str
    size: int = 0
    expires: str = ""
    why: str = ""
    remedy: str = ""


def waiting_for(env: EnvironmentContext, destination: str) -> tuple[Waiting, ...]:
    """Return the crossings to a destination that are published and not settled, oldest first."""
    env.peer(destination)
    found: dict[str, Waiting] = {}
    for entry in env.ledger.entries():
        body = entry.body
        crossing, outcome = str(body.get("crossing")), body.get("outcome")
        if entry.kind == "egress" and body["destination"] == destination:
            if outcome == "permitted":
                found.setdefault(crossing, _waiting(crossing, body))
            elif outcome == "denied" and "not_before" not in body:
                found.pop(crossing, None)  # what had been sent under it was taken back
        elif entry.kind == "settle" and outcome != "failed":
            found.pop(crossing, None)
    return tuple(found.values())


def _waiting(crossing: str, body: Any) -> Waiting:  # noqa: ANN401 - the body of an entry of ours
    members = tuple(Member(*member) for member in body.get("members", ()))
    name, version = str(body["name"]), str(body["source_version"])
    return Waiting(crossing, name, version, str(body["purpose"]), str(body["request"]), members)


def write_disk(
    env: EnvironmentContext, disk: Disk, crossings: Iterable[str] | None = None
) -> tuple[Written, ...]:
    """Write the crossings that wait for the disk's destination, or some of them, onto the disk.

    Raises:
        UsageError: one that is asked for does not wait; another version wrote the disk; too many.
        UnreachableError: the disk, or the transit that they lie in, refuses.
    """
    waits = {each.crossing: each for each in waiting_for(env, disk.destination)}
    wanted = list(waits) if crossings is None else [check_crossing(each) for each in crossings]
    for crossing in wanted:
        if crossing not in waits:
            raise UsageError(
                f"{crossing[:19]}: no crossing that waits for {disk.destination} in {env.name}",
                remedy="`isthmus ledger explain` says what became of it",
            )
    listed = _listed(disk)
    if len(listed.keys() | set(wanted)) > MAX_LISTED:
        raise UsageError(
            f"more than {MAX_LISTED} crossings for one disk", remedy="settle those that are on it"
        )
    done = []
    for crossing in dict.fromkeys(wanted):
        try:
            written = _write(env, disk, waits[crossing], listed)
        except NotVerifiableError as error:
            written = Written(crossing, waits[crossing].name, "failed", why=str(error), remedy=error.remedy)
        done.append(written)
    return tuple(done)


def _listed(disk: Disk) -> dict[str, Listed]:
    try:
        return {each.crossing: each for each in disk.read_index() or ()}
    except NotVerifiableError:
        return {}  # damaged: what it named is written anew, or is there already


def _write(env: EnvironmentContext, disk: Disk, waiting: Waiting, listed: dict[str, Listed]) -> Written:
    crossing = waiting.crossing
    # No egress and no settle works on it meanwhile.
    with working_on(env.folder, crossing) as outbox:
        env.progress("media.read")
        manifest, digest, raw, attempt = _kept(env, outbox)
        env.progress("media.write")
        size = _copy(env, disk, crossing, attempt)
        if not intact(attempt, crossing, disk):
            raise NotVerifiableError(
                "what the disk gives back is not what was written to it",
                remedy="take another disk; if it stays so, ask for the crossing again, and export that",
            )
        env.progress("media.record")
        if env.ledger.find("media", crossing=crossing, manifest=digest) is None:
            told = {"crossing": crossing, "destination": disk.destination, "manifest": digest}
            env.ledger.append("media", {"name": waiting.name} | told)
        env.progress("media.publish")
        size += _put(disk, manifest_name(crossing), raw)
        signed = outbox.read("request")
    now = Listed(crossing, digest_bytes(raw), "" if signed is None else write_token(signed))
    env.progress("media.index")
    if listed.get(crossing) != now:
        listed[crossing] = now
        disk.write_index(tuple(listed.values()))
    state = "written" if size else "there"
    return Written(crossing, waiting.name, state, size, stamp(manifest.expires))


def _kept(env: EnvironmentContext, outbox: Outbox) -> tuple[Manifest, str, bytes, Attempt]:
    again = "ask for the same crossing again (`isthmus media export --asset` does), then export it"
    raw, attempt = outbox.read("manifest"), outbox.read_attempt()
    if raw is None or attempt is None:
        raise NotVerifiableError("what was sealed of it is not known here any more", remedy=again)
    manifest, digest = open_manifest(raw, env.identity.public)
    try:
        manifest.check_fresh(env.clock())
    except NotVerifiableError as error:
        raise NotVerifiableError(str(error), remedy=again) from None
    return manifest, digest, raw, replace(attempt, contents=manifest.contents)


def _copy(env: EnvironmentContext, disk: Disk, crossing: str, attempt: Attempt) -> int:
    transit = env.outgoing(disk.destination)
    objects = [(chunk_name(crossing, address), size + OVERHEAD) for address, size in attempt.parts]
    total, done, written = sum(size for _, size in objects), 0, 0
    for name, size in objects:
        written += _put(disk, name, _get(transit, name, size))
        done += size
        env.moved("media.write", done, total)
    name = contents_name(crossing)
    return written + _put(disk, name, _get(transit, name, MAX_CONTENTS + OVERHEAD))


def _get(transit: Transit, name: str, limit: int) -> bytes:
    found = transit.get(name, limit=limit)
    if found is None:
        raise NotVerifiableError(
            "it does not lie whole in the transit of this source",
            remedy="ask for the same crossing again, which seals what is missing, then export it",
        )
    return found


def _put(disk: Disk, name: str, data: bytes) -> int:
    """Write an object unless it lies there; return how many bytes were written."""
    try:
        if disk.get(name, limit=len(data)) == data:
            return 0
    except NotVerifiableError:
        pass  # something else, or larger: replaced
    disk.put(name, data)
    return len(data)
