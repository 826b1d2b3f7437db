"""Removing old versions: what may go is decided, recorded, and only then erased; a tombstone stays.

Invariants, in the order in which they are made true:
1. A version goes only if nothing needs it (`keeping`), no legal hold or duty to keep it counts, as for a
   recall, and nobody reads it at that moment: it is held alone. The hold is looked at again then.
2. The ledger says that it goes, and why, before a byte of it does; the tombstone names that entry.
3. What a crash leaves between the two, the next call ends: the entry is found and not written twice.
4. Its record stays: lineage, recall and audit know it.

Example:
    >>> [each.record.version for each in collect(env, plan(env, Wish(keep=3), {}))]
    ['sha256:…']
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from data_contracts.digest import digest_bytes
from data_contracts.errors import NotVerifiableError, UsageError
from environments.boundary import EnvironmentContext
from environments.boundary.looking import pinned
from environments.boundary.recall.keeping import why_kept
from environments.consistency.account import Account, open_account, read_accounts
from environments.consistency.examining import examine
from environments.consistency.index import follow
from environments.consistency.keeping import Decided, Needs, Wish, decide, retention
from environments.consistency.reconciling import repair
from environments.ledger import read_entries
from environments.stores import AssetRecord

__all__ = ["collect", "leftovers", "plan"]


def _unheard(_name: str) -> None:
    """Tell nobody."""


def plan(
    env: EnvironmentContext,
    wish: Wish,
    told: Mapping[str, Mapping[str, Any]],
    unverified: Callable[[str], None] = _unheard,
) -> list[Decided]:
    """Return every version of every asset with why it stays; nothing is removed.

    Args:
        env: the environment.
        wish: what may go.
        told: the accounts of peers, as they came; versions from a peer without one stay.
        unverified: told of each asset of which something does not verify: all of it stays.

    Raises:
        UsageError: the wish names no bound.
        NotVerifiableError: a peer's account, or this side's ledger, does not verify.
    """
    if wish.keep is None and wish.older_than is None:
        raise UsageError("which versions may go?", remedy="say --keep N, --older-than DAYS, or both")
    accounts = {peer: open_account(env, peer, statement) for peer, statement in told.items()}
    needs = Needs(_sent(env), {peer: _settled(account) for peer, account in accounts.items()})
    found: list[Decided] = []
    for name in env.store.names():
        try:
            records = env.store.versions(name)
            decided = decide(records, wish, needs, env.clock(), _retained(env, records))
            found += [each if each.reason else _unless_held(env, each) for each in decided]
        except NotVerifiableError:  # it is evidence: `reconcile` tells it, and nothing of it goes
            unverified(name)
    return found


def _sent(env: EnvironmentContext) -> frozenset[tuple[str, str]]:
    opened = follow(env.folder, env.store).crossings.values()
    return frozenset(member for sent in opened for member in sent.members) | pinned(env)


def _settled(account: Account) -> frozenset[str]:
    done = (crossing for crossing, sent in account.sent.items() if sent.outcome == "permitted")
    return frozenset(done) - frozenset(account.refers.values())


def _retained(env: EnvironmentContext, records: Iterable[AssetRecord]) -> dict[str, dt.timedelta]:
    found: dict[str, dt.timedelta] = {}
    for record in records:
        if record.contract_digest not in found:
            found[record.contract_digest] = retention(env.store.contract(record))
    return found


def collect(env: EnvironmentContext, decided: Iterable[Decided]) -> list[Decided]:
    """Remove what nothing needs; return all that was decided about, those that somebody reads as `read`.

    Raises:
        UnreachableError: the disk refuses; run it again.
    """
    return [each if each.reason else _remove(env, each.record) for each in decided]


def _unless_held(env: EnvironmentContext, decided: Decided) -> Decided:
    words = why_kept(env, decided.record)
    return Decided(decided.record, "hold", words) if words else decided


def _remove(env: EnvironmentContext, record: AssetRecord) -> Decided:
    with env.store.alone(record) as free:
        if not free:
            return Decided(record, "read")
        kept = _unless_held(env, Decided(record, ""))
        if kept.reason:
            return kept
        env.progress("gc.record")
        entry = env.ledger.find("removed", record=record.digest)
        if entry is None:
            body = {
                "name": record.name,
                "version": record.version,
                "number": record.sequence,
                "record": record.digest,
                "bytes": record.size,
                "why": "garbage-collection",
            }
            entry = env.ledger.append("removed", body)
        env.progress("gc.erase")
        env.store.erase(record, digest_bytes(entry.payload()))
    return Decided(record, "")


def leftovers(env: EnvironmentContext, *, dry_run: bool) -> list[str]:
    """Remove what settled crossings and dead writers left in transits, outbox and store; return what."""
    found = examine(env, read_accounts(read_entries(env.folder.ledger)))
    over = [each for each in found if each.action in {"sweep", "work", "clear", "recall"}]
    done = over if dry_run else [each for each in repair(env, over) if each.done]
    return [f"{each.about}: {each.what}" for each in done]
