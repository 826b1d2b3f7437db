"""One side by itself: its ledger against its store, its outbox and the transits that it sends through.

Invariants:
1. It opens one environment, and changes nothing.
2. A version is compared with its record: by the sizes of its files, or by every byte where that is asked for.
   A record is always compared with its own digest, and its version with its list of chunks.
3. What a transit lists is a hint where to look: whether a crossing is over, the ledger says.

Example:
    >>> [finding.kind for finding in examine(env, accounts)]
    []
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from functools import partial

from data_contracts.errors import IsthmusError, NotVerifiableError
from environments.boundary import EnvironmentContext
from environments.boundary.fetched import stale_fetched
from environments.boundary.looking import lying, stale_work
from environments.boundary.outbox import Outbox
from environments.boundary.recall import is_over
from environments.consistency.account import Account
from environments.consistency.findings import Finding
from environments.stores import AssetRecord, LocalStore
from environments.transit.answers import answer_lies

__all__ = ["examine"]

_ALTERED = (
    "a version that was altered is never replaced silently: restore the store from a backup, or add it again"
)
_MISSING = "what was committed is gone: restore the store from a backup; its record in the ledger stays"
_RECALLED = "only its source's request erases it: have it run `isthmus recall` with --again"
_UNKNOWN = "no entry of this ledger and no outbox here names it: find out who writes into this transit"


def examine(
    env: EnvironmentContext, accounts: Mapping[str, Account], *, every_byte: bool = False
) -> Iterator[Finding]:
    """Give what does not agree on this side.

    Args:
        env: the environment.
        accounts: what its ledger says, by peer.
        every_byte: whether the bytes of every version are read.

    Raises:
        UnreachableError: the disk refuses.
    """
    yield from _versions(env, accounts, every_byte=every_byte)
    yield from _left_here(env)
    for peer in sorted(env.peers):
        yield from _transit(env, peer, accounts.get(peer, Account()))


def _versions(
    env: EnvironmentContext, accounts: Mapping[str, Account], *, every_byte: bool
) -> Iterator[Finding]:
    came = {id_: (peer, one) for peer, account in accounts.items() for id_, one in account.came.items()}
    stands: set[tuple[str, str]] = set()
    damaged: set[str] = set()
    for name in env.store.names():
        try:
            records = env.store.versions(name)
        except NotVerifiableError as error:
            damaged.add(name)
            yield Finding(env.name, "altered", name, "", f"{error}", untouched=_ALTERED)
            continue
        for record in records:
            stands.add((name, record.version))
            yield from _version(env, record, came.keys(), every_byte=every_byte)
    # What was erased was not lost: its tombstone stands.
    stands |= {
        (name, each.record.version)
        for name in env.store.erased_names()
        for each in env.store.tombstones(name)
    }
    for crossing, (peer, one) in came.items():
        for name, version in one.versions:
            if (name, version) not in stands and name not in damaged:
                what = f"the ledger says that {name}@{version} was committed; the store does not have it"
                yield Finding(env.name, "missing", crossing, peer, what, untouched=_MISSING)


def _version(
    env: EnvironmentContext, record: AssetRecord, recorded: Collection[str], *, every_byte: bool
) -> Iterator[Finding]:
    about = f"{record.name}@{record.version}"
    try:
        if every_byte:
            env.store.verify(record)
        elif isinstance(env.store, LocalStore):
            _sizes(env.store, record, about)
    except NotVerifiableError as error:
        yield Finding(env.name, "altered", about, "", f"{error}", untouched=_ALTERED)
    crossing = record.lineage.get("crossing")
    if isinstance(crossing, str) and (source := _recalled_by(env, record, crossing)):
        what = f"{about} was erased when {source} recalled it, and stands here again"
        yield Finding(env.name, "extra", crossing, source, what, untouched=_RECALLED)
    if isinstance(crossing, str) and crossing not in recorded:
        source = str((record.lineage.get("inputs") or [{}])[0].get("environment", ""))
        what = f"{about} was committed, and neither recorded nor answered"
        if source in env.peers:
            again = "it is recorded, and the receipt is signed and sent"
            yield Finding(env.name, "half-done", crossing, source, what, repair=again, action="ingress")
        else:
            why = "the environment that it came from is not declared here any more"
            yield Finding(env.name, "half-done", crossing, source, what, untouched=why)


def _recalled_by(env: EnvironmentContext, record: AssetRecord, crossing: str) -> str:
    """Return the source to which this side answered that it erased this version; empty where it did not."""
    barred = env.ledger.find("recalled", crossing=crossing)
    if barred is None or barred.body["source"] not in env.peers:
        return ""
    answer = env.ledger.find("erase", crossing=barred.body["request"], source=barred.body["source"])
    erased = answer is not None and [record.name, record.version] in answer.body.get("erased", [])
    return str(barred.body["source"]) if erased else ""


def _sizes(store: LocalStore, record: AssetRecord, about: str) -> None:
    for entry in record.files:
        path = store.locate(record, entry.path)
        found = path.lstat().st_size if path.exists() else None
        if found != entry.size:
            there = "is missing" if found is None else f"has {found} bytes"
            raise NotVerifiableError(f"{about}: file {entry.path} {there}; {entry.size} were committed")


def _left_here(env: EnvironmentContext) -> Iterator[Finding]:
    if isinstance(env.store, LocalStore) and (count := env.store.abandoned()):
        what = f"{count} drafts of writers that died"
        yield Finding(
            env.name, "orphaned", "store/staging", "", what, repair="they are removed", action="sweep"
        )
    for crossing in stale_work(env):
        what = "output in clear, or a file half written, of a process that died"
        yield Finding(env.name, "orphaned", crossing, "", what, repair="it is removed", action="work")
    for crossing in stale_fetched(env):
        what = "sealed parts that were fetched, of a crossing that does not go on"
        yield Finding(env.name, "orphaned", crossing, "", what, repair="they are removed", action="work")


def _transit(env: EnvironmentContext, peer: str, account: Account) -> Iterator[Finding]:
    try:
        lies = lying(env, peer)
    except IsthmusError as error:
        yield Finding(
            env.name, "half-done", f"transit to {peer}", peer, f"{error}", untouched="look again later"
        )
        return
    for crossing in lies:
        sent = account.sent.get(crossing)
        if sent is None and env.ledger.find("recall", crossing=crossing, destination=peer) is not None:
            # A request to erase: `isthmus recall` reads the answer.
            if is_over(env, crossing):
                what = "what is left of a recall that is over"
                again = "it is removed"
                yield Finding(env.name, "orphaned", crossing, peer, what, repair=again, action="recall")
            continue
        if sent is None:
            yield _unsent(env, peer, crossing)
        elif sent.outcome != "open":
            what = f"what is left of a crossing of {sent.name} that is over"
            yield Finding(env.name, "orphaned", crossing, peer, what, repair="it is removed", action="clear")
    opened = partial(env.outgoing, peer)
    for crossing, sent in account.sent.items():
        if sent.outcome == "open" and answer_lies(opened, crossing)[0]:
            what = f"{peer}'s answer about {sent.name} lies in the transit, and was not read"
            yield Finding(env.name, "half-done", crossing, peer, what, repair="it is read", action="settle")


def _unsent(env: EnvironmentContext, peer: str, crossing: str) -> Finding:
    """What lies there of a crossing that was never published."""
    ended = env.ledger.find("outbox", crossing=crossing, destination=peer)
    asked = ended or env.ledger.find("egress", crossing=crossing, destination=peer)
    held = asked is not None and "not_before" in asked.body
    if held or (ended is None and Outbox.of(env.folder, crossing).begun):
        what = "an egress that was interrupted before its manifest"
        why = "the same request goes on where it stopped: run `isthmus sync` again"
        return Finding(env.name, "half-done", crossing, peer, what, untouched=why)
    if asked is None:
        return Finding(env.name, "orphaned", crossing, peer, "something in the transit", untouched=_UNKNOWN)
    why = "which was refused" if ended is None else "which waited here and ended without crossing"
    what = f"what is left of {asked.body['name']}, {why}"
    return Finding(env.name, "orphaned", crossing, peer, what, repair="it is removed", action="clear")
